//! SQLite's audit log file, once it is missing.

use throughline::{clock::Clock, store::Store};

use crate::support::{Database, Log, NOW};

/// SQLite only: PostgreSQL has the audit log in the same database.
#[tokio::test]
async fn that_who_looked_is_lost_is_told_at_the_next_start() {
    let database = Database::sqlite();
    let (log, _logging) = Log::of_this_thread();
    let start = async || {
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        store.close().await;
        log.take().contains("the previous audit log is missing")
    };
    assert!(!start().await, "a new one");
    assert!(!start().await, "the same again");
    let file = database.audit_url();
    std::fs::remove_file(file.trim_start_matches("sqlite:")).unwrap();
    assert!(start().await);
    assert!(!start().await, "it was told");
}
