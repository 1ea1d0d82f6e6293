//! The story of the product, as the demo tells it, on both databases. Without the briefing, the
//! same story has three questions asked again.

use std::{sync::LazyLock, time::Duration};

use jiff::tz::TimeZone;
use throughline::{
    cli::{
        demo::{television, telling::Stage},
        render::TerminalStyle,
    },
    clock::{Clock, MovedClock},
    pb,
    store::Store,
};

use crate::support::{Database, Server, on_both, settings};

/// The expected transcript.
const TRANSCRIPT: &str = include_str!("television.txt");

/// Tells the story. Returns the transcript, and how often a known fact was asked for again.
async fn tell(database: &Database, briefed: bool) -> (String, pb::ReaskRate) {
    static TIMES: LazyLock<[MovedClock; 4]> = LazyLock::new(Default::default);
    let postgres = database.url.starts_with("postgres");
    let moved = &TIMES[usize::from(postgres) + 2 * usize::from(briefed)];
    let clock = Clock::Moved(moved);
    let server = Server::start_with(database, settings(clock)).await;
    let store = Store::open(&database.url, 2, clock).await.unwrap();
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let mut text = Vec::new();
    let stage = Stage {
        store: &store,
        services: &server.channel().await,
        moved,
        style: &TerminalStyle { width: 80, colour: false, zone, full: false },
        pause: Duration::ZERO,
        out: &mut text,
    };
    let rate = television::tell(stage, briefed).await.unwrap();
    store.close().await;
    server.stop().await;
    (String::from_utf8(text).unwrap(), rate)
}

#[tokio::test]
async fn the_customer_tells_the_story_once() {
    on_both(async |database| {
        let (text, rate) = tell(database, true).await;
        assert_eq!((rate.told, rate.asked_again), (3, 0));
        if text != TRANSCRIPT {
            println!("{text}");
            panic!("the transcript is another one: compare it with tests/it/television.txt");
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_briefing_three_questions_are_asked_again() {
    on_both(async |database| {
        let (text, rate) = tell(database, false).await;
        assert_eq!((rate.told, rate.asked_again), (3, 3));
        assert_eq!(text.matches("AGAIN?").count(), 3);
    })
    .await;
}
