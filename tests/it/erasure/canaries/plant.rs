//! A customer of three records, for whom every write call has left something of every string.

use prost_types::FieldMask;
use throughline::{
    pb::{self, Channel, Direction, IdentifierKind, OrderStatus, entry::Content},
    store::Store,
};

use super::{
    fill::Canaries,
    in_cases::{plant_in_cases, plant_in_restrictions},
};
use crate::{
    calls::{account, at, email, identifier, note, request_id},
    identity::{by_person, by_shop, exclude_merge, verified},
    support::Server,
};

/// The planted customer, and another one who stays.
pub struct Planted {
    pub records: Vec<String>,
    pub other: String,
}

fn identifiers(canaries: &mut Canaries, root: &str) -> Vec<pb::Identifier> {
    let field = "throughline.v1.Identifier.value";
    let mut all = Vec::new();
    for kind in [
        IdentifierKind::CustomerNumber,
        IdentifierKind::Account,
        IdentifierKind::LoyaltyCard,
        IdentifierKind::External,
        IdentifierKind::Social,
        IdentifierKind::Cookie,
    ] {
        let text = canaries.new_text();
        canaries.note(root, field, &text);
        let mut one = identifier(kind, text);
        if matches!(kind, IdentifierKind::External | IdentifierKind::Account) {
            one.namespace = canaries.new_text();
            canaries.note(root, "throughline.v1.Identifier.namespace", &one.namespace);
        }
        if kind == IdentifierKind::Social {
            one.namespace = "facebook".to_owned();
        }
        all.push(one);
    }
    let mail =
        format!("{}.{}@{}.example", canaries.new_text(), canaries.new_text(), canaries.new_text());
    canaries.note(root, field, &mail);
    all.push(identifier(IdentifierKind::Email, mail));
    let phone = format!("+316{}", canaries.new_digits());
    canaries.note(root, field, &phone);
    all.push(identifier(IdentifierKind::Phone, phone));
    all
}

pub fn profile() -> pb::Profile {
    pb::Profile {
        birth_date: "1979-04-23".to_owned(),
        language: "nl".to_owned(),
        address: Some(pb::PostalAddress { country_code: "NL".to_owned(), ..Default::default() }),
        consents: vec![pb::Consent { granted: true, ..Default::default() }],
        ..Default::default()
    }
}

pub fn money() -> Option<pb::Money> {
    Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: 4200 })
}

/// An entry of each content that can be recorded.
pub fn entries() -> Vec<pb::Entry> {
    let line = pb::PurchaseLine {
        quantity: 1,
        unit_price: money(),
        warranty_end: "2027-01-01".to_owned(),
        ..Default::default()
    };
    let returned = pb::ReturnLine { quantity: 1, refund: money(), ..Default::default() };
    let message =
        pb::Message { author: pb::message::Author::Customer.into(), ..Default::default() };
    let attachment = pb::Attachment {
        media_type: "image/jpeg".to_owned(),
        size_bytes: 10,
        ..Default::default()
    };
    let contents = [
        Content::Purchase(pb::Purchase { lines: vec![line], total: money(), ..Default::default() }),
        Content::Interaction(pb::Interaction {
            direction: Direction::Inbound.into(),
            messages: vec![message],
            attachments: vec![attachment],
            complaint: true,
            ..Default::default()
        }),
        Content::Returned(pb::Return { lines: vec![returned], ..Default::default() }),
        Content::Feedback(pb::Feedback {
            metric: pb::feedback::Metric::Nps.into(),
            score: Some(9.0),
            ..Default::default()
        }),
        Content::Note(pb::Note::default()),
        Content::OrderChange(pb::OrderChange {
            status: OrderStatus::Cancelled.into(),
            ..Default::default()
        }),
    ];
    let entry = |content| pb::Entry {
        occurred_at: Some(at(-3600)),
        channel: Channel::Phone.into(),
        language: "nl".to_owned(),
        content: Some(content),
        ..Default::default()
    };
    contents.into_iter().map(entry).collect()
}

/// Fills a call that records an entry, whose orders the customer must have.
fn record(
    canaries: &mut Canaries,
    root: &str,
    request: pb::RecordEntryRequest,
    order: &mut String,
) -> pb::RecordEntryRequest {
    let request = with_order(canaries, request, order);
    let mut whole = pb::BatchRecordEntriesRequest::default();
    if root == "BatchRecordEntriesRequest" {
        whole.requests.push(request);
        return canaries.fill(root, whole).requests.remove(0);
    }
    canaries.fill(root, request)
}

fn with_order(
    canaries: &mut Canaries,
    mut request: pb::RecordEntryRequest,
    order: &mut String,
) -> pb::RecordEntryRequest {
    let entry = request.entry.as_mut().unwrap();
    if let Some(Content::Purchase(purchase)) = &mut entry.content {
        *order = canaries.new_text();
        purchase.order_number.clone_from(order);
    }
    entry.order_numbers = vec![order.clone()];
    request
}

/// A line of a file that records an entry.
pub fn line(
    canaries: &mut Canaries,
    request: pb::RecordEntryRequest,
    order: &mut String,
) -> pb::ImportRecord {
    let request = with_order(canaries, request, order);
    let line = pb::ImportRecord { record: Some(pb::import_record::Record::Entry(request)) };
    canaries.fill("ImportRecord", line)
}

/// Plants by every call. `store` compares customers in between.
pub async fn plant(server: &Server, store: &Store, canaries: &mut Canaries) -> Planted {
    let (mut customers, mut timeline) = (server.customers.clone(), server.timeline.clone());
    let mut records = Vec::new();
    let mut alike = None;
    for place in 0..3 {
        let root = "IdentifyCustomerRequest";
        let is_alike = place == 2;
        let of_place = if is_alike { vec![account("alike")] } else { identifiers(canaries, root) };
        let call = pb::IdentifyCustomerRequest {
            identifiers: of_place,
            profile: alike.clone().filter(|_| is_alike).or_else(|| Some(profile())),
            ..Default::default()
        };
        let call = if is_alike { call } else { canaries.fill(root, call) };
        if place == 0 {
            alike.clone_from(&call.profile);
        }
        let made = customers.identify_customer(by_shop(call)).await.unwrap().into_inner();
        records.push(made.customer.unwrap().id);
    }
    let strong = verified(email("verified-by-another@example.net"));
    let other = server.known(strong.clone(), Default::default()).await.id;
    let [one, two, three] = [0, 1, 2].map(|place: usize| records[place].clone());

    // Entries by id and by identifiers, alone and in a batch.
    let mut order = String::new();
    for entry in entries() {
        let call = pb::RecordEntryRequest {
            customer_id: one.clone(),
            entry: Some(entry),
            ..Default::default()
        };
        let call = record(canaries, "RecordEntryRequest", call, &mut order);
        timeline.record_entry(by_shop(call)).await.unwrap();
    }
    let root = "RecordEntryRequest";
    let call = pb::RecordEntryRequest {
        identifiers: identifiers(canaries, root),
        profile: Some(profile()),
        entry: entries().into_iter().next(),
        ..Default::default()
    };
    let call = record(canaries, root, call, &mut String::new());
    let four = timeline.record_entry(by_shop(call)).await.unwrap().into_inner().record_id;
    let root = "BatchRecordEntriesRequest";
    let mut requests = Vec::new();
    let mut order = String::new();
    let by = identifiers(canaries, root);
    for entry in entries() {
        let call = pb::RecordEntryRequest {
            identifiers: by.clone(),
            // A later one only fills what is empty.
            profile: requests.is_empty().then(profile),
            entry: Some(entry),
            ..Default::default()
        };
        requests.push(record(canaries, root, call, &mut order));
    }
    let batch = pb::BatchRecordEntriesRequest { requests };
    let five = timeline.batch_record_entries(by_shop(batch)).await.unwrap().into_inner();
    let five = five.responses[0].record_id.clone();
    // A value that another customer has verified is recorded as refused.
    let own = pb::RecordEntryRequest {
        identifiers: vec![account("alike"), verified(strong)],
        entry: Some(note("whose")),
        ..Default::default()
    };
    timeline.record_entry(by_shop(own)).await.unwrap();

    let root = "LinkIdentifierRequest";
    for linked in identifiers(canaries, root) {
        let call = pb::LinkIdentifierRequest {
            customer_id: one.clone(),
            identifier: Some(linked),
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill(root, call);
        customers.link_identifier(by_shop(call.clone())).await.unwrap();
        let call = pb::UnlinkIdentifierRequest {
            customer_id: one.clone(),
            identifier: call.identifier,
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill("UnlinkIdentifierRequest", call);
        customers.unlink_identifier(by_shop(call)).await.unwrap();
    }

    store.match_all(&[]).await.unwrap();
    let call = pb::DismissMergeSuggestionRequest {
        customer_id: one.clone(),
        other_customer_id: three.clone(),
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("DismissMergeSuggestionRequest", call);
    customers.dismiss_merge_suggestion(by_shop(call)).await.unwrap();
    for lift in [false, true] {
        let call = pb::SetMergeExclusionRequest {
            customer_id: one.clone(),
            other_customer_id: three.clone(),
            lift,
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill("SetMergeExclusionRequest", call);
        customers.set_merge_exclusion(by_shop(call)).await.unwrap();
    }
    customers.set_merge_exclusion(by_shop(exclude_merge(&one, &other))).await.unwrap();
    // The first record has its values too.
    let call = pb::UpdateCustomerRequest {
        customer_id: three.clone(),
        profile: Some(profile()),
        update_mask: Some(FieldMask {
            paths: ["given_name", "family_name", "organisation", "address", "consents"]
                .map(str::to_owned)
                .into(),
        }),
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("UpdateCustomerRequest", call);
    customers.update_customer(by_shop(call)).await.unwrap();
    for (index, from) in [&two, &two, &three, &four, &five].into_iter().enumerate() {
        let call = pb::ApproveMergeRequest {
            customer_id: one.clone(),
            other_customer_id: from.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        // A second approval by the same person would replace the first.
        if index != 1 {
            let call = canaries.fill("ApproveMergeRequest", call);
            customers.approve_merge(by_person("approver", call)).await.unwrap();
        }
        let call = pb::MergeCustomersRequest {
            customer_id: one.clone(),
            other_customer_id: from.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill("MergeCustomersRequest", call);
        let merged = customers.merge_customers(by_shop(call)).await.unwrap().into_inner();
        if index == 0 {
            let call = pb::UnmergeCustomersRequest {
                merge_id: merged.merge.unwrap().id,
                request_id: request_id(),
                ..Default::default()
            };
            let call = canaries.fill("UnmergeCustomersRequest", call);
            customers.unmerge_customers(by_shop(call)).await.unwrap();
        }
    }
    let call = pb::ApproveMergeRequest {
        customer_id: one.clone(),
        other_customer_id: other.clone(),
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("ApproveMergeRequest", call);
    customers.approve_merge(by_person("approver", call)).await.unwrap();

    plant_in_cases(server, canaries, &one, &order).await;
    plant_in_restrictions(server, canaries, &one).await;
    records.extend([four, five]);
    Planted { records, other }
}
