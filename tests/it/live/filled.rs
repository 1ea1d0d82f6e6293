//! Entries from before their order was recorded, and a database that has lost some.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::{ids, resume, watch, watch_all};
use crate::{
    calls::{Refusal, account, note, refusal, to},
    support::{Database, Server, on_both},
};

pub async fn execute(database: &Database, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if database.url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn the_order_of_older_entries_is_found_again() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut people = Vec::new();
        for name in ["anna", "bert", "cor"] {
            let made = server.made(vec![account(name)]).await;
            let calls = (0..150).map(|_| to(&made.id, note("x"))).collect();
            let answers = server.batch(calls).await.unwrap().into_inner().responses;
            people.push((made.id, answers.into_iter().map(|it| it.entry_id).collect::<Vec<_>>()));
        }
        server.stop().await;
        execute(database, "delete from settings where name = 'entry_revisions_filled'").await;
        // One that another server has added by then stays.
        execute(database, "delete from entry_revisions where revision <> 100").await;

        let server = Server::start(database).await;
        for (id, wanted) in &people {
            let mut watching = server.watching(watch_all(id)).await;
            assert_eq!(ids(&watching.caught_up().await), *wanted);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_of_what_a_backup_has_taken_back_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let watching = server.watching(watch(&anna.id)).await;
        let before = watching.token.clone();
        server.recorded(to(&anna.id, note("x"))).await;
        let after = server.watching(watch(&anna.id)).await.token;
        server.stop().await;
        execute(database, "update customers set revision = revision - 1").await;

        let server = Server::start(database).await;
        let call = resume(&anna.id, &after);
        let answer = server.timeline.clone().watch_timeline(call).await;
        let bad = Refusal::new(tonic::Code::InvalidArgument, "BAD_RESUME_TOKEN", ["resume_token"]);
        assert_eq!(refusal(answer), bad);
        drop(server.watching(resume(&anna.id, &before)).await);
        server.stop().await;
    })
    .await;
}
