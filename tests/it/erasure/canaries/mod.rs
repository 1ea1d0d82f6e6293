//! Canaries: a unique text in every string of every write call and of both importers, none of which
//! is left in any byte after the erasure.

pub mod bytes;
pub mod fill;
mod in_cases;
pub mod plant;

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use throughline::{
    api::validate::Rules,
    clock::Clock,
    ingest::run::{Options, run},
    pb::{self, IdentifierKind, entry::Content, import_record::Record},
    store::ErasureFile,
};

use super::store;
use crate::{
    calls::{account, identifier, list, request_id},
    identity::{by_shop, link, merge},
    ingest::input,
    live::execute,
    support::{NOW, Server, TempFolder, on_both, settings},
};
use bytes::{files, found, in_bytes};
use fill::Canaries;
use plant::plant;

/// Texts that are not stored as written: not searched for before the erasure.
const NOT_KEPT: [&str; 2] =
    // Not kept with the erasure.
    [
        "EraseCustomerRequest: throughline.v1.EraseCustomerRequest.ticket",
        "EraseCustomerRequest: throughline.v1.EraseCustomerRequest.reason",
    ];

/// Captures everything that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of a file in the own format: a customer, and one of its entries.
fn native(canaries: &mut Canaries) -> (String, Vec<pb::Identifier>) {
    let root = "ImportRecord";
    let text = canaries.new_text();
    canaries.note(root, "throughline.v1.Identifier.value", &text);
    let mut who = identifier(IdentifierKind::Account, text);
    who.namespace = canaries.new_text();
    canaries.note(root, "throughline.v1.Identifier.namespace", &who.namespace);
    let who = vec![who];
    let customer = pb::IdentifyCustomerRequest {
        identifiers: who.clone(),
        profile: Some(plant::profile()),
        ..Default::default()
    };
    let customer = pb::ImportRecord { record: Some(Record::Customer(customer)) };
    let mut lines = vec![canaries.fill(root, customer)];
    let mut order = String::new();
    for entry in plant::entries() {
        let call = pb::RecordEntryRequest {
            identifiers: who.clone(),
            entry: Some(entry),
            ..Default::default()
        };
        lines.push(plant::line(canaries, call, &mut order));
    }
    let json = |line: &pb::ImportRecord| throughline::cli::json::to_json("ImportRecord", line);
    (lines.iter().map(|line| json(line).unwrap() + "\n").collect(), who)
}

/// A file of another format, with its map: every column is text of the customer.
fn foreign(canaries: &mut Canaries) -> (String, Vec<pb::Identifier>) {
    let columns = ["id", "mail", "given", "family", "street", "city", "text", "subject", "agent"];
    let mut values = Vec::new();
    for column in columns {
        let mut text = canaries.new_text();
        if column == "mail" {
            text = format!("{text}@{}.example", canaries.new_text());
        }
        canaries.note("CSV", column, &text);
        values.push(text);
    }
    let who = vec![identifier(IdentifierKind::Email, values[1].clone())];
    (format!("at,{}\n2026-03-02T00:00:00Z,{}\n", columns.join(","), values.join(",")), who)
}

const MAP: &str = r#"
    [[customer.identifier]]
    kind = "email"
    value = "mail"
    [customer.profile]
    given_name = "given"
    family_name = "family"
    [customer.profile.address]
    lines = ["street"]
    locality = "city"
    [[entry]]
    source = "csv"
    kind = "interaction"
    direction = "inbound"
    channel = "email"
    source_ref = "id"
    occurred_at = "at"
    text = "text"
    subject = "subject"
    agent = "agent"
"#;

#[tokio::test]
async fn no_byte_is_left_of_200_canaries() {
    on_both(async |database| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(move || writer.clone())
            .finish();
        let logging = tracing::subscriber::set_default(subscriber);

        let folder = TempFolder::new();
        let ledger = folder.path().join("erasures");
        let store = store(database).await.with_erasure_file(ErasureFile::new(ledger.clone()));
        let server = Server::start_over(store.clone(), settings(Clock::Fixed(NOW))).await;
        let mut canaries = Canaries::default();
        let mut planted = plant(&server, &store, &mut canaries).await;

        let rejects = folder.path().join("rejects");
        let (own, by_own) = native(&mut canaries);
        let (other, by_other) = foreign(&mut canaries);
        let mut rejected = Vec::new();
        for (name, text, map) in [("own.ndjson", &own, ""), ("other.csv", &other, MAP)] {
            let input = input(&folder, name, text, map);
            let options =
                Options { input, dry_run: false, rejects: Some(rejects.clone()), batch: 100 };
            let rules = Rules::new(Clock::Fixed(NOW));
            let outcome = run(options, &store, &rules, |_| {}).await;
            rejected.extend(std::fs::read(&rejects).unwrap_or_default());
            let told = String::from_utf8_lossy(&rejected);
            assert_eq!(outcome.summary.rejected, 0, "{told}");
        }
        for by in [by_own, by_other] {
            let id = server.identified(by).await.customer.unwrap().id;
            let call = merge(&planted.records[0], &id);
            server.customers.clone().merge_customers(by_shop(call)).await.unwrap();
            planted.records.push(id);
        }
        let erase = canaries.fill("EraseCustomerRequest", super::erase(&planted.records[0]));
        let erase = pb::EraseCustomerRequest {
            ticket: canaries.new_text(),
            request_id: request_id(),
            ..erase
        };
        canaries.note(
            "EraseCustomerRequest",
            "throughline.v1.EraseCustomerRequest.ticket",
            &erase.ticket,
        );
        assert_eq!(canaries.forgotten(), [""; 0], "strings without a canary");
        assert!(canaries.count() >= 200, "only {}", canaries.count());
        store.match_all(&[]).await.unwrap();
        // Not compared yet.
        server.linked(link(&planted.records[0], account("waits"))).await;

        // The statistics of PostgreSQL's planner contain values too.
        if database.name == "PostgreSQL" {
            execute(database, "analyze").await;
        }

        // The control: all of them are found.
        let needles = canaries.needles();
        let before = found(&needles, &files(database).await);
        let missing: Vec<&String> = needles
            .iter()
            .filter(|(needle, place)| {
                let name = format!("{place} {}", String::from_utf8_lossy(needle));
                !before.contains_key(&name) && !NOT_KEPT.contains(&place.as_str())
            })
            .map(|(_, place)| place)
            .collect();
        println!("{}: {} texts, {} found", database.name, canaries.count(), before.len());
        assert!(missing.is_empty(), "not stored: {missing:#?}");
        let timeline = server.timeline_of(&planted.records[0]).await;
        assert!(timeline.iter().any(|it| matches!(it.content, Some(Content::Returned(_)))));
        let rows = super::tables::of_records(database, &planted.records).await;

        let mut privacy = server.privacy.clone();
        let answer = privacy.erase_customer(erase).await.unwrap().into_inner();
        assert_eq!(answer.certificate.as_ref().unwrap().record_ids.len(), planted.records.len());
        super::tables::check(database, rows, &planted).await;
        assert!(server.timeline.clone().list_timeline(list(&planted.records[0])).await.is_err());
        assert_eq!(store.finish_erasures().await.unwrap(), 1);
        assert_eq!(store.finish_erasures().await.unwrap(), 0);
        let left = found(&needles, &files(database).await);
        println!("{}: {} in free space before the vacuum", database.name, left.len());
        if database.name == "SQLite" {
            // It overwrites what it deletes, except for copies in the gaps of split pages.
            assert!(left.len() * 20 < before.len(), "{left:#?}");
        }
        store.vacuum().await.unwrap();
        let left = found(&needles, &files(database).await);
        assert!(left.is_empty(), "{left:#?}");

        // A late import leaves nothing either.
        for (name, text, map) in [("own.ndjson", &own, ""), ("other.csv", &other, MAP)] {
            let input = input(&folder, name, text, map);
            let options =
                Options { input, dry_run: false, rejects: Some(rejects.clone()), batch: 100 };
            let rules = Rules::new(Clock::Fixed(NOW));
            let outcome = run(options, &store, &rules, |_| {}).await;
            assert_eq!(outcome.summary.rejected, outcome.summary.rows);
            rejected.extend(std::fs::read(&rejects).unwrap());
        }
        assert!(!rejected.is_empty());
        let left = found(&needles, &files(database).await);
        assert!(left.is_empty(), "{left:#?}");
        let kept = std::fs::read(&ledger).unwrap();
        let said = log.0.lock().unwrap().clone();
        assert!(String::from_utf8_lossy(&said).contains("a customer was erased"));
        for (what, bytes) in [
            ("rejects", rejected),
            ("the file of erasures", kept),
            ("the log", said),
            ("the certificate", format!("{answer:?}").into_bytes()),
        ] {
            assert_eq!(in_bytes(&needles, &bytes), BTreeSet::new(), "{what}");
        }
        // Another customer is unchanged.
        assert_eq!(server.customer(&planted.other).await.id, planted.other);
        server.stop().await;
        drop(logging);
    })
    .await;
}
