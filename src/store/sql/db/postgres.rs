//! Connects to PostgreSQL, and probes connections that have become silent.

use std::{io, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions,
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Db, Observers,
    pool::{Connect, Pool},
    servers::Servers,
};
use crate::{
    error::Error,
    store::{opening::OpenError, sql::statement::Kind},
};

/// The session settings of each connection. Every statement uses an index: a plan that was cached
/// while a table was empty must not scan the table once it is full. Keepalive makes the server
/// notice a client that has vanished, and free its locks.
const SETTINGS: [(&str, &str); 13] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_keepalives_idle", "15s"),
    ("tcp_keepalives_interval", "5s"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("client_min_messages", "warning"),
    ("plan_cache_mode", "force_generic_plan"),
];
/// The time limit for connecting.
const CONNECT: Duration = Duration::from_secs(3);
/// How long to wait for a database that is starting, and how often it is tried.
const START: Duration = Duration::from_secs(10);
const START_RETRY: Duration = Duration::from_millis(100);
/// A statement without an answer is probed each time this has passed.
const SILENCE: Duration = Duration::from_secs(2);
/// The time limit for probing or ending a session over a separate connection.
const ASIDE: Duration = Duration::from_millis(1500);

/// The identity of the session, whether it is a standby, and the durability of commits.
const SESSION: &str = "select pid, cast(extract(epoch from backend_start) * 1000000 as bigint), \
    pg_is_in_recovery(), current_setting('fsync') = 'on', \
    current_setting('full_page_writes') = 'on', current_setting('synchronous_commit') = 'off' \
    from pg_stat_activity where pid = pg_backend_pid()";
const IS_STANDBY: &str = "select pg_is_in_recovery()";
/// A role or a database may have it off, so that commits would not be durable. Stronger settings
/// are left as they are.
const COMMIT_TO_DISK: &str = "set synchronous_commit = on";
/// Whether a session is working. A session that has waited for its client for long is writing an
/// answer that does not arrive. If the database does not track activity, sessions count as working.
const IS_AT_WORK: &str = "select exists (select from pg_stat_activity where pid = $1 \
    and cast(extract(epoch from backend_start) * 1000000 as bigint) = $2 \
    and state in ('active', 'fastpath function call', 'disabled') \
    and (wait_event_type is distinct from 'Client' \
        or query_start > clock_timestamp() - interval '4 seconds'))";
const END: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = $1 \
    and cast(extract(epoch from backend_start) * 1000000 as bigint) = $2";

/// Connects to the database of a URL.
pub async fn open(url: &str, connections: u32, observers: &Observers) -> Result<Db, OpenError> {
    let with = |options: PgConnectOptions| {
        options.application_name("throughline").options(SETTINGS).statement_cache_capacity(512)
    };
    let servers =
        Servers::of(url, with).map_err(|error| OpenError::BadUrl { cause: error.cause() })?;
    wait_for(&servers).await?;
    let observer = observers.of(Kind::Postgres, "all");
    Ok(Db::Postgres(Pool::new(servers, connections.max(2), observer)))
}

/// Waits for a database that is just starting.
async fn wait_for(servers: &Servers) -> Result<(), OpenError> {
    let started = Instant::now();
    loop {
        match connect(servers).await {
            Ok((connection, session)) => {
                if session.is_lazy {
                    tracing::warn!(
                        "synchronous_commit is off for this role or database. It is switched on \
                         for each connection, so that what is acknowledged is on disk"
                    );
                }
                // It is not needed any more, even if this fails.
                let _ = connection.close().await;
                return Ok(());
            }
            Err(refusal) if refusal.is_starting() && started.elapsed() < START => {
                sleep(START_RETRY).await;
            }
            Err(refusal) => return Err(refusal.into_open_error(servers)),
        }
    }
}

/// Why a server cannot be used.
enum Refusal {
    Failed(sqlx::Error),
    Standby,
    /// A setting is off without which a crash loses acknowledged data.
    Unsafe(&'static str),
}

impl Refusal {
    /// Nobody listens yet, or the database is starting, has no connection left, or is a standby.
    fn is_starting(&self) -> bool {
        match self {
            Self::Failed(sqlx::Error::Io(error)) => {
                error.kind() == io::ErrorKind::ConnectionRefused
            }
            Self::Failed(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("57P03" | "53300"))
            }
            Self::Failed(_) | Self::Unsafe(_) => false,
            Self::Standby => true,
        }
    }
}

impl Refusal {
    /// The error for whoever starts the program.
    fn into_open_error(self, servers: &Servers) -> OpenError {
        let options = servers.options(0);
        let user = options.get_username().to_owned();
        let database = options.get_database().unwrap_or(&user).to_owned();
        let error = match self {
            Self::Standby => return OpenError::Standby,
            Self::Unsafe(setting) => return OpenError::Unsafe { setting },
            Self::Failed(error) => error,
        };
        let code = error.as_database_error().and_then(|error| error.code());
        match (code.as_deref(), &error) {
            (Some("3D000"), _) => OpenError::NoDatabase { database, user },
            (Some("28000" | "28P01"), _) => OpenError::NotLetIn { user },
            (Some("42501"), _) => OpenError::MayNotConnect { database, user },
            (Some("53300"), _) => OpenError::NoConnectionLeft { user },
            (Some(_), _) => OpenError::Store(error.into()),
            (None, sqlx::Error::Tls(cause)) => OpenError::NoTls { cause: cause.to_string() },
            (None, sqlx::Error::Protocol(cause)) => OpenError::NotPostgres { cause: cause.clone() },
            (None, sqlx::Error::Configuration(cause)) => {
                OpenError::BadUrl { cause: cause.to_string() }
            }
            (None, _) => OpenError::NoServer { cause: error.to_string() },
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failed(error) => error.into(),
            Refusal::Standby => Error::Unavailable("PostgreSQL is a standby here".to_owned()),
            Refusal::Unsafe(setting) => Error::Unavailable(format!(
                "PostgreSQL runs with {setting} off, so that a crash loses what was acknowledged: \
                 set it to on in postgresql.conf"
            )),
        }
    }
}

/// Connects to the primary. If there is none, the first server's reason is returned.
async fn connect(servers: &Servers) -> Result<(PgConnection, Session), Refusal> {
    let mut first = None;
    for server in servers.in_order() {
        let connected = timeout(CONNECT, connect_to(servers, server)).await;
        match connected.unwrap_or_else(|_| Err(late().into())) {
            Ok(connected) => {
                servers.set_primary(server);
                return Ok(connected);
            }
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    Err(first.unwrap_or(Refusal::Standby))
}

async fn connect_to(servers: &Servers, server: usize) -> Result<(PgConnection, Session), Refusal> {
    let mut connection = servers.options(server).connect().await?;
    let (pid, begun, is_standby, syncs, writes_pages, is_lazy) =
        sqlx::query_as(SESSION).fetch_one(&mut connection).await?;
    let refusal = match (is_standby, syncs, writes_pages) {
        (true, ..) => Some(Refusal::Standby),
        (_, false, _) => Some(Refusal::Unsafe("fsync")),
        (_, _, false) => Some(Refusal::Unsafe("full_page_writes")),
        _ => None,
    };
    if let Some(refusal) = refusal {
        connection.close().await?;
        return Err(refusal);
    }
    if is_lazy {
        connection.execute(COMMIT_TO_DISK).await?;
    }
    Ok((connection, Session { server, pid, begun, is_lazy }))
}

fn late() -> sqlx::Error {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// The identity of a connection in PostgreSQL: its process, and its start time.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    server: usize,
    pid: i32,
    begun: i64,
    /// Whether its commits would not wait for the disk.
    is_lazy: bool,
}

/// Asks about a session over a separate connection outside of the pool.
async fn ask<T>(servers: &Servers, session: Session, sql: &'static str) -> Result<T, sqlx::Error>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let asked = timeout(ASIDE, async {
        let mut connection = servers.options(session.server).connect().await?;
        let query = sqlx::query_scalar(sql).bind(session.pid).bind(session.begun);
        let answer = query.fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(answer)
    });
    asked.await.unwrap_or_else(|_| Err(late()))
}

impl Connect for PgConnection {
    type Target = Servers;
    type Session = Session;

    const DRAIN: Duration = Duration::from_secs(2);

    async fn open(servers: &Servers) -> Result<(Self, Session), Error> {
        Ok(connect(servers).await?)
    }

    /// A network can drop a connection silently, and a machine can vanish: then nothing arrives,
    /// not even an error. sqlx does not expose its socket, which could detect it, so that silent
    /// connections are probed over another one. A slow statement is not affected.
    async fn lost(servers: &Servers, session: Session) {
        loop {
            sleep(SILENCE).await;
            if !ask(servers, session, IS_AT_WORK).await.unwrap_or(false) {
                return;
            }
        }
    }

    /// A session without a client could hold locks for as long as a transaction may be idle.
    async fn end(servers: &Servers, session: Session) {
        if let Err(error) = ask::<i64>(servers, session, END).await {
            tracing::debug!(%error, "a session was not ended: PostgreSQL does so when it is idle");
        }
    }

    /// A former primary may have come back as a standby.
    async fn check(&mut self) -> Result<(), Error> {
        let is_standby = sqlx::query_scalar(IS_STANDBY).fetch_one(self).await?;
        if is_standby { Err(Refusal::Standby.into()) } else { Ok(()) }
    }

    /// Its codes tell.
    fn explain(_: &Servers, error: Error) -> Error {
        error
    }

    async fn command(&mut self, statement: &'static str) -> Result<(), Error> {
        self.execute(statement).await?;
        Ok(())
    }
}
