//! The tables of the search are kept up to date with the customers.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use throughline::{
    api::validate::{self, Rules},
    clock::Clock,
    domain::identifier,
    model::{CustomerQuery, Identifier, IdentifierKind, Origin, Profile},
    pb::{self, search_customers_request::Query},
    store::Store,
};

use crate::support::{Database, NOW, RowCounter, on_both};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));

fn text(text: &str) -> CustomerQuery {
    let query = Some(Query::Text(text.to_owned()));
    let call = pb::SearchCustomersRequest { query, ..Default::default() };
    validate::customer_search(&call, &RULES).unwrap().0
}

fn customer(number: usize, given: &str, family: &str) -> (Vec<Identifier>, Profile, Origin) {
    let of = |kind, value: &str| identifier::normalise(kind, "", value, None, None).unwrap();
    let identifiers = vec![
        of(IdentifierKind::Email, &format!("x.{family}{number}@example.com")),
        of(IdentifierKind::Phone, &format!("+3161234{number:04}")),
    ];
    let profile = Profile {
        given_name: given.to_owned(),
        family_name: family.to_owned(),
        ..Profile::default()
    };
    (identifiers, profile, Origin::default())
}

async fn found(store: &Store, typed: &str) -> Vec<String> {
    let found = store.search_customers(&text(typed), None, 200).await.unwrap();
    found.into_iter().map(|it| it.customer.profile.family_name).collect()
}

async fn execute(database: &Database, text: &'static str) {
    match database.url.starts_with("sqlite:") {
        true => {
            let mut c = SqliteConnection::connect(&database.url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut c).await.unwrap();
        }
        false => {
            let mut c = PgConnection::connect(&database.url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut c).await.unwrap();
        }
    }
}

/// The number of rows of each search table.
async fn rows(database: &Database) -> BTreeMap<String, i64> {
    let mut rows = RowCounter::of(database).await.count().await;
    rows.retain(|table, _| {
        ["customer_names", "name_words", "name_variants", "identifier_parts"]
            .contains(&table.as_str())
    });
    rows
}

#[tokio::test]
async fn customers_that_were_there_before_are_found() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        // More than are read at a time.
        let customers =
            (0..1200).map(|n| customer(n, "Anna", if n == 7 { "Smit" } else { "Berg" }));
        store.identify_each(customers.collect()).await.unwrap();
        store.close().await;
        let before = rows(database).await;
        assert_eq!(before["customer_names"], 2400);
        execute(
            database,
            "delete from customer_names; delete from name_words; delete from name_variants; \
             delete from identifier_parts; \
             delete from settings where name = 'customer_search_filled'",
        )
        .await;

        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        assert_eq!(rows(database).await, before);
        for typed in ["anna smit", "smti", "340007", "smit7@"] {
            assert_eq!(found(&store, typed).await, ["Smit"], "{typed}");
        }
        store.close().await;
        // And only once.
        execute(database, "delete from customer_names").await;
        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        assert_eq!(rows(database).await["customer_names"], 0);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn rows_follow_the_profile_and_are_few() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        let (identifiers, ..) = customer(1, "", "berg");
        store.identify(identifiers.clone(), Profile::default(), Origin::default()).await.unwrap();
        assert_eq!(rows(database).await["customer_names"], 0);
        let of = |given: &str, family: &str| customer(1, given, family).1;
        // What is filled in later, in two steps.
        store.identify(identifiers.clone(), of("", "Berg"), Origin::default()).await.unwrap();
        assert_eq!(rows(database).await["customer_names"], 1);
        store.identify(identifiers.clone(), of("Anna", "Berg"), Origin::default()).await.unwrap();
        assert_eq!(rows(database).await["customer_names"], 2);
        assert_eq!(found(&store, "anna berg").await, ["Berg"]);

        // The same profile again, or the same words for another customer, add no word.
        let before = rows(database).await;
        store.identify(identifiers, of("Anna", "Berg"), Origin::default()).await.unwrap();
        assert_eq!(rows(database).await, before);
        store.identify_each(vec![customer(2, "Berg", "Anna")]).await.unwrap();
        let after = rows(database).await;
        assert_eq!(after["customer_names"], 4);
        for table in ["name_words", "name_variants"] {
            assert_eq!(after[table], before[table], "{table}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn servers_that_add_the_same_new_words_do_not_fail_each_other() {
    on_both(async |database| {
        let stores = [
            Store::open(&database.url, 4, RULES.clock).await.unwrap(),
            Store::open(&database.url, 4, RULES.clock).await.unwrap(),
        ];
        let write = async |store: &Store, first: usize| {
            for round in 0..12 {
                // Equal words in another order.
                let batch = (0..20).map(|n| {
                    let word = if first == 0 { n } else { 19 - n };
                    let letter = char::from(b'a' + u8::try_from(word).unwrap());
                    let round = char::from(b'a' + u8::try_from(round).unwrap());
                    let family = format!("{letter}ber{round}");
                    customer(first + usize::from(round as u8) * 20 + n, "Anna", &family)
                });
                for one in store.identify_each(batch.collect()).await.unwrap() {
                    one.unwrap();
                }
            }
        };
        tokio::join!(write(&stores[0], 0), write(&stores[1], 5000));
        let rows = rows(database).await;
        assert_eq!((rows["customer_names"], rows["name_words"]), (2 * 480, 241));
        assert_eq!(found(&stores[0], "anna abera").await[..2], ["abera"; 2]);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}
