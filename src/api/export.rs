//! ExportCustomer: sends the rows of the store as lines of JSON. A task reads a page of rows, sends
//! the lines through a short queue, and reads on only when they are taken.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll, ready},
};

use anyhow::Context as _;
use futures_util::Stream;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use uuid::Uuid;

use super::{
    Api,
    budget::Holder,
    caller::Actor,
    json::to_value,
    watch::{QUEUE, StreamTerms, Watches},
};
use crate::{
    error::Error,
    model::Micros,
    pb,
    store::{Export, Exported},
};

/// Incremented when readers of an export have to change.
const VERSION: u32 = 1;
/// The approximate memory of a page of rows and its lines, in bytes.
const PAGE_BYTES: usize = 1 << 20;
/// How many bytes of lines are sent together; a longer line is sent alone.
const MESSAGE_BYTES: usize = 64 << 10;

impl Api {
    /// Starts an export.
    pub(super) async fn export(
        &self,
        customer_id: Uuid,
        terms: StreamTerms,
        actor: &Actor,
    ) -> Result<ExportStream, Error> {
        let permit = self.watches.permit(actor)?;
        let export = self.store.export(customer_id).await?;
        let (messages, taken) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let (watches, exported_at) = (self.watches.clone(), self.rules.clock.now());
        tokio::spawn(async move {
            let (holder, text) = (terms.holder().clone(), String::new());
            let lines = Lines { messages: &messages, watches: &watches, holder, text };
            let work = lines.write(export, exported_at);
            let ended = watches.bounded(&messages, terms, work).await;
            // If the receiver is gone, nobody needs the result. It must be set before the queue
            // ends.
            let _ = ended.map(|ended| end.send(ended));
            drop(permit);
        });
        Ok(ExportStream { messages: taken, end: Some(ended) })
    }
}

/// The response of an export: its messages, and at the end the reason if it failed.
#[derive(Debug)]
pub struct ExportStream {
    messages: mpsc::Receiver<pb::ExportCustomerResponse>,
    /// None once it has been returned.
    end: Option<oneshot::Receiver<Result<(), Error>>>,
}

impl Stream for ExportStream {
    type Item = Result<pb::ExportCustomerResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.messages.poll_recv(cx)) {
            Some(message) => Some(Ok(message)),
            None => self.end.take().and_then(|mut end| {
                let lost = |_| Err(Error::Internal("an export ended without a word".to_owned()));
                end.try_recv().unwrap_or_else(lost).err().map(|error| Err(error.into()))
            }),
        })
    }
}

/// Lines that are being sent.
struct Lines<'a> {
    messages: &'a mpsc::Sender<pb::ExportCustomerResponse>,
    watches: &'a Watches,
    holder: Holder,
    /// The unsent lines.
    text: String,
}

impl Lines<'_> {
    async fn write(mut self, mut export: Export, exported_at: Micros) -> Result<(), Error> {
        let records: Vec<String> = export.records().iter().map(ToString::to_string).collect();
        let first = json!({
            "export": "throughline",
            "version": VERSION,
            "exported_at": format_time(&pb::timestamp(exported_at)),
            "customer": records.first(),
            "records": records,
        });
        self.add(&first).await?;
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        loop {
            let _held = self.watches.room(&self.holder, PAGE_BYTES).await?;
            let Some(rows) = export.page().await? else { break };
            for row in rows {
                *counts.entry(row.table).or_default() += 1;
                self.add(&line(row)?).await?;
            }
        }
        self.add(&json!({ "end": true, "rows": counts })).await?;
        self.flush().await
    }

    async fn add(&mut self, line: &Value) -> Result<(), Error> {
        let line = line.to_string();
        if !self.text.is_empty() && self.text.len() + line.len() >= MESSAGE_BYTES {
            self.flush().await?;
        }
        self.text += &line;
        self.text.push('\n');
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let lines = std::mem::take(&mut self.text);
        self.watches.hand_over(self.messages, pb::ExportCustomerResponse { lines }).await
    }
}

/// A row as a JSON line.
fn line(row: Exported) -> Result<Value, Error> {
    let Exported { table, record, mut columns, entry } = row;
    if let Some(entry) = entry {
        columns.insert("entry".to_owned(), readable(&entry).map_err(|_| UNREADABLE)?);
    }
    columns.insert("table".to_owned(), table.into());
    columns.insert("record".to_owned(), record.to_string().into());
    Ok(Value::Object(columns))
}

/// An entry in the JSON form of the contract.
fn readable(payload: &[u8]) -> anyhow::Result<Value> {
    let page = pb::ListTimelineResponse::decode(payload)?;
    to_value("Entry", page.entries.first().context("a row without an entry")?)
}

fn format_time(time: &prost_types::Timestamp) -> String {
    time.to_string()
}

const UNREADABLE: Error = Error::Inconsistent { table: "entries", column: "payload" };
