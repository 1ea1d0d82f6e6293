//! Writes of an import: many in one transaction, each by itself.

use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    error::Error,
    model::{Identifier, IdentifierKind, MAX_IDENTIFIERS, Origin, Profile, RecordedEntry},
    pb,
    store::Store,
};

use crate::{
    calls::{about, account, bought, by, identifier, note},
    support::{NOW, on_both},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));

async fn each(
    store: &Store,
    calls: Vec<pb::RecordEntryRequest>,
) -> Vec<Result<RecordedEntry, Error>> {
    let records =
        calls.into_iter().map(|call| validate::record(call, &RULES, &Actor::local()).unwrap());
    store.record_each(records.collect()).await.unwrap()
}

pub fn key(account: &str) -> Identifier {
    Identifier {
        kind: IdentifierKind::Account,
        namespace: String::new(),
        value: account.to_owned(),
        raw: account.to_owned(),
        mixed_script: false,
        verified: false,
    }
}

#[tokio::test]
async fn an_entry_that_is_refused_leaves_the_others() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        let twice = by(vec![account("anna")], bought("W-1"));
        let mut other = twice.clone();
        other.entry.as_mut().unwrap().agent = "agent".to_owned();
        let answers = each(
            &store,
            vec![
                by(vec![account("anna")], about(note("too early"), ["W-1"])),
                twice.clone(),
                twice.clone(),
                other,
                by(vec![account("anna")], bought("W-1")),
                by(vec![account("anna")], about(note("in time"), ["W-1"])),
            ],
        )
        .await;
        let field = "entry.order_numbers[0]".to_owned();
        assert_eq!(answers[0], Err(Error::PurchaseNotFound { field }));
        let first = answers[1].clone().unwrap();
        assert_eq!((first.revision, first.customer_created), (1, true));
        assert_eq!(answers[2], Ok(RecordedEntry { already_recorded: true, ..first.clone() }));
        assert!(matches!(answers[3], Err(Error::Invalid(_))));
        assert!(matches!(answers[4], Err(Error::OrderNumberTaken { .. })));
        assert_eq!(answers[5].as_ref().unwrap().revision, 2);

        let again = each(&store, vec![twice]).await;
        assert_eq!(again[0], Ok(RecordedEntry { already_recorded: true, ..first }));
        assert_eq!(each(&store, Vec::new()).await, []);
        store.close().await;
    })
    .await;
}

/// Identifiers of a refused entry are not linked: they still identify the same customers.
#[tokio::test]
async fn what_a_refused_entry_brought_does_not_count_for_the_next() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        let number = || identifier(pb::IdentifierKind::CustomerNumber, "1001");
        let cookie = || identifier(pb::IdentifierKind::Cookie, "c0ffee-c0ffee-c0ffee");
        each(&store, vec![by(vec![account("anna")], note("x"))]).await;
        let bert = each(&store, vec![by(vec![cookie()], bought("W-1"))]).await;
        let bert = bert[0].as_ref().unwrap().customer_id;

        let refused = by(vec![account("anna"), number()], about(note("x"), ["no such order"]));
        let of_bert = by(vec![number(), cookie()], about(note("x"), ["W-1"]));
        let answers = each(&store, vec![refused, of_bert]).await;
        assert!(answers[0].is_err());
        let recorded = answers[1].as_ref().unwrap();
        assert_eq!((recorded.customer_id, recorded.conflicts.len()), (bert, 0));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn customers_are_identified_each_by_itself() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        let profile = Profile { given_name: "Anna".to_owned(), ..Profile::default() };
        let numbered = |from: usize, to: usize| -> Vec<Identifier> {
            (from..to).map(|it| key(&format!("account-{it}"))).collect()
        };
        let answers = store
            .identify_each(vec![
                (numbered(0, MAX_IDENTIFIERS), profile.clone(), Origin::default()),
                (
                    vec![key("account-0"), key("one-too-many")],
                    Profile::default(),
                    Origin::default(),
                ),
                (vec![key("bert")], Profile::default(), Origin::default()),
                (vec![key("account-7")], Profile::default(), Origin::default()),
                (vec![key("account-7"), key("bert")], Profile::default(), Origin::default()),
            ])
            .await
            .unwrap();
        let anna = answers[0].as_ref().unwrap();
        assert!(anna.created);
        assert_eq!(answers[1], Err(Error::TooManyIdentifiers));
        let bert = answers[2].as_ref().unwrap();
        assert!(bert.created);
        let again = answers[3].as_ref().unwrap();
        assert_eq!((again.customer_id, again.created), (anna.customer_id, false));
        let both = answers[4].as_ref().unwrap();
        assert_eq!((both.customer_id, both.conflicts.len()), (anna.customer_id, 1));
        assert_eq!(both.conflicts[0].customer_id, bert.customer_id);

        let customer = store.get_customer(anna.customer_id).await.unwrap().unwrap();
        // The account of another customer was refused, which is recorded.
        assert_eq!((customer.profile, customer.revision), (profile, 2));
        assert_eq!(store.find_owner(&key("one-too-many")).await.unwrap(), None);
        store.close().await;
    })
    .await;
}
