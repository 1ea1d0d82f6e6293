//! Names compared with a plain search through everybody.

use std::collections::BTreeMap;

use throughline::{domain::name::fold_name, pb};

use super::{profile, text};
use crate::{
    random::Random,
    support::{Server, on_both},
};

const GIVEN: [&str; 9] =
    ["Jan", "Janna", "Jana", "Anna", "Ann", "Åse", "Maria Anna", "Jan-Piet", ""];
const FAMILY: [&str; 10] = [
    "Jansen",
    "Janssen",
    "Jans",
    "de Vries",
    "van der Berg",
    "Bergen",
    "Schoenmaker",
    "Schoenmakers",
    "O'Brien",
    "Ann",
];

/// The distance of a name from the query, by trying every assignment of query words to words of the
/// name.
fn distance(typed: &[String], name: &[String]) -> Option<u32> {
    fn best(typed: &[String], name: &[String], used: &mut Vec<usize>) -> Option<u32> {
        let Some((word, rest)) = typed.split_first() else { return Some(0) };
        let mut least = None;
        for (at, other) in name.iter().enumerate() {
            let Some(one) = one(word, other).filter(|_| !used.contains(&at)) else { continue };
            used.push(at);
            let sum = best(rest, name, used).map(|sum| sum + one);
            used.pop();
            least = [least, sum].into_iter().flatten().min();
        }
        least
    }
    let unasked = u32::try_from(name.len().saturating_sub(typed.len())).unwrap().min(3);
    Some(best(typed, name, &mut Vec::new())? + unasked)
}

/// The distance of one word, by making every possible typing error.
fn one(typed: &str, word: &str) -> Option<u32> {
    if typed == word {
        return Some(0);
    }
    if word.starts_with(typed) {
        return Some(4);
    }
    let spelt = |word: &str| word.len() > 2 && word.bytes().all(|it| it.is_ascii_lowercase());
    (spelt(typed) && spelt(word) && slips(word).contains(&typed.to_owned())).then_some(8)
}

/// Every word that one typing error makes of another.
fn slips(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut all = Vec::new();
    for at in 0..=letters.len() {
        for letter in 'a'..='z' {
            let mut more = letters.clone();
            more.insert(at, letter);
            all.push(more);
            if at < letters.len() {
                let mut other = letters.clone();
                other[at] = letter;
                all.push(other);
            }
        }
        if at < letters.len() {
            let mut less = letters.clone();
            less.remove(at);
            all.push(less);
        }
        if at + 1 < letters.len() {
            let mut swapped = letters.clone();
            swapped.swap(at, at + 1);
            all.push(swapped);
        }
    }
    all.into_iter().map(String::from_iter).collect()
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_everybody_finds() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut random = Random::new(20_251_123);
        let mut people: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for number in 0..120 {
            let (given, family) = (random.pick(&GIVEN), random.pick(&FAMILY));
            let who = server.add(&format!("c-{number}"), profile(given, family, &[], "")).await;
            people.insert(who.id, fold_name(&format!("{given} {family}")));
        }
        for _ in 0..150 {
            let count = 1 + random.below(3);
            let typed: Vec<String> = (0..count).map(|_| typed(&mut random)).collect();
            let typed = fold_name(&typed.join(" "));
            let wanted = people.iter().filter_map(|(id, name)| Some((distance(&typed, name)?, id)));
            let mut wanted: Vec<(u32, &String)> = wanted.collect();
            wanted.sort();

            let found = found(&server, &typed.join(" ")).await;
            let within_a_slip =
                found.iter().filter(|(far, id)| wanted.contains(&(*far, id))).count();
            let others: Vec<_> =
                found.iter().filter(|(far, id)| !wanted.contains(&(*far, id))).collect();
            assert_eq!(within_a_slip, wanted.len(), "{typed:?}: {found:?} for {wanted:?}");
            // Two errors, which the oracle does not know, are further away than one.
            let far = |(far, _): &&(u32, String)| *far >= 12;
            assert!(others.iter().all(far), "{typed:?}: {others:?}");
            assert!(found.is_sorted(), "{typed:?}: {found:?}");
        }
        server.stop().await;
    })
    .await;
}

/// A word of a name, as people type it.
fn typed(random: &mut Random) -> String {
    let names = [&GIVEN[..GIVEN.len() - 1], &FAMILY].concat();
    let words = fold_name(&random.pick(&names).replace("-", " "));
    let word = random.pick(&words);
    match random.below(4) {
        0 => word,
        1 => word[..1 + random.below(word.len())].to_owned(),
        _ => random.pick(&slips(&word)),
    }
}

async fn found(server: &Server, typed: &str) -> Vec<(u32, String)> {
    let call = pb::SearchCustomersRequest {
        query: Some(pb::search_customers_request::Query::Name(typed.to_owned())),
        page_size: 200,
        ..Default::default()
    };
    let answer = server.customers.clone().search_customers(call).await.unwrap().into_inner();
    let far = answer.matches.iter().map(|it| u32::try_from(it.distance).unwrap());
    far.zip(answer.customers.into_iter().map(|it| it.id)).collect()
}

#[tokio::test]
async fn both_databases_answer_in_the_same_order() {
    let answers = std::cell::RefCell::new(Vec::new());
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut random = Random::new(7);
        for number in 0..150 {
            let (given, family) = (random.pick(&GIVEN), random.pick(&FAMILY));
            server.add(&format!("c-{number:03}"), profile(given, family, &["Dam 1"], "1012")).await;
        }
        let mut all = Vec::new();
        for typed in ["j", "a j", "jan", "jansen jan", "brg", "schoenmker", "an be", "1012 jan"] {
            all.push((typed, server.accounts(text(typed)).await));
        }
        assert!(all.iter().all(|(_, accounts)| !accounts.is_empty()), "{all:?}");
        answers.borrow_mut().push(all);
        server.stop().await;
    })
    .await;
    let answers = answers.take();
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
}
