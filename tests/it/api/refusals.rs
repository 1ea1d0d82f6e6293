//! Calls that are refused for lack of capacity: how they are answered, and what is logged.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use throughline::{
    clock::Clock, error::Error, pb::timeline_service_client::TimelineServiceClient,
    server::Settings,
};
use tokio::{task::yield_now, time::timeout};
use tonic::{Status, transport::Channel};

use crate::{
    blocked::BlockedWrites,
    calls::{account, by, list, note},
    support::{Database, Log, NOW, Server, on_both, settings},
};

/// Longer than any event takes.
const BOUND: Duration = Duration::from_secs(60);
const REQUEST_ID: &str = "x-request-id";

/// A server with capacity for one call.
async fn narrow(database: &Database) -> Server {
    let settings = Settings { max_calls: 1, ..settings(Clock::Fixed(NOW)) };
    Server::start_with(database, settings).await
}

type Client = TimelineServiceClient<Channel>;

/// How a call is refused while another one has the only permit.
async fn refused(client: &mut Client, customer: &str) -> Status {
    loop {
        match client.list_timeline(list(customer)).await {
            // The other one may still be on its way.
            Ok(_) => yield_now().await,
            Err(status) => return status,
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_prepared_is_like_any_other() {
    on_both(async |database| {
        let server = narrow(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let (mut known, mut new) =
            (Client::new(server.channel().await), Client::new(server.channel().await));
        known.list_timeline(list(&anna.id)).await.unwrap();
        let blocked = BlockedWrites::of(database).await;
        let mut first = Box::pin(server.recorded(by(vec![account("anna")], note("x"))));
        assert!((&mut first).now_or_never().is_none());
        // Once one was refused the first has its place.
        refused(&mut known, &anna.id).await;
        // A new connection is checked, and gets an id; then it is known.
        let answers = [
            (refused(&mut known, &anna.id).await, false),
            (refused(&mut new, &anna.id).await, true),
            (refused(&mut new, &anna.id).await, false),
        ];
        let wanted = Status::from(Error::Overloaded);
        for (status, was_looked_at) in answers {
            assert_eq!(status.code(), wanted.code());
            assert_eq!(status.message(), wanted.message());
            assert_eq!(status.details(), wanted.details());
            assert_eq!(status.metadata().contains_key(REQUEST_ID), was_looked_at);
        }
        blocked.release().await;
        first.await;
        known.list_timeline(list(&anna.id)).await.unwrap();
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn refusals_are_logged_by_their_number() {
    const LINE: &str = "calls were refused";
    const REFUSALS: u64 = 20;
    let (log, _logging) = Log::of_this_thread();
    let database = Database::sqlite();
    let server = narrow(&database).await;
    let anna = server.made(vec![account("anna")]).await;
    let blocked = BlockedWrites::of(&database).await;
    let mut first = Box::pin(server.recorded(by(vec![account("anna")], note("x"))));
    assert!((&mut first).now_or_never().is_none());
    let mut client = Client::new(server.channel().await);
    let begun = Instant::now();
    // Fewer than are held back.
    for _ in 0..REFUSALS {
        refused(&mut client, &anna.id).await;
    }
    let count = || {
        let text = log.text();
        let lines = text.lines().filter(|line| line.contains(LINE));
        let count = |line: &str| {
            let (_, count) = line.split_once("OVERLOADED ").unwrap();
            count.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
        };
        let counts: Vec<u64> = lines.map(count).collect();
        (counts.len(), counts.iter().sum::<u64>())
    };
    let logged = async {
        while count().1 < REFUSALS {
            yield_now().await;
        }
    };
    timeout(BOUND, logged).await.unwrap();
    let (lines, refusals) = count();
    let seconds = begun.elapsed().as_secs();
    assert_eq!(refusals, REFUSALS);
    assert!(lines <= usize::try_from(seconds).unwrap() + 1, "{lines} lines in {seconds} s");
    blocked.release().await;
    first.await;
    server.stop().await;
}
