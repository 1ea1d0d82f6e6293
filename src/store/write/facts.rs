//! Facts that were told or asked for again, written with their entries.

use uuid::Uuid;

use crate::{
    clock::Clock,
    model::{Channel, Micros},
    store::sql::bulk::{Batch, Column, Table},
};

static TOLD_FACTS: Table = Table {
    name: "told_facts",
    columns: &["customer_id", "told_at", "entry_id", "case_id", "channel", "reasked"],
};

static NOBODYS_FACTS: Table = Table {
    name: "told_facts",
    columns: &["customer_id", "told_at", "entry_id", "case_id", "reasked", "channel"],
};

/// A fact or a re-ask.
#[derive(Debug)]
pub struct FactRow {
    pub customer_id: Uuid,
    pub told_at: Micros,
    pub entry_id: Uuid,
    pub case_id: Uuid,
    pub channel: Channel,
    pub reasked: bool,
}

pub fn add(batch: &mut Batch, rows: &[FactRow]) {
    let columns = vec![
        Column::Ids(rows.iter().map(|row| row.customer_id).collect()),
        Column::Integers(rows.iter().map(|row| row.told_at).collect()),
        Column::Ids(rows.iter().map(|row| row.entry_id).collect()),
        Column::Ids(rows.iter().map(|row| row.case_id).collect()),
        Column::Texts(rows.iter().map(|row| row.channel.code().to_owned()).collect()),
        Column::Booleans(rows.iter().map(|row| row.reasked).collect()),
    ];
    batch.insert(&TOLD_FACTS, columns);
}

/// A quarter of an hour in microseconds.
const QUARTER: Micros = 15 * 60 * 1_000_000;

/// Adds anonymous facts: time, channel code, and whether it is a re-ask.
pub fn add_nobodys(batch: &mut Batch, clock: Clock, rows: Vec<(Micros, String, bool)>) {
    let nobody = vec![Uuid::nil(); rows.len()];
    let begins = rows.iter().map(|(told_at, ..)| told_at - told_at.rem_euclid(QUARTER));
    let columns = vec![
        Column::Ids(nobody.clone()),
        Column::Integers(begins.collect()),
        Column::Ids(rows.iter().map(|_| clock.random_id()).collect()),
        Column::Ids(nobody),
        Column::Booleans(rows.iter().map(|row| row.2).collect()),
        Column::Texts(rows.into_iter().map(|row| row.1).collect()),
    ];
    batch.insert(&NOBODYS_FACTS, columns);
}
