//! Valid calls to derive others from, and their answers.

use std::{
    collections::BTreeSet,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use prost_types::Timestamp;
use throughline::pb::{
    self, Channel, Direction, IdentifierKind, entry::Content, get_customer_request,
    list_timeline_request,
};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::support::{NOW, Server};

pub fn identifier(kind: IdentifierKind, value: impl Into<String>) -> pb::Identifier {
    pb::Identifier { kind: kind.into(), value: value.into(), ..Default::default() }
}

pub fn account(value: impl Into<String>) -> pb::Identifier {
    identifier(IdentifierKind::Account, value)
}

pub fn email(value: impl Into<String>) -> pb::Identifier {
    identifier(IdentifierKind::Email, value)
}

/// A time relative to the server's.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds: NOW / 1_000_000 + seconds, nanos: 0 }
}

/// A UUID that no other call has. Only its form matters; it is the same in each run.
pub fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("7d1f0a52-3c0e-4f7b-9a51-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An entry of an hour ago, by phone, with its own source_ref.
pub fn entry(content: Content) -> pb::Entry {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    pb::Entry {
        occurred_at: Some(at(-3600)),
        channel: Channel::Phone.into(),
        source: "test".to_owned(),
        source_ref: format!("ref-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        content: Some(content),
        ..Default::default()
    }
}

pub fn note(text: impl Into<String>) -> pb::Entry {
    entry(Content::Note(pb::Note { text: text.into() }))
}

pub fn said(text: impl Into<String>) -> pb::Entry {
    entry(Content::Interaction(pb::Interaction {
        direction: Direction::Inbound.into(),
        text: text.into(),
        ..Default::default()
    }))
}

/// The order of a television.
pub fn bought(order_number: impl Into<String>) -> pb::Entry {
    let line = pb::PurchaseLine {
        name: "Television 55 inch".to_owned(),
        quantity: 1,
        ..Default::default()
    };
    entry(Content::Purchase(pb::Purchase {
        order_number: order_number.into(),
        lines: vec![line],
        ..Default::default()
    }))
}

/// A net promoter score with what the customer wrote.
pub fn scored(score: f64, text: impl Into<String>) -> pb::Entry {
    entry(Content::Feedback(pb::Feedback {
        metric: pb::feedback::Metric::Nps.into(),
        score: Some(score),
        text: text.into(),
        ..Default::default()
    }))
}

/// An entry that is about orders.
pub fn about<const N: usize>(entry: pb::Entry, orders: [&str; N]) -> pb::Entry {
    pb::Entry { order_numbers: orders.map(str::to_owned).to_vec(), ..entry }
}

/// The call that records an entry for the customer with the identifiers.
pub fn by(identifiers: Vec<pb::Identifier>, entry: pb::Entry) -> pb::RecordEntryRequest {
    pb::RecordEntryRequest { identifiers, entry: Some(entry), ..Default::default() }
}

/// The call that records an entry for a customer.
pub fn to(customer_id: &str, entry: pb::Entry) -> pb::RecordEntryRequest {
    let customer_id = customer_id.to_owned();
    pb::RecordEntryRequest { customer_id, entry: Some(entry), ..Default::default() }
}

/// The call with a request_id instead of the entry's source_ref.
pub fn by_request_id(mut request: pb::RecordEntryRequest) -> pb::RecordEntryRequest {
    if let Some(entry) = &mut request.entry {
        entry.source_ref.clear();
    }
    pb::RecordEntryRequest { request_id: request_id(), ..request }
}

/// The first page of a customer's timeline, the newest first.
pub fn list(customer_id: &str) -> pb::ListTimelineRequest {
    pb::ListTimelineRequest {
        customer: Some(list_timeline_request::Customer::CustomerId(customer_id.to_owned())),
        ..Default::default()
    }
}

pub fn identify(identifiers: Vec<pb::Identifier>) -> pb::IdentifyCustomerRequest {
    pb::IdentifyCustomerRequest { identifiers, ..Default::default() }
}

impl Server {
    /// The answer to IdentifyCustomer, which must succeed.
    pub async fn identified(
        &self,
        identifiers: Vec<pb::Identifier>,
    ) -> pb::IdentifyCustomerResponse {
        let call = identify(identifiers);
        self.customers.clone().identify_customer(call).await.unwrap().into_inner()
    }

    /// The customer with an id.
    pub async fn customer(&self, customer_id: &str) -> pb::Customer {
        let customer_id = customer_id.to_owned();
        let customer = Some(get_customer_request::Customer::CustomerId(customer_id));
        let call = pb::GetCustomerRequest { customer };
        let answer = self.customers.clone().get_customer(call).await.unwrap();
        answer.into_inner().customer.unwrap()
    }

    /// The answer to RecordEntry, which must succeed.
    pub async fn recorded(&self, call: pb::RecordEntryRequest) -> pb::RecordEntryResponse {
        self.timeline.clone().record_entry(call).await.unwrap().into_inner()
    }

    /// What RecordEntry is refused with.
    pub async fn not_recorded(&self, call: pb::RecordEntryRequest) -> Refusal {
        refusal(self.timeline.clone().record_entry(call).await)
    }

    /// The answers to BatchRecordEntries.
    pub async fn batch(
        &self,
        requests: Vec<pb::RecordEntryRequest>,
    ) -> Result<Response<pb::BatchRecordEntriesResponse>, Status> {
        let call = pb::BatchRecordEntriesRequest { requests };
        self.timeline.clone().batch_record_entries(call).await
    }

    /// All entries of a list, page by page.
    pub async fn all(&self, mut call: pb::ListTimelineRequest) -> Vec<pb::Entry> {
        let mut entries = Vec::new();
        loop {
            let page = self.timeline.clone().list_timeline(call.clone()).await.unwrap();
            let page = page.into_inner();
            entries.extend(page.entries);
            if page.next_page_token.is_empty() {
                return entries;
            }
            call.page_token = page.next_page_token;
        }
    }

    /// The whole timeline of a customer, the newest first.
    pub async fn timeline_of(&self, customer_id: &str) -> Vec<pb::Entry> {
        self.all(pb::ListTimelineRequest { page_size: 200, ..list(customer_id) }).await
    }
}

/// The error of a call, as far as a client can act on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub reason: String,
    /// The paths of the fields in the error.
    pub fields: BTreeSet<String>,
}

impl Refusal {
    pub fn new<const N: usize>(code: Code, reason: &str, fields: [&str; N]) -> Self {
        Self { code, reason: reason.to_owned(), fields: fields.map(str::to_owned).into() }
    }

    /// A call with invalid fields.
    pub fn invalid<const N: usize>(fields: [&str; N]) -> Self {
        Self::new(Code::InvalidArgument, "INVALID_FIELD", fields)
    }
}

/// On one line, for comparison by eye.
impl fmt::Debug for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {} {:?}", self.code, self.reason, self.fields)
    }
}

/// The error of a call that must be refused.
#[track_caller]
pub fn refusal<T: fmt::Debug>(answer: Result<Response<T>, Status>) -> Refusal {
    refusal_of(&answer.unwrap_err())
}

/// What the status of a call means to a client.
pub fn refusal_of(status: &Status) -> Refusal {
    let details = status.get_error_details();
    let fields = details.bad_request().map(|it| it.field_violations.clone()).unwrap_or_default();
    Refusal {
        code: status.code(),
        reason: details.error_info().map(|it| it.reason.clone()).unwrap_or_default(),
        fields: fields.into_iter().map(|it| it.field).collect(),
    }
}
