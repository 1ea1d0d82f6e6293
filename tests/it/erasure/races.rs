//! Erasures concurrent with writes of all kinds: whatever the order, nothing returns.

use std::sync::Arc;

use throughline::{clock::Clock, pb};
use tonic::{Code, Status};

use super::{erase, store, tables};
use crate::{
    api::cases::opening,
    calls::{account, at, by, email, identify, note, to},
    identity::{by_shop, link, merge, named, verified},
    random::Random,
    support::{Database, NOW, Server, settings},
};

/// How many people are erased, each while others write.
const ROUNDS: usize = 24;
const WRITERS: usize = 6;

fn old(identifiers: Vec<pb::Identifier>, text: &str) -> pb::RecordEntryRequest {
    by(identifiers, pb::Entry { occurred_at: Some(at(-60)), ..note(text) })
}

/// Whether this answer is allowed for a write whose customer may be erased.
fn is_fit(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::FailedPrecondition | Code::NotFound | Code::AlreadyExists | Code::Unavailable
    )
}

/// One write about a person who is being erased.
async fn write(server: &Server, random: &mut Random, ids: &[String; 2], number: usize) {
    let mail = email(format!("mail-{number}@example.net"));
    let second = account(format!("second-{number}"));
    let (mut customers, mut timeline) = (server.customers.clone(), server.timeline.clone());
    let id = random.pick(ids);
    let sort = random.below(8);
    let answer = match sort {
        0 => timeline.record_entry(old(vec![mail], "late")).await.map(drop),
        1 => timeline.record_entry(to(&id, note("late"))).await.map(drop),
        2 => timeline.record_entry(old(vec![second, mail], "late")).await.map(drop),
        3 => customers.merge_customers(by_shop(merge(&ids[0], &ids[1]))).await.map(drop),
        4 => customers.link_identifier(by_shop(link(&id, verified(second)))).await.map(drop),
        5 => {
            // She returns as a new customer, with only what she says.
            let new = account(format!("new-{number}-{}", random.below(1000)));
            customers.identify_customer(identify(vec![new])).await.map(drop)
        }
        6 => {
            let call = pb::UpdateCustomerRequest {
                customer_id: id,
                profile: Some(named("Secretive", "Person")),
                update_mask: Some(prost_types::FieldMask { paths: vec!["given_name".to_owned()] }),
                request_id: crate::calls::request_id(),
                ..Default::default()
            };
            customers.update_customer(call).await.map(drop)
        }
        _ => server.cases.clone().open_case(by_shop(opening(&id))).await.map(drop),
    };
    if let Err(status) = answer {
        // By identifiers there is always a customer, or an error that says why not.
        let is_by_identifiers = matches!(sort, 0 | 2 | 5);
        let is_lost = is_by_identifiers && status.code() == Code::NotFound;
        assert!(is_fit(&status) && !is_lost, "{sort}: {status:?}");
    }
}

async fn race(urls: &[&str], database: &Database) {
    let mut servers = Vec::new();
    for url in urls {
        servers.push(Arc::new(Server::start_at(url, settings(Clock::Fixed(NOW))).await));
    }
    let matcher = store(database).await;
    let mut records = Vec::new();
    for number in 0..ROUNDS {
        let profile = named("Secretive", &format!("Family{number}"));
        let first = email(format!("mail-{number}@example.net"));
        let one = servers[0].known(first, profile.clone()).await.id;
        let two = servers[0].known(account(format!("second-{number}")), profile).await.id;
        let ids = [one.clone(), two.clone()];
        let mut tasks = Vec::new();
        for writer in 0..WRITERS {
            let server = Arc::clone(&servers[writer % servers.len()]);
            let ids = ids.clone();
            tasks.push(tokio::spawn(async move {
                let mut random = Random::of((number * WRITERS + writer) as u64);
                for _ in 0..6 {
                    write(&server, &mut random, &ids, number).await;
                }
            }));
        }
        let store = matcher.clone();
        tasks.push(tokio::spawn(async move {
            // Another one may be running it.
            let _ = store.match_all(&[]).await;
        }));
        for (place, id) in ids.iter().enumerate() {
            let server = Arc::clone(&servers[place % servers.len()]);
            let id = id.clone();
            tasks.push(tokio::spawn(async move {
                loop {
                    match server.privacy.clone().erase_customer(erase(&id)).await {
                        Ok(_) => break,
                        Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        records.extend(ids);
    }
    matcher.match_all(&[]).await.unwrap();
    while matcher.finish_erasures().await.unwrap() > 0 {}
    let mut left = tables::of_records(database, &records).await;
    left.retain(|table, rows| *rows > 0 && !tables::stays(table));
    assert!(left.is_empty(), "{left:?}");
    let counted = tables::matching(database).await;
    assert_eq!(counted.0, counted.1, "records counted, and those there are");
    assert_eq!(counted.2, counted.3, "values counted, and those that records count for");
    for server in servers {
        Arc::into_inner(server).unwrap().stop().await;
    }
    matcher.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_back_on_sqlite() {
    let database = Database::sqlite();
    race(&[&database.url], &database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_back_on_postgres() {
    let Some(database) = Database::postgres().await else { return };
    race(&[&database.url, &database.url], &database).await;
}
