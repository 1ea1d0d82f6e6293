//! The erasure handles every table of the database, whichever migration created it.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::{canaries::plant::Planted, store};
use crate::support::{Database, on_both};

/// Tables from which a customer's rows are removed. The planted customer must have some in each, so
/// that the test is effective.
const ERASED: [&str; 27] = [
    "case_entries",
    "case_passes",
    "cases",
    "customer_names",
    "customers",
    "dismissals",
    "ended_identifiers",
    "entries",
    "entry_revisions",
    "entry_words",
    "identifiers",
    "merge_exclusions",
    "idempotency_keys",
    "match_keys",
    "match_queue",
    "match_records",
    "merge_approvals",
    "merges",
    "order_entries",
    "orders",
    "promises",
    "purchase_keys",
    "purchases",
    "quotes",
    "refused_claims",
    "restrictions",
    "told_facts",
];
/// Tables from which a customer's rows are removed, although the planted customer need not have
/// any.
const ERASED_TOO: [&str; 1] = ["suggestions"];
/// Tables without a customer's id, and what the erasure does to them.
const WITHOUT_ID: [(&str, &str); 10] = [
    ("entry_seals", "hold hashes of entries, salted with what goes with these"),
    ("heartbeats", "holds a time, and no customer"),
    ("identifier_parts", "those of keys that nobody else has go"),
    ("match_state", "counts the records less, and goes on to another generation"),
    ("match_terms", "counts less"),
    ("name_variants", "those of words that nobody else has go"),
    ("name_words", "those that nobody else has go"),
    ("settings", "holds what all servers share, and no customer"),
    ("unmerges", "those of its merges go"),
    ("unsealed_entries", "holds such hashes for a minute"),
];
/// Tables that only SQLite has, for the consistency of its files.
const OF_FILES: [&str; 2] = ["audit_settings", "write_count"];
/// Tables of the audit log, which has ids of customers: they stay.
const OF_AUDIT: [&str; 4] = ["audit_heads", "audit_log", "audit_index", "audit_seals"];
/// Tables that record the erasure.
const OF_ERASURES: [&str; 2] = ["erased_customers", "erasures"];

const SQLITE_TABLES: &str = "select name from sqlite_schema where type = 'table' \
    and name not glob 'entry_words_*' and name <> '_sqlx_migrations' \
    union select name from audit.sqlite_schema where type = 'table' \
    and name <> '_sqlx_migrations' order by name";
const POSTGRES_TABLES: &str = "select tablename::text from pg_tables \
    where schemaname = 'public' and tablename <> '_sqlx_migrations' order by tablename";

/// The texts that a query returns.
async fn texts(database: &Database, query: &str) -> Vec<String> {
    let query = AssertSqlSafe(query.to_owned());
    if database.url.starts_with("sqlite:") {
        let mut connection = database.connect_sqlite().await;
        sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
    }
}

async fn tables(database: &Database) -> Vec<String> {
    let sqlite = database.url.starts_with("sqlite:");
    texts(database, if sqlite { SQLITE_TABLES } else { POSTGRES_TABLES }).await
}

/// The forms of an id in a row: its bytes, or one of its texts, as text or bytes.
fn forms(id: &str) -> [String; 4] {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let simple = Uuid::parse_str(id).unwrap().simple().to_string();
    [simple.clone(), id.to_owned(), hex(&simple), hex(id)]
}

/// The number of rows of each table that contain the id of a record in any column.
pub async fn of_records(database: &Database, records: &[String]) -> BTreeMap<String, usize> {
    let sqlite = database.url.starts_with("sqlite:");
    let mut counts = BTreeMap::new();
    for table in tables(database).await {
        let rows = if sqlite {
            let columns = format!("select name from pragma_table_info('{table}')");
            let columns: Vec<String> = texts(database, &columns)
                .await
                .iter()
                .map(|column| format!("coalesce(hex({column}), '')"))
                .collect();
            format!("select lower({}) from {table}", columns.join(" || ' ' || "))
        } else {
            format!("select lower(t::text) from {table} t")
        };
        let rows = texts(database, &rows).await;
        let forms: Vec<String> = records.iter().flat_map(|id| forms(id)).collect();
        let named = rows.iter().filter(|row| forms.iter().any(|form| row.contains(form)));
        counts.insert(table, named.count());
    }
    counts
}

/// Whether a table intentionally keeps the ids of erased customers.
pub fn stays(table: &str) -> bool {
    OF_ERASURES.contains(&table) || OF_AUDIT.contains(&table)
}

/// Compares what is left with the lists. `before` is what there was.
pub async fn check(database: &Database, before: BTreeMap<String, usize>, planted: &Planted) {
    let unseen: Vec<&str> =
        ERASED.into_iter().filter(|table| before.get(*table).copied() == Some(0)).collect();
    assert_eq!(unseen, [""; 0], "the planted customer has no row there");
    let mut after = of_records(database, &planted.records).await;
    // A customer excluded from being merged with the erased one has an entry about it.
    let others = after.get_mut("entries").unwrap();
    assert!(*others <= 1, "{others}");
    *others = 0;
    after.retain(|table, rows| *rows > 0 && !stays(table));
    assert_eq!(after, BTreeMap::new(), "rows that name a record");
}

/// The records that matching counts and those it has, and the counts of values by the values and by
/// the records.
pub async fn matching(database: &Database) -> (String, String, String, String) {
    let one = async |query: &str| texts(database, query).await.remove(0);
    (
        one("select cast(people as text) from match_state").await,
        one("select cast(count(*) as text) from match_records").await,
        one("select cast(coalesce(sum(records), 0) as text) from match_terms").await,
        one("select cast(coalesce(sum(length(terms)), 0) / 8 as text) from match_records").await,
    )
}

#[tokio::test]
async fn every_table_is_known() {
    on_both(async |database| {
        store(database).await.close().await;
        let known = ERASED.into_iter().chain(ERASED_TOO).chain(OF_ERASURES).chain(OF_AUDIT);
        let mut known: Vec<&str> = known.chain(WITHOUT_ID.map(|(table, _)| table)).collect();
        if database.name == "SQLite" {
            known.extend(OF_FILES);
        }
        known.sort_unstable();
        assert_eq!(tables(database).await, known, "what does an erasure do to it?");
    })
    .await;
}
