//! The contents of the database before a bad input, and valid calls to derive bad ones from.

use std::sync::atomic::{AtomicU32, Ordering};

use prost_types::{FieldMask, Timestamp};
use throughline::pb::{
    self, Channel, Direction, IdentifierKind, entry::Content, get_customer_request,
    list_timeline_request, search_timeline_request,
};

use crate::{
    api::cases::opening,
    identity::{exclude_merge, verified},
    support::{NOW, Server},
};

/// What the cases of one server can refer to.
#[derive(Default)]
pub struct World {
    /// The customer [`ANNA`], with three entries.
    pub customer_id: String,
    /// The customer's etag before the last change.
    pub old_etag: String,
    /// A page token of the customer's timeline, newest first, pages of 1.
    pub page_token: String,
    /// A customer with 200 identifiers, [`FULL`] among them.
    pub full_customer_id: String,
    /// An entry of another customer, who has the order [`OTHERS_ORDER`].
    pub others_entry_id: String,
    /// A case of that one.
    pub others_case_id: String,
    /// Two customers that are one, and the merge.
    pub merged: Merged,
    /// A merge that a later one depends on.
    pub merge_in_use: String,
    /// Two customers with different verified accounts.
    pub strong: [String; 2],
    /// Two customers that are excluded from being merged.
    pub apart: [String; 2],
}

/// A merge, and its customers.
#[derive(Default)]
pub struct Merged {
    pub id: String,
    pub into: String,
    pub from: String,
}

/// An identifier of a customer.
pub const ANNA: &str = "anna.de.wit@example.net";
/// An identifier of the customer that has 200 of them.
pub const FULL: &str = "account-0";
/// An order of another customer.
pub const OTHERS_ORDER: &str = "ZX-90817";
/// An order of the customer.
pub const ORDER: &str = "QR-55512";
/// The source_ref of an entry and the request_id of another.
pub const USED_SOURCE_REF: &str = "ref-that-was-used";
pub const USED_REQUEST_ID: &str = "5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d11";
/// The request_id of a change of the profile.
pub const USED_UPDATE_ID: &str = "5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d12";

impl World {
    pub async fn make(server: &mut Server) -> Self {
        let mut world = Self::of_merges(server).await;
        let Server { customers, timeline, .. } = server;

        let mut first = purchase(|it| it.order_number = ORDER.to_owned());
        let second = with(|it| it.source_ref = USED_SOURCE_REF.to_owned());
        let mut third = with(|it| (it.source, it.source_ref) = Default::default());
        third.request_id = USED_REQUEST_ID.to_owned();
        let others_id = identifier(IdentifierKind::Account, "somebody.else");
        let mut others = purchase(|it| it.order_number = OTHERS_ORDER.to_owned());
        others.identifiers = vec![others_id];
        first.profile = None;
        let requests = vec![first, second, third, others];
        let batch = pb::BatchRecordEntriesRequest { requests };
        let recorded = timeline.batch_record_entries(batch).await.unwrap().into_inner().responses;

        let customer =
            Some(get_customer_request::Customer::CustomerId(recorded[0].customer_id.clone()));
        let customer = customers.get_customer(pb::GetCustomerRequest { customer }).await.unwrap();
        let customer = customer.into_inner().customer.unwrap();
        let mut update = update(&customer.id);
        update.request_id = USED_UPDATE_ID.to_owned();
        customers.update_customer(update).await.unwrap();

        let accounts = (0..200).map(|number| format!("account-{number}"));
        let identifiers =
            accounts.map(|it| identifier(IdentifierKind::Account, &it)).collect::<Vec<_>>();
        let full = pb::IdentifyCustomerRequest { identifiers, ..Default::default() };
        let full = customers.identify_customer(full).await.unwrap().into_inner().customer.unwrap();

        let page = timeline.list_timeline(list(&customer.id)).await.unwrap().into_inner();
        world.customer_id = customer.id;
        world.old_etag = customer.etag;
        world.page_token = page.next_page_token;
        world.full_customer_id = full.id;
        world.others_entry_id.clone_from(&recorded[3].entry_id);
        world.others_case_id = server.opened(opening(&recorded[3].customer_id)).await.id;
        world
    }

    async fn of_merges(server: &Server) -> Self {
        let mut ids = Vec::new();
        for number in 0..7 {
            let own = identifier(IdentifierKind::Email, &format!("person-{number}@example.net"));
            ids.push(server.made(vec![own]).await.id);
        }
        let first = server.merge_of(&ids[0], &ids[1]).await;
        let in_use = server.merge_of(&ids[2], &ids[3]).await;
        server.merge_of(&ids[4], &ids[3]).await;
        let mut strong = [const { String::new() }; 2];
        for (place, account) in [(0, "strong-one"), (1, "strong-two")] {
            let account = verified(identifier(IdentifierKind::Account, account));
            strong[place] = server.known(account, Default::default()).await.id;
        }
        let apart = [ids[5].clone(), ids[6].clone()];
        let mark = exclude_merge(&apart[0], &apart[1]);
        server.customers.clone().set_merge_exclusion(mark).await.unwrap();
        let merged = Merged { id: first, into: ids[0].clone(), from: ids[1].clone() };
        Self { merged, merge_in_use: in_use, strong, apart, ..Self::default() }
    }
}

pub fn identifier(kind: IdentifierKind, value: &str) -> pb::Identifier {
    pb::Identifier { kind: kind.into(), value: value.to_owned(), ..Default::default() }
}

pub fn anna() -> pb::Identifier {
    identifier(IdentifierKind::Email, ANNA)
}

/// Some seconds from now.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds: NOW / 1_000_000 + seconds, nanos: 0 }
}

/// A valid call that records an interaction with the customer under a new idempotency key.
pub fn record() -> pb::RecordEntryRequest {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let interaction = pb::Interaction {
        direction: Direction::Inbound.into(),
        text: "The picture went black.".to_owned(),
        ..Default::default()
    };
    let entry = pb::Entry {
        occurred_at: Some(at(-3600)),
        channel: Channel::Phone.into(),
        source: "bad-inputs".to_owned(),
        source_ref: format!("ref-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        content: Some(Content::Interaction(interaction)),
        ..Default::default()
    };
    pb::RecordEntryRequest { identifiers: vec![anna()], entry: Some(entry), ..Default::default() }
}

/// Like [`record`], with a changed entry.
pub fn with(change: impl FnOnce(&mut pb::Entry)) -> pb::RecordEntryRequest {
    let mut request = record();
    if let Some(entry) = &mut request.entry {
        change(entry);
    }
    request
}

/// Like [`record`], with other content.
pub fn content(content: Content) -> pb::RecordEntryRequest {
    with(|it| it.content = Some(content))
}

/// A valid interaction, with a change.
pub fn interaction(change: impl FnOnce(&mut pb::Interaction)) -> pb::RecordEntryRequest {
    let mut interaction = pb::Interaction {
        direction: Direction::Inbound.into(),
        text: "The picture went black.".to_owned(),
        ..Default::default()
    };
    change(&mut interaction);
    content(Content::Interaction(interaction))
}

pub fn money(currency_code: &str, minor_units: i64) -> pb::Money {
    pb::Money { currency_code: currency_code.to_owned(), minor_units }
}

/// A valid purchase of one line, with a change.
pub fn purchase(change: impl FnOnce(&mut pb::Purchase)) -> pb::RecordEntryRequest {
    let line = pb::PurchaseLine {
        name: "Television 55 inch".to_owned(),
        quantity: 1,
        unit_price: Some(money("EUR", 79_900)),
        ..Default::default()
    };
    let mut purchase = pb::Purchase { lines: vec![line], ..Default::default() };
    change(&mut purchase);
    content(Content::Purchase(purchase))
}

/// A valid score, with a change.
pub fn feedback(change: impl FnOnce(&mut pb::Feedback)) -> pb::RecordEntryRequest {
    let mut feedback = pb::Feedback {
        metric: pb::feedback::Metric::Nps.into(),
        score: Some(9.0),
        ..Default::default()
    };
    change(&mut feedback);
    content(Content::Feedback(feedback))
}

/// A valid change of a profile under a new idempotency key.
pub fn update(customer_id: &str) -> pb::UpdateCustomerRequest {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let request_id =
        format!("0c1de5a3-2a0d-4b3f-9a54-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed));
    pb::UpdateCustomerRequest {
        customer_id: customer_id.to_owned(),
        profile: Some(pb::Profile { given_name: "Anna".to_owned(), ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["given_name".to_owned()] }),
        etag: String::new(),
        request_id,
    }
}

/// The customer's timeline in pages of 1.
pub fn list(customer_id: &str) -> pb::ListTimelineRequest {
    pb::ListTimelineRequest {
        customer: Some(list_timeline_request::Customer::CustomerId(customer_id.to_owned())),
        page_size: 1,
        ..Default::default()
    }
}

/// A search through the customer's history.
pub fn search(customer_id: &str, query: &str) -> pb::SearchTimelineRequest {
    pb::SearchTimelineRequest {
        customer: Some(search_timeline_request::Customer::CustomerId(customer_id.to_owned())),
        query: query.to_owned(),
        ..Default::default()
    }
}
