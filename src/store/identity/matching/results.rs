//! The rows that a comparison writes.

use uuid::Uuid;

use super::{
    compare::Found,
    pairs::PairOf,
    state::State,
    statements::{REMOVE_SUGGESTIONS, SET_SUGGESTIONS},
};
use crate::{
    clock::Clock,
    domain::matching::Reason,
    error::Error,
    store::sql::{bulk::Column, db::Db, json::to_json},
};

/// The start of the queue.
pub const BEGIN: (Uuid, i64) = (Uuid::nil(), 0);

/// Writes suggestions, and removes those that no longer apply.
pub async fn write(
    db: &Db,
    clock: Clock,
    state: &mut State,
    found: Vec<Found>,
    gone: Vec<PairOf>,
) -> Result<(), Error> {
    if found.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let now = clock.now();
    let reasons = found.iter().map(|found| write_reasons(&found.reasons));
    let columns = vec![
        Column::Ids(found.iter().map(|found| found.pair.0).collect()),
        Column::Ids(found.iter().map(|found| found.pair.1).collect()),
        Column::Ids(found.iter().map(|_| clock.new_id()).collect()),
        Column::Integers(found.iter().map(|found| found.rank).collect()),
        Column::Texts(reasons.collect::<Result<_, _>>()?),
        Column::Integers(vec![now; found.len()]),
    ];
    let mut tx = state.begin(db, 0).await?;
    tx.apply(REMOVE_SUGGESTIONS, pair_columns(gone)).await?;
    tx.apply(SET_SUGGESTIONS, columns).await?;
    tx.commit().await
}

fn pair_columns(pairs: Vec<PairOf>) -> Vec<Column> {
    let (ones, others) = pairs.into_iter().unzip();
    vec![Column::Ids(ones), Column::Ids(others)]
}

pub fn listed_columns(changes: Vec<(PairOf, bool)>) -> Vec<Column> {
    let (pairs, listed): (Vec<PairOf>, Vec<bool>) = changes.into_iter().unzip();
    let mut columns = pair_columns(pairs);
    columns.push(Column::Booleans(listed));
    columns
}

/// Encodes reasons.
fn write_reasons(reasons: &[Reason]) -> Result<String, Error> {
    /// The largest stored weight.
    const MOST_BITS: f64 = 1_000.0;
    let row = |it: &Reason| {
        (it.field, it.agreement, it.weight_bits.clamp(-MOST_BITS, MOST_BITS), it.chance)
    };
    let rows: Vec<_> = reasons.iter().map(row).collect();
    to_json(&rows)
}

/// Decodes reasons.
pub fn read_reasons(json: &str) -> Result<Vec<Reason>, Error> {
    let unreadable = |_| Error::Inconsistent { table: "suggestions", column: "reasons" };
    let rows: Vec<(_, _, f64, f64)> = serde_json::from_str(json).map_err(unreadable)?;
    let reason =
        |(field, agreement, weight_bits, chance)| Reason { field, agreement, weight_bits, chance };
    Ok(rows.into_iter().map(reason).collect())
}
