//! An acquired connection. Each use has a time limit, and a connection is reused only if its state
//! is known.

use std::{future::Future, mem, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use super::pool::{Connect, Open, Pool, close, closed, unavailable};
use crate::{error::Error, metrics::Operation};

/// The time limit of a statement. The limits of the database itself are shorter.
const STATEMENT: Duration = Duration::from_secs(35);
/// The time limit of a rollback in the background.
const ROLLBACK: Duration = Duration::from_secs(2);

/// The known state of an acquired connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Idle.
    Ready,
    /// Statements outside of a transaction are running.
    Running,
    /// A transaction is open, and all of its statements have succeeded.
    Open,
    /// A transaction is open and has lost a conflict: it can only be rolled back.
    Lost,
    /// A statement of a transaction is running, or a statement has failed.
    Unknown,
}

/// An acquired connection. When dropped, it returns to the pool once it is clean: an open
/// transaction is rolled back, and an abandoned statement is waited for. It is closed if that
/// fails, or if a statement has failed.
pub struct Pooled<C: Connect> {
    /// None once it is dropped.
    open: Option<Open<C>>,
    usage: Usage<C>,
    /// Released last.
    permit: Option<OwnedSemaphorePermit>,
}

/// The state and the limits of an acquired connection.
pub struct Usage<C: Connect> {
    pool: Pool<C>,
    session: C::Session,
    state: State,
    bound: Duration,
    /// The operation of its statements outside of a transaction.
    alone: Operation,
    /// When the transaction began.
    begun: Option<Instant>,
}

impl<C: Connect> Pool<C> {
    /// Acquires a connection once one is free. Fails at once if the database was just found to be
    /// down.
    pub async fn acquire(&self) -> Result<Pooled<C>, Error> {
        let (open, permit) = self.take().await?;
        Ok(Pooled::new(open, self.clone(), permit))
    }
}

impl<C: Connect> Pooled<C> {
    fn new(open: Open<C>, pool: Pool<C>, permit: OwnedSemaphorePermit) -> Self {
        let (session, state, alone) = (open.session, State::Ready, pool.0.observer.alone);
        let usage = Usage { pool, session, state, bound: STATEMENT, alone, begun: None };
        Self { open: Some(open), usage, permit: Some(permit) }
    }

    /// Sets another time limit for each use.
    pub fn bounded_by(mut self, bound: Duration) -> Self {
        self.usage.bound = bound;
        self
    }

    /// Declares that statements outside of a transaction write.
    pub fn writing(mut self) -> Self {
        self.usage.alone = Operation::Write;
        self
    }

    /// Where the connection leads.
    pub fn target(&self) -> &C::Target {
        &self.usage.pool.0.target
    }

    /// The connection, and the usage that its statements run in.
    pub fn parts(&mut self) -> Result<(&mut C, &mut Usage<C>), Error> {
        let open = self.open.as_mut().ok_or_else(closed)?;
        Ok((&mut open.connection, &mut self.usage))
    }

    /// Begins a transaction. sqlx must not track it: SQLite ends a transaction by itself after some
    /// errors, and sqlx would still consider the connection to be in it.
    pub async fn begin(&mut self, statement: &'static str) -> Result<(), Error> {
        let (connection, usage) = self.parts()?;
        let begin = connection.command(statement);
        usage.begun = Some(Instant::now());
        usage.run(Operation::Begin, State::Unknown, State::Open, begin).await
    }

    /// Commits the transaction.
    pub async fn commit(mut self) -> Result<(), Error> {
        let (connection, usage) = self.parts()?;
        match usage.state {
            State::Open => {}
            State::Lost => return Err(Error::Conflict),
            // PostgreSQL would roll back without an error.
            _ => return Err(Error::Internal("a commit after a failed statement".to_owned())),
        }
        let commit = connection.command("commit");
        usage.run(Operation::Commit, State::Unknown, State::Ready, commit).await?;
        if let Some(begun) = usage.begun {
            let meter = &usage.pool.0.observer.meter;
            meter.operation(Operation::Transaction, begun.elapsed(), None);
        }
        Ok(())
    }
}

impl<C: Connect> Usage<C> {
    /// Runs statements of its connection.
    pub async fn over<T>(
        &mut self,
        statements: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let (operation, meanwhile) = match self.state {
            State::Ready => (self.alone, State::Running),
            _ => (Operation::Write, State::Unknown),
        };
        let result = self.run(operation, meanwhile, self.state, statements).await;
        if result.is_ok() && meanwhile == State::Running && operation == Operation::Write {
            // It has committed by itself.
            self.pool.vitals().succeeded();
        }
        result
    }

    /// Runs statements that change the state of the connection.
    async fn run<T>(
        &mut self,
        operation: Operation,
        meanwhile: State,
        afterwards: State,
        statements: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let before = mem::replace(&mut self.state, meanwhile);
        let begun = Instant::now();
        let answered = tokio::select! {
            biased;
            in_time = timeout(self.bound, statements) => in_time.ok(),
            () = C::lost(&self.pool.0.target, self.session) => None,
        };
        let result = answered.unwrap_or_else(|| Err(unavailable("a statement got no answer")));
        let result = result.map_err(|error| C::explain(&self.pool.0.target, error));
        self.pool.0.observer.note(operation, begun.elapsed(), &result);
        self.state = match &result {
            Ok(_) => afterwards,
            Err(Error::Conflict) if meanwhile == State::Running => State::Ready,
            Err(Error::Conflict) if before != State::Unknown => State::Lost,
            Err(_) => {
                self.pool.0.suspect();
                State::Unknown
            }
        };
        result
    }
}

impl<C: Connect> Drop for Pooled<C> {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let pool = &self.usage.pool.0;
        if self.usage.state == State::Ready {
            return pool.push(open);
        }
        // There is no runtime when the process ends.
        let Ok(runtime) = Handle::try_current() else { return };
        let (pool, state, permit) = (Arc::clone(pool), self.usage.state, self.permit.take());
        runtime.spawn(async move {
            let Open { session, since, .. } = open;
            match settled(open.connection, state).await {
                Some(connection) => pool.push(Open { connection, session, since }),
                None => {
                    // The slot is free again.
                    drop(permit);
                    C::end(&pool.target, session).await;
                }
            }
        });
    }
}

/// Brings the connection into a known state; None if it had to be closed.
async fn settled<C: Connect>(mut connection: C, state: State) -> Option<C> {
    let is_settled = match state {
        State::Ready => true,
        State::Running => matches!(timeout(C::DRAIN, connection.ping()).await, Ok(Ok(()))),
        State::Open | State::Lost => {
            matches!(timeout(ROLLBACK, connection.command("rollback")).await, Ok(Ok(())))
        }
        State::Unknown => false,
    };
    if is_settled {
        return Some(connection);
    }
    close(connection).await;
    None
}

#[cfg(test)]
mod tests {
    use sqlx::{Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};

    use crate::{
        error::Error,
        store::{
            files::OpenFile,
            sql::{
                db::{Observers, on, pool::Pool},
                statement::Kind,
            },
        },
    };

    const SLOW: &str = "with recursive n(i) as (select 1 union all select i + 1 from n \
        where i < 3000000) select max(i) from n";
    /// A trigger after which SQLite ends the transaction by itself, as on a full disk.
    const BREAK: &str = "create trigger broken before insert on kept when new.n = 2 \
        begin select raise(rollback, 'broken'); end";

    /// A pool of one connection. Each connection has its own database in memory: finding the table
    /// means that it is the first one.
    async fn pool() -> Result<Pool<SqliteConnection>, Error> {
        let observer = Observers::default().of(Kind::Sqlite, "write");
        let memory = SqliteConnectOptions::new().filename(":memory:");
        let memory = OpenFile::unwatched(memory);
        let pool = Pool::<SqliteConnection>::new(memory.into(), 1, observer);
        on!(pool.acquire().await?, |c| c.execute("create table kept (n unique)").await?);
        on!(pool.acquire().await?, |c| c.execute(BREAK).await?);
        Ok(pool)
    }

    /// The number of rows, if it is the first connection.
    async fn rows(pool: &Pool<SqliteConnection>) -> Result<i64, Error> {
        let count = sqlx::query_scalar("select count(*) from kept");
        Ok(on!(pool.acquire().await?, |c| count.fetch_one(c).await?))
    }

    #[tokio::test]
    async fn a_transaction_that_is_not_committed_is_rolled_back() -> Result<(), Error> {
        let pool = pool().await?;
        let mut tx = pool.acquire().await?;
        tx.begin("begin").await?;
        on!(tx, |c| c.execute("insert into kept values (1)").await?);
        drop(tx);
        assert_eq!(rows(&pool).await, Ok(0));

        let mut tx = pool.acquire().await?;
        tx.begin("begin").await?;
        on!(tx, |c| c.execute("insert into kept values (1)").await?);
        tx.commit().await?;
        assert_eq!(rows(&pool).await, Ok(1));
        Ok(())
    }

    async fn insert_twice(pool: &Pool<SqliteConnection>) -> Result<(), Error> {
        let mut tx = pool.acquire().await?;
        tx.begin("begin").await?;
        on!(tx, |c| c.execute("insert into kept values (1), (1)").await?);
        tx.commit().await
    }

    #[tokio::test]
    async fn a_lost_race_does_not_cost_the_connection() -> Result<(), Error> {
        let pool = pool().await?;
        assert_eq!(insert_twice(&pool).await, Err(Error::Conflict));
        assert_eq!(rows(&pool).await, Ok(0));
        Ok(())
    }

    #[tokio::test]
    async fn a_failed_statement_costs_the_connection() -> Result<(), Error> {
        let pool = pool().await?;
        let mut tx = pool.acquire().await?;
        tx.begin("begin").await?;
        let insert = async {
            on!(tx, |c| c.execute("insert into kept values (2)").await?);
            Ok::<_, Error>(())
        };
        assert!(matches!(insert.await, Err(Error::Internal(_))));
        // A caller that continues all the same is not told that it was committed.
        assert!(matches!(tx.commit().await, Err(Error::Internal(_))));
        assert!(matches!(rows(&pool).await, Err(Error::Internal(_))), "it is used again");

        let mut tx = pool.acquire().await?;
        tx.begin("begin").await?;
        tx.commit().await
    }

    #[tokio::test]
    async fn a_statement_that_is_given_up_is_waited_for() -> Result<(), Error> {
        let pool = pool().await?;
        let slow = async {
            on!(pool.acquire().await?, |c| c.execute(SLOW).await?);
            Ok::<_, Error>(())
        };
        tokio::select! {
            biased;
            done = slow => panic!("{done:?}"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(rows(&pool).await, Ok(0));
        Ok(())
    }

    #[tokio::test]
    async fn a_closed_pool_gives_no_connection() -> Result<(), Error> {
        let pool = pool().await?;
        pool.close().await;
        assert!(matches!(pool.acquire().await.err(), Some(Error::Unavailable(_))));
        Ok(())
    }
}
