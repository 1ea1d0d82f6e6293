//! Whether the checker finds what is wrong: histories that were tampered with behind the server's
//! back.

use std::time::Duration;

use crate::{
    Form,
    check::check,
    load::{Load, Size},
    report::Outcome,
    stored::Connection,
    world::Kind,
};

/// Removes an acknowledged entry.
const LOSE: &str = "delete from entries where entry_id = \
    (select entry_id from entries where kind = 'note' order by entry_id limit 1)";
/// Replaces an entry by another one.
const DOUBLE: &str = "update entries set payload = \
    (select payload from entries where kind = 'note' order by entry_id limit 1) \
    where entry_id = (select entry_id from entries where kind = 'note' \
    order by entry_id desc limit 1)";
/// Makes the state differ from the history.
const FORGET: &str = "delete from promises where promise_id = \
    (select promise_id from promises order by promise_id limit 1)";
const RENUMBER: &str = "update entry_revisions set revision = revision + 1000 where revision = 1";
/// Removes an entry of the audit log.
const CONCEAL: &str = "delete from audit_log where number = 1";

/// Each kind of tampering, and what must be found.
const TAMPERING: [(&str, &str); 4] = [
    (LOSE, "acknowledged and lost"),
    (DOUBLE, "done twice"),
    (FORGET, "promises that are not their history"),
    (RENUMBER, "entries that are not the entries of revisions"),
];

const OPERATIONS: usize = 150;
const BOUND: Duration = Duration::from_secs(60);

pub async fn tampered(_: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut outcome = Outcome::new("control: history changed by hand", kind.name());
        let Some(mut world) = outcome.world(kind).await else {
            outcomes.push(outcome);
            continue;
        };
        world.start().await;
        let load = Load::start(world.addresses(), Size::default());
        load.more(OPERATIONS, BOUND).await.unwrap();
        let mut load = load.finish(&world).await;
        let clean = check(&world, &load).await;
        let mut missed = clean.problems;

        for (statement, wanted) in TAMPERING {
            let mut database = Connection::open(&world).await;
            assert_ne!(database.execute(statement).await, 0, "{statement}");
            let verdict = check(&world, &load).await;
            if !verdict.problems.iter().any(|problem| problem.contains(wanted)) {
                missed.push(format!("not found: {wanted}"));
            }
            outcome.tried += 1;
            (outcome.lost, outcome.doubled) = (verdict.lost, verdict.doubled);
        }

        let watched = load.watched.iter_mut().max_by_key(|it| it.entries.len()).unwrap();
        watched.entries.pop();
        let twice = watched.entries[0].clone();
        watched.entries.push(twice);
        // The audit log is sealed when the server stops.
        world.stop().await;
        assert_eq!(Connection::open_audit(&world).await.execute(CONCEAL).await, 1);
        world.start().await;
        let verdict = check(&world, &load).await;
        for wanted in ["entries missing", "gave entries twice", "out of order", "do not verify"] {
            outcome.tried += 1;
            if !verdict.problems.iter().any(|problem| problem.contains(wanted)) {
                missed.push(format!("not found: {wanted}"));
            }
        }
        outcome.acknowledged = verdict.acknowledged;
        outcome.problems = missed;
        outcomes.push(outcome);
        world.stop().await;
    }
    outcomes
}
