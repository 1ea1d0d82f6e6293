//! Keys and tokens that are replaced while calls continue.
//!
//! The store is not involved: one database is enough.

use std::sync::Arc;

use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use super::*;
use crate::cli::process::printed;

const TASKS: usize = 4;
/// How many calls each task must have made in a state before it changes.
const ENOUGH: u64 = 25;

/// The calls of each task.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    answered: [u64; TASKS],
    failed: [u64; TASKS],
}

/// Tasks that call without a pause, with their current token.
struct Load {
    token: watch::Sender<String>,
    counts: watch::Receiver<Counts>,
    tasks: JoinSet<()>,
}

impl Load {
    async fn start(server: &Secured, token: String) -> Self {
        let token = watch::Sender::new(token);
        let (count, counts) = watch::channel(Counts::default());
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let channel = server.named(&["x.example.com"]).await;
            let (token, count) = (token.subscribe(), count.clone());
            tasks.spawn(async move {
                loop {
                    let token = token.borrow().clone();
                    let is_answered = ask_with(&channel, &token).await.is_ok();
                    count.send_modify(|counts| match is_answered {
                        true => counts.answered[task] += 1,
                        false => counts.failed[task] += 1,
                    });
                }
            });
        }
        Self { token, counts, tasks }
    }

    /// Returns when each task has made many more calls.
    async fn go_on(&mut self) {
        let made = |it: &Counts, task: usize| it.answered[task] + it.failed[task];
        let before = *self.counts.borrow();
        let enough =
            |now: &Counts| (0..TASKS).all(|task| made(now, task) >= made(&before, task) + ENOUGH);
        timeout(LATE, self.counts.wait_for(enough)).await.expect("nobody calls").unwrap();
    }

    /// The number of calls that were answered, and that failed.
    async fn end(mut self) -> (u64, u64) {
        self.tasks.shutdown().await;
        let counts = *self.counts.borrow();
        (counts.answered.iter().sum(), counts.failed.iter().sum())
    }
}

/// Replaces the key of an issuer. `in_order`: the old one is removed once its callers have the new
/// one.
async fn replace_key(in_order: bool) -> (u64, u64) {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let files = [("callers.toml", DESK), ("company.json", &key_set(&[&old]))];
    let server = Secured::start(&files, Clock::Fixed(NOW)).await;
    let probe = server.named(&["x.example.com"]).await;
    let (by_old, by_new) = (old.token(&claims()), new.token(&claims()));
    let mut load = Load::start(&server, by_old.clone()).await;
    load.go_on().await;
    if in_order {
        server.replace("company.json", &key_set(&[&old, &new]));
        until(&probe, &by_new, true).await;
        ask_with(&probe, &by_old).await.unwrap();
        load.token.send_replace(by_new);
        // Each task has seen that by then: the calls with the old one have been answered.
        load.go_on().await;
    }
    server.replace("company.json", &key_set(&[&new]));
    until(&probe, &by_old, false).await;
    load.go_on().await;
    let counts = load.end().await;
    server.stop().await;
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_an_issuer_is_replaced_without_a_failed_call() {
    let (answered, failed) = replace_key(true).await;
    assert!(answered >= 3 * ENOUGH * TASKS as u64, "{answered}");
    assert_eq!(failed, 0);
}

/// The control: the counts above would show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_goes_before_its_callers_have_another_fails_their_calls() {
    let (answered, failed) = replace_key(false).await;
    assert!(answered >= ENOUGH && failed > 0, "{answered} {failed}");
}

/// Replaces a token by the commands. `in_order`: the old one is removed once its caller has the new
/// one.
async fn replace_token(in_order: bool) -> (u64, u64) {
    const OLD: &str = "the-first-token";
    let shop = format!("[[caller]]\nname = 'shop'\n{AGENT}token_sha256 = '{}'\n", hash(OLD));
    let server = Secured::start(&[("callers.toml", &shop)], Clock::Fixed(NOW)).await;
    let server = Arc::new(server);
    let command = async |what: &'static str| {
        let server = Arc::clone(&server);
        let arguments = ["caller", "--callers-file", "callers.toml", what, "shop"];
        spawn_blocking(move || printed(&server.folder, &arguments)).await.unwrap()
    };
    let probe = server.named(&["x.example.com"]).await;
    let mut load = Load::start(&server, OLD.to_owned()).await;
    load.go_on().await;
    let shown = command("rotate").await;
    let new = shown.lines().find_map(|line| line.strip_prefix("  ")).unwrap().to_owned();
    if in_order {
        until(&probe, &new, true).await;
        load.token.send_replace(new.clone());
        load.go_on().await;
    }
    command("retire").await;
    until(&probe, OLD, false).await;
    ask_with(&probe, &new).await.unwrap();
    load.go_on().await;
    let counts = load.end().await;
    Arc::into_inner(server).unwrap().stop().await;
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_replaced_without_a_failed_call() {
    let (answered, failed) = replace_token(true).await;
    assert!(answered >= 3 * ENOUGH * TASKS as u64, "{answered}");
    assert_eq!(failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_goes_before_its_caller_has_another_fails_its_calls() {
    let (answered, failed) = replace_token(false).await;
    assert!(answered >= ENOUGH && failed > 0, "{answered} {failed}");
}
