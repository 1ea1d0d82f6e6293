//! State equals history: random changes of cases, promises and quotes; afterwards each stored row
//! equals the one that its entries produce, and each earlier briefing is reproduced as of its
//! moment.

use std::sync::LazyLock;

use prost::Message as _;
use throughline::{
    clock::{Clock, MovedClock},
    domain::{briefing::brief, case_pass::Code},
    error::Error,
    model::{
        Amount, Briefing, CaseChange, CaseChoice, CaseState, CaseUpdate, CaseWrite, Channel,
        Confidence, EntryKind, IdempotencyKey, Identifier, IdentifierKind, Micros, NewEntry,
        NewPromise, NewQuote, Offer, Opening, Origin, Profile, PromiseChange, PromiseTerms,
        PromisedTo, RecordEntry, RequestContext, Target, Terms,
    },
    pb::{self, entry::Content},
    store::{CasesOf, NewCase, NewPass, Store},
};
use uuid::Uuid;

use crate::{
    random::Random,
    support::{NOW, on_both},
};

const SEQUENCES: u64 = 25;
const STEPS: usize = 30;

fn context(clock: Clock, random: &mut Random) -> RequestContext {
    RequestContext {
        request_id: clock.new_id(),
        body: [7; 16],
        actor: random.pick(&["mia", "joe"]).to_owned(),
        reason: random.pick(&["", "she said so"]).to_owned(),
        time_violations: Vec::new(),
    }
}

fn change(random: &mut Random) -> CaseChange {
    let word = |random: &mut Random| random.pick(&["dark", "loud", "hot", ""]).to_owned();
    let key = random.pick(&["fault", "since", "tried"]).to_owned();
    match random.below(10) {
        0 => CaseChange::Updated(CaseUpdate {
            subject: random.one_in(2).then(|| word(random)),
            owner: random.one_in(2).then(|| word(random)),
            queue: random.one_in(2).then(|| word(random)),
            state: random.one_in(2).then_some(CaseState::WaitingForUs),
            add_orders: Vec::new(),
            add_serials: vec![word(random)],
        }),
        1 => CaseChange::Resolved { disposition: word(random) },
        2 | 3 => CaseChange::Reopened,
        4 => CaseChange::FactReasked { key },
        5 => CaseChange::HandedOver(Offer {
            to: word(random),
            to_queue: word(random),
            note: word(random),
            open_questions: vec![word(random)],
            next_step: word(random),
        }),
        6 => CaseChange::HandoverAccepted,
        7 => CaseChange::HandoverReturned,
        _ => CaseChange::FactTold { key, value: word(random), told_in: None },
    }
}

fn terms(clock: Clock, random: &mut Random) -> Terms {
    let price = Amount { currency: "EUR".to_owned(), minor_units: 999 };
    Terms {
        sku: random.pick(&["", "VX55"]).to_owned(),
        article: "a television".to_owned(),
        price: random.one_in(2).then_some(price),
        offer: random.pick(&["", "a cable with it"]).to_owned(),
        promotion_code: random.pick(&["", "SPRING"]).to_owned(),
        valid_until: clock.now() + 7_200_000_000,
    }
}

/// The allowed errors of a case, a promise or a quote; any other fails the test.
fn expected<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(
            Error::CaseResolved
            | Error::CaseNotResolved
            | Error::FactUnknown
            | Error::NotHandedOver
            | Error::PromiseSettled
            | Error::QuoteWithdrawn
            | Error::CasePassNotFound,
        ) => None,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn every_case_promise_and_quote_is_what_its_entries_add_up_to() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 99, 1);
        let clock = Clock::Moved(moved);
        let store = Store::open(&database.url, 4, clock).await.unwrap();
        let mut changed = 0;
        for seed in 0..SEQUENCES {
            changed += sequence(&store, clock, moved, seed).await;
        }
        // Most steps change something, otherwise nothing has been compared.
        assert!(changed > SEQUENCES as usize * STEPS / 3, "{changed}");
        store.close().await;
    })
    .await;
}

async fn briefing(store: &Store, customer_id: Uuid, as_of: Option<Micros>) -> Briefing {
    brief(store.briefing_input(customer_id, Confidence::ById, as_of).await.unwrap())
}

/// An entry that happened recently, or long ago and is recorded only now.
fn entry(clock: Clock, random: &mut Random, customer_id: Uuid, case: Option<&Uuid>) -> RecordEntry {
    let ago = random.pick(&[1, 1_000_000_000, 20 * 86_400_000_000]);
    let occurred_at = clock.now() - i64::try_from(random.below(ago)).unwrap();
    let complaint = random.one_in(3);
    let (kind, content) = match random.below(3) {
        0 => {
            let feedback = pb::Feedback { metric: 1, score: Some(3.0), ..Default::default() };
            (EntryKind::Feedback, Content::Feedback(feedback))
        }
        _ => {
            let interaction = pb::Interaction {
                direction: random.pick(&[1, 2]),
                subject: random.pick(&["dark", "loud"]).to_owned(),
                sentiment: random.one_in(2).then_some(-0.5),
                complaint,
                ..Default::default()
            };
            (EntryKind::Interaction, Content::Interaction(interaction))
        }
    };
    let channel = random.pick(&Channel::ALL);
    let told = pb::Entry {
        occurred_at: Some(pb::timestamp(occurred_at)),
        channel: pb::Channel::from(Some(channel)).into(),
        language: random.pick(&["", "nl"]).to_owned(),
        content: Some(content),
        ..Default::default()
    };
    RecordEntry {
        target: Target::Customer(customer_id),
        profile: Profile::default(),
        origin: Origin::default(),
        entry: NewEntry {
            id: clock.new_id(),
            occurred_at,
            kind,
            channel: Some(channel),
            purchase: None,
            orders: Vec::new(),
            complaint,
            order_event: None,
            reply_to: None,
            case_id: None,
            words: String::new(),
            flags: Vec::new(),
            content: told.encode_to_vec(),
        },
        case: case.map_or(CaseChoice::None, |id| CaseChoice::This(*id)),
        names: vec![IdempotencyKey::Request(clock.new_id())],
        body: [7; 16],
        time_violations: Vec::new(),
    }
}

async fn sequence(store: &Store, clock: Clock, moved: &MovedClock, seed: u64) -> usize {
    let mut random = Random::new(seed);
    let account = Identifier {
        kind: IdentifierKind::Account,
        namespace: String::new(),
        value: format!("customer-{seed}"),
        raw: format!("customer-{seed}"),
        mixed_script: false,
        verified: false,
    };
    let made = store.identify(vec![account], Profile::default(), Origin::default()).await.unwrap();
    let customer_id = made.customer.unwrap().id;
    let mut cases: Vec<Uuid> = Vec::new();
    let mut promises: Vec<Uuid> = Vec::new();
    let mut quotes: Vec<Uuid> = Vec::new();
    let mut passes: Vec<Code> = Vec::new();
    let mut briefings = Vec::new();
    let mut changed = 0;
    for _ in 0..STEPS {
        moved.forward(1 + i64::try_from(random.below(3_600_000_000)).unwrap());
        let channel = random.pick(&Channel::ALL);
        let context = context(clock, &mut random);
        let to = match cases.is_empty() {
            true => PromisedTo::Customer(customer_id),
            false => PromisedTo::Case(random.pick(&cases)),
        };
        let done = match random.below(15) {
            0 => {
                let opening = Opening { subject: "a case".to_owned(), ..Opening::default() };
                let case_id = clock.new_id();
                let change = CaseChange::Opened(opening);
                let write = CaseWrite { case_id, channel, etag: None, change, flags: Vec::new() };
                let case = store.open_case(NewCase { customer_id, write }, context).await.unwrap();
                cases.push(case.id);
                true
            }
            1 => {
                let due_at = clock.now() + 7_200_000_000;
                let making = PromiseTerms {
                    what: "a call".to_owned(),
                    by: String::new(),
                    due_at,
                    amount: None,
                };
                let new = NewPromise { to, channel, making, flags: Vec::new() };
                promises.push(store.make_promise(new, context).await.unwrap().id);
                true
            }
            2 if !promises.is_empty() => {
                let id = random.pick(&promises);
                let change = random.pick(&[PromiseChange::Kept, PromiseChange::Withdrawn]);
                expected(store.settle_promise(id, change, channel, context).await).is_some()
            }
            3 => {
                store.break_due_promises().await.unwrap();
                true
            }
            4..7 => {
                let case = cases.last().filter(|_| random.one_in(2));
                store.record(vec![entry(clock, &mut random, customer_id, case)]).await.unwrap();
                true
            }
            7 => {
                let terms = terms(clock, &mut random);
                let new = NewQuote { to, channel, terms, flags: Vec::new() };
                quotes.push(store.give_quote(new, context).await.unwrap().quote.id);
                true
            }
            8 if !quotes.is_empty() => {
                let id = random.pick(&quotes);
                expected(store.withdraw_quote(id, channel, context).await).is_some()
            }
            9 if !cases.is_empty() => {
                let (case_id, valid_for) = (random.pick(&cases), 7_200_000_000);
                let new = NewPass { case_id, channel, valid_for, draw: Code::new };
                let pass = expected(store.issue_case_pass(new, context).await);
                passes.extend(pass.iter().map(|pass| pass.code.clone()));
                pass.is_some()
            }
            10 if !passes.is_empty() => {
                let code = random.pick(&passes);
                expected(store.redeem_case_pass(code, channel, context).await).is_some()
            }
            _ if !cases.is_empty() => {
                let case_id = random.pick(&cases);
                let change = change(&mut random);
                let write = CaseWrite { case_id, channel, etag: None, change, flags: Vec::new() };
                expected(store.change_case(write, context).await).is_some()
            }
            _ => false,
        };
        changed += usize::from(done);
        briefings.push(briefing(store, customer_id, None).await);
    }
    for given in briefings {
        let as_of = given.as_of;
        let again = briefing(store, customer_id, Some(as_of)).await;
        assert_eq!(again, given, "the seed is {seed}");
    }
    for id in cases {
        let kept = store.get_case(id).await.unwrap();
        assert_eq!(
            store.replay_case(id, i64::MAX).await.unwrap(),
            Some(kept),
            "the seed is {seed}"
        );
    }
    let replayed = store.replay_promises(customer_id, i64::MAX).await.unwrap();
    assert_eq!(replayed.len(), promises.len());
    for promise in replayed {
        let kept = store.get_promise(promise.id).await.unwrap();
        assert_eq!(promise, kept, "the seed is {seed}");
    }
    let replayed = store.replay_quotes(customer_id, i64::MAX).await.unwrap();
    assert_eq!(replayed.len(), quotes.len());
    for quote in replayed {
        let kept = store.get_quote(quote.id).await.unwrap().quote;
        assert_eq!(quote, kept, "the seed is {seed}");
    }
    let of = CasesOf::Customer { customer_id, open_only: true };
    for case in store.list_cases(&of, None, 200).await.unwrap() {
        assert!(!case.is_resolved());
    }
    changed
}
