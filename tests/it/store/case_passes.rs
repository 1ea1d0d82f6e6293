//! Case passes against guessing, and against each other.

use std::collections::HashSet;

use futures_util::future::join_all;
use throughline::{
    clock::Clock,
    domain::case_pass::{Code, LOCATOR_CHARS, MAX_TRIES},
    error::Error,
    model::{
        CaseChange, CaseWrite, Channel, Identifier, IdentifierKind, Opening, Origin, Profile,
        RequestContext,
    },
    store::{NewCase, NewPass, Store},
};
use uuid::Uuid;

use crate::{
    random::Random,
    support::{Database, on_both},
};

const HOUR: i64 = 3_600_000_000;
const ALPHABET: &[u8] = b"23456789CDFHJKLMNPRTVWX";
const CONNECTIONS: u32 = 8;

fn context() -> RequestContext {
    let request_id = Clock::System.new_id();
    let (actor, reason) = ("mia".to_owned(), String::new());
    RequestContext { request_id, body: [7; 16], actor, reason, time_violations: Vec::new() }
}

async fn customer(store: &Store, account: &str) -> Uuid {
    let account = Identifier {
        kind: IdentifierKind::Account,
        namespace: String::new(),
        value: account.to_owned(),
        raw: account.to_owned(),
        mixed_script: false,
        verified: false,
    };
    let made = store.identify(vec![account], Profile::default(), Origin::default()).await;
    made.unwrap().customer.unwrap().id
}

async fn case(store: &Store, customer_id: Uuid) -> Uuid {
    let change = CaseChange::Opened(Opening { subject: "a case".to_owned(), ..Opening::default() });
    let case_id = Clock::System.new_id();
    let (channel, etag, flags) = (Channel::Phone, None, Vec::new());
    let write = CaseWrite { case_id, channel, etag, change, flags };
    store.open_case(NewCase { customer_id, write }, context()).await.unwrap().id
}

fn pass(case_id: Uuid, draw: fn([u8; 32]) -> Code) -> NewPass {
    NewPass { case_id, channel: Channel::Phone, valid_for: HOUR, draw }
}

async fn redeem(store: &Store, code: &Code) -> Result<Uuid, Error> {
    let redeemed = store.redeem_case_pass(code.clone(), Channel::Store, context()).await;
    redeemed.map(|(case, _)| case.id)
}

fn bytes(random: &mut Random) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&random.next().to_be_bytes()));
    bytes
}

/// A random code with a given locator.
fn guess(random: &mut Random, locator: &str) -> Code {
    let mut signs: Vec<u8> =
        Code::new(bytes(random)).display().bytes().filter(|sign| *sign != b'-').collect();
    signs.splice(..LOCATOR_CHARS, locator.bytes());
    let code = ALPHABET.iter().find_map(|last| {
        signs[11] = *last;
        Code::read(str::from_utf8(&signs).unwrap()).ok()
    });
    code.unwrap()
}

/// Tries codes against ten passes, one in a hundred with the locator of one of them.
async fn guesses_open_nothing(database: &Database, guesses: usize) {
    let store = Store::open(&database.url, CONNECTIONS, Clock::System).await.unwrap();
    let anna = customer(&store, "anna").await;
    let mut codes = Vec::new();
    for _ in 0..10 {
        let new = pass(case(&store, anna).await, Code::new);
        codes.push(store.issue_case_pass(new, context()).await.unwrap().code);
    }
    let guessers = (0..CONNECTIONS as usize).map(|guesser| {
        let (store, codes) = (store.clone(), codes.clone());
        tokio::spawn(async move {
            let mut random = Random::of(guesser as u64);
            let (mut met, mut locked) = (0, 0);
            for number in 0..guesses / CONNECTIONS as usize {
                let code = match number % 100 {
                    0 => guess(&mut random, codes[number / 100 % codes.len()].locator()),
                    _ => Code::new(bytes(&mut random)),
                };
                met += usize::from(codes.iter().any(|it| it.locator() == code.locator()));
                match redeem(&store, &code).await {
                    Err(Error::CasePassNotFound) => {}
                    Err(Error::CasePassLocked) => locked += 1,
                    other => panic!("{other:?}"),
                }
            }
            (met, locked)
        })
    });
    let counts: Vec<(usize, usize)> =
        join_all(guessers).await.into_iter().map(Result::unwrap).collect();
    let met: usize = counts.iter().map(|it| it.0).sum();
    let locked: usize = counts.iter().map(|it| it.1).sum();
    assert!(met >= guesses / 100, "{met} guesses met a pass");
    assert_eq!(locked, met - codes.len() * MAX_TRIES as usize);
    for code in &codes {
        assert_eq!(redeem(&store, code).await, Err(Error::CasePassLocked));
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_open_nothing() {
    on_both(async |database| guesses_open_nothing(database, 20_000).await).await;
}

/// `cargo test --release --test it -- --ignored --nocapture a_million_guesses_at_the_store`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_million_guesses_at_the_store_open_nothing() {
    on_both(async |database| guesses_open_nothing(database, 1_000_000).await).await;
}

/// Concurrently, as from many channels.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_guesses_are_counted_than_a_pass_allows() {
    on_both(async |database| {
        let store = Store::open(&database.url, CONNECTIONS, Clock::System).await.unwrap();
        let anna = customer(&store, "anna").await;
        let new = pass(case(&store, anna).await, Code::new);
        let code = store.issue_case_pass(new, context()).await.unwrap().code;
        let mut random = Random::new(8);
        let guesses: Vec<Code> = (0..50).map(|_| guess(&mut random, code.locator())).collect();
        let answers = join_all(guesses.iter().map(|guess| redeem(&store, guess))).await;
        let counted = answers.iter().filter(|it| **it == Err(Error::CasePassNotFound)).count();
        let locked = answers.iter().filter(|it| **it == Err(Error::CasePassLocked)).count();
        assert_eq!((counted, locked), (MAX_TRIES as usize, 50 - MAX_TRIES as usize));
        assert_eq!(redeem(&store, &code).await, Err(Error::CasePassLocked));
        store.close().await;
    })
    .await;
}

/// A retry while the first call is under way.
#[tokio::test(flavor = "multi_thread")]
async fn one_request_issues_one_pass_however_often_it_is_made() {
    on_both(async |database| {
        let store = Store::open(&database.url, CONNECTIONS, Clock::System).await.unwrap();
        let anna = customer(&store, "anna").await;
        let case_id = case(&store, anna).await;
        let one = context();
        let calls = (0..10).map(|_| store.issue_case_pass(pass(case_id, Code::new), one.clone()));
        let issued = join_all(calls).await;
        let first = issued[0].clone().unwrap();
        assert!(issued.iter().all(|pass| pass.as_ref() == Ok(&first)));
        assert_eq!(redeem(&store, &first.code).await, Ok(case_id));
        store.close().await;
    })
    .await;
}

/// A code with one of this many locators.
fn narrow<const LOCATORS: u8>(mut random: [u8; 32]) -> Code {
    let locator = random[15] % LOCATORS;
    random[..15].fill(0);
    random[15] = locator;
    Code::new(random)
}

/// 40 cases with passes of 48 locators, so that most draws find one that is taken; some passes are
/// issued again meanwhile, which ends the earlier ones. PostgreSQL does not resolve a deadlock
/// within the time limit of a write here, so that one fails the test.
#[tokio::test(flavor = "multi_thread")]
async fn no_two_passes_that_live_have_one_locator() {
    on_both(async |database| {
        let url = match database.url.starts_with("postgres:") {
            true => format!("{}&options[deadlock_timeout]=2min", database.url),
            false => database.url.clone(),
        };
        let store = Store::open(&url, CONNECTIONS, Clock::System).await.unwrap();
        let mut cases = Vec::new();
        for number in 0..40 {
            let whose = customer(&store, &format!("customer-{number}")).await;
            cases.push(case(&store, whose).await);
        }
        let mut live = std::collections::HashMap::new();
        for _ in 0..3 {
            let issue = cases.iter().map(|case_id| {
                let (store, case_id) = (store.clone(), *case_id);
                tokio::spawn(async move {
                    let issued =
                        store.issue_case_pass(pass(case_id, narrow::<48>), context()).await;
                    (case_id, issued)
                })
            });
            for done in join_all(issue).await {
                match done.unwrap() {
                    (case_id, Ok(pass)) => {
                        live.insert(case_id, pass.code);
                    }
                    // All draws met valid passes; the previous one is unchanged.
                    (_, Err(Error::NoCasePassLeft)) => {}
                    (_, other) => panic!("{other:?}"),
                }
            }
            assert!(live.len() > 30, "{}", live.len());
            let locators: HashSet<&str> = live.values().map(Code::locator).collect();
            assert_eq!(locators.len(), live.len());
            for (case_id, code) in &live {
                assert_eq!(redeem(&store, code).await, Ok(*case_id));
            }
        }
        store.close().await;
    })
    .await;
}

/// With a single locator, the next pass waits for the end of this one.
#[tokio::test]
async fn a_pass_that_has_ended_frees_its_locator() {
    static TIMES: std::sync::LazyLock<[throughline::clock::MovedClock; 2]> =
        std::sync::LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(crate::support::NOW, 9, 1);
        let store = Store::open(&database.url, 4, Clock::Moved(moved)).await.unwrap();
        let anna = customer(&store, "anna").await;
        let (one, two) = (case(&store, anna).await, case(&store, anna).await);
        let issue = async |case_id| {
            let pass = store.issue_case_pass(pass(case_id, narrow::<1>), context()).await;
            pass.map(|pass| pass.code)
        };
        let first = issue(one).await.unwrap();
        assert_eq!(issue(two).await, Err(Error::NoCasePassLeft));
        moved.forward(HOUR);
        let second = issue(two).await.unwrap();
        assert_eq!(first.locator(), second.locator());
        assert_eq!(redeem(&store, &second).await, Ok(two));
        assert_eq!(redeem(&store, &first).await, Err(Error::CasePassNotFound));
        store.close().await;
    })
    .await;
}
