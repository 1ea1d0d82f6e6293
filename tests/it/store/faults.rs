//! How the store classifies faults of a database: temporary, or damage.

use std::{fs::File, os::unix::fs::FileExt as _};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    error::Error,
    model::RecordEntry,
    store::{OpenError, Store},
};

use crate::{
    calls::{account, by, note},
    support::{Database, NOW},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));

fn entry() -> RecordEntry {
    validate::record(by(vec![account("anna")], note("x")), &RULES, &Actor::local()).unwrap()
}

/// Each insert of an entry fails with a code.
const FAIL: &str = "create or replace function fail() returns trigger language plpgsql as \
    'begin raise exception ''failed'' using errcode = ''CODE''; end'; \
    create or replace trigger fail before insert on entries for each row execute function fail()";

#[tokio::test]
async fn postgres_says_what_is_wrong_with_it() {
    let Some(database) = Database::postgres().await else { return };
    let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
    let mut admin = PgConnection::connect(&database.url).await.unwrap();
    for (code, is_expected) in [
        ("58030", (|error| matches!(error, Error::Unavailable(_))) as fn(&Error) -> bool),
        ("53100", |error| matches!(error, Error::Unavailable(_))),
        ("XX001", |error| matches!(error, Error::Damaged(_))),
        ("XX002", |error| matches!(error, Error::Damaged(_))),
        ("XX000", |error| matches!(error, Error::Internal(_))),
    ] {
        admin.execute(AssertSqlSafe(FAIL.replace("CODE", code))).await.unwrap();
        let error = store.record(vec![entry()]).await.unwrap_err();
        assert!(is_expected(&error), "{code}: {error:?}");
    }
    admin.execute("drop trigger fail on entries").await.unwrap();
    store.record(vec![entry()]).await.unwrap();
    store.close().await;
}

/// A page of SQLite, in bytes.
const PAGE: u64 = 4096;

#[tokio::test]
async fn a_damaged_file_of_sqlite_is_told_from_one_that_does_not_answer() {
    for damaged in [0, PAGE] {
        let database = Database::sqlite();
        let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
        store.record(vec![entry()]).await.unwrap();
        store.close().await;

        let path = database.url.trim_start_matches("sqlite:");
        let file = File::options().write(true).open(path).unwrap();
        let pages = file.metadata().unwrap().len() / PAGE;
        let last = if damaged == 0 { 1 } else { pages };
        for page in damaged / PAGE..last {
            file.write_all_at(&[0xa5; PAGE as usize], page * PAGE).unwrap();
        }
        let error = Store::open(&database.url, 4, RULES.clock).await.unwrap_err();
        assert!(matches!(error, OpenError::Store(Error::Damaged(_))), "{error:?}");
    }
}
