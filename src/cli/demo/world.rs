//! The invented world: in the product's own import format, loaded through its own calls.

use anyhow::Context as _;

use crate::{
    cli::{connect::Client, failure::Failure, json},
    pb::{self, import_record::Record},
};

/// One line per customer, then one line per entry, each the JSON form of
/// `throughline.v1.ImportRecord`.
const WORLD: &str = include_str!("world.ndjson");

/// The size of the world, whether it was loaded now or before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub customers: usize,
    pub entries: usize,
}

/// Loads the world. Its entries have fixed names, so that a second run adds nothing.
pub async fn load(client: &mut Client) -> Result<Loaded, Failure> {
    let mut loaded = Loaded::default();
    let mut requests = Vec::new();
    for (record, number) in WORLD.lines().zip(1..) {
        let record: pb::ImportRecord = json::from_json("ImportRecord", record)
            .with_context(|| format!("line {number} of the demo's world"))?;
        match record.record {
            Some(Record::Customer(request)) => {
                loaded.customers += 1;
                let answer = client.customers.identify_customer(request).await;
                answer.map_err(|status| client.failure(&status))?;
            }
            Some(Record::Entry(request)) => requests.push(request),
            None => {}
        }
    }
    loaded.entries = requests.len();
    let batch = pb::BatchRecordEntriesRequest { requests };
    let answer = client.timeline.batch_record_entries(batch).await;
    answer.map_err(|status| client.failure(&status))?;
    Ok(loaded)
}
