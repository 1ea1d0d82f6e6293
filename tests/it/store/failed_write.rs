//! Writes that the database aborts: the store works again as soon as the cause is gone, without a
//! restart.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    error::Error,
    model::{AuditEntry, RecordEntry},
    store::Store,
};

use crate::{
    calls::{account, by, note},
    support::{Database, NOW, on_both},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));

/// SQLite rolls the whole transaction back by itself, as with a full or failing disk.
const BREAK_SQLITE: &str = "create trigger broken before insert on TABLE \
    begin select raise(rollback, 'broken'); end";
/// PostgreSQL ends the connection within the transaction.
const BREAK_POSTGRES: &str = "create function broken() returns trigger language plpgsql as \
    'begin perform pg_terminate_backend(pg_backend_pid()); return new; end'; \
    create trigger broken before insert on TABLE for each row execute function broken()";
const MEND_POSTGRES: &str = "drop function broken cascade";

/// Makes each transaction fail that inserts into a table, or repairs that.
async fn set_broken(database: &Database, table: &str, is_broken: bool) {
    if database.url.starts_with("sqlite:") {
        let audit = table.starts_with("audit_");
        let url = if audit { database.audit_url() } else { database.url.clone() };
        let text = if is_broken { BREAK_SQLITE } else { "drop trigger broken" };
        let text = text.replace("TABLE", table);
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        connection.execute(AssertSqlSafe(text)).await.unwrap();
    } else {
        let text = if is_broken { BREAK_POSTGRES } else { MEND_POSTGRES };
        let text = text.replace("TABLE", table);
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute(AssertSqlSafe(text)).await.unwrap();
    }
}

fn entry() -> RecordEntry {
    validate::record(by(vec![account("anna")], note("x")), &RULES, &Actor::local()).unwrap()
}

fn access() -> AuditEntry {
    AuditEntry {
        at: NOW,
        caller: "shop".to_owned(),
        actor: String::new(),
        purpose: String::new(),
        call: "GetCustomer".to_owned(),
        data: String::new(),
        code: 0,
        customers: Vec::new(),
        case_id: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_database_ends_does_not_end_those_behind_it() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
        let first = store.record(vec![entry()]).await.unwrap().remove(0);

        set_broken(database, "entries", true).await;
        for _ in 0..3 {
            let error = store.record(vec![entry()]).await.unwrap_err();
            assert!(matches!(error, Error::Internal(_) | Error::Unavailable(_)), "{error:?}");
            store.get_customer(first.customer_id).await.unwrap().unwrap();
        }
        set_broken(database, "entries", false).await;

        let next = store.record(vec![entry()]).await.unwrap().remove(0);
        assert_eq!(next.revision, first.revision + 1);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_that_cannot_be_kept_does_not_end_those_behind_it() {
    on_both(async |database| {
        for table in ["audit_log", "audit_seals"] {
            let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
            set_broken(database, table, true).await;
            for _ in 0..3 {
                store.add_audit_entry(access()).await.unwrap_err();
            }
            set_broken(database, table, false).await;
            store.add_audit_entry(access()).await.unwrap();
            store.close().await;
        }
    })
    .await;
}

/// The control: sqlx still considers the connection within a transaction that SQLite has ended.
#[tokio::test]
async fn sqlx_by_itself_does_not_get_over_it() {
    let database = Database::sqlite();
    Store::open(&database.url, 4, RULES.clock).await.unwrap().close().await;
    let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
    let mut tx = connection.begin_with("begin immediate").await.unwrap();
    tx.execute("create table t (a)").await.unwrap();
    let broken = BREAK_SQLITE.replace("TABLE", "t");
    tx.execute(AssertSqlSafe(broken)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = connection.begin_with("begin immediate").await.unwrap();
    tx.execute("insert into t values (1)").await.unwrap_err();
    drop(tx);
    let error = connection.begin_with("begin immediate").await.unwrap_err();
    assert!(matches!(error, sqlx::Error::InvalidSavePointStatement), "{error}");
}
