//! Merge suggestions: when they appear, when they disappear, and who is never suggested.

use throughline::{
    clock::Clock,
    domain::matching::{Agreement, Field, SUGGESTION_THRESHOLD},
    error::Error,
    model::{IdentifierKind, MergeRule, NewLink, Origin, Profile, ProfileField},
    store::{ProfileChange, Store},
};
use uuid::Uuid;

use super::people::{
    add, context, identifier, merging, pair, pairs, profile, suggestions, verified,
};
use crate::support::on_both;

async fn open(url: &str) -> Store {
    Store::open(url, 4, Clock::System).await.unwrap()
}

/// Two records of one person.
async fn two_alike(store: &Store) -> (Uuid, Uuid) {
    let anna = profile("Anna", "van der Velde", "1979-04-23");
    let account = identifier(IdentifierKind::Account, "anna");
    let one = add(store, anna.clone(), vec![account]).await;
    let phone = identifier(IdentifierKind::Phone, "+31612345678");
    let other = Profile { given_name: "Ana".to_owned(), ..anna };
    let other = add(store, other, vec![phone]).await;
    (one, other)
}

async fn matched(store: &Store) {
    store.match_all(&[]).await.unwrap();
}

#[tokio::test]
async fn two_records_of_one_person_are_suggested_with_reasons() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let (one, other) = two_alike(&store).await;
        let stranger = profile("Joris", "Hendriks", "1988-01-02");
        add(&store, stranger, vec![identifier(IdentifierKind::Account, "joris")]).await;
        assert_eq!(suggestions(&store).await, []);
        assert_eq!(store.match_all(&[]).await.unwrap(), 3);

        let found = suggestions(&store).await;
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((found.one_id, found.other_id), pair(one, other));
        assert!(found.probability >= SUGGESTION_THRESHOLD && found.probability <= 1.0);
        let reason = |field| found.reasons.iter().find(|reason| reason.field == field).unwrap();
        assert_eq!(reason(Field::BirthDate).agreement, Agreement::Exact);
        assert!(reason(Field::BirthDate).weight_bits > 5.0);
        assert_ne!(reason(Field::GivenName).agreement, Agreement::Exact);
        let weights: Vec<f64> =
            found.reasons.iter().map(|reason| reason.weight_bits.abs()).collect();
        assert!(weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
        // Nothing is left to do.
        assert_eq!(store.match_all(&[]).await.unwrap(), 0);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_suggestion_goes_with_a_merge_and_comes_back_with_its_end() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let (one, other) = two_alike(&store).await;
        matched(&store).await;
        let (merge, _) = store.merge(merging(one, other), context()).await.unwrap();
        // At once, before anything is compared again.
        assert_eq!(pairs(&store).await, []);
        matched(&store).await;
        assert_eq!(pairs(&store).await, []);
        store.unmerge(merge.id, false, context()).await.unwrap();
        matched(&store).await;
        assert_eq!(pairs(&store).await, [pair(one, other)]);

        // A merge exclusion prevents it for as long as it exists.
        store.exclude_merge(other, one, false, context()).await.unwrap();
        assert_eq!(pairs(&store).await, []);
        matched(&store).await;
        assert_eq!(pairs(&store).await, []);
        store.exclude_merge(one, other, true, context()).await.unwrap();
        matched(&store).await;
        assert_eq!(pairs(&store).await, [pair(one, other)]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn of_two_people_one_suggestion_is_listed() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let (one, other) = two_alike(&store).await;
        let third = profile("Anna", "van der Velde", "1979-04-23");
        let email = identifier(IdentifierKind::Email, "anna@example.org");
        let third = add(&store, third, vec![email]).await;
        matched(&store).await;
        assert_eq!(pairs(&store).await.len(), 3);
        store.merge(merging(one, other), context()).await.unwrap();
        for _ in 0..2 {
            // The more probable of the remaining two, whether or not it has been updated.
            let found = suggestions(&store).await;
            let [found] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!((found.one_id, found.other_id), pair(one, third));
            for asked in [one, other, third] {
                let of = store.list_suggestions(Some(asked), 0.0, None, 10).await.unwrap();
                assert_eq!(of.suggestions, std::slice::from_ref(found));
            }
            matched(&store).await;
        }
        let nobody = store.list_suggestions(Some(Uuid::from_u128(9)), 0.0, None, 10).await;
        assert_eq!(nobody, Err(Error::CustomerNotFound));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_dismissed_suggestion_does_not_come_again() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let (one, other) = two_alike(&store).await;
        matched(&store).await;
        let request = context();
        let unknown = store.dismiss_suggestion(one, Uuid::from_u128(9), context()).await;
        assert_eq!(unknown, Err(Error::CustomerNotFound));
        for _ in 0..2 {
            store.dismiss_suggestion(other, one, request.clone()).await.unwrap();
            assert_eq!(pairs(&store).await, []);
        }
        let again = store.dismiss_suggestion(other, one, context()).await;
        assert_eq!(again, Err(Error::SuggestionNotFound));

        // Not when it becomes more probable.
        let change = ProfileChange {
            customer_id: other,
            profile: profile("Anna", "van der Velde", "1979-04-23"),
            fields: vec![ProfileField::GivenName],
            origin: Origin::default(),
            expected_etag: None,
            context: context(),
        };
        store.update_customer(change).await.unwrap();
        matched(&store).await;
        assert_eq!(pairs(&store).await, []);
        // Not with a full run.
        let run = store.suggest_all(None, &[], |_| {}).await.unwrap().unwrap();
        assert_eq!((run.customers, run.suggestions), (2, 1));
        assert_eq!(pairs(&store).await, []);
        // Not by way of another record of either.
        let third = profile("Anna", "van der Velde", "1979-04-23");
        let email = identifier(IdentifierKind::Email, "anna@example.org");
        let third = add(&store, third, vec![email]).await;
        matched(&store).await;
        assert_eq!(pairs(&store).await.len(), 2);
        store.merge(merging(one, third), context()).await.unwrap();
        matched(&store).await;
        assert_eq!(pairs(&store).await, []);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_conflict_becomes_a_suggestion_unless_many_share_the_value() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let phone = "+31687654321";
        let joris = profile("Joris", "Hendriks", "1988-01-02");
        let owner = add(&store, joris, vec![verified(IdentifierKind::Phone, phone)]).await;
        let link = |customer_id| NewLink {
            customer_id,
            identifier: identifier(IdentifierKind::Phone, phone),
            shared: false,
            take_over: false,
            may_verify: false,
            source: String::new(),
        };
        let mut others = Vec::new();
        for number in 0..5 {
            // They have nothing in common with the owner.
            let mut other = profile("Lotte", "Brouwer", &format!("19{number}1-06-0{}", number + 1));
            other.address = throughline::model::Address::default();
            let account = identifier(IdentifierKind::Account, &format!("lotte{number}"));
            let other = add(&store, other, vec![account]).await;
            matched(&store).await;
            let before = pairs(&store).await;
            assert!(!before.contains(&pair(owner, other)));
            let refused = store.link_identifier(link(other), context()).await;
            assert_eq!(refused, Err(Error::IdentifierConflict));
            others.push(other);
            matched(&store).await;
            let expected = if others.len() < 5 { others.len() } else { 0 };
            let with_owner = pairs(&store).await;
            let with_owner = with_owner.iter().filter(|(a, b)| *a == owner || *b == owner).count();
            assert_eq!(with_owner, expected, "after {}", others.len());
        }
        let run = store.suggest_all(None, &[], |_| {}).await.unwrap().unwrap();
        assert_eq!(run.suggestions, pairs(&store).await.len());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_users_of_a_shared_mailbox_are_not_suggested() {
    const USERS: usize = 500;
    on_both(async |database| {
        let store = open(&database.url).await;
        let customers = (0..USERS).map(|number| {
            let mut user = profile(
                &format!("{}a{}", letters(number), letters(number * 7)),
                &format!("{}o{}", letters(number * 13 + 5), letters(number)),
                &format!("{}-{:02}-{:02}", 1950 + number % 50, 1 + number % 12, 1 + number % 28),
            );
            user.address = throughline::model::Address::default();
            let mailbox = identifier(IdentifierKind::Email, "office@example.com");
            let account = identifier(IdentifierKind::Account, &format!("user{number}"));
            (vec![account, mailbox], user, Origin::default())
        });
        for each in store.identify_each(customers.collect()).await.unwrap() {
            each.unwrap();
        }
        matched(&store).await;
        assert_eq!(pairs(&store).await, []);
        let run = store.suggest_all(None, &[], |_| {}).await.unwrap().unwrap();
        assert_eq!((run.customers, run.suggestions), (USERS, 0));
        store.close().await;
    })
    .await;
}

fn letters(mut number: usize) -> String {
    let mut text = String::new();
    for _ in 0..3 {
        text.push(char::from(b"bdfgklmnprstvz"[number % 14]));
        text.push(char::from(b"aeiou"[number / 14 % 5]));
        number = number / 5 + number % 11;
    }
    text
}

#[tokio::test]
async fn pages_of_suggestions_show_each_once_the_likeliest_first() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let mut random = crate::random::Random::new(11);
        for (profile, identifiers) in super::people::population(&mut random, 120) {
            add(&store, profile, identifiers).await;
        }
        matched(&store).await;
        let all = suggestions(&store).await;
        assert!(all.len() > 20, "{}", all.len());
        assert!(all.is_sorted_by(|a, b| a.probability >= b.probability));
        // Some of the top ones are one person by now, although still marked as listed.
        for one in &all[..9] {
            store.merge(merging(one.one_id, one.other_id), context()).await.unwrap();
        }
        let all = suggestions(&store).await;
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.list_suggestions(None, 0.0, after, 2).await.unwrap();
            assert!(page.suggestions.len() <= 2);
            seen.extend(page.suggestions);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        let certain = all[4].probability;
        let page = store.list_suggestions(None, certain, None, 200).await.unwrap();
        let expected: Vec<_> = all.iter().filter(|it| it.probability >= certain).cloned().collect();
        assert_eq!(page.suggestions, expected);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_rule_merges_where_the_configuration_says_so() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let email = verified(IdentifierKind::Email, "anna@example.org");
        let anna = profile("Anna", "van der Velde", "1979-04-23");
        let older = add(&store, anna.clone(), vec![email.clone()]).await;
        let account = verified(IdentifierKind::Account, "anna");
        let newer = add(&store, anna, vec![account.clone()]).await;
        // The newer one claims it too, by a caller who may verify it.
        let origin = Origin::default();
        let both = vec![account, email];
        let found = store.identify(both, Profile::default(), origin).await.unwrap();
        assert_eq!(found.conflicts.len(), 1);

        matched(&store).await;
        store.match_all(&[MergeRule::LoyaltyCard]).await.unwrap();
        assert_eq!(pairs(&store).await, [pair(older, newer)]);
        // A full run leaves it to the servers.
        let rules = [MergeRule::VerifiedEmail];
        store.suggest_all(None, &rules, |_| {}).await.unwrap().unwrap();
        assert_eq!(pairs(&store).await, [pair(older, newer)]);
        store.match_all(&rules).await.unwrap();
        assert_eq!(pairs(&store).await, []);
        let merged = store.get_customer(newer).await.unwrap().unwrap();
        assert_eq!(merged.id, older);
        let [merge] = merged.merges.as_slice() else { panic!("{:?}", merged.merges) };
        assert_eq!(merge.actor, "rule:verified_email");
        assert_eq!(merge.evidence, ["the same verified e-mail address"]);

        // An unmerge overrides it.
        store.unmerge(merge.id, false, context()).await.unwrap();
        store.match_all(&rules).await.unwrap();
        store.suggest_all(None, &rules, |_| {}).await.unwrap().unwrap();
        store.match_all(&rules).await.unwrap();
        assert_eq!(pairs(&store).await, [pair(older, newer)]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_rule_merges_nobody_of_whom_somebody_has_spoken_or_three_have_the_value() {
    on_both(async |database| {
        let store = open(&database.url).await;
        let rules = MergeRule::ALL;
        let card = || identifier(IdentifierKind::LoyaltyCard, "2610000000017");
        let anna = profile("Anna", "van der Velde", "1979-04-23");
        let mut ids = Vec::new();
        for number in 0..2 {
            let account = identifier(IdentifierKind::Account, &format!("anna{number}"));
            ids.push(add(&store, anna.clone(), vec![account]).await);
        }
        matched(&store).await;
        store.dismiss_suggestion(ids[0], ids[1], context()).await.unwrap();
        for (number, id) in ids.iter().enumerate() {
            let account = identifier(IdentifierKind::Account, &format!("anna{number}"));
            let both = vec![account, card()];
            let origin = Origin::default();
            store.identify(both, Profile::default(), origin).await.unwrap();
            assert!(store.get_customer(*id).await.unwrap().is_some());
        }
        store.match_all(&rules).await.unwrap();
        assert_eq!(store.get_customer(ids[1]).await.unwrap().unwrap().id, ids[1]);

        // Three people with one card: it belongs to a family.
        let other = || identifier(IdentifierKind::LoyaltyCard, "2610000000024");
        let bram = profile("Bram", "de Groot", "1962-09-30");
        let mut ids = Vec::new();
        for number in 0..3 {
            let account = identifier(IdentifierKind::Account, &format!("bram{number}"));
            ids.push(add(&store, bram.clone(), vec![account, other()]).await);
        }
        store.match_all(&rules).await.unwrap();
        for id in &ids {
            assert_eq!(store.get_customer(*id).await.unwrap().unwrap().id, *id);
        }
        store.close().await;
    })
    .await;
}
