//! Bad inputs over real gRPC, on both databases: how each is answered, and that it stores nothing.
//!
//! The numbers are those of `tests/it/bad_inputs.md`.

mod accepted;
mod case;
mod case_calls;
mod erasure;
mod idempotency_keys;
mod identifiers;
mod identity;
mod known_facts;
mod merges;
mod orders;
mod purchases;
mod reads;
mod record_entry;
mod rights;
mod wire;
mod world;

use std::collections::BTreeSet;

use case::{check, wrong_reason};
use throughline::pb;
use tonic::Code;
use tonic_types::StatusExt as _;
use world::{World, interaction};

use crate::api::limits;
use crate::support::{RowCounter, Server, on_both};

/// The list.
const LIST: &str = include_str!("../../bad_inputs.md");

/// The numbers that are tested elsewhere, or that no call can contain yet.
const ELSEWHERE: &[(std::ops::RangeInclusive<u16>, &str)] = &[
    (28..=28, "tests/it/scope/masked.rs"),
    (29..=33, "tests/it/audit/purposes.rs"),
    (65..=65, "tests/it/scope/alike.rs"),
    (74..=74, "tests/it/ingest: the contract has no local times of entries"),
    (97..=97, "customers are hidden by how they are named, and a merge names them by id"),
    (106..=106, "customers are hidden by how they are named, and a link names them by id"),
    (117..=117, "tests/it/ingest/bad_files.rs"),
    (118..=118, "there are no webhooks"),
];

#[tokio::test]
async fn identifiers_are_refused() {
    on_both(async |database| check(database, identifiers::cases).await).await;
}

#[tokio::test]
async fn merges_are_refused() {
    on_both(async |database| check(database, merges::cases).await).await;
}

#[tokio::test]
async fn names_of_writes_are_refused() {
    on_both(async |database| check(database, idempotency_keys::cases).await).await;
}

#[tokio::test]
async fn entries_are_refused() {
    on_both(async |database| check(database, record_entry::cases).await).await;
}

#[tokio::test]
async fn orders_are_refused() {
    on_both(async |database| check(database, orders::cases).await).await;
}

#[tokio::test]
async fn purchases_are_refused() {
    on_both(async |database| check(database, purchases::cases).await).await;
}

#[tokio::test]
async fn reads_and_searches_are_refused() {
    on_both(async |database| check(database, reads::cases).await).await;
}

#[tokio::test]
async fn calls_about_cases_are_refused() {
    on_both(async |database| check(database, case_calls::cases).await).await;
}

#[tokio::test]
async fn cases_of_entries_briefings_and_wishes_are_refused() {
    on_both(async |database| check(database, known_facts::cases).await).await;
}

/// The details of an error are sent in a header, which is limited.
#[tokio::test]
async fn an_error_with_very_many_fields_arrives() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let wrong = interaction(|it| it.messages = vec![pb::Message::default(); 100]);
        let batch = pb::BatchRecordEntriesRequest { requests: vec![wrong; 100] };
        let status = server.timeline.batch_record_entries(batch).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert_eq!(wrong_reason(&status, "UNKNOWN_ENUM"), None);
        let details = status.get_error_details();
        assert!(details.bad_request().unwrap().field_violations.len() > 10);
        assert_eq!(rows.count().await, before);
        server.stop().await;
    })
    .await;
}

#[test]
fn every_number_of_the_list_has_its_place() {
    let world = World::default();
    let cases = [
        identifiers::cases(&world),
        merges::cases(&world),
        idempotency_keys::cases(&world),
        record_entry::cases(&world),
        orders::cases(&world),
        purchases::cases(&world),
        reads::cases(&world),
        case_calls::cases(&world),
        known_facts::cases(&world),
    ];
    let refused = cases.iter().flatten().map(|case| case.number);
    let apart = [
        wire::NUMBERS,
        accepted::NUMBERS,
        identity::NUMBERS,
        erasure::NUMBERS,
        rights::NUMBERS,
        limits::NUMBERS,
    ]
    .concat();
    let tested: BTreeSet<u16> = refused.chain(apart).collect();

    let elsewhere: Vec<u16> = ELSEWHERE.iter().flat_map(|(numbers, _)| numbers.clone()).collect();
    let numbers = listed();
    assert_eq!(numbers, (1..=127).collect::<Vec<_>>(), "the list counts from 1 without gaps");
    for number in numbers {
        let places = elsewhere.iter().filter(|it| **it == number).count()
            + usize::from(tested.contains(&number));
        assert_eq!(places, 1, "number {number}");
    }
}

/// The numbers of the list, in its order.
fn listed() -> Vec<u16> {
    LIST.lines().filter_map(|line| line.split_once(". ")?.0.parse().ok()).collect()
}
