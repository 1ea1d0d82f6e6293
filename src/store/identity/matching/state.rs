//! Ensures one writer at a time across all servers, without a lock that anybody else waits for.

use std::sync::Arc;

use uuid::Uuid;

use super::statements::{ADVANCE, HOLD, RELEASE, SET_SETTING, STATE};
use crate::{
    clock::Clock,
    domain::matching::Model,
    error::Error,
    model::Micros,
    store::sql::{
        db::{Db, Tx, on_db, on_tx},
        settings,
    },
};

/// The setting that holds the learnt weights.
const MODEL: &str = "match_model";

/// How long a full comparison keeps other writers off before it has to renew: 2 minutes.
const HOLD_FOR: Micros = 120 * 1_000_000;

/// The state of the tables that reads are based on.
#[derive(Debug)]
pub struct State {
    generation: i64,
    /// The number of counted records.
    pub people: i64,
    pub model: Arc<Model>,
    held: Option<(Uuid, Micros)>,
}

impl State {
    pub async fn read(db: &Db) -> Result<Self, Error> {
        let (generation, people, held_by, held_until): (i64, i64, Option<Uuid>, Micros) =
            on_db!(db, |c| sqlx::query_as(STATE).fetch_one(c).await?);
        let text: Option<Vec<u8>> = on_db!(db, |c| {
            sqlx::query_scalar(settings::GET).bind(MODEL).fetch_optional(c).await?
        });
        // Weights of another program version are ignored: the next run learns them again.
        let model = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let held = held_by.map(|holder| (holder, held_until));
        Ok(Self { generation, people, model: Arc::new(model), held })
    }

    /// Whether another process compares all customers.
    pub fn is_held(&self, now: Micros) -> bool {
        self.held.is_some_and(|(_, until)| until > now)
    }

    /// Begins a write transaction, if the state is unchanged since the reads.
    pub async fn begin(&mut self, db: &Db, more_people: i64) -> Result<Tx, Error> {
        let mut tx = db.begin().await?;
        let rows = on_tx!(&mut tx, |c| {
            let query = sqlx::query(ADVANCE).bind(self.generation).bind(more_people);
            query.execute(c).await?.rows_affected()
        });
        if rows == 0 {
            return Err(Error::Conflict);
        }
        // If the commit fails, the caller starts again and reads everything again.
        self.generation += 1;
        self.people += more_people;
        Ok(tx)
    }
}

/// Keeps other writers off for a time. False if another process does so already.
pub async fn hold(db: &Db, clock: Clock, holder: Uuid) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    let now = clock.now();
    let rows = on_tx!(&mut tx, |c| {
        let query = sqlx::query(HOLD).bind(holder).bind(now.saturating_add(HOLD_FOR)).bind(now);
        query.execute(c).await?.rows_affected()
    });
    tx.commit().await?;
    Ok(rows > 0)
}

pub async fn release(db: &Db, holder: Uuid) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    on_tx!(&mut tx, |c| {
        sqlx::query(RELEASE).bind(holder).execute(c).await?;
    });
    tx.commit().await
}

/// Stores the weights for all servers.
pub async fn set_model(tx: &mut Tx, model: &Model) -> Result<(), Error> {
    let text = serde_json::to_vec(model)
        .map_err(|_| Error::Internal("the weights have no JSON form".to_owned()))?;
    on_tx!(tx, |c| {
        sqlx::query(SET_SETTING).bind(MODEL).bind(text).execute(c).await?;
    });
    Ok(())
}
