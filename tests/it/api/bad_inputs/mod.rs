//! Bad inputs over real gRPC, on both databases: how each is answered, and that it stores nothing.
//!
//! The numbers are those of the project's list of bad inputs, which goes from 1 to 118, those of
//! purchases from 119 to 123, and those of cases of entries, briefings and wishes from 124 to 127.

mod accepted;
mod case;
mod case_calls;
mod erasure;
mod identifiers;
mod identity;
mod merges;
mod orders;
mod purchases;
mod reads;
mod record_entry;
mod rights;
mod told_once;
mod wire;
mod world;
mod write_names;

use std::collections::BTreeSet;

use case::{check, wrong_reason};
use throughline::pb;
use tonic::Code;
use tonic_types::StatusExt as _;
use world::{World, interaction};

use crate::api::limits;
use crate::support::{RowCounter, Server, on_both};

/// The numbers that no call of the contract can meet yet, and why.
const NOT_APPLICABLE: &[(std::ops::RangeInclusive<u16>, &str)] = &[
    (28..=28, "callers have no channels"),
    (29..=31, "there are no purposes"),
    (32..=33, "whoever acts is not listed anywhere: the caller names them"),
    (65..=65, "each caller sees every customer"),
    (74..=74, "an entry's time is always UTC; files are the importer's"),
    (97..=97, "each caller sees every customer"),
    (106..=106, "each caller sees every customer"),
    (117..=117, "files are the importer's"),
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
    on_both(async |database| check(database, write_names::cases).await).await;
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
    on_both(async |database| check(database, told_once::cases).await).await;
}

/// The details of an error travel in a header, which has a bound.
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
        write_names::cases(&world),
        record_entry::cases(&world),
        orders::cases(&world),
        purchases::cases(&world),
        reads::cases(&world),
        case_calls::cases(&world),
        told_once::cases(&world),
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

    let skipped: Vec<u16> =
        NOT_APPLICABLE.iter().flat_map(|(numbers, _)| numbers.clone()).collect();
    for number in 1..=127 {
        let places = skipped.iter().filter(|it| **it == number).count()
            + usize::from(tested.contains(&number));
        assert_eq!(places, 1, "number {number}");
    }
}
