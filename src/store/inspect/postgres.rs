//! Inspects a PostgreSQL server and the database in it.

use sqlx::{
    FromRow, PgConnection,
    postgres::{PgConnectOptions, PgRow},
};

use super::{
    ClockDifference, Contents, Engine, Found, Inspecting, Inspection,
    found::{Connections, Place, Postgres, Replication},
    how::CONNECTIONS,
};
use crate::{
    clock::Clock,
    error::Error,
    model::Micros,
    store::{
        health::clock_check::NOW,
        sql::{
            db::{Db, Observers, Pool, Servers, on},
            statement::Kind,
        },
    },
};

/// The session settings of an inspection.
const CONNECTION_SETTINGS: [(&str, &str); 3] =
    [("default_transaction_read_only", "on"), ("statement_timeout", "5s"), ("lock_timeout", "5s")];

/// The settings for this user in this database, regardless of the session.
const SETTINGS: &str = "select name, reset_val from pg_settings where name in ('server_version', \
    'server_version_num', 'server_encoding', 'fsync', 'synchronous_commit', 'full_page_writes', \
    'data_checksums', 'max_connections', 'superuser_reserved_connections', \
    'reserved_connections', 'synchronous_standby_names', 'archive_mode')";

/// The limits of the server, the user and the database; -1 is unlimited.
const CONNECTIONS_OF: &str = "select \
    (select count(*) from pg_stat_activity \
        where coalesce(backend_type, 'client backend') = 'client backend' \
        and usesysid is not null \
        and coalesce(application_name, '') not like 'throughline%') as of_others, \
    (select rolconnlimit from pg_roles where rolname = current_user) as of_user, \
    (select datconnlimit from pg_database where datname = current_database()) as of_database";

const PLACE: &str = "select pg_database_size(current_database()) as bytes, \
    coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as is_encrypted, \
    coalesce(not inet_server_addr() <<= any (array[inet '127.0.0.0/8', inet '::1']), false) \
        as is_remote, \
    has_schema_privilege(coalesce(current_schema(), 'public'), 'create') as may_create";

const REPLICATION: &str = "select pg_is_in_recovery() as is_standby, \
    (select count(*) from pg_stat_replication) as standbys, \
    coalesce((select failed_count > 0 \
        and last_failed_time > coalesce(last_archived_time, '-infinity') \
        from pg_stat_archiver), false) as archiving_fails";

/// Replication slots that nobody reads, and how much write-ahead log they retain.
const SLOTS: &str = "select count(*) as idle, \
    cast(coalesce(max(pg_wal_lsn_diff(case when pg_is_in_recovery() \
        then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn)), 0) as bigint) \
        as bytes \
    from pg_replication_slots where not active";

pub(super) async fn inspect(url: &str, how: &Inspecting) -> Result<Inspection, Error> {
    let with = |options: PgConnectOptions| {
        options.application_name("throughline doctor").options(CONNECTION_SETTINGS)
    };
    let servers = Servers::of(url, with)?;
    let pool = Pool::new(servers, CONNECTIONS, Observers::default().of(Kind::Postgres, "all"));
    let db = Db::Postgres(pool.clone());
    let found = Found {
        engine: Engine::Postgres(server(&pool, how.clock).await?),
        contents: Contents::read(&db, Some(&db), how).await.map_err(Into::into),
    };
    db.close().await;
    Ok(Inspection::Found(Box::new(found)))
}

async fn server(pool: &Pool<PgConnection>, clock: Clock) -> Result<Postgres, Error> {
    let settings: Vec<(String, String)> =
        on!(pool.acquire().await?, |c| sqlx::query_as(SETTINGS).fetch_all(c).await?);
    let (of_others, of_user, of_database) = one(pool, CONNECTIONS_OF).await?;
    let (bytes, is_encrypted, is_remote, may_create) = one(pool, PLACE).await?;
    let (is_standby, standbys, archiving_fails) = one(pool, REPLICATION).await?;
    let (idle_slots, idle_slot_bytes) = one(pool, SLOTS).await?;
    Ok(Postgres {
        settings: settings.into_iter().collect(),
        connections: Connections { of_others, of_user, of_database },
        place: Place { bytes, is_encrypted, is_remote, may_create },
        replication: Replication {
            is_standby,
            standbys,
            archiving_fails,
            idle_slots,
            idle_slot_bytes,
        },
        clock: clock_difference(pool, clock).await?,
    })
}

/// The only row of a statement.
async fn one<T>(pool: &Pool<PgConnection>, text: &'static str) -> Result<T, Error>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    Ok(on!(pool.acquire().await?, |c| sqlx::query_as(text).fetch_one(c).await?))
}

/// This clock runs on while the database is asked: its answer is of some moment in between.
async fn clock_difference(
    pool: &Pool<PgConnection>,
    clock: Clock,
) -> Result<ClockDifference, Error> {
    let before = clock.now();
    let theirs: Micros =
        on!(pool.acquire().await?, |c| sqlx::query_scalar(NOW).fetch_one(c).await?);
    let after = clock.now();
    let give_or_take = (after - before) / 2;
    Ok(ClockDifference { by: theirs - before - give_or_take, give_or_take })
}
