//! One text for both databases: each statement is prepared on each.

use sqlx::Connection as _;
use throughline::{clock::Clock, store::Store};

use crate::support::on_both;

#[tokio::test]
async fn every_statement_is_prepared_on_both() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::System).await.unwrap();
        let statements = store.statements();
        assert!(statements.len() > 200, "only {}", statements.len());
        for statement in statements {
            store.prepare(&statement).await.unwrap();
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn opening_again_and_at_the_same_time_is_harmless() {
    on_both(async |database| {
        let open = || Store::open(&database.url, 2, Clock::System);
        let (one, two) = tokio::join!(open(), open());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.page_key(), two.page_key());
        one.close().await;
        two.close().await;
        assert!(one.ready().await.is_err(), "a closed store does not answer");
    })
    .await;
}

/// `.cargo/config.toml` explains why.
#[tokio::test]
async fn sqlite_keeps_its_plans() {
    let mut memory = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let options: Vec<String> =
        sqlx::query_scalar("pragma compile_options").fetch_all(&mut memory).await.unwrap();
    assert!(options.iter().any(|option| option == "ENABLE_QPSG"), "{options:?}");
}
