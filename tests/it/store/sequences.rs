//! Any sequence of calls has the answers and effects that the oracle predicts. Only on SQLite: the
//! effects of a write are decided without SQL; other tests cover the statements.

use std::collections::BTreeMap;

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::RngSeed};
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    error::Error,
    model::{EntryFilter, Order, Profile, RecordEntry, RecordedEntry},
    pb,
    store::{PageRequest, Store},
};
use uuid::Uuid;

use super::oracle::{Answer, Call, IDENTIFIERS, Oracle, Refused, Who, Write};
use crate::{
    calls::{about, at, bought, by, note, to},
    support::{Database, NOW},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));

fn identifiers() -> impl Strategy<Value = Vec<usize>> {
    vec(0..IDENTIFIERS.len(), 1..4)
}

fn write() -> impl Strategy<Value = Write> {
    let who = prop_oneof![
        4 => identifiers().prop_map(Who::Identifiers),
        1 => (0..4_usize).prop_map(Who::Customer),
    ];
    (
        who,
        0..40_usize,
        0..2_usize,
        option::weighted(0.4, 0..3_usize),
        option::weighted(0.3, 0..3_usize),
    )
        .prop_map(|(who, name, text, order, about)| Write { who, name, text, order, about })
}

fn calls(each: bool) -> impl Strategy<Value = Vec<Call>> {
    let identify = (identifiers(), select(vec!["", "", "Anna", "Bert"]));
    let writes = vec(write(), 1..4);
    let kind = if each { Call::Each } else { Call::Batch };
    let call = prop_oneof![
        1 => identify.prop_map(|(identifiers, name)| Call::Identify(identifiers, name)),
        3 => writes.prop_map(kind),
    ];
    vec(call, 1..25)
}

fn contract_identifier(number: usize) -> pb::Identifier {
    let (kind, value) = IDENTIFIERS[number];
    // The first kind of the contract is the unspecified one.
    let place = throughline::model::IdentifierKind::ALL.iter().position(|it| *it == kind);
    let kind = i32::try_from(place.unwrap() + 1).unwrap();
    pb::Identifier { kind, value: value.to_owned(), ..Default::default() }
}

/// The store, and the customers in order of creation.
struct World {
    store: Store,
    customers: Vec<Uuid>,
}

impl World {
    fn record(&self, write: &Write) -> RecordEntry {
        let entry = match write.order {
            Some(number) => bought(format!("W-{number}")),
            None => note("a note"),
        };
        let entry = pb::Entry {
            source_ref: format!("{}", write.name),
            occurred_at: Some(at(-1000)),
            agent: format!("agent {}", write.text),
            ..entry
        };
        let order = write.about.map(|number| format!("W-{number}"));
        let entry = match &order {
            Some(number) => about(entry, [number]),
            None => entry,
        };
        let unknown = Uuid::from_u128(7);
        let call = match &write.who {
            Who::Identifiers(all) => {
                by(all.iter().map(|it| contract_identifier(*it)).collect(), entry)
            }
            Who::Customer(it) => {
                to(&self.customers.get(*it).unwrap_or(&unknown).to_string(), entry)
            }
        };
        validate::record(call, &RULES, &Actor::local()).unwrap()
    }

    /// A caller does not know the id of a customer that its own call creates.
    fn settle(&self, writes: &mut [Write]) {
        for write in writes {
            if let Who::Customer(number) = &mut write.who
                && *number >= self.customers.len()
            {
                *number = usize::MAX;
            }
        }
    }

    fn number_of(&mut self, id: Uuid, created: bool) -> usize {
        match self.customers.iter().position(|it| *it == id) {
            Some(number) => number,
            None => {
                assert!(created, "an unknown customer that was not made");
                self.customers.push(id);
                self.customers.len() - 1
            }
        }
    }

    fn answer(&mut self, recorded: RecordedEntry) -> Answer {
        let customer = self.number_of(recorded.customer_id, recorded.customer_created);
        let conflicts = recorded.conflicts.into_iter();
        Answer {
            customer,
            revision: recorded.revision,
            created: recorded.customer_created,
            repeated: recorded.already_recorded,
            conflicts: conflicts
                .map(|it| (it.index, self.number_of(it.customer_id, false)))
                .collect(),
        }
    }

    async fn identify(&mut self, identifiers: &[usize], given_name: &str) -> Answer {
        let identifiers = identifiers.iter().map(|it| contract_identifier(*it)).collect();
        let call = pb::IdentifyCustomerRequest { identifiers, ..Default::default() };
        let (identifiers, _, origin) = validate::identify(call, &RULES, &Actor::local()).unwrap();
        let profile = Profile { given_name: given_name.to_owned(), ..Profile::default() };
        let identified = self.store.identify(identifiers, profile, origin).await.unwrap();
        let found = identified.customer.unwrap();
        let customer = self.number_of(found.id, identified.created);
        let conflicts = identified.conflicts.into_iter();
        Answer {
            customer,
            revision: found.revision,
            created: identified.created,
            repeated: false,
            conflicts: conflicts
                .map(|it| (it.index, self.number_of(it.customer_id, false)))
                .collect(),
        }
    }

    async fn check_state(&self, oracle: &Oracle) {
        assert_eq!(self.customers.len(), oracle.customers.len());
        let filter = EntryFilter::default();
        let request = PageRequest { filter, order: Order::NewestFirst, after: None, limit: 200 };
        for (number, (id, wanted)) in self.customers.iter().zip(&oracle.customers).enumerate() {
            let customer = self.store.get_customer(*id).await.unwrap().unwrap();
            assert_eq!(customer.revision, wanted.revision);
            assert_eq!(customer.profile.given_name, wanted.given_name);
            let owned = oracle.owners.iter().filter(|(_, owner)| **owner == number);
            let mut owned: Vec<_> = owned.map(|(it, _)| IDENTIFIERS[*it].1.to_owned()).collect();
            let named = |it: throughline::model::StoredIdentifier| it.identifier.value;
            let mut kept: Vec<_> = customer.identifiers.into_iter().map(named).collect();
            owned.sort();
            kept.sort();
            assert_eq!(kept, owned);

            let page = self.store.list_timeline(*id, &request).await.unwrap();
            let page: pb::ListTimelineResponse =
                prost::Message::decode(page.entries.bytes()).unwrap();
            let entries: BTreeMap<i64, usize> = page
                .entries
                .iter()
                .map(|it| (it.revision, it.source_ref.parse().unwrap()))
                .collect();
            assert_eq!(entries, wanted.entries);
        }
    }
}

fn refused(error: Error) -> Refused {
    match error {
        Error::CustomerNotFound => Refused::NoCustomer,
        Error::Invalid(_) => Refused::NameReused,
        Error::OrderNumberTaken { .. } => Refused::OrderTaken,
        Error::PurchaseNotFound { .. } => Refused::NoOrder,
        other => panic!("{other:?}"),
    }
}

async fn check(calls: Vec<Call>) {
    let database = Database::sqlite();
    let store = Store::open(&database.url, 1, RULES.clock).await.unwrap();
    let mut world = World { store, customers: Vec::new() };
    let mut oracle = Oracle::default();
    for call in calls {
        match call {
            Call::Identify(identifiers, name) => {
                let answer = world.identify(&identifiers, name).await;
                assert_eq!(answer, oracle.identify(&identifiers, name));
            }
            Call::Batch(mut writes) => {
                world.settle(&mut writes);
                let records = writes.iter().map(|it| world.record(it)).collect();
                let answers = world.store.record(records).await.map_err(refused);
                let answers = answers
                    .map(|all| all.into_iter().map(|it| world.answer(it)).collect::<Vec<_>>());
                assert_eq!(answers, oracle.batch(&writes));
            }
            Call::Each(mut writes) => {
                world.settle(&mut writes);
                let records = writes.iter().map(|it| world.record(it)).collect();
                let answers = world.store.record_each(records).await.unwrap();
                for (answer, write) in answers.into_iter().zip(&writes) {
                    let answer = answer.map(|it| world.answer(it)).map_err(refused);
                    assert_eq!(answer, oracle.write(write));
                }
            }
        }
    }
    world.check_state(&oracle).await;
    world.store.close().await;
}

fn run(calls: Vec<Call>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(check(calls));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        // Fixed, so that failures are reproducible.
        rng_seed: RngSeed::Fixed(1815),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn batches_do_what_the_oracle_says(calls in calls(false)) {
        run(calls);
    }

    #[test]
    fn writes_of_an_import_do_what_the_oracle_says(calls in calls(true)) {
        run(calls);
    }
}
