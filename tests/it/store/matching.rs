//! Incrementally maintained suggestions equal those of a full run, whoever works on them
//! concurrently and wherever that ends.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{Connection as _, PgConnection, SqliteConnection};
use throughline::{
    clock::Clock,
    domain::matching::{Frequencies, Model, Person, SUGGESTION_THRESHOLD, find_pairs},
    model::{Identifier, Origin, Profile, ProfileField},
    store::{ProfileChange, Store},
};
use tokio::runtime::Builder;
use uuid::Uuid;

use super::people::{context, pair, population, suggestions};
use crate::{
    random::Random,
    support::{Database, on_both},
};

type People = BTreeMap<Uuid, (Profile, Vec<Identifier>)>;

async fn open(url: &str) -> Store {
    Store::open(url, 4, Clock::System).await.unwrap()
}

async fn add_all(store: &Store, people: &mut People, more: &[(Profile, Vec<Identifier>)]) {
    for (profile, identifiers) in more {
        let id = super::people::add(store, profile.clone(), identifiers.clone()).await;
        people.insert(id, (profile.clone(), identifiers.clone()));
    }
}

/// The expected result of a full run: the pairs with their probability.
fn expected(people: &People, model: &Model) -> BTreeMap<(Uuid, Uuid), f64> {
    let ids: Vec<Uuid> = people.keys().copied().collect();
    let records: Vec<Person> =
        people.values().map(|(profile, known)| Person::of_customer(profile, known)).collect();
    let frequencies = Frequencies::of(&records);
    let found = find_pairs(&records, model, &frequencies, SUGGESTION_THRESHOLD, |_| {});
    let mut all = BTreeMap::new();
    for found in found.pairs {
        let (one, other) = (found.one as usize, found.other as usize);
        let probability = model.probability(&records[one], &records[other], &frequencies);
        // A pair that only follows from others is suggested when those have been merged.
        if probability >= SUGGESTION_THRESHOLD {
            all.insert(pair(ids[one], ids[other]), probability);
        }
    }
    all
}

async fn found(store: &Store) -> BTreeMap<(Uuid, Uuid), f64> {
    let all = suggestions(store).await.into_iter();
    all.map(|it| ((it.one_id, it.other_id), it.probability)).collect()
}

fn assert_same(found: &BTreeMap<(Uuid, Uuid), f64>, expected: &BTreeMap<(Uuid, Uuid), f64>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (pair, probability) in found {
        // They are stored in millionths of a bit.
        assert!((probability - expected[pair]).abs() < 1e-6, "{probability} {}", expected[pair]);
    }
}

/// Makes every customer be compared again without a relevant change.
async fn touch_all(store: &Store, people: &People) {
    for id in people.keys() {
        let profile = Profile { language: "nl".to_owned(), ..Profile::default() };
        change(store, *id, profile, ProfileField::Language).await;
    }
}

async fn change(store: &Store, customer_id: Uuid, profile: Profile, field: ProfileField) {
    let change = ProfileChange {
        customer_id,
        profile,
        fields: vec![field],
        origin: Origin::default(),
        expected_etag: None,
        context: context(),
    };
    store.update_customer(change).await.unwrap();
}

#[tokio::test]
async fn one_by_one_finds_what_a_run_over_everything_finds() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let mut random = Random::new(3);
        let all = population(&mut random, 260);
        let mut people = People::new();
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            let (some, more) = rest.split_at(rest.len().min(1 + random.below(40)));
            add_all(&store, &mut people, some).await;
            store.match_all(&[]).await.unwrap();
            rest = more;
        }
        let whole = expected(&people, &Model::default());
        assert!(whole.len() > 40, "{}", whole.len());
        // A pair was scored when its second record arrived, with the frequencies of that time: it
        // may differ only at the threshold.
        let one_by_one = found(&store).await;
        let differ = one_by_one
            .iter()
            .filter(|(pair, _)| !whole.contains_key(*pair))
            .chain(whole.iter().filter(|(pair, _)| !one_by_one.contains_key(*pair)));
        let differ: Vec<f64> = differ.map(|(_, probability)| *probability).collect();
        assert!(differ.iter().all(|probability| *probability < 0.985), "{differ:?}");
        assert!(differ.len() * 20 < whole.len(), "{differ:?}");

        // With equal frequencies the result is exactly equal: every count was exact.
        touch_all(&store, &people).await;
        assert!(store.match_all(&[]).await.unwrap() >= people.len());
        assert_same(&found(&store).await, &whole);

        // And so it is when everything is compared at once.
        let run = store.suggest_all(Some(Model::default()), &[], |_| {}).await.unwrap().unwrap();
        assert_eq!((run.customers, run.suggestions), (people.len(), whole.len()));
        assert_same(&found(&store).await, &whole);

        // Learnt weights are used by all from then on.
        let run = store.suggest_all(None, &[], |_| {}).await.unwrap().unwrap();
        assert_ne!(run.model, Model::default());
        let whole = expected(&people, &run.model);
        assert_same(&found(&store).await, &whole);
        store.close().await;
        let store = open(&database.url).await;
        touch_all(&store, &people).await;
        store.match_all(&[]).await.unwrap();
        assert_same(&found(&store).await, &whole);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_lose_nothing_and_count_nothing_twice() {
    on_both(async |database| {
        let all = population(&mut Random::new(5), 150);
        let store = open(&database.url).await;
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(open(&database.url).await);
        }
        let mut people = People::new();
        for part in all.chunks(all.len().div_ceil(3)) {
            add_all(&store, &mut people, part).await;
            match_by_all(&servers).await;
        }
        // A change of the counts that creates no new pairs.
        for (id, (profile, _)) in &mut people {
            profile.address.region = "Utrecht".to_owned();
            change(&store, *id, profile.clone(), ProfileField::Address).await;
        }
        match_by_all(&servers).await;
        assert_eq!(counted(database).await, terms(&people));
        touch_all(&store, &people).await;
        match_by_all(&servers).await;
        assert_eq!(counted(database).await, terms(&people));
        assert_same(&found(&store).await, &expected(&people, &Model::default()));
        for server in servers {
            server.close().await;
        }
        store.close().await;
    })
    .await;
}

/// Makes all servers work concurrently.
async fn match_by_all(servers: &[Store]) {
    let tasks: Vec<_> = servers
        .iter()
        .cloned()
        .map(|server| tokio::spawn(async move { server.match_all(&[]).await }))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

/// The total of the counts of values.
async fn counted(database: &Database) -> i64 {
    const COUNTED: &str = "select cast(sum(records) as bigint) from match_terms";
    if database.url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        return sqlx::query_scalar(COUNTED).fetch_one(&mut connection).await.unwrap();
    }
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query_scalar(COUNTED).fetch_one(&mut connection).await.unwrap()
}

/// The expected total.
fn terms(people: &People) -> i64 {
    let of = |(profile, known): &(Profile, Vec<Identifier>)| {
        Frequencies::terms(&Person::of_customer(profile, known)).len()
    };
    i64::try_from(people.values().map(of).sum::<usize>()).unwrap()
}

#[tokio::test]
async fn a_process_that_ends_in_the_middle_leaves_the_rest_to_others() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let mut people = People::new();
        add_all(&store, &mut people, &population(&mut Random::new(7), 120)).await;
        let url = database.url.clone();
        // A process that is killed at some moment of its work.
        let killed = std::thread::spawn(move || {
            for micros in (2_000..60_000).step_by(4_000) {
                let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let store = open(&url).await;
                    let some_time = Duration::from_micros(micros);
                    let _ = tokio::time::timeout(some_time, store.match_all(&[])).await;
                });
                runtime.shutdown_background();
            }
        });
        tokio::task::spawn_blocking(move || killed.join().unwrap()).await.unwrap();
        store.match_all(&[]).await.unwrap();
        touch_all(&store, &people).await;
        store.match_all(&[]).await.unwrap();
        assert_same(&found(&store).await, &expected(&people, &Model::default()));
        store.close().await;
    })
    .await;
}
