//! One writer at a time, however many servers there are, and without a lock that anybody else
//! waits for.

use std::sync::Arc;

use uuid::Uuid;

use super::statements::{ADVANCE, HOLD, RELEASE, SET_SETTING, STATE};
use crate::{
    clock::Clock,
    error::Error,
    model::Micros,
    store::{
        db::{Db, Tx, on_db, on_tx},
        settings,
    },
    story::matching::Model,
};

/// Under this name the settings hold the weights that were learnt.
const MODEL: &str = "match_model";

/// Whoever compares all customers keeps the others off for so long, and says so again in time: 2
/// minutes.
const HOLD_FOR: Micros = 120 * 1_000_000;

/// What was read rests on this state of the tables.
#[derive(Debug)]
pub struct State {
    generation: i64,
    /// How many records are counted.
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
        // Weights of another version of the program are no fault: the next run learns them anew.
        let model = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let held = held_by.map(|holder| (holder, held_until));
        Ok(Self { generation, people, model: Arc::new(model), held })
    }

    /// Whether somebody else compares all customers.
    pub fn is_held(&self, now: Micros) -> bool {
        self.held.is_some_and(|(_, until)| until > now)
    }

    /// Begins a transaction that writes, if what was read still is as it was.
    pub async fn begin(&mut self, db: &Db, more_people: i64) -> Result<Tx, Error> {
        let mut tx = db.begin().await?;
        let rows = on_tx!(&mut tx, |c| {
            let query = sqlx::query(ADVANCE).bind(self.generation).bind(more_people);
            query.execute(c).await?.rows_affected()
        });
        if rows == 0 {
            return Err(Error::LostRace);
        }
        // Where the commit fails the caller begins anew and reads all of it again.
        self.generation += 1;
        self.people += more_people;
        Ok(tx)
    }
}

/// Keeps everybody else from writing, for a time. False where somebody else does so already.
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

/// Keeps the weights that all servers use from now on.
pub async fn set_model(tx: &mut Tx, model: &Model) -> Result<(), Error> {
    let text = serde_json::to_vec(model)
        .map_err(|_| Error::Internal("the weights have no JSON form".to_owned()))?;
    on_tx!(tx, |c| {
        sqlx::query(SET_SETTING).bind(MODEL).bind(text).execute(c).await?;
    });
    Ok(())
}
