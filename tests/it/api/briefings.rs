//! GetBriefing: its order, its confidence, and what was known at a moment.

use std::sync::LazyLock;

use throughline::{
    clock::{Clock, MovedClock},
    pb::{
        self, Channel, EntryKind, IdentifierKind as Kind, PromiseState,
        briefed_identity::Confidence, get_briefing_request::Customer, record_entry_request::Case,
    },
    store::Store,
};

use super::{
    cases::{opening, resolution, telling},
    promises::promising,
};
use crate::{
    calls::{account, at, entry, identifier, note, request_id, said, scored, to},
    identity::{by_shop, link, merge, named, verified},
    support::{NOW, Server, on_both, settings},
};

const DAY: i64 = 86_400;

impl Server {
    async fn briefed(&self, customer_id: &str) -> pb::Briefing {
        let customer = Customer::CustomerId(customer_id.to_owned());
        self.briefing(customer, None).await.briefing.unwrap()
    }

    async fn briefing(
        &self,
        customer: Customer,
        as_of: Option<prost_types::Timestamp>,
    ) -> pb::GetBriefingResponse {
        let call = pb::GetBriefingRequest { customer: Some(customer), as_of };
        self.timeline.clone().get_briefing(call).await.unwrap().into_inner()
    }
}

fn phone() -> pb::Identifier {
    identifier(Kind::Phone, "+31612345678")
}

/// Something the customer said so many seconds ago.
fn ago(seconds: i64, channel: Channel, entry: pb::Entry) -> pb::Entry {
    pb::Entry { occurred_at: Some(at(-seconds)), channel: channel.into(), ..entry }
}

fn complaint(text: &str, sentiment: f64) -> pb::Entry {
    entry(pb::entry::Content::Interaction(pb::Interaction {
        direction: pb::Direction::Inbound.into(),
        subject: text.to_owned(),
        complaint: true,
        sentiment: Some(sentiment),
        ..Default::default()
    }))
}

#[tokio::test]
async fn what_is_broken_comes_first_and_each_line_names_its_entry() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 5, 1);
        let server = Server::start_with(database, settings(Clock::Moved(moved))).await;
        let anna = server.made(vec![account("anna")]).await;
        server.linked(link(&anna.id, verified(phone()))).await;
        let profile = pb::Profile {
            preferred_channel: Channel::Chat.into(),
            consents: vec![pb::Consent { purpose: "news".to_owned(), granted: true }],
            ..Default::default()
        };
        let change = pb::UpdateCustomerRequest {
            customer_id: anna.id.clone(),
            profile: Some(profile),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["preferred_channel".to_owned(), "consents".to_owned()],
            }),
            request_id: request_id(),
            ..Default::default()
        };
        server.customers.clone().update_customer(change).await.unwrap();
        let case = server.opened(opening(&anna.id)).await;
        moved.forward(1);
        let told = server.told(telling(&case, "fault", &"dark ".repeat(200))).await;
        moved.forward(1);
        let open = server.promised(promising(&anna.id, 20 * DAY)).await;
        let broken = server.promised(promising(&anna.id, 30)).await;
        let angry = pb::RecordEntryRequest {
            case: Some(Case::CaseId(case.id.clone())),
            ..to(&anna.id, ago(60, Channel::Social, complaint("Nobody came!", -0.8)))
        };
        let angry = server.recorded(angry).await;
        let calm = complaint("It is dark", 0.2);
        server.recorded(to(&anna.id, ago(3 * DAY, Channel::Phone, calm))).await;
        let dutch = pb::Entry { language: "nl".to_owned(), ..said("hallo") };
        let dutch = server.recorded(to(&anna.id, ago(4 * DAY, Channel::Phone, dutch))).await;
        let long_ago = said("a question");
        server.recorded(to(&anna.id, ago(40 * DAY, Channel::Phone, long_ago))).await;
        let score =
            server.recorded(to(&anna.id, ago(2 * DAY, Channel::Web, scored(2.0, "no")))).await;
        moved.forward(31 * 1_000_000 - 2);
        server.stop().await;
        let store = Store::open(&database.url, 2, Clock::Moved(moved)).await.unwrap();
        store.break_due_promises().await.unwrap();
        store.close().await;
        let server = Server::start_with(database, settings(Clock::Moved(moved))).await;

        let briefing = server.briefing(Customer::Identifier(phone()), None).await;
        assert_eq!(briefing.candidates, []);
        let briefing = briefing.briefing.unwrap();
        assert_eq!((&briefing.customer_id, briefing.as_of), (&anna.id, Some(at(31))));
        let identity = briefing.identity.clone().unwrap();
        assert_eq!(identity.confidence(), Confidence::Verified);
        assert_eq!(
            (identity.verified_identifiers, identity.identifiers, identity.records),
            (1, 2, 1)
        );
        let states: Vec<_> =
            briefing.promises.iter().map(|it| (it.state(), it.entry_id.as_str())).collect();
        assert_eq!(
            states,
            [
                (PromiseState::Broken, broken.entry_id.as_str()),
                (PromiseState::Open, &open.entry_id),
            ]
        );
        let [shown] = &briefing.cases[..] else { panic!("{:?}", briefing.cases) };
        assert_eq!((&shown.id, &shown.entry_id), (&case.id, &case.entry_id));
        let [fact] = &briefing.known_facts[..] else { panic!("{:?}", briefing.known_facts) };
        assert_eq!((fact.key.as_str(), &fact.entry_id), ("fault", &told.facts[0].entry_id));
        assert_eq!(fact.value.chars().count(), 300);
        assert!(fact.value.ends_with('…'));
        let last = briefing.last_complaint.clone().unwrap();
        assert_eq!(last.entry.clone().unwrap().entry_id, angry.entry_id);
        assert_eq!(last.case_state(), pb::CaseState::Open);
        let by_channel: Vec<_> = briefing
            .last_entries
            .iter()
            .map(|it| (it.channel(), it.kind(), it.summary.as_str()))
            .collect();
        assert_eq!(
            by_channel,
            [
                (Channel::Store, EntryKind::PromiseChange, "A technician comes"),
                (Channel::Phone, EntryKind::Fact, briefing.last_entries[1].summary.as_str()),
                (Channel::Social, EntryKind::Interaction, "Nobody came!"),
                (Channel::Web, EntryKind::Feedback, "no"),
            ]
        );
        let mood = briefing.mood.clone().unwrap();
        assert!((mood.mean_sentiment.unwrap() + 0.3).abs() < 1e-9);
        assert_eq!((mood.sentiments, &mood.sentiment_entry_id), (2, &angry.entry_id));
        assert_eq!(mood.feedback_entry_id, score.entry_id);
        let contacts = briefing.contacts.clone().unwrap();
        // The complaint has a case, which the calls before it do not.
        assert_eq!((contacts.last_30_days, contacts.repeats, contacts.is_more), (3, 1, false));
        assert_eq!(contacts.last_entry_id, angry.entry_id);
        let wants = briefing.preferences.clone().unwrap();
        assert_eq!((wants.language.as_str(), &wants.language_entry_id), ("nl", &dutch.entry_id));
        assert_eq!(wants.preferred_channel(), Channel::Chat);
        assert_eq!(wants.usual_channel(), Channel::Phone);
        assert_eq!(wants.consents.len(), 1);

        // As it was a moment before.
        let before = server.briefing(Customer::Identifier(phone()), Some(at(1))).await;
        let before = before.briefing.unwrap();
        let states: Vec<_> = before.promises.iter().map(pb::Promise::state).collect();
        assert_eq!(states, [PromiseState::Open, PromiseState::Open]);
        let nothing = server.briefing(Customer::CustomerId(anna.id.clone()), Some(at(-1))).await;
        let nothing = nothing.briefing.unwrap();
        assert_eq!((nothing.cases.len(), nothing.last_entries.len()), (0, 0));
        assert_eq!(nothing.identity.unwrap().identifiers, 0);

        // A complaint is remembered with its end when its case is over.
        server.cases.clone().resolve_case(by_shop(resolution(&case))).await.unwrap();
        let after = server.briefed(&anna.id).await;
        assert_eq!((after.cases.len(), after.known_facts.len()), (0, 0));
        let last = after.last_complaint.unwrap();
        assert_eq!(
            (last.case_state(), last.disposition.as_str()),
            (pb::CaseState::Resolved, "repaired")
        );
        assert_eq!(after.identity.unwrap().confidence(), Confidence::ById);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_older_than_the_newest_entries_is_not_forgotten() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let old = [
            ago(90 * DAY, Channel::Letter, complaint("A letter", -1.0)),
            ago(80 * DAY, Channel::Web, scored(1.0, "bad")),
            ago(70 * DAY, Channel::Store, note("came by")),
        ];
        let mut ids = Vec::new();
        for entry in old {
            ids.push(server.recorded(to(&anna.id, entry)).await.entry_id);
        }
        let other = server.made(vec![account("other")]).await;
        let news = |index| ago(1000 - index, Channel::Email, said(format!("news {index}")));
        let batch = |range: std::ops::Range<i64>| {
            range.map(|index| to(&anna.id, news(index))).collect::<Vec<_>>()
        };
        server.batch(batch(0..150)).await.unwrap();
        server.merged(merge(&other.id, &anna.id)).await;

        let briefing = server.briefed(&anna.id).await;
        assert_eq!(briefing.customer_id, other.id);
        assert_eq!(briefing.identity.unwrap().records, 2);
        assert_eq!(briefing.last_complaint.unwrap().entry.unwrap().entry_id, ids[0]);
        assert_eq!(briefing.mood.unwrap().feedback_entry_id, ids[1]);
        let channels: Vec<_> = briefing.last_entries.iter().map(|it| it.channel()).collect();
        assert_eq!(channels, [Channel::Email, Channel::Store, Channel::Web, Channel::Letter]);
        let contacts = briefing.contacts.unwrap();
        // One of the newest 100 tells of the merge.
        assert_eq!((contacts.last_30_days, contacts.is_more), (99, true));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_briefing_is_bounded() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        for index in 0..12 {
            let case = server.opened(opening(&anna.id)).await;
            for key in 0..3 {
                let key = format!("key_{index}_{key}");
                server.told(telling(&case, &key, &"é".repeat(4000))).await;
            }
        }
        for day in 1..=22 {
            server.promised(promising(&anna.id, day * DAY)).await;
        }
        let briefing = server.briefed(&anna.id).await;
        assert_eq!((briefing.cases.len(), briefing.more_cases), (10, 2));
        assert_eq!((briefing.promises.len(), briefing.more_promises), (20, 2));
        assert_eq!(briefing.known_facts.len(), 20);
        let bytes = prost::Message::encoded_len(&briefing);
        assert!(bytes < 100_000, "{bytes}");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn several_people_are_candidates() {
    on_both(async |database| {
        let server = Server::start(database).await;
        for name in ["anna", "bert"] {
            let customer = server.known(account(name), named(name, "Bakker")).await;
            let family = pb::LinkIdentifierRequest { shared: true, ..link(&customer.id, phone()) };
            server.linked(family).await;
        }
        let answer = server.briefing(Customer::Identifier(phone()), None).await;
        assert_eq!((answer.briefing, answer.candidates.len()), (None, 2));
        let claimed = server.briefing(Customer::Identifier(account("anna")), None).await;
        let identity = claimed.briefing.unwrap().identity.unwrap();
        assert_eq!(identity.profile.unwrap().given_name, "anna");
        server.stop().await;
    })
    .await;
}
