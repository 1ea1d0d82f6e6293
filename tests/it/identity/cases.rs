//! Short sequences: former failures, and suspicious ones.

use super::{
    call::{Call, Change, DAY, Etag, Values},
    oracle::Owner,
    sequences::play,
    world::World,
};
use crate::support::on_both;

const ACCOUNT: usize = 2;
const EMAIL: usize = 7;
const OTHER_EMAIL: usize = 8;
const PHONE: usize = 10;

fn identify(keys: &[usize], values: Values) -> Call {
    let keys = keys.iter().map(|key| (*key, false)).collect();
    Call::Identify { keys, values, origin: (1, false) }
}

fn change(request: usize, change: Change) -> Call {
    Call::Change { change, actor: 0, request }
}

fn merge(into: usize, from: usize) -> Change {
    Change::Merge { into, from, choices: Vec::new(), etags: (Etag::None, Etag::None) }
}

fn update(record: usize, value: u8) -> Change {
    Change::Update { record, fields: vec![(0, value)], origin: (2, false), etag: Etag::None }
}

fn link(record: usize, key: usize) -> Change {
    let key = (key, false);
    Change::Link { record, key, shared: false, take_over: false, may_verify: true, source: 0 }
}

fn verified(record: usize, key: usize, take_over: bool) -> Change {
    let key = (key, true);
    Change::Link { record, key, shared: false, take_over, may_verify: true, source: 0 }
}

fn shared(record: usize, key: usize) -> Change {
    let key = (key, false);
    Change::Link { record, key, shared: true, take_over: false, may_verify: true, source: 0 }
}

/// Replays calls two days apart on both databases.
async fn check(calls: &[Call], at_the_end: impl Fn(&World)) {
    on_both(async |database| {
        let world = play(database, 2 * DAY, calls).await;
        at_the_end(&world);
        world.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_value_that_is_emptied_for_all_records_stays_empty() {
    let calls = [
        identify(&[EMAIL], [1, 0, 0]),
        identify(&[PHONE], [2, 0, 0]),
        change(0, merge(0, 1)),
        change(1, update(1, 0)),
    ];
    check(&calls, |world| assert_eq!(world.oracle.shown(0).values[0], None)).await;
}

/// Undoing a merge also undoes its choice of a value; in the next merge the newest counts.
#[tokio::test]
async fn a_change_for_all_records_counts_as_long_as_their_merge() {
    let calls = [
        identify(&[EMAIL], [1, 0, 0]),
        identify(&[PHONE], [2, 0, 0]),
        identify(&[ACCOUNT], [0, 0, 0]),
        change(0, merge(0, 1)),
        change(1, update(0, 3)),
        change(2, update(2, 1)),
        change(3, Change::Unmerge { merge: 0, exclude_merge: false }),
        change(4, merge(0, 2)),
    ];
    check(&calls, |world| {
        let (value, record, ..) = world.oracle.shown(0).values[0].unwrap();
        assert_eq!((value, record), (1, world.oracle.records[2].id));
    })
    .await;
}

#[tokio::test]
async fn a_shared_identifier_that_passes_to_one_names_that_one() {
    let calls = [
        identify(&[EMAIL], [0; 3]),
        identify(&[OTHER_EMAIL], [0; 3]),
        change(0, shared(0, PHONE)),
        change(1, link(1, PHONE)),
        change(2, verified(1, PHONE, true)),
    ];
    check(&calls, |world| assert_eq!(world.oracle.owner(PHONE), Owner::One(1))).await;
}

/// A customer's etag changes if another one's claim makes an identifier shared: the comparison
/// requires one state per etag.
#[tokio::test]
async fn an_identifier_that_becomes_shared_changes_all_who_have_it() {
    let calls = [
        identify(&[PHONE], [0; 3]),
        identify(&[EMAIL], [0; 3]),
        change(0, verified(0, PHONE, false)),
        change(1, shared(1, PHONE)),
    ];
    check(&calls, |world| assert_eq!(world.oracle.records[0].revision, 3)).await;
}

#[tokio::test]
async fn a_link_is_made_again_by_its_name_after_it_ended() {
    let unlink = Change::Unlink { record: 0, key: PHONE, may_verify: true };
    let calls = [
        identify(&[EMAIL], [0; 3]),
        change(0, link(0, PHONE)),
        change(1, unlink),
        change(0, link(0, PHONE)),
    ];
    check(&calls, |world| assert_eq!(world.oracle.owner(PHONE), Owner::Nobody)).await;
}

#[tokio::test]
async fn a_conflict_that_is_told_again_is_no_news() {
    let calls = [
        identify(&[PHONE], [0; 3]),
        identify(&[EMAIL], [0; 3]),
        change(0, verified(0, PHONE, false)),
        change(1, link(1, PHONE)),
        change(1, link(1, PHONE)),
        change(2, verified(1, PHONE, false)),
        change(3, link(1, PHONE)),
    ];
    check(&calls, |world| assert_eq!(world.oracle.records[1].revision, 3)).await;
}

/// The call contains an identifier of another record of the person: it was seen with the person.
#[tokio::test]
async fn an_identifier_is_seen_whichever_record_has_it() {
    let calls = [
        identify(&[ACCOUNT], [0; 3]),
        identify(&[EMAIL], [0; 3]),
        change(0, merge(0, 1)),
        identify(&[ACCOUNT, EMAIL], [0; 3]),
    ];
    check(&calls, |world| assert_eq!(world.oracle.person(0).len(), 2)).await;
}

#[tokio::test]
async fn a_merge_that_ends_leaves_what_came_to_each() {
    let calls = [
        identify(&[ACCOUNT], [1, 0, 0]),
        identify(&[EMAIL], [2, 0, 0]),
        change(0, merge(0, 1)),
        change(1, link(1, PHONE)),
        identify(&[PHONE, OTHER_EMAIL], [0, 3, 0]),
        change(2, Change::Unmerge { merge: 0, exclude_merge: true }),
        change(3, merge(0, 1)),
    ];
    check(&calls, |world| {
        assert_eq!(world.oracle.owner(OTHER_EMAIL), Owner::One(1));
        assert_eq!(world.oracle.person(0).len(), 1);
    })
    .await;
}
