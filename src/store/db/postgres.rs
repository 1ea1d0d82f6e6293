//! Connects to PostgreSQL.

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
/// plan that was cached while a table was empty must not read the table whole once it is full.
const SETTINGS: [(&str, &str); 9] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "30s"),
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
        match connect(options).await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) if is_starting(&error) && started.elapsed() < START => {
                sleep(START_RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let in_time = timeout(CONNECT, options.connect()).await;
    in_time.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
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

impl Connect for PgConnection {
    type Target = PgConnectOptions;

    const DRAIN: Duration = Duration::from_secs(2);

    async fn open(options: &PgConnectOptions) -> Result<Self, Error> {
        Ok(connect(options).await?)
    }

    async fn check(&mut self) -> Result<(), Error> {
        Ok(self.ping().await?)
    }

    async fn command(&mut self, statement: &'static str) -> Result<(), Error> {
        self.execute(statement).await?;
        Ok(())
    }
}
