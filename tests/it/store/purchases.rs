//! State equals history: random purchases, changes and returns of people who are merged and
//! unmerged meanwhile; afterwards the stored state of each purchase equals the one that its entries
//! produce, and a second, simpler computation.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::{Clock, MovedClock},
    error::Error,
    model::{
        Micros, NewMerge, OrderStatus, Origin, Profile, PurchaseNumber, PurchaseState, RecordEntry,
        RequestContext,
    },
    pb::{self, entry::Content},
    store::Store,
};
use uuid::Uuid;

use crate::{
    calls::{about, entry, to},
    random::Random,
    support::{NOW, on_both},
};

const SEQUENCES: u64 = 25;
const STEPS: usize = 60;
const RECORDS: usize = 4;
const ORDERS: usize = 3;
const AT_LAST: Micros = Micros::MAX;

/// The content of a call, as far as the second computation needs it.
#[derive(Clone, Debug)]
enum What {
    PurchaseDetails { quantity: i64, serial: String },
    Changed(OrderStatus),
    Returned { quantity: i64, cents: i64 },
}

#[derive(Clone, Debug)]
struct Event {
    record: Uuid,
    order: String,
    at: Micros,
    entry_id: Uuid,
    what: What,
}

struct World {
    store: Store,
    clock: Clock,
    rules: Rules,
    records: Vec<Uuid>,
    /// The merges in force, and the person of each record.
    merges: Vec<(Uuid, Uuid, Uuid)>,
    events: Vec<Event>,
}

fn money(cents: i64) -> pb::Money {
    pb::Money { currency_code: "EUR".to_owned(), minor_units: cents }
}

fn contract(status: OrderStatus) -> i32 {
    pb::OrderStatus::from(status).into()
}

impl World {
    fn context(&self) -> RequestContext {
        let reason = "they are one".to_owned();
        let (request_id, actor) = (self.clock.new_id(), "mia".to_owned());
        RequestContext { request_id, body: [7; 16], actor, reason, time_violations: Vec::new() }
    }

    /// The records of the person of a record, by the merges in force.
    fn person(&self, record: Uuid) -> BTreeSet<Uuid> {
        let mut person = BTreeSet::from([record]);
        loop {
            let before = person.len();
            for (_, into, from) in &self.merges {
                if person.contains(into) || person.contains(from) {
                    person.extend([*into, *from]);
                }
            }
            if person.len() == before {
                return person;
            }
        }
    }

    /// A random call, and its content. Times are in no order, and often equal.
    fn call(&self, random: &mut Random) -> (RecordEntry, Event) {
        let record = random.pick(&self.records);
        let order = format!("W-{}", random.below(ORDERS));
        let quantity = i64::try_from(random.below(3)).unwrap() + 1;
        let serial = format!("SN-{record}-{order}");
        let (content, what) = match random.below(5) {
            0 => {
                let line = |sku: &str, serial: &str| pb::PurchaseLine {
                    sku: sku.to_owned(),
                    quantity,
                    serial_number: serial.to_owned(),
                    ..Default::default()
                };
                let purchase = pb::Purchase {
                    order_number: order.clone(),
                    lines: vec![line("TV", &serial), line("TV", ""), line("CABLE", "")],
                    ..Default::default()
                };
                (
                    Content::Purchase(purchase),
                    What::PurchaseDetails { quantity: 3 * quantity, serial },
                )
            }
            1 | 2 => {
                let status = random.pick(&OrderStatus::ALL);
                let change = pb::OrderChange {
                    status: contract(status),
                    tracking_number: random.pick(&["", "T-1", "T-2"]).to_owned(),
                    ..Default::default()
                };
                (Content::OrderChange(change), What::Changed(status))
            }
            _ => {
                let cents = i64::try_from(random.below(1000)).unwrap();
                let line = pb::ReturnLine {
                    sku: random.pick(&["TV", "CABLE", "STAND"]).to_owned(),
                    quantity,
                    serial_number: random.pick(&["", "", serial.as_str()]).to_owned(),
                    refund: random.one_in(2).then(|| money(cents)),
                    ..Default::default()
                };
                let refund = line.refund.is_none().then(|| money(cents));
                let returned = pb::Return { lines: vec![line], refund, ..Default::default() };
                (Content::Returned(returned), What::Returned { quantity, cents })
            }
        };
        let is_purchase = matches!(content, Content::Purchase(_));
        let at = NOW - 60_000_000 * i64::try_from(random.below(20)).unwrap();
        let told = entry(content);
        let told = pb::Entry { occurred_at: Some(pb::timestamp(at)), ..told };
        let told = match is_purchase {
            true => told,
            false => about(told, [&order]),
        };
        let call = to(&record.to_string(), told);
        let record_call = validate::record(call, &self.rules, &Actor::local()).unwrap();
        let entry_id = record_call.entry.id;
        (record_call, Event { record, order, at, entry_id, what })
    }

    async fn step(&mut self, random: &mut Random) {
        match random.below(10) {
            0 => {
                let (into_id, from_id) = (random.pick(&self.records), random.pick(&self.records));
                let new = NewMerge {
                    into_id,
                    from_id,
                    evidence: Vec::new(),
                    choices: Vec::new(),
                    into_etag: None,
                    from_etag: None,
                };
                match self.store.merge(new, self.context()).await {
                    Ok((merge, _)) => {
                        self.merges.push((merge.id, merge.into_id, merge.from_id));
                    }
                    Err(Error::AlreadyMerged) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            1 if !self.merges.is_empty() => {
                let at = random.below(self.merges.len());
                match self.store.unmerge(self.merges[at].0, false, self.context()).await {
                    Ok(_) => {
                        self.merges.remove(at);
                    }
                    Err(Error::MergeInUse(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            2..5 => {
                // All or none.
                let calls: Vec<_> = (0..3).map(|_| self.call(random)).collect();
                let (records, events): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
                if refused(self.store.record(records).await).is_some() {
                    self.events.extend(events);
                }
            }
            _ => {
                let calls: Vec<_> = (0..2).map(|_| self.call(random)).collect();
                let (records, events): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
                let answers = self.store.record_each(records).await.unwrap();
                for (answer, event) in answers.into_iter().zip(events) {
                    self.events.extend(refused(answer).map(|_| event));
                }
            }
        }
    }

    /// The purchases of a person by the second computation: state, number of returns, refund.
    fn counted(&self, person: &BTreeSet<Uuid>) -> BTreeMap<Uuid, (OrderStatus, i64, i64)> {
        let mut counted = BTreeMap::new();
        let of_person = self.events.iter().filter(|event| person.contains(&event.record));
        for order in of_person.clone().map(|event| &event.order).collect::<BTreeSet<_>>() {
            let events: Vec<&Event> =
                of_person.clone().filter(|event| event.order == *order).collect();
            let is_bought = |event: &&&Event| matches!(event.what, What::PurchaseDetails { .. });
            let mut bought: Vec<&Event> = events.iter().filter(is_bought).copied().collect();
            bought.sort_by_key(|event| (event.at, event.entry_id));
            let owners: BTreeSet<Uuid> = bought.iter().map(|event| event.record).collect();
            for (place, purchase) in bought.iter().enumerate() {
                let mine = events.iter().filter(|event| {
                    event.record == purchase.record || place == 0 && !owners.contains(&event.record)
                });
                let moved = mine.clone().filter_map(|event| match event.what {
                    What::Changed(OrderStatus::Invoiced) => None,
                    What::Changed(status) => Some((event.at, status)),
                    _ => None,
                });
                let status = moved.max().map_or(OrderStatus::Ordered, |(_, status)| status);
                let returned = mine.filter_map(|event| match event.what {
                    What::Returned { quantity, cents } => Some((quantity, cents)),
                    _ => None,
                });
                let (quantity, cents) =
                    returned.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
                counted.insert(purchase.entry_id, (status, quantity, cents));
            }
        }
        counted
    }

    async fn all(&self, customer_id: Uuid) -> Vec<PurchaseState> {
        let (all, more) = self.store.list_purchases(customer_id, AT_LAST, None, 200).await.unwrap();
        assert!(!more);
        all
    }

    async fn check(&self, seed: u64) -> usize {
        let mut seen = 0;
        for record in &self.records {
            let kept = self.all(*record).await;
            let replayed = self.store.replay_purchases(*record).await.unwrap();
            assert_eq!(kept, replayed, "the seed is {seed}");
            let shown = kept.iter().map(|purchase| {
                let lines = purchase.lines.iter();
                assert!(lines.clone().all(|it| it.returned_quantity <= it.bought.quantity));
                let brought: i64 = lines.map(|line| line.returned_quantity).sum();
                let others: i64 = purchase.other_returns.iter().map(|line| line.quantity).sum();
                let cents: i64 = purchase.refunds.iter().map(|amount| amount.minor_units).sum();
                (purchase.entry_id, (purchase.status, brought + others, cents))
            });
            let shown: BTreeMap<_, _> = shown.collect();
            assert_eq!(shown, self.counted(&self.person(*record)), "the seed is {seed}");
            seen += kept.len();
        }
        for event in &self.events {
            let What::PurchaseDetails { serial, quantity } = &event.what else { continue };
            let key = throughline::domain::serial::serial_key(serial).unwrap();
            let number = PurchaseNumber::Serial(key);
            let found = self.store.find_purchases(&number, None, 20).await.unwrap().0;
            assert!(found.iter().any(|it| it.entry_id == event.entry_id), "the seed is {seed}");
            let bought = found.iter().find(|it| it.entry_id == event.entry_id).unwrap();
            assert_eq!(bought.lines.iter().map(|it| it.bought.quantity).sum::<i64>(), *quantity);
        }
        seen
    }
}

/// The allowed errors of an entry; any other fails the test.
fn refused<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::PurchaseNotFound { .. } | Error::OrderNumberTaken { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn every_purchase_is_what_its_entries_add_up_to() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 4711, 1);
        let clock = Clock::Moved(moved);
        let store = Store::open(&database.url, 4, clock).await.unwrap();
        let (mut seen, mut told) = (0, 0);
        for seed in 0..SEQUENCES {
            let mut random = Random::of(seed);
            let mut records = Vec::new();
            for number in 0..RECORDS {
                let account = super::each::key(&format!("customer-{seed}-{number}"));
                let made = store.identify(vec![account], Profile::default(), Origin::default());
                records.push(made.await.unwrap().customer.unwrap().id);
            }
            let (rules, store) = (Rules::new(clock), store.clone());
            let (merges, events) = (Vec::new(), Vec::new());
            let mut world = World { store, clock, rules, records, merges, events };
            for _ in 0..STEPS {
                moved.forward(i64::try_from(random.below(1_000_000)).unwrap());
                world.step(&mut random).await;
            }
            seen += world.check(seed).await;
            told += world.events.len();
        }
        // Many purchases with many entries, otherwise nothing has been compared.
        assert!(seen > SEQUENCES as usize * 6 && told > seen * 3, "{seen} {told}");
        store.close().await;
    })
    .await;
}
