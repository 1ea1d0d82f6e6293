//! The operations of writers.

use throughline::{
    clock::Clock,
    pb::{
        self, Channel, IdentifierKind, PromiseState, entry::Content, get_briefing_request,
        give_quote_request::ValidUntil, list_timeline_request, make_promise_request::Due,
    },
};
use uuid::Uuid;

use super::{Place, Writer};

/// An operation on a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Record,
    RecordBatch,
    OpenCase,
    TellFact,
    MakePromise,
    SettlePromise,
    GiveQuote,
    Merge,
    ReadTimeline,
    ReadBriefing,
}

use Operation::{
    GiveQuote, MakePromise, Merge, OpenCase, ReadBriefing, ReadTimeline, Record, RecordBatch,
    SettlePromise, TellFact,
};

/// A mix of all, mostly entries.
#[rustfmt::skip]
pub const USUAL: &[Operation] = &[
    Record, Record, Record, Record, Record, RecordBatch, OpenCase, TellFact, TellFact, MakePromise,
    SettlePromise, GiveQuote, Merge, ReadTimeline, ReadBriefing,
];

const BATCH: usize = 5;
/// The delays until promises are due, in milliseconds: some are broken during the fault.
pub const SOON_AND_LATER: &[i64] = &[300, 1500, HOUR, 24 * HOUR];
/// None is due before the call is answered, whatever the fault.
pub const LATER: &[i64] = &[20 * HOUR, 100 * HOUR];
/// Promises due within this many seconds are waited for.
pub const SOON: i64 = 60;
const HOUR: i64 = 3_600_000;

impl Operation {
    pub(super) async fn run(self, writer: &mut Writer) {
        match self {
            Record => writer.record().await,
            RecordBatch => writer.record_batch().await,
            OpenCase => writer.open_case().await,
            TellFact => writer.tell_fact().await,
            MakePromise => writer.make_promise().await,
            SettlePromise => writer.settle_promise().await,
            GiveQuote => writer.give_quote().await,
            Merge => writer.merge().await,
            ReadTimeline => writer.read_timeline().await,
            ReadBriefing => writer.read_briefing().await,
        }
    }
}

/// A time this many milliseconds from now.
fn later(millis: i64) -> prost_types::Timestamp {
    pb::timestamp(Clock::System.now() + millis * 1000)
}

fn request_id() -> String {
    Clock::System.random_id().to_string()
}

impl Writer {
    fn account(&self, customer: usize) -> pb::Identifier {
        pb::Identifier {
            kind: IdentifierKind::Account.into(),
            namespace: "shop".to_owned(),
            value: format!("{}-{customer}", self.shared.tag),
            ..Default::default()
        }
    }

    fn entry(&mut self, customer: usize, source_ref: &str) -> pb::RecordEntryRequest {
        let text = "x".repeat(self.random.below(400));
        let entry = pb::Entry {
            occurred_at: Some(later(0)),
            channel: Channel::Phone.into(),
            source: self.shared.tag.clone(),
            source_ref: source_ref.to_owned(),
            content: Some(Content::Note(pb::Note { text: format!("note {text}") })),
            ..Default::default()
        };
        let identifiers = vec![self.account(customer)];
        pb::RecordEntryRequest { identifiers, entry: Some(entry), ..Default::default() }
    }

    /// The record of a known customer.
    fn known(&mut self) -> Option<String> {
        let customer = self.random.below(self.shared.size.customers);
        self.book().customers[customer].clone()
    }

    fn recorded(&self, customer: usize, mark: String, answer: &pb::RecordEntryResponse) {
        let id = |text: &str| Uuid::parse_str(text).expect("the id of an answer");
        let (record, entry) = (id(&answer.record_id), id(&answer.entry_id));
        let place = Place { record, entry, revision: answer.revision };
        let mut book = self.book();
        book.met += usize::from(answer.already_recorded);
        book.customers[customer] = Some(answer.record_id.clone());
        book.acknowledge(mark, Some(place));
        drop(book);
        self.tell();
    }

    async fn record(&mut self) {
        let customer = self.random.below(self.shared.size.customers);
        let mark = self.mark.clone();
        let call = self.entry(customer, &mark);
        let answer =
            self.send(call, async |client, call| client.timeline.record_entry(call).await).await;
        if let Some(answer) = answer {
            self.recorded(customer, mark, &answer);
        }
    }

    async fn record_batch(&mut self) {
        let customer = self.random.below(self.shared.size.customers);
        let marks: Vec<_> = (0..BATCH).map(|number| format!("{}-{number}", self.mark)).collect();
        let requests = marks.iter().map(|mark| self.entry(customer, mark)).collect();
        let call = pb::BatchRecordEntriesRequest { requests };
        let answer = self
            .send(call, async |client, call| client.timeline.batch_record_entries(call).await)
            .await;
        let Some(answer) = answer else { return };
        for (mark, answer) in marks.into_iter().zip(&answer.responses) {
            self.recorded(customer, mark, answer);
        }
    }

    async fn open_case(&mut self) {
        let Some(customer_id) = self.known() else { return };
        let call = pb::OpenCaseRequest {
            customer_id,
            subject: self.mark.clone(),
            channel: Channel::Web.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let answer = self.send(call, async |client, call| client.cases.open_case(call).await).await;
        if let Some(answer) = answer {
            self.book().cases.push(answer.case.expect("the case").id);
            self.acknowledge();
        }
    }

    async fn tell_fact(&mut self) {
        let cases = self.book().cases.clone();
        if cases.is_empty() {
            return;
        }
        let call = pb::TellFactRequest {
            case_id: self.random.pick(&cases),
            key: self.random.pick(&["fault", "since", "tried"]).to_owned(),
            value: self.mark.clone(),
            channel: Channel::Chat.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let answer = self.send(call, async |client, call| client.cases.tell_fact(call).await).await;
        if answer.is_some() {
            self.acknowledge();
        }
    }

    async fn make_promise(&mut self) {
        let Some(customer_id) = self.known() else { return };
        let due = later(self.random.pick(self.shared.size.due));
        let call = pb::MakePromiseRequest {
            customer_id,
            what: self.mark.clone(),
            by: "Ann".to_owned(),
            due: Some(Due::DueAt(due)),
            channel: Channel::Phone.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let answer =
            self.send(call, async |client, call| client.cases.make_promise(call).await).await;
        if let Some(answer) = answer {
            self.book().promises.push(answer.promise.expect("the promise").id);
            self.acknowledge();
        }
    }

    async fn settle_promise(&mut self) {
        // Each is settled once: a second time is another call, and is refused.
        let count = self.book().promises.len();
        if count == 0 {
            return;
        }
        let number = self.random.below(count);
        let Some(promise_id) = self.book().take_promise(number) else { return };
        let call = pb::SettlePromiseRequest {
            promise_id,
            state: PromiseState::Kept.into(),
            reason: self.mark.clone(),
            channel: Channel::Phone.into(),
            request_id: request_id(),
        };
        let answer =
            self.send(call, async |client, call| client.cases.settle_promise(call).await).await;
        if answer.is_some() {
            self.acknowledge();
        }
    }

    async fn give_quote(&mut self) {
        let Some(customer_id) = self.known() else { return };
        let call = pb::GiveQuoteRequest {
            customer_id,
            article: self.mark.clone(),
            offer: "a cable with it".to_owned(),
            valid_until: Some(ValidUntil::ValidUntilAt(later(1000 * HOUR))),
            channel: Channel::Store.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let answer =
            self.send(call, async |client, call| client.cases.give_quote(call).await).await;
        if answer.is_some() {
            self.acknowledge();
        }
    }

    async fn merge(&mut self) {
        let (Some(customer_id), Some(other_customer_id)) = (self.known(), self.known()) else {
            return;
        };
        // Few merges, otherwise all are soon one person.
        if customer_id == other_customer_id || !self.random.one_in(4) {
            return;
        }
        let call = pb::MergeCustomersRequest {
            customer_id,
            other_customer_id,
            reason: self.mark.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let answer = self
            .send(call, async |client, call| client.customers.merge_customers(call).await)
            .await;
        if answer.is_some() {
            self.acknowledge();
        }
    }

    async fn read_timeline(&mut self) {
        let Some(customer_id) = self.known() else { return };
        let customer = Some(list_timeline_request::Customer::CustomerId(customer_id));
        let call = pb::ListTimelineRequest { customer, page_size: 20, ..Default::default() };
        self.send(call, async |client, call| client.timeline.list_timeline(call).await).await;
    }

    async fn read_briefing(&mut self) {
        let Some(customer_id) = self.known() else { return };
        let customer = Some(get_briefing_request::Customer::CustomerId(customer_id));
        let call = pb::GetBriefingRequest { customer, ..Default::default() };
        self.send(call, async |client, call| client.timeline.get_briefing(call).await).await;
    }
}
