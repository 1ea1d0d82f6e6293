//! Connects to PostgreSQL, and asks after a connection that has become silent.

use std::{io, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions,
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Db, Observers,
    pool::{Connect, Pool},
};
use crate::{error::Error, store::dialect::Kind};

/// What the server side of each connection is told. Every statement of ours goes by an index: a
/// plan that was cached while a table was empty must not read the table whole once it is full. Of a
/// client that has vanished it hears by keepalive, and frees its locks.
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
/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(3);
/// For how long a database that is starting is waited for, and how often it is tried.
const START: Duration = Duration::from_secs(10);
const START_RETRY: Duration = Duration::from_millis(100);
/// A statement without an answer is asked after each time this has passed.
const SILENCE: Duration = Duration::from_secs(2);
/// How long it may take to ask, or to end a session, over a connection of its own.
const ASIDE: Duration = Duration::from_millis(1500);

const SESSION: &str = "select pid, cast(extract(epoch from backend_start) * 1000000 as bigint) \
    from pg_stat_activity where pid = pg_backend_pid()";
/// Whether a session is at work. One that has waited for its client for long writes an answer that
/// does not arrive. Where the database keeps no account of its sessions they are taken to work.
const IS_AT_WORK: &str = "select exists (select from pg_stat_activity where pid = $1 \
    and cast(extract(epoch from backend_start) * 1000000 as bigint) = $2 \
    and state in ('active', 'fastpath function call', 'disabled') \
    and (wait_event_type is distinct from 'Client' \
        or query_start > clock_timestamp() - interval '4 seconds'))";
const END: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid = $1 \
    and cast(extract(epoch from backend_start) * 1000000 as bigint) = $2";

/// Connects to the database of a URL.
pub async fn open(url: &str, connections: u32, observers: &Observers) -> Result<Db, Error> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("throughline")
        .options(SETTINGS)
        .statement_cache_capacity(512);
    wait_for(&options).await?;
    let observer = observers.of(Kind::Postgres, "all");
    Ok(Db::Postgres(Pool::new(options, connections.max(2), observer)))
}

/// Waits for a database that is just starting.
async fn wait_for(options: &PgConnectOptions) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        match connect(options, CONNECT).await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) if is_starting(&error) && started.elapsed() < START => {
                sleep(START_RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn connect(options: &PgConnectOptions, bound: Duration) -> Result<PgConnection, sqlx::Error> {
    within(bound, options.connect()).await
}

async fn within<T>(
    bound: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
    timeout(bound, work).await.unwrap_or_else(late)
}

/// Nobody listens yet, or the database says that it is starting or has no connection left.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P03" | "53300"))
        }
        _ => false,
    }
}

/// What PostgreSQL knows a connection by: its process, and when that began.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    pid: i32,
    begun: i64,
}

/// Asks of a session over a connection of its own, which is not one of the pool.
async fn ask<T>(
    options: &PgConnectOptions,
    session: Session,
    sql: &'static str,
) -> Result<T, sqlx::Error>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    within(ASIDE, async {
        let mut connection = options.connect().await?;
        let query = sqlx::query_scalar(sql).bind(session.pid).bind(session.begun);
        let answer = query.fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(answer)
    })
    .await
}

impl Connect for PgConnection {
    type Target = PgConnectOptions;
    type Session = Session;

    const DRAIN: Duration = Duration::from_secs(2);

    async fn open(options: &PgConnectOptions) -> Result<(Self, Session), Error> {
        let opened = within(CONNECT, async {
            let mut connection = options.connect().await?;
            let (pid, begun) = sqlx::query_as(SESSION).fetch_one(&mut connection).await?;
            Ok((connection, Session { pid, begun }))
        });
        Ok(opened.await?)
    }

    /// A network can forget a connection, and a machine can vanish: then nothing comes, not even an
    /// error. sqlx does not give its socket, which could find it out by itself; so what is silent
    /// is asked after elsewhere. A statement that takes long is none of that.
    async fn lost(options: &PgConnectOptions, session: Session) {
        loop {
            sleep(SILENCE).await;
            if !ask(options, session, IS_AT_WORK).await.unwrap_or(false) {
                return;
            }
        }
    }

    /// A session without a client may hold locks for as long as its transaction may be idle.
    async fn end(options: &PgConnectOptions, session: Session) {
        if let Err(error) = ask::<i64>(options, session, END).await {
            tracing::debug!(%error, "a session is left to end by itself");
        }
    }

    async fn check(&mut self) -> Result<(), Error> {
        Ok(self.ping().await?)
    }

    async fn command(&mut self, statement: &'static str) -> Result<(), Error> {
        self.execute(statement).await?;
        Ok(())
    }
}
