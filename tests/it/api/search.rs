//! SearchTimeline: what a query finds, for which customer, and in which pages.

use throughline::pb::{self, Channel, EntryFilter, EntryKind, search_timeline_request::Customer};
use tonic::Code;

use crate::{
    calls::{
        Refusal, about, account, at, bought, by, by_request_id, list, note, refusal, said, scored,
        to,
    },
    support::{Server, on_both},
};

fn search(query: &str) -> pb::SearchTimelineRequest {
    pb::SearchTimelineRequest { query: query.to_owned(), ..Default::default() }
}

fn search_of(account_of: &str, query: &str) -> pb::SearchTimelineRequest {
    let customer = Some(Customer::Identifier(account(account_of)));
    pb::SearchTimelineRequest { customer, ..search(query) }
}

impl Server {
    /// The source_refs of all entries found, page by page.
    async fn found(&self, mut call: pb::SearchTimelineRequest) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            let page = self.timeline.clone().search_timeline(call.clone()).await.unwrap();
            let page = page.into_inner();
            found.extend(page.entries.into_iter().map(|entry| entry.source_ref));
            if page.next_page_token.is_empty() {
                return found;
            }
            call.page_token = page.next_page_token;
        }
    }
}

/// An entry with a name, some seconds from now.
fn named(name: &str, seconds: i64, entry: pb::Entry) -> pb::Entry {
    pb::Entry { source_ref: name.to_owned(), occurred_at: Some(at(seconds)), ..entry }
}

#[tokio::test]
async fn words_are_found_in_other_forms_without_case_and_accents() {
    let texts = [
        ("dutch", "Ik heb een klacht over mijn televisie, en één brief gehad."),
        ("norwegian", "Hei, jeg har problemer med kjøleskapet som dere leverte."),
        ("danish", "Jeg har købt to vaskemaskiner, og de larmer."),
        ("english", "There have been three complaints about this repair."),
    ];
    let queries = [
        ("klachten", "dutch"),
        ("TELEVISIES klachten", "dutch"),
        ("een", "dutch"),
        ("brieven", "dutch"),
        ("kjøleskap", "norwegian"),
        ("KJOLESKAP", "norwegian"),
        ("problem leverte", "norwegian"),
        ("vaskemaskine", "danish"),
        ("larmer kobt", "danish"),
        ("complaint", "english"),
        ("repaired", "english"),
        ("Complaints  about-repair!", "english"),
    ];
    on_both(async |database| {
        let server = Server::start(database).await;
        for (name, text) in texts {
            server.recorded(by(vec![account("anna")], named(name, -60, said(text)))).await;
            for (query, of) in queries.iter().filter(|(_, of)| *of == name) {
                // Found by the next call: indexing is synchronous.
                assert_eq!(server.found(search(query)).await, [*of], "{query}");
                assert_eq!(server.found(search_of("anna", query)).await, [*of], "{query}");
            }
        }
        let none = ["klacht complaint", "kjøleskap vaskemaskine", "fridge", "klant", "comp"];
        for query in none {
            assert_eq!(server.found(search(query)).await, [""; 0], "{query}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn every_text_of_an_entry_is_searched() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let record = async |entry| server.recorded(by(vec![account("anna")], entry)).await;
        let mut order = named("order-ref-77", -50, bought("W4923227"));
        if let Some(pb::entry::Content::Purchase(purchase)) = &mut order.content {
            purchase.lines[0].serial_number = "SN-00417".to_owned();
            purchase.lines[0].sku = "TV55Q".to_owned();
            purchase.tracking_number = "3SABC1234".to_owned();
        }
        record(order).await;
        let mut chat = named("chat", -40, about(said(""), ["#W4923227"]));
        chat.attributes = [("queue".to_owned(), "escalation".to_owned())].into();
        if let Some(pb::entry::Content::Interaction(interaction)) = &mut chat.content {
            interaction.subject = "Flickering picture".to_owned();
            interaction.messages = vec![pb::Message {
                author: pb::message::Author::Agent.into(),
                text: "Please unplug the antenna.".to_owned(),
                sent_at: None,
            }];
            interaction.attachments = vec![pb::Attachment {
                name: "receipt.jpg".to_owned(),
                media_type: "image/jpeg".to_owned(),
                ..Default::default()
            }];
        }
        record(chat).await;
        record(named("score", -30, scored(2.0, "Disappointed"))).await;
        for (query, wanted) in [
            ("television", &["order-ref-77"][..]),
            ("sn-00417", &["order-ref-77"]),
            ("tv55q", &["order-ref-77"]),
            ("3sabc1234", &["order-ref-77"]),
            ("order-ref-77", &["order-ref-77"]),
            ("#w4923227", &["chat", "order-ref-77"]),
            ("flickering pictures", &["chat"]),
            ("antenna", &["chat"]),
            ("receipt", &["chat"]),
            ("escalation", &["chat"]),
            ("disappointed", &["score"]),
            // Only text is indexed.
            ("phone", &[]),
            ("interaction", &[]),
            ("queue", &[]),
        ] {
            assert_eq!(server.found(search(query)).await, wanted, "{query}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_search_of_a_customer_finds_nobody_else() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna =
            server.recorded(by(vec![account("anna")], named("a", -60, note("refund")))).await;
        server.recorded(by(vec![account("bert")], named("b", -50, note("refund")))).await;
        assert_eq!(server.found(search("refund")).await, ["b", "a"]);
        assert_eq!(server.found(search_of("anna", "refund")).await, ["a"]);
        assert_eq!(server.found(search_of("bert", "refund")).await, ["b"]);
        let by_id = Some(Customer::CustomerId(anna.customer_id.clone()));
        let by_id = pb::SearchTimelineRequest { customer: by_id, ..search("refund") };
        assert_eq!(server.found(by_id).await, ["a"]);
        // The id is not among the words.
        let id = anna.customer_id.replace('-', "");
        for query in [id.clone(), format!("customer{id}"), anna.customer_id] {
            assert_eq!(server.found(search(&query)).await, [""; 0], "{query}");
        }

        let not_found = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        let stranger = search_of("carla", "refund");
        let mut timeline = server.timeline.clone();
        assert_eq!(refusal(timeline.search_timeline(stranger).await), not_found);
        server.stop().await;
    })
    .await;
}

/// As are those of a smiley alone, or of a script that leaves nothing.
#[tokio::test]
async fn an_entry_without_words_is_recorded_and_hides_nothing() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first =
            server.recorded(by(vec![account("anna")], named("a", -60, note("refund")))).await;
        for text in ["🎉", "...", "?!", "\u{200b}-"] {
            let silent = by_request_id(to(&first.customer_id, note(text)));
            server.recorded(silent).await;
        }
        assert_eq!(server.timeline_of(&first.customer_id).await.len(), 5);
        for call in [search("refund"), search_of("anna", "refund")] {
            assert_eq!(server.found(call).await, ["a"]);
        }
        let refused = server.timeline.clone().search_timeline(search("🎉")).await;
        assert_eq!(refusal(refused), Refusal::invalid(["query"]));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn filters_and_pages_hold_in_a_search() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let who = || vec![account("anna")];
        server.recorded(by(who(), named("order", -1000, bought("W-1")))).await;
        let mut batch = Vec::new();
        for number in 0..60_i64 {
            let name = format!("{number:02}");
            let mut entry = named(&name, -500 + number, note(format!("refund {number}")));
            if number % 2 == 0 {
                entry.content = said("about a refund").content;
            }
            if number % 3 == 0 {
                entry.channel = Channel::Web.into();
            }
            if number % 5 == 0 {
                entry = about(entry, ["W-1"]);
            }
            batch.push(by(who(), entry));
        }
        server.batch(batch).await.unwrap();
        type Case = (EntryFilter, fn(i64) -> bool);
        let filters: [Case; 5] = [
            (EntryFilter::default(), |_| true),
            (EntryFilter { kinds: vec![EntryKind::Note.into()], ..Default::default() }, |it| {
                it % 2 == 1
            }),
            (EntryFilter { channels: vec![Channel::Web.into()], ..Default::default() }, |it| {
                it % 3 == 0
            }),
            (EntryFilter { order_number: "#w-1".to_owned(), ..Default::default() }, |it| {
                it % 5 == 0
            }),
            (
                EntryFilter {
                    case_id: String::new(),
                    kinds: vec![EntryKind::Interaction.into()],
                    channels: vec![Channel::Web.into()],
                    occurred_from: Some(at(-490)),
                    occurred_before: Some(at(-452)),
                    order_number: String::new(),
                },
                |it| it % 6 == 0 && (10..48).contains(&it),
            ),
        ];
        for (filter, passes) in filters {
            let wanted: Vec<_> =
                (0..60).rev().filter(|it| passes(*it)).map(|it| format!("{it:02}")).collect();
            for page_size in [1, 7, 200] {
                for call in [search("refunds"), search_of("anna", "refunds")] {
                    let filter = Some(filter.clone());
                    let call = pb::SearchTimelineRequest { filter, page_size, ..call };
                    assert_eq!(server.found(call.clone()).await, wanted, "{call:?}");
                }
            }
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_of_a_search_belongs_to_its_query() {
    on_both(async |database| {
        let server = Server::start(database).await;
        for name in ["a", "b", "c"] {
            let entry = named(name, -60, note("refund broken"));
            server.recorded(by(vec![account("anna")], entry)).await;
        }
        let anna = server.identified(vec![account("anna")]).await.customer.unwrap();
        let mut timeline = server.timeline.clone();
        let first = pb::SearchTimelineRequest { page_size: 1, ..search("refund") };
        let page = timeline.search_timeline(first.clone()).await.unwrap().into_inner();
        let page_token = page.next_page_token;
        let bad = Refusal::new(Code::InvalidArgument, "BAD_PAGE_TOKEN", ["page_token"]);
        for other in [search("refunds"), search("broken"), search_of("anna", "refund")] {
            let call = pb::SearchTimelineRequest { page_token: page_token.clone(), ..other };
            assert_eq!(refusal(timeline.search_timeline(call).await), bad);
        }
        let in_a_list =
            pb::ListTimelineRequest { page_token: page_token.clone(), ..list(&anna.id) };
        assert_eq!(refusal(timeline.list_timeline(in_a_list).await), bad);
        let rest = pb::SearchTimelineRequest { page_size: 200, page_token, ..first };
        assert_eq!(server.found(rest).await.len(), 2);
        server.stop().await;
    })
    .await;
}
