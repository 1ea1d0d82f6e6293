//! The two databases find the same.

use std::cell::RefCell;

use throughline::pb::{self, Channel, EntryFilter, search_timeline_request::Customer};
use tonic::Code;

use crate::{
    calls::{account, at, by, note, said},
    random::Random,
    support::{Server, on_both},
};

const WORDS: &str = r#"klacht klachten televisie televisies bestelling bestellingen prijs
    prijzen één garantie wasmachine de het niet kapot order tablet kjøleskap kjøleskapet vaskemaskin
    vaskemaskiner klage klager ikke Åse regning regninger levert pakke pakken vare varen købt
    køleskab faktura fakturaen kunde kunder complaint complaints repair repaired battery batteries the not
    refund refunds Straße strasse Müller SN-00417 W4923227 #W4923227 00417 55" 1/2 naïve 日本 Иван 🎉
    and or near AND OR a* b:c 'quoted' \ % _ & |"#;

/// Signs of the query languages of both databases, which must mean nothing.
const HOSTILE: &str = r#"klacht AND
OR refund
NOT refund
refund NEAR klacht
NEAR(refund klacht, 2)
refund*
ref*
^refund
refund:*
words:refund
{words} : refund
-refund
"refund
"refund" + "klacht"
(refund
refund)
refund & !klacht
refund | klacht
refund <-> klacht
refund <2> klacht
'refund'
refund''
refund\
refund\'
refund; drop table entries
' or 1=1 --
refund:A
!refund
customer
qe
refundqe"#;

fn text(random: &mut Random, words: usize) -> String {
    let all: Vec<&str> = WORDS.split_whitespace().collect();
    let mut text = String::new();
    for _ in 0..words {
        text.push_str(random.pick(&all));
        text.push_str(random.pick(&[" ", " ", " ", ", ", "-", ". ", "\n"]));
    }
    text
}

fn entries(random: &mut Random) -> Vec<pb::RecordEntryRequest> {
    let entries = (0..400).map(|number| {
        let words = 2 + random.below(12);
        let text = text(random, words);
        let entry = if number % 2 == 0 { note(text) } else { said(text) };
        let channel = random.pick(&[Channel::Phone, Channel::Web, Channel::Email]);
        let entry = pb::Entry {
            channel: channel.into(),
            occurred_at: Some(at(-1000 + number)),
            source_ref: format!("entry{number}"),
            ..entry
        };
        let who = format!("account-{}", random.below(5));
        by(vec![account(who)], entry)
    });
    entries.collect()
}

fn queries(random: &mut Random) -> Vec<pb::SearchTimelineRequest> {
    let of_words = (0..150).map(|_| {
        let words = 1 + random.below(3);
        text(random, words)
    });
    let of_words: Vec<_> = of_words.collect();
    let queries = of_words.into_iter().chain(HOSTILE.lines().map(str::to_owned));
    let calls = queries.map(|query| {
        let who = Customer::Identifier(account(format!("account-{}", random.below(5))));
        let filter = EntryFilter { channels: vec![Channel::Web.into()], ..Default::default() };
        pb::SearchTimelineRequest {
            query,
            customer: (random.below(2) == 0).then_some(who),
            filter: (random.below(4) == 0).then_some(filter),
            page_size: 200,
            ..Default::default()
        }
    });
    calls.collect()
}

#[tokio::test]
async fn both_databases_find_the_same_for_any_query() {
    let mut random = Random::new(1815);
    let (entries, queries) = (entries(&mut random), queries(&mut random));
    let found = RefCell::new(Vec::new());
    on_both(async |database| {
        let server = Server::start(database).await;
        server.batch(entries.clone()).await.unwrap();
        let mut timeline = server.timeline.clone();
        let mut hits = Vec::new();
        for query in &queries {
            hits.push(match timeline.search_timeline(query.clone()).await {
                Ok(page) => {
                    let entries = page.into_inner().entries.into_iter();
                    Some(entries.map(|it| it.source_ref).collect::<Vec<_>>())
                }
                Err(status) => {
                    assert_eq!(status.code(), Code::InvalidArgument, "{query:?}: {status}");
                    None
                }
            });
        }
        server.stop().await;
        let some = hits.iter().flatten().filter(|it| !it.is_empty()).count();
        assert!(some > queries.len() / 3, "{some} of {} queries find something", queries.len());
        found.borrow_mut().push(hits);
    })
    .await;
    let found = found.take();
    for hits in &found[1..] {
        for ((query, here), there) in queries.iter().zip(hits).zip(&found[0]) {
            assert_eq!(here, there, "{query:?}");
        }
    }
}
