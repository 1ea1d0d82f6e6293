//! Backs up PostgreSQL: `pg_dump` writes a snapshot, in which the rows are counted.

use std::time::{Duration, Instant};

use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};
use tokio::time::timeout;

use super::{
    BackupError, BackupOptions, Facts, Progress,
    folder::{Folder, ensure_room},
    options::{Made, in_time},
    programs::{Place, Program},
};
use crate::{
    error::Error,
    store::{paths::folder, sql::db::Servers},
};

/// The file of a backup.
pub const DUMP: &str = "throughline.dump";
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// With these the server notices that the client has vanished, and no middlebox drops a connection
/// that waits for the dump.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "15s"),
    ("tcp_keepalives_interval", "5s"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
];

const IS_STANDBY: &str = "select pg_is_in_recovery()";
const VERSION: &str = "select cast(current_setting('server_version_num') as bigint) / 10000";
/// The snapshot lasts as long as its transaction, which waits for the dump.
const WITHOUT_LIMITS: &str = "set idle_in_transaction_session_timeout = 0; \
    set statement_timeout = 0; set lock_timeout = '10s'";
const BEGIN: &str = "begin isolation level repeatable read read only";
const SNAPSHOT: &str = "select pg_export_snapshot()";
const BYTES: &str = "select cast(coalesce(sum(pg_table_size(c.oid)), 0) as bigint) \
    from pg_class c join pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

/// Connects to the primary of a URL, and returns the URL for the client programs.
pub async fn connect(url: &str) -> Result<(PgConnection, Place), BackupError> {
    let servers = Servers::of(url, |options| {
        options.application_name("throughline backup").options(KEEPALIVE)
    })?;
    let mut failed = None;
    for server in servers.in_order() {
        let connecting = timeout(CONNECT, async {
            let mut connection = servers.options(server).connect().await?;
            let is_standby: bool =
                sqlx::query_scalar(IS_STANDBY).fetch_one(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, is_standby))
        });
        match connecting.await {
            Ok(Ok((connection, false))) => {
                return Ok((connection, Place::of(servers.url(server))));
            }
            Ok(Ok((_, true))) => {
                failed.get_or_insert(Error::Unavailable("it is a standby".to_owned()));
            }
            Ok(Err(error)) => failed = Some(error.into()),
            Err(_) => failed = Some(Error::Unavailable("it does not answer".to_owned())),
        }
    }
    let failed = failed.unwrap_or_else(|| Error::Unavailable("no server is named".to_owned()));
    let what = format!("PostgreSQL cannot be reached: {}", failed.cause());
    let advice = "Does it run there, is there such a database (`createdb --owner USER NAME` makes \
                  one), and are user and password right?";
    Err(BackupError::refused(what, advice))
}

/// The major version of a server.
pub async fn version(connection: &mut PgConnection) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(VERSION).fetch_one(connection).await?)
}

/// Counts the rows without a statement timeout, until the time is up.
pub async fn facts(connection: &mut PgConnection, until: Instant) -> Result<Facts, BackupError> {
    let counting = async {
        connection.execute(WITHOUT_LIMITS).await?;
        Facts::of_postgres(connection).await
    };
    Ok(in_time(until, counting).await??)
}

/// Closes a connection that has only read. An error does not matter.
pub async fn close(connection: PgConnection) {
    let _ = timeout(CONNECT, connection.close()).await;
}

/// Begins the snapshot, and returns its name and the size of the tables in bytes.
async fn begin(connection: &mut PgConnection) -> Result<(String, i64), Error> {
    connection.execute(WITHOUT_LIMITS).await?;
    connection.execute(BEGIN).await?;
    let snapshot = sqlx::query_scalar(SNAPSHOT).fetch_one(&mut *connection).await?;
    Ok((snapshot, sqlx::query_scalar(BYTES).fetch_one(connection).await?))
}

pub async fn dump(url: &str, to: &Folder, options: BackupOptions<'_>) -> Result<Made, BackupError> {
    let (mut connection, place) = connect(url).await?;
    let version = in_time(options.until, version(&mut connection)).await??;
    let pg_dump = Program::find("pg_dump", version, options).await?;
    let pg_restore = Program::find("pg_restore", version, options).await?;
    let (snapshot, bytes) = in_time(options.until, begin(&mut connection)).await??;
    let file = to.new_file(DUMP)?;
    ensure_room(folder(&file), u64::try_from(bytes).unwrap_or(0))?;
    let arguments = [
        "--format=custom".to_owned(),
        "--lock-wait-timeout=10s".to_owned(),
        format!("--snapshot={snapshot}"),
        format!("--file={}", file.display()),
    ];
    pg_dump.run(&place, &arguments, Some(("dumping the database", &file))).await?;
    (options.progress)(Progress { step: "counting the rows", bytes: 0, of: None });
    let facts = facts(&mut connection, options.until).await?;
    close(connection).await;
    let list = pg_restore.list(&file).await?;
    for table in ["customers", "entries", "audit_log"] {
        // Such as "3501; 0 16390 TABLE DATA public entries throughline".
        let is_there = |line: &str| {
            let of_table = line.split_once(" TABLE DATA ").map(|(_, rest)| rest.split(' ').nth(1));
            of_table == Some(Some(table))
        };
        if facts.migration > 0 && !list.lines().any(is_there) {
            let what = format!("the dump lacks the table {table}");
            return Err(BackupError::refused(what, "May this user read all tables?"));
        }
    }
    Ok(Made { facts, files: vec![to.keep(DUMP, options.until).await?] })
}
