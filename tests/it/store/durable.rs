//! What is acknowledged is on PostgreSQL's disk, whatever the settings of a role or a database.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    store::Store,
};

use crate::{
    calls::{account, by, note},
    support::{Database, NOW},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));
/// Records the setting of each transaction that inserts an entry.
const KEEP: &str = "create table seen (setting text not null); \
    create function keep() returns trigger language plpgsql as $$ begin \
    insert into seen (setting) values (current_setting('synchronous_commit')); return new; \
    end $$; \
    create trigger keep after insert on entries for each row execute function keep()";

#[tokio::test]
async fn commits_wait_for_the_disk_although_a_database_says_otherwise() {
    // A stronger setting stays as it is.
    for (set, is) in [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")] {
        let Some(database) = Database::postgres().await else { return };
        Store::open(&database.url, 2, RULES.clock).await.unwrap().close().await;
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute(KEEP).await.unwrap();
        let name: String = sqlx::query_scalar("select current_database()::text")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let sql = format!("alter database {name} set synchronous_commit = {set}");
        connection.execute(AssertSqlSafe(sql)).await.unwrap();

        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        let call = by(vec![account("anna")], note("x"));
        let record = validate::record(call, &RULES, &Actor::local()).unwrap();
        store.record(vec![record]).await.unwrap();
        let seen: Vec<String> = sqlx::query_scalar("select setting from seen")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert_eq!(seen, [is], "{set}");
        connection.close().await.unwrap();
        store.close().await;
    }
}
