//! An export is everything that the database has about a person, cell by cell.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use prost::Message as _;
use serde_json::Value;
use throughline::{
    cli::json::from_json,
    clock::Clock,
    pb::{self, privacy_service_client::PrivacyServiceClient},
};
use tonic::{Code, transport::Endpoint};

use super::{
    Known, by_officer, known,
    scan::{Row, Scan, hex},
};
use crate::{
    calls::{Refusal, account, by, note, refusal, to},
    identity::with_token,
    support::{NOW, Server, on_both, settings},
};

/// Tables and columns that are not exported, and why. `*` is every column.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("_sqlx_migrations", "*", "of no person"),
    ("settings", "*", "of no person"),
    ("heartbeats", "*", "of no person"),
    ("match_state", "*", "of no person"),
    ("customers", "postcode_key", "the postcode and house number of the profile, folded"),
    ("customers", "house_number_key", "the postcode and house number of the profile, folded"),
    ("entries", "kind", "which content the entry has"),
    ("entries", "channel", "the entry says it"),
    ("entries", "index_tag", "follows from the entry"),
    ("entries", "salt", "random bytes that are hashed with the entry"),
    ("unsealed_entries", "*", "hashes of entries"),
    ("entry_seals", "*", "hashes of entries"),
    ("entry_words", "*", "the words of the entry, folded and stemmed"),
    ("entry_revisions", "*", "the entry says which revision it is"),
    ("order_entries", "*", "the entry says of which orders it is"),
    ("case_entries", "*", "the entry says of which case it is"),
    ("purchases", "*", "the order number of the entry, folded"),
    ("purchase_keys", "*", "the numbers of the order, folded"),
    ("quotes", "sku_key", "the article number of the quote, folded"),
    ("case_passes", "hash", "a secret, which the customer has been told in another form"),
    ("customer_names", "*", "the words of the name, folded"),
    ("name_words", "*", "words of all names, of no person"),
    ("name_variants", "*", "words of all names, of no person"),
    ("identifier_parts", "*", "parts of identifiers"),
    ("match_queue", "*", "work to do: which revisions are to be compared"),
    ("match_records", "*", "hashes of the profile and the identifiers"),
    ("match_keys", "*", "hashes of the profile and the identifiers"),
    ("match_terms", "*", "counts of the values of all customers"),
    ("idempotency_keys", "body", "a hash of the call"),
    ("erased_customers", "*", "of nobody who can be exported"),
    ("erasures", "*", "of nobody who can be exported"),
    ("audit_index", "*", "follows from audit_log"),
    ("audit_heads", "*", "of no person"),
    ("audit_seals", "*", "of no person"),
];
/// Tables that only SQLite has. They are not exported: they keep its files consistent.
const OF_SQLITE: [&str; 2] = ["audit_settings", "write_count"];

/// The columns with the id of a record.
const NAMES: [&str; 7] =
    ["customer_id", "one_id", "other_id", "into_id", "from_id", "asked_into_id", "asked_from_id"];

/// The lines of an export, each read.
pub async fn exported(server: &Server, customer_id: &str) -> Vec<Row> {
    let call = pb::ExportCustomerRequest { customer_id: customer_id.to_owned() };
    let answer = server.privacy.clone().export_customer(by_officer(call)).await.unwrap();
    let mut stream = answer.into_inner();
    let mut lines = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        assert!(part.lines.ends_with('\n'), "a message of whole lines");
        assert!(part.lines.len() < 128 << 10 || part.lines.lines().count() == 1);
        lines.extend(part.lines.lines().map(|line| serde_json::from_str(line).unwrap()));
    }
    lines
}

/// Whether an exported cell equals the one in the database.
fn agree(name: &str, exported: &Value, stored: &Value) -> bool {
    match (exported, stored) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(one), Value::Number(other)) => Some(u64::from(*one)) == other.as_u64(),
        // A time.
        (Value::String(text), Value::Number(number)) => {
            let time = text.parse::<jiff::Timestamp>();
            time.is_ok_and(|time| Some(time.as_microsecond()) == number.as_i64())
        }
        (Value::String(one), Value::String(other)) => {
            let is_id = name == "id" || name.ends_with("_id");
            one == other || is_id && hex(one) == hex(other)
        }
        (Value::Array(_) | Value::Object(_), Value::String(text)) => {
            agree(name, exported, &serde_json::from_str(text).unwrap())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| agree(name, a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let inside = |(key, value): (&String, &Value)| {
                other.get(key).is_some_and(|stored| agree(key, value, stored))
            };
            one.len() == other.len() && one.iter().all(inside)
        }
        (one, other) => one == other,
    }
}

/// Whether an exported row is the stored one.
fn is_row(table: &str, exported: &Row, stored: &Row) -> bool {
    stored.iter().all(|(column, cell)| {
        let left_out = LEFT_OUT.iter().any(|it| it.0 == table && [column, "*"].contains(&it.1));
        let record = &exported["record"];
        match (table, column.as_str()) {
            _ if left_out => true,
            ("entries", "payload") => {
                let entry = exported["entry"].to_string();
                let entry: pb::Entry = from_json("Entry", &entry).unwrap();
                let page = pb::ListTimelineResponse { entries: vec![entry], ..Default::default() };
                let digits = hex(cell.as_str().unwrap());
                let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
                let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
                page == pb::ListTimelineResponse::decode(bytes.as_slice()).unwrap()
            }
            (_, "customer_id") => agree("id", record, cell),
            _ => exported.get(column).is_some_and(|own| agree(column, own, cell)),
        }
    })
}

/// Whether a stored row belongs to one of some records.
fn names(table: &str, row: &Row, records: &BTreeSet<String>, merges: &BTreeSet<String>) -> bool {
    let id = |column: &str| row.get(column).and_then(Value::as_str).map(hex).unwrap_or_default();
    match table {
        "customers" => records.contains(&id("id")),
        "unmerges" => merges.contains(&id("merge_id")),
        _ => NAMES.iter().any(|column| records.contains(&id(column))),
    }
}

/// The index rows of a stored audit entry, one for each customer.
fn looks(access: &Row) -> Vec<Row> {
    let said: Row = serde_json::from_str(access["access"].as_str().unwrap()).unwrap();
    let number = |column: &str| access[column].as_i64().unwrap();
    let mut look = Row::new();
    for text in ["caller", "actor", "purpose", "call", "data"] {
        look.insert(text.to_owned(), said.get(text).cloned().unwrap_or_else(|| "".into()));
    }
    for (name, value) in [
        ("at", access["at"].clone()),
        ("access_id", format!("{:016x}{:016x}", number("log"), number("number")).into()),
        ("code", said["code"].clone()),
        ("case_id", said.get("case_id").cloned().unwrap_or_default()),
    ] {
        look.insert(name.to_owned(), value);
    }
    let customers = said.get("customers").and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |customer| look.clone().into_iter().chain([("customer_id".to_owned(), customer)]);
    customers.into_iter().map(|customer| of(customer).collect()).collect()
}

async fn compare(scan: &mut Scan, lines: &[Row], records: &[&str]) -> BTreeMap<String, usize> {
    let records: BTreeSet<String> = records.iter().map(|id| hex(id)).collect();
    let mut left: Vec<&Row> = lines[1..lines.len() - 1].iter().collect();
    let mut counts = BTreeMap::new();
    let mut merges = BTreeSet::new();
    // The merges first: an unmerge refers to one of them and to no record.
    let mut tables: Vec<(String, Vec<String>)> = scan.catalogue().await.into_iter().collect();
    tables.sort_by_key(|(table, _)| table != "merges");
    // An export may be audited before it reads the audit log, or after.
    let is_export = |row: &Row| row.get("call").is_some_and(|call| call == "ExportCustomer");
    left.retain(|line| !is_export(line));
    for (table, columns) in tables {
        if LEFT_OUT.iter().any(|it| it.0 == table && it.1 == "*") {
            continue;
        }
        let mut rows = scan.rows(&table, &columns).await;
        if table == "audit_log" {
            rows = rows.iter().flat_map(looks).collect();
        }
        for row in rows {
            if !names(&table, &row, &records, &merges) || is_export(&row) {
                continue;
            }
            if table == "merges" {
                merges.insert(hex(row["id"].as_str().unwrap()));
            }
            let found = left
                .iter()
                .position(|line| line["table"] == table.as_str() && is_row(&table, line, &row));
            let found = found.unwrap_or_else(|| panic!("not exported: {table} {row:?}"));
            left.swap_remove(found);
            *counts.entry(table.clone()).or_default() += 1;
        }
    }
    assert!(left.is_empty(), "exported and not there: {left:?}");
    counts
}

#[tokio::test]
async fn an_export_is_what_an_independent_scan_of_all_tables_finds() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let Known { id, other_id, stranger_id, .. } = known(&server, database).await;
        super::restrict(&server, &id).await;
        let mut scan = Scan::of(database).await;

        let lines = exported(&server, &other_id).await;
        let counts = compare(&mut scan, &lines, &[&id, &other_id]).await;
        let first = &lines[0];
        assert_eq!(first["export"], "throughline");
        assert_eq!(first["exported_at"], "2026-03-14T12:00:00Z");
        assert_eq!(first["records"], serde_json::json!([id, other_id]));
        let last = lines.last().unwrap();
        assert_eq!(last["end"], true);
        // An export may contain itself.
        let mut rows = last["rows"].clone();
        rows["audit_log"] = counts["audit_log"].into();
        assert_eq!(rows, serde_json::json!(counts), "the last line counts them");
        // The comparison must not be empty.
        let catalogue = scan.catalogue().await;
        for table in catalogue.keys() {
            let is_left_out = LEFT_OUT.iter().any(|it| it.0 == table && it.1 == "*")
                || database.name == "SQLite" && OF_SQLITE.contains(&table.as_str());
            assert!(is_left_out || counts.contains_key(table), "{table}: nothing to compare");
        }
        for (table, column, _) in LEFT_OUT {
            let columns = catalogue.get(*table).unwrap_or_else(|| panic!("no table {table}"));
            assert!(*column == "*" || columns.iter().any(|it| it == column), "{table}.{column}");
        }

        // Another customer who is referred to with them has the shared rows, and nothing else of
        // theirs.
        let lines = exported(&server, &stranger_id).await;
        compare(&mut scan, &lines, &[&stranger_id]).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn much_is_exported_in_many_messages() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let text = "x".repeat(20_000);
        let mut id = String::new();
        for _ in 0..3 {
            let calls: Vec<_> = (0..100).map(|_| by(vec![account("anna")], note(&text))).collect();
            let answers = server.batch(calls).await.unwrap().into_inner().responses;
            id.clone_from(&answers[0].customer_id);
        }
        let lines = exported(&server, &id).await;
        let mut scan = Scan::of(database).await;
        let counts = compare(&mut scan, &lines, &[&id]).await;
        assert_eq!((counts["entries"], counts["idempotency_keys"]), (300, 300));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_export_is_refused_to_others_and_of_nobody() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let export = async |token: &str, id: &str| {
            let call = pb::ExportCustomerRequest { customer_id: id.to_owned() };
            let call = with_token(token, call);
            refusal(server.privacy.clone().export_customer(call).await)
        };
        let nobody = "0190f3c4-7b1a-7cc0-8000-00000000beef";
        for role in ["recorder", "reader", "agent", "supervisor"] {
            let refused = Refusal::new(Code::PermissionDenied, "ROLE_NOT_PERMITTED", []);
            assert_eq!(export(role, nobody).await, refused, "{role}");
        }
        let not_found = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        assert_eq!(export("privacy_officer", nobody).await, not_found);
        assert_eq!(export("privacy_officer", "anna").await, Refusal::invalid(["customer_id"]));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_read_an_export_is_cut_off() {
    const SHORT: Duration = Duration::from_millis(20);
    on_both(async |database| {
        let mut settings = settings(Clock::Fixed(NOW));
        settings.watches.send_timeout = SHORT;
        settings.watches.max_watches = 1;
        let server = Server::start_with(database, settings).await;
        let anna = server.made(vec![account("anna")]).await;
        let text = "x".repeat(100_000);
        for _ in 0..40 {
            server.recorded(to(&anna.id, note(&text))).await;
        }
        // The connection accepts little beyond what is read.
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
        let small = endpoint.initial_stream_window_size(1 << 16);
        let channel = small.initial_connection_window_size(1 << 16).connect().await.unwrap();
        let call = pb::ExportCustomerRequest { customer_id: anna.id.clone() };
        let mut stuck = PrivacyServiceClient::new(channel);
        let mut stream =
            stuck.export_customer(by_officer(call.clone())).await.unwrap().into_inner();
        // It has the only permit, which is released once it has been ended.
        let again = async || server.privacy.clone().export_customer(by_officer(call.clone())).await;
        while let Err(status) = again().await {
            let refused = refusal::<()>(Err(status));
            assert_eq!(refused, Refusal::new(Code::ResourceExhausted, "TOO_MANY_WATCHES", []));
        }
        let mut lines = 0;
        let status = loop {
            match stream.message().await {
                Ok(part) => lines += part.expect("it does not end well").lines.lines().count(),
                Err(status) => break status,
            }
        };
        assert_eq!(refusal::<()>(Err(status)), Refusal::new(Code::Aborted, "SLOW_READER", []));
        assert!(lines < 40, "it was not cut off");
        server.stop().await;
    })
    .await;
}
