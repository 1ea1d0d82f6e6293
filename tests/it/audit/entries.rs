//! Somebody who can write every table cannot change an entry without detection.

mod owner;

use std::fs;

use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    config::read_retention,
    model::Seal,
    pb,
    store::{Store, Sweep, Verified},
};
use uuid::Uuid;

use self::owner::Owner;
use super::tampered::seals_in;
use crate::{
    calls::{account, by, note, request_id, said, to},
    identity::merge,
    random::Random,
    support::{Database, Life, NOW, Server, TempFolder, on_both},
};

/// A database with sealed entries of some customers.
struct World {
    store: Store,
    owner: Owner,
    /// The seals outside of the database.
    outside: Vec<Seal>,
    folder: TempFolder,
}

impl World {
    async fn begin(database: &Database) -> Self {
        let server = Server::start(database).await;
        for number in 0..30 {
            let who = vec![account(format!("account-{}", number % 3))];
            server.recorded(by(who, note(format!("{number} euro")))).await;
        }
        server.stop().await;
        let store = open(database).await;
        let folder = TempFolder::new();
        let mut world = Self { store, owner: Owner::of(database).await, outside: vec![], folder };
        world.seal().await;
        world
    }

    async fn seal(&mut self) {
        self.store.seal_entries().await.unwrap();
        self.outside = seals_in(&self.store, &self.folder.path().join("seals")).await;
    }

    async fn verify(&self) -> Verified {
        self.store.verify(&self.outside).await.unwrap()
    }
}

async fn open(database: &Database) -> Store {
    Store::open(&database.url, 4, Clock::Fixed(NOW)).await.unwrap()
}

/// Records an entry directly.
async fn record(store: &Store, text: &str) -> Uuid {
    let call = by(vec![account("account-0")], note(text));
    let rules = Rules::new(Clock::Fixed(NOW));
    let record = validate::record(call, &rules, &Actor::local()).unwrap();
    store.record(vec![record]).await.unwrap()[0].entry_id
}

/// Whether a problem is reported whose text contains all of these.
fn tells(found: &Verified, texts: &[&str]) -> bool {
    found.problems.iter().any(|problem| texts.iter().all(|text| problem.contains(text)))
}

#[tokio::test]
async fn every_change_of_an_entry_is_found() {
    on_both(async |database| {
        let mut world = World::begin(database).await;
        let clean = world.verify().await;
        assert_eq!(clean.problems, [""; 0]);
        assert_eq!((clean.entries, clean.unsealed_entries, clean.removed_entries), (30, 0, 0));
        world.owner.save().await;
        let mut random = Random::new(17);
        for _ in 0..60 {
            let (what, id) = world.owner.change_entry(&mut random).await;
            let found = world.verify().await;
            assert!(tells(&found, &[&format!("entry {id}")]), "{what}: {:?}", found.problems);
            // The control: without the hashes it would not be detected.
            let without = world.store.verify_audit(&world.outside).await.unwrap();
            assert_eq!(without.problems, [""; 0], "{what}");
            world.owner.restore().await;
        }
        let id = world.owner.take_out(4).await;
        assert!(tells(&world.verify().await, &[&format!("entry {id}: is missing")]));
        world.owner.restore().await;
        let id = world.owner.put_in(9).await;
        assert!(tells(&world.verify().await, &[&format!("entry {id}"), "no seal has it"]));
        world.owner.restore().await;
        assert_eq!(world.verify().await, clean);
        world.store.close().await;
    })
    .await;
}

/// A change with all hashes adjusted, as far as somebody gets who can write all tables.
#[tokio::test]
async fn an_entry_is_not_changed_unseen_by_making_the_hashes_anew() {
    on_both(async |database| {
        let mut world = World::begin(database).await;
        world.owner.save().await;
        let row = world.owner.change_payload(7).await;

        world.owner.reseal(&row).await;
        assert!(tells(&world.verify().await, &["of entries: is not what was sealed"]));
        world.owner.rechain_entries().await;
        assert!(tells(&world.verify().await, &["is another one in the audit log"]));
        world.owner.rechain_audit().await;
        // Only the seals outside of the database detect it.
        assert!(tells(&world.verify().await, &["is another one outside of the database"]));
        assert_eq!(world.store.verify(&[]).await.unwrap().problems, [""; 0]);

        world.owner.restore().await;
        assert_eq!(world.verify().await.problems, [""; 0]);
        // The end is cut off, with the entries.
        world.owner.cut_seals().await;
        let found = world.verify().await;
        assert!(tells(&found, &["of entries: is missing, but the audit log has it"]));
        world.store.close().await;
    })
    .await;
}

/// What is sealed later was noted when it was recorded.
#[tokio::test]
async fn an_entry_that_is_not_sealed_yet_is_held_by_what_its_transaction_noted() {
    on_both(async |database| {
        let mut world = World::begin(database).await;
        let id = record(&world.store, "100 euro").await;
        assert_eq!(world.verify().await.unsealed_entries, 1);
        world.owner.change_payload_of(id, "100", "900").await;
        let told = format!("entry {id}");
        for unsealed in [1, 0] {
            let found = world.verify().await;
            assert_eq!(found.unsealed_entries, unsealed);
            assert!(tells(&found, &[&told, "is not what was recorded"]));
            world.seal().await;
        }
        world.store.close().await;
    })
    .await;
}

/// What remains possible for somebody who knows all of this is recorded: a removal like any other.
#[tokio::test]
async fn a_removal_that_is_made_up_is_counted() {
    on_both(async |database| {
        let mut world = World::begin(database).await;
        world.owner.remove_as_retention(3).await;
        let found = world.verify().await;
        assert_eq!((found.problems, found.removed_entries), (Vec::new(), 1));
        world.seal().await;
        let found = world.verify().await;
        assert_eq!((found.problems, found.removed_entries), (Vec::new(), 1));
        world.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_product_does_is_no_change() {
    on_both(async |database| {
        let server = Server::start(database).await;
        // Every call of the contract, including a merge, an unmerge, and an erasure.
        let life = Life::live(server.connect().await, &[]).await;
        let store = open(database).await;
        let check = async |removed: bool| {
            let found = store.verify(&[]).await.unwrap();
            assert_eq!(found.problems, [""; 0]);
            assert_eq!(found.removed_entries > 0, removed);
            assert_eq!(found.put_back, [""; 0]);
            found
        };
        check(true).await;
        store.seal_entries().await.unwrap();
        let before = check(true).await;
        server.recorded(to(&life.other, said("an old word"))).await;
        check(true).await;

        let rules = "[[rule]]\nkinds = ['interaction']\nkeep_days = 30";
        let rules = read_retention("rules.toml", rules).unwrap();
        let later = Clock::Fixed(NOW + 40 * 86_400_000_000);
        let keeper = Store::open(&database.url, 2, later).await.unwrap();
        let gone = keeper.sweep(&rules, Sweep::AtOnce, |_| {}).await.unwrap();
        assert_eq!(gone.iter().map(|it| it.entries).sum::<u64>(), 1);
        keeper.close().await;
        for _ in 0..2 {
            let after = check(true).await;
            assert_eq!(after.removed_entries, before.removed_entries + 1);
            store.seal_entries().await.unwrap();
        }
        store.close().await;
        server.stop().await;
    })
    .await;
}

/// SQLite's audit log stays when an older database is restored.
#[tokio::test]
async fn a_database_that_was_put_back_is_told_and_goes_on() {
    let database = Database::sqlite();
    let mut world = World::begin(&database).await;
    world.store.close().await;
    let file = database.url.trim_start_matches("sqlite:").to_owned();
    let backup = world.folder.path().join("backup.db");
    fs::copy(&file, &backup).unwrap();

    let serve = async |text: &str| {
        let server = Server::start(&database).await;
        server.recorded(by(vec![account("account-0")], note(text))).await;
        server.stop().await;
    };
    serve("after the backup").await;
    fs::copy(&backup, &file).unwrap();
    serve("after it was put back").await;
    world.store = open(&database).await;
    world.seal().await;
    let found = world.verify().await;
    assert_eq!((found.problems, found.entries), (Vec::new(), 31));
    let [told] = found.put_back.as_slice() else { panic!("{:?}", found.put_back) };
    assert!(told.contains("the database was put back to seal"), "{told}");
    // A change is detected all the same.
    world.owner = Owner::of(&database).await;
    let (what, id) = world.owner.change_entry(&mut Random::new(1)).await;
    assert!(tells(&world.verify().await, &[&format!("entry {id}")]), "{what}");
    world.store.close().await;
}

/// Concurrent writes, seals and removals are not reported as changes.
#[tokio::test]
async fn what_is_written_meanwhile_is_no_change() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let (store, other) = (open(database).await, open(database).await);
        for round in 0..30 {
            let work = async {
                let made = two_entries(&server, round).await;
                server.customers.clone().merge_customers(merge(&made.0, &made.1)).await.unwrap();
                if round % 2 == 0 {
                    erase(&server, made.0).await;
                }
            };
            let seal = async || {
                store.seal_entries().await.unwrap();
            };
            let ((), (), found) = tokio::join!(work, seal(), store.verify(&[]));
            assert_eq!(found.unwrap().problems, [""; 0], "round {round}");
        }
        store.seal_entries().await.unwrap();
        let found = other.verify(&[]).await.unwrap();
        assert_eq!((found.problems, found.unsealed_entries), (Vec::new(), 0));
        assert_eq!(found.removed_entries, 15 * 3);
        store.close().await;
        other.close().await;
        server.stop().await;
    })
    .await;
}

async fn two_entries(server: &Server, round: u32) -> (String, String) {
    let record = async |number: u32| {
        let call = by(vec![account(format!("account-{number}"))], note("x"));
        server.timeline.clone().record_entry(call).await.unwrap().into_inner().customer_id
    };
    (record(2 * round).await, record(2 * round + 1).await)
}

async fn erase(server: &Server, customer_id: String) {
    let call = pb::EraseCustomerRequest {
        customer_id,
        ticket: "GDPR-1".to_owned(),
        request_id: request_id(),
        ..Default::default()
    };
    server.privacy.clone().erase_customer(call).await.unwrap();
}

/// Servers that seal at the same time do not seal an entry twice.
#[tokio::test]
async fn many_servers_may_seal() {
    on_both(async |database| {
        let mut stores = Vec::new();
        for _ in 0..6 {
            stores.push(open(database).await);
        }
        for round in 0..20 {
            for number in 0..5 {
                record(&stores[0], &format!("{round} {number}")).await;
            }
            let sealing: Vec<_> = stores
                .iter()
                .cloned()
                .map(|store| tokio::spawn(async move { store.seal_entries().await }))
                .collect();
            for sealed in sealing {
                sealed.await.unwrap().unwrap();
            }
            let found = stores[0].verify(&[]).await.unwrap();
            assert_eq!(found.problems, [""; 0], "round {round}");
        }
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

/// Entries from before sealing existed are queued when the database is next opened, once.
#[tokio::test]
async fn entries_without_a_salt_are_noted_once() {
    on_both(async |database| {
        let store = open(database).await;
        for number in 0..20 {
            record(&store, &format!("{number} euro")).await;
        }
        let mut owner = Owner::of(database).await;
        owner.forget_seals().await;
        // The control: they are unknown.
        assert_eq!(problems(&store.verify(&[]).await.unwrap()), 20);

        let (one, other) = tokio::join!(open(database), open(database));
        one.close().await;
        other.close().await;
        let found = store.verify(&[]).await.unwrap();
        assert_eq!(found.problems, [""; 0]);
        assert_eq!((found.entries, found.unsealed_entries), (20, 20));
        store.seal_entries().await.unwrap();

        let id = owner.put_in_without_salt(3).await;
        open(database).await.close().await;
        let found = store.verify(&[]).await.unwrap();
        assert!(tells(&found, &[&format!("entry {id}"), "no seal has it"]), "{found:?}");
        assert_eq!(problems(&found), 1);
        store.close().await;
    })
    .await;
}

fn problems(found: &Verified) -> u64 {
    found.problems.len() as u64 + found.more_problems
}
