//! Somebody who can write every table cannot change the audit log without detection: random changes
//! by somebody with access to the whole database.

use std::{collections::HashMap, path::Path};

use throughline::{
    clock::Clock,
    domain::audit,
    model::{AuditEntry, Seal},
    store::{SealsFile, Store},
};
use uuid::Uuid;

use super::owner::Owner;
use crate::{
    random::Random,
    support::{Database, NOW, TempFolder, on_both},
};

/// How many changes are tried on each database.
const TRIES: usize = 500;

/// Two logs with some seals each, also written to a file.
async fn fill(database: &Database, seals: &Path) -> Vec<Seal> {
    let mut random = Random::new(7);
    let mut file = SealsFile::new(seals.to_owned());
    for process in 0..2 {
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        for round in 0..6 {
            for _ in 0..12 {
                store.add_audit_entry(random_access(&mut random)).await.unwrap();
            }
            assert_eq!(store.seal_audit().await.unwrap().len(), 1, "{process} {round}");
        }
        file.add_missing(&store).await.unwrap();
        if process == 1 {
            // Without missing seals, nothing is added.
            file.add_missing(&store).await.unwrap();
        }
        store.close().await;
    }
    read(seals)
}

/// The seals of a database, once a file outside of it has them.
pub async fn seals_in(store: &Store, file: &Path) -> Vec<Seal> {
    SealsFile::new(file.to_owned()).add_missing(store).await.unwrap();
    read(file)
}

fn read(file: &Path) -> Vec<Seal> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| audit::read_line(line).unwrap()).collect()
}

fn random_access(random: &mut Random) -> AuditEntry {
    let mut customers: Vec<Uuid> =
        (0..random.below(4)).map(|_| Uuid::from_u128(random.below(9) as u128 + 1)).collect();
    customers.sort_unstable();
    customers.dedup();
    AuditEntry {
        at: NOW + random.below(1000) as i64,
        caller: "desk".to_owned(),
        actor: format!("agent-{}", random.below(5)),
        purpose: "service".to_owned(),
        call: "GetBriefing".to_owned(),
        data: "history".to_owned(),
        code: 0,
        customers,
        case_id: random.one_in(3).then(|| Uuid::from_u128(random.below(9) as u128 + 1)),
    }
}

/// Changes something at random, and describes it.
async fn tamper(owner: &mut Owner, random: &mut Random) -> String {
    let rows = owner.count("audit_log").await;
    let seals = owner.count("audit_seals").await;
    let row = |offset: usize| {
        format!(
            "(log, number) in (select log, number from audit_log \
             order by log, number limit 1 offset {offset})"
        )
    };
    let one = random.below(rows);
    let other = (one + 1 + random.below(rows - 1)) % rows;
    let number = 1 + random.below(seals);
    let look = random.below(owner.count("audit_index").await);
    let look = format!(
        "(customer_id, at, log, number) in (select customer_id, at, log, number from audit_index \
         order by customer_id, at, log, number limit 1 offset {look})"
    );
    let text = match random.below(20) {
        0 => format!("update audit_log set at = at + 1 where {}", row(one)),
        // Changes a part of it.
        1 | 2 => {
            let (from, to) = random.pick(&[
                ("desk", "task"),
                ("agent-", "agent-9"),
                ("\"service\"", "\"complaint\""),
                ("GetBriefing", "GetCustomer"),
                ("\"history\"", "\"identity\""),
                ("\"code\":0", "\"code\":7"),
            ]);
            format!(
                "update audit_log set access = replace(access, '{from}', '{to}') where {}",
                row(one)
            )
        }
        // Removes or replaces the customer.
        3 => format!(
            "update audit_log set access = case when access like '%\"customers\"%' \
             then replace(access, '\"customers\"', '\"others\"') \
             else replace(access, '\"code\":0', '\"code\":0,\"customers\":[]') end where {}",
            row(one)
        ),
        4 => format!(
            "update audit_log set access = case when access like '%\"case_id\"%' \
             then replace(access, '\"case_id\"', '\"other_id\"') \
             else replace(access, '}}', ' }}') end where {}",
            row(one)
        ),
        5..=7 => format!("delete from audit_log where {}", row(one)),
        8 => format!(
            "insert into audit_log (log, number, at, access) \
             select log, number + 1000, at, access from audit_log where {}",
            row(one)
        ),
        9 | 10 => format!(
            "create table swap as select * from audit_log where {0} or {1}; \
             delete from audit_log where {0} or {1}; \
             insert into audit_log (log, number, at, access) \
             select o.log, o.number, s.at, s.access from swap s join swap o \
             on o.log <> s.log or o.number <> s.number; drop table swap",
            row(one),
            row(other)
        ),
        // Cuts off the end: of the rows, or of the seals too.
        11 => format!(
            "delete from audit_log where (log, number) >= \
             (select log, number from audit_log order by log, number limit 1 offset {one})"
        ),
        12 => format!(
            "delete from audit_seals where number >= {number}; \
             delete from audit_heads; \
             insert into audit_heads (log, sealed, hash, sealed_at, is_closed) \
             select log, sealed, hash, sealed_at, true from audit_seals s where number = \
             (select max(number) from audit_seals o where o.log = s.log)"
        ),
        // A whole log.
        13 => "delete from audit_log where log = (select min(log) from audit_log)".to_owned(),
        14 => {
            let column = random.pick(&["log", "sealed", "sealed_at"]);
            format!("update audit_seals set {column} = {column} + 1 where number = {number}")
        }
        15 => {
            let column = random.pick(&["hash", "chain"]);
            let next = number % seals + 1;
            format!(
                "update audit_seals set {column} = (select {column} from audit_seals \
                 where number = {next}) where number = {number}"
            )
        }
        16 => format!("delete from audit_seals where number = {number}"),
        17 => format!("delete from audit_index where {look}"),
        18 if one.is_multiple_of(2) => format!(
            "insert into audit_index (customer_id, at, log, number) \
             select customer_id, at, log, number + {} from audit_index where {look}",
            random.pick(&["1000", "7"])
        ),
        18 => format!("update audit_index set at = at + 1 where {look}"),
        _ => return make_anew(owner, random).await,
    };
    owner.run(text.clone()).await;
    text
}

/// A change with every hash of the database adjusted.
async fn make_anew(owner: &mut Owner, random: &mut Random) -> String {
    let offset = random.below(owner.count("audit_log").await);
    let text = format!(
        "update audit_log set access = replace(access, 'agent-', 'nobody-') where (log, number) in \
         (select log, number from audit_log order by log, number limit 1 offset {offset})"
    );
    owner.run(text.clone()).await;
    let rows = owner.rows().await;
    let mut hashes = HashMap::new();
    let (mut log, mut hash) = (None, [0; 32]);
    for (of, number, at, access) in &rows {
        if log != Some(*of) {
            (log, hash) = (Some(*of), audit::start(*of));
        }
        hash = audit::next(&hash, *of, *number, *at, access);
        hashes.insert((*of, *number), hash);
    }
    owner
        .rechain(|log, sealed| {
            hashes.get(&(log, sealed)).copied().unwrap_or_else(|| audit::start(log))
        })
        .await;
    format!("{text}, and all hashes")
}

#[tokio::test]
async fn every_change_of_what_was_kept_is_found() {
    on_both(async |database| {
        let folder = TempFolder::new();
        let outside = fill(database, &folder.path().join("seals")).await;
        let mut owner = Owner::of(database).await;
        owner.save().await;
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let clean = store.verify_audit(&outside).await.unwrap();
        assert_eq!(clean.problems, [""; 0]);
        assert_eq!((clean.audit_entries, clean.logs, clean.unsealed), (144, 2, 0));
        assert_eq!((clean.seals, clean.outside), (14, 14));

        let mut random = Random::new(20_260_314);
        let mut unseen = Vec::new();
        for _ in 0..TRIES {
            let what = tamper(&mut owner, &mut random).await;
            if store.verify_audit(&outside).await.unwrap().problems.is_empty() {
                unseen.push(what);
            }
            owner.restore().await;
        }
        assert_eq!(unseen, [""; 0], "of {TRIES}");
        assert_eq!(store.verify_audit(&outside).await.unwrap(), clean);

        // Without the seals outside, a seal is protected by the later ones, and the state of
        // sealing by the seals.
        for text in [
            "update audit_seals set sealed_at = sealed_at + 1 where number = 5",
            "update audit_heads set sealed = sealed - 1",
            "update audit_heads set sealed_at = sealed_at + 1",
            "update audit_heads set is_closed = true; \
             insert into audit_log (log, number, at, access) \
             select log, number + 1, at, access from audit_log where number = 72",
            "delete from audit_heads",
        ] {
            owner.run(text).await;
            assert_ne!(store.verify_audit(&[]).await.unwrap().problems, [""; 0], "{text}");
            owner.restore().await;
        }
        // A later process sealed the same rows, and found others.
        let text = "insert into audit_seals (number, log, sealed, hash, sealed_at, chain) \
             select 15, log, sealed, chain, sealed_at, chain from audit_seals where number = 14";
        owner.run(text).await;
        let found = store.verify_audit(&outside).await.unwrap();
        let told = "seal 15: another one of the same rows differs".to_owned();
        assert!(found.problems.contains(&told), "{:?}", found.problems);
        owner.restore().await;
        // Why seals are also written outside: without them this cannot be detected.
        make_anew(&mut owner, &mut random).await;
        assert_eq!(store.verify_audit(&[]).await.unwrap().problems, [""; 0]);
        assert_ne!(store.verify_audit(&outside).await.unwrap().problems, [""; 0]);
        store.close().await;
    })
    .await;
}

/// After a restore, the seals outside are not continued without detection.
#[tokio::test]
async fn seals_of_another_state_are_not_added_to() {
    on_both(async |database| {
        let folder = TempFolder::new();
        let path = folder.path().join("seals");
        let elsewhere = Database::sqlite();
        fill(&elsewhere, &path).await;
        let before = std::fs::read_to_string(&path).unwrap();
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        store.add_audit_entry(random_access(&mut Random::new(1))).await.unwrap();
        store.seal_audit().await.unwrap();
        let told = SealsFile::new(path.clone()).add_missing(&store).await.unwrap_err();
        assert!(told.cause().contains("its last seal, 14, is none of the database"), "{told:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        store.close().await;
    })
    .await;
}

/// Before it is sealed too: an index row may already exist, but not without a row of the log.
#[tokio::test]
async fn a_look_at_somebody_else_is_found() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let access = AuditEntry { customers: vec![one], ..random_access(&mut Random::new(1)) };
        store.add_audit_entry(access).await.unwrap();
        let mut owner = Owner::of(database).await;
        for (customer, is_found) in [(one, false), (other, true)] {
            let id = match database.url.starts_with("sqlite:") {
                true => format!("x'{}'", customer.simple()),
                false => format!("'{customer}'::uuid"),
            };
            let look = format!(
                "insert into audit_index (customer_id, at, log, number) \
                 select {id}, at, log, number from audit_log"
            );
            owner.run(look).await;
            let found = store.verify_audit(&[]).await.unwrap();
            assert_eq!(!found.problems.is_empty(), is_found, "{:?}", found.problems);
        }
        store.close().await;
    })
    .await;
}

/// Concurrent calls are not reported as changes.
#[tokio::test]
async fn what_is_kept_meanwhile_is_no_change() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::Fixed(NOW)).await.unwrap();
        let (is_over, mut over) = tokio::sync::watch::channel(false);
        let keeping = {
            let (store, url) = (store.clone(), database.url.clone());
            tokio::spawn(async move {
                let mut random = Random::new(5);
                while !*over.borrow_and_update() {
                    for _ in 0..20 {
                        store.add_audit_entry(random_access(&mut random)).await.unwrap();
                    }
                    store.seal_audit().await.unwrap();
                    // Another process comes and goes.
                    let other = Store::open(&url, 2, Clock::Fixed(NOW)).await.unwrap();
                    other.add_audit_entry(random_access(&mut random)).await.unwrap();
                    other.close().await;
                }
            })
        };
        for round in 0..30 {
            let found = store.verify_audit(&[]).await.unwrap();
            assert_eq!(found.problems, [""; 0], "round {round}");
        }
        is_over.send_replace(true);
        keeping.await.unwrap();
        store.close().await;
    })
    .await;
}

/// A killed process leaves unsealed rows: another one seals them.
#[tokio::test]
async fn what_a_killed_process_has_kept_is_sealed_by_another_one() {
    on_both(async |database| {
        let mut random = Random::new(3);
        let killed = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        for _ in 0..5 {
            killed.add_audit_entry(random_access(&mut random)).await.unwrap();
        }
        let other = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        // It may be alive.
        assert_eq!(other.seal_audit().await.unwrap(), []);
        assert_eq!(other.verify_audit(&[]).await.unwrap().unsealed, 5);
        let seals = other.seal_logs_before(NOW + 1).await.unwrap();
        assert_eq!(seals.iter().map(|seal| seal.sealed).collect::<Vec<_>>(), [5]);
        assert_eq!(other.seal_logs_before(NOW + 1).await.unwrap(), []);
        // It was alive, and goes on.
        killed.add_audit_entry(random_access(&mut random)).await.unwrap();
        assert_eq!(killed.seal_audit().await.unwrap().len(), 1);
        let found = other.verify_audit(&[]).await.unwrap();
        assert_eq!(found.problems, [""; 0]);
        assert_eq!((found.audit_entries, found.unsealed), (6, 0));
        killed.close().await;
        other.close().await;
    })
    .await;
}
