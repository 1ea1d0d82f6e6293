//! Inputs that look bad and are accepted, and their effects.

use throughline::{
    clock::Clock,
    pb::{
        self, EntryFlag, IdentifierKind as Kind, search_customers_request::Query,
        timeline_service_client::TimelineServiceClient,
    },
};
use tonic::Code;

use super::world::{World, identifier, interaction, list, record, search, with};
use crate::{
    calls,
    support::{NOW, Server, on_both, settings},
};

/// The numbers that are tested here and not as refused.
pub const NUMBERS: &[u16] = &[22, 25, 27, 37, 40, 41, 42, 45, 51, 52, 53, 81, 82, 95];

impl Server {
    async fn identify(&mut self, identifier: pb::Identifier) -> pb::Customer {
        let answer =
            self.customers.identify_customer(calls::identify(vec![identifier])).await.unwrap();
        answer.into_inner().customer.unwrap()
    }

    async fn record(&mut self, request: pb::RecordEntryRequest) -> pb::RecordEntryResponse {
        self.timeline.record_entry(request).await.unwrap().into_inner()
    }

    /// The whole timeline of a customer, the newest first.
    async fn entries(&mut self, customer_id: &str) -> Vec<pb::Entry> {
        let list = pb::ListTimelineRequest { page_size: 200, ..list(customer_id) };
        self.timeline.list_timeline(list).await.unwrap().into_inner().entries
    }
}

#[tokio::test]
async fn number_22_a_request_id_has_one_form() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let mut request = with(|it| (it.source, it.source_ref) = Default::default());
        request.request_id = "5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d11".to_owned();
        let first = server.record(request.clone()).await;
        let mut rules = Vec::new();
        for form in [
            "5B0F4D3E-9F0F-4C57-8D4E-1F1F0C6F6D11",
            "{5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d11}",
            "urn:uuid:5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d11",
            "5b0f4d3e9f0f4c578d4e1f1f0c6f6d11",
        ] {
            request.request_id = form.to_owned();
            match server.timeline.record_entry(request.clone()).await {
                Ok(again) => {
                    assert_eq!(again.into_inner().entry_id, first.entry_id, "{form}");
                    rules.push("the same");
                }
                Err(status) => {
                    assert_eq!(status.code(), Code::InvalidArgument, "{form}: {status}");
                    rules.push("refused");
                }
            }
        }
        // Upper case may be read as the same id where the other forms are refused.
        assert!(rules[1..].iter().all(|rule| *rule == rules[1]), "{rules:?}");
        assert_eq!(server.entries(&first.customer_id).await.len(), 1);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_25_a_retry_in_flight_has_one_effect() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let by_ref = record();
        let mut by_id = with(|it| (it.source, it.source_ref) = Default::default());
        by_id.request_id = "5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d13".to_owned();
        for request in [by_ref, by_id] {
            let mut calls = tokio::task::JoinSet::new();
            for _ in 0..16 {
                let mut timeline = TimelineServiceClient::new(server.connect().await);
                let request = request.clone();
                calls.spawn(async move { timeline.record_entry(request).await });
            }
            let answers: Vec<_> = calls.join_all().await;
            let answers: Vec<_> = answers.into_iter().map(|it| it.unwrap().into_inner()).collect();
            let new = answers.iter().filter(|it| !it.already_recorded).count();
            assert_eq!(new, 1);
            assert!(answers.iter().all(|it| it.entry_id == answers[0].entry_id));
            assert!(answers.iter().all(|it| it.revision == answers[0].revision));
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_27_a_source_ref_belongs_to_its_source() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let mut request = with(|it| it.source = "webshop".to_owned());
        let first = server.record(request.clone()).await;
        request.entry.as_mut().unwrap().source = "call-centre".to_owned();
        let second = server.record(request).await;
        assert_eq!(first.customer_id, second.customer_id);
        assert_ne!(first.entry_id, second.entry_id);
        assert!(!second.already_recorded);
        server.stop().await;
    })
    .await;
}

/// Other notations of a value identify the same customer, and the first notation is stored.
#[tokio::test]
async fn numbers_37_to_53_forms_of_a_value() {
    let forms: [(u16, Kind, &str, &str, bool); 16] = [
        (37, Kind::Phone, "+31612345678", "+31(0)612345678", true),
        (40, Kind::Phone, "+31612345678", "+٣١٦١٢٣٤٥٦٧٨", true),
        (40, Kind::Phone, "+31612345678", "＋３１６１２３４５６７８", true),
        (41, Kind::Phone, "+31201234567", "+31201234567;ext=12", false),
        (41, Kind::Phone, "+31201234567;ext=12", "+31 20 123 4567 ext. 12", true),
        (42, Kind::Phone, "+31612345678", "tel:+31-6-1234-5678", true),
        (45, Kind::Phone, "+31612345678", "\u{200e}+316\u{feff}12345678", true),
        (51, Kind::Email, "info@xn--bcher-kva.example", "info@bücher.example", true),
        (52, Kind::Email, "anna@example.net", "аnna@example.net", false),
        (53, Kind::Email, "anna@example.net", "Anna@Example.NET", true),
        (53, Kind::Email, "zoë@example.net", "zoe\u{308}@example.net", true),
        (53, Kind::Account, "zoë.k", "ZOE\u{308}.K", true),
        (53, Kind::Account, "anna.k", " anna.k ", true),
        (54, Kind::Email, "o'neill+shop@example.net", "O'Neill+Shop@example.net", true),
        (57, Kind::LoyaltyCard, "9780306406157", "978-0306-40615-7", true),
        (58, Kind::Account, "1001", "01001", false),
    ];
    on_both(async |database| {
        let mut server = Server::start(database).await;
        for (number, kind, plain, form, same) in forms {
            let of_plain = server.identify(identifier(kind, plain)).await;
            let of_form = server.identify(identifier(kind, form)).await;
            assert_eq!(of_plain.id == of_form.id, same, "{number}: {plain} and {form}");
            let kept = &of_plain.identifiers[0];
            assert_eq!(kept.raw_value, plain, "{number}");
        }
        // The raw value stays as it was first received, and the flag marks a look-alike.
        let first = server.identify(identifier(Kind::Phone, "+31 (0)20 765 43 21")).await;
        assert_eq!(first.identifiers[0].value, "+31207654321");
        assert_eq!(first.identifiers[0].raw_value, "+31 (0)20 765 43 21");
        let cyrillic = server.identify(identifier(Kind::Email, "аnna@example.net")).await;
        assert!(cyrillic.identifiers[0].mixed_script);
        let latin = server.identify(identifier(Kind::Email, "anna@example.net")).await;
        assert!(!latin.identifiers[0].mixed_script);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_38_a_default_region_makes_a_national_number_whole() {
    on_both(async |database| {
        let mut settings = settings(Clock::Fixed(NOW));
        settings.rules.phone_region = Some("NL".to_owned());
        let mut server = Server::start_with(database, settings).await;
        let customer = server.identify(identifier(Kind::Phone, "06-12345678")).await;
        assert_eq!(customer.identifiers[0].value, "+31612345678");
        let norwegian = pb::Identifier {
            phone_region: "NO".to_owned(),
            ..identifier(Kind::Phone, "22 12 34 56")
        };
        let customer = server.identify(norwegian).await;
        assert_eq!(customer.identifiers[0].value, "+4722123456");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_81_bidi_controls_are_stored_and_flagged() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let text = "the file photo\u{202e}gpj.exe";
        let answer = server.record(interaction(|it| it.text = text.to_owned())).await;
        assert_eq!(answer.flags, [EntryFlag::BidiControl as i32]);
        let entry = &server.entries(&answer.customer_id).await[0];
        assert_eq!(entry.flags, answer.flags);
        assert_eq!(text_of(entry), text);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_82_secrets_are_replaced_before_they_are_stored() {
    // The well-known test number of a card; a BSN, a CPR number and a fødselsnummer with valid
    // checks that belong to nobody.
    let secrets = [
        ("my card is 4111 1111 1111 1111, ok?", "4111", EntryFlag::CardNumberRedacted),
        ("the CVV is 737", "737", EntryFlag::SecurityCodeRedacted),
        ("mijn BSN is 111222333", "111222333", EntryFlag::NationalIdRedacted),
        ("mit cpr-nummer er 070761-4285", "4285", EntryFlag::NationalIdRedacted),
        ("fødselsnummer 15076500565", "15076500565", EntryFlag::NationalIdRedacted),
        ("password: Sommer2026!", "Sommer2026", EntryFlag::PasswordRedacted),
    ];
    on_both(async |database| {
        let mut server = Server::start(database).await;
        for (text, secret, flag) in secrets {
            let request = interaction(|it| it.text = text.to_owned());
            let answer = server.record(request.clone()).await;
            assert_eq!(answer.flags, [flag as i32], "{text}");
            let entry = server.entries(&answer.customer_id).await.into_iter();
            let entry = entry.into_iter().find(|it| it.id == answer.entry_id).unwrap();
            assert!(!text_of(&entry).contains(secret), "{}", text_of(&entry));
            // A retry is recognised by the hash of the body, not by the body.
            assert!(server.record(request).await.already_recorded, "{text}");
        }
        server.stop().await;
        if let Some(file) = database.url.strip_prefix("sqlite:") {
            let bytes = std::fs::read(file).unwrap();
            let holds = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
            assert!(holds("fødselsnummer"));
            assert!(!holds("15076500565") && !holds("Sommer2026"));
        }
    })
    .await;
}

#[tokio::test]
async fn number_95_markup_and_formulas_are_text() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let texts =
            ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "Robert'); drop table entries;--"];
        for text in texts {
            let request = interaction(|it| {
                it.text = text.to_owned();
                it.subject = text.to_owned();
            });
            let answer = server.record(request).await;
            let entries = server.entries(&answer.customer_id).await;
            assert!(entries.iter().any(|it| text_of(it) == text), "{text}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_107_pages_have_50_entries_and_at_most_200() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let requests = (0..201).map(|_| record()).collect();
        let batch = pb::BatchRecordEntriesRequest { requests };
        let answer = server.timeline.batch_record_entries(batch).await.unwrap().into_inner();
        let customer_id = &answer.responses[0].customer_id;
        for (page_size, entries) in [(0, 50), (1_000_000_000, 200), (i32::MAX, 200), (1, 1)] {
            let list = pb::ListTimelineRequest { page_size, ..list(customer_id) };
            let page = server.timeline.list_timeline(list).await.unwrap().into_inner();
            assert_eq!(page.entries.len(), entries, "ListTimeline of {page_size}");
            let search = pb::SearchTimelineRequest { page_size, ..search(customer_id, "black") };
            let page = server.timeline.search_timeline(search).await.unwrap().into_inner();
            assert_eq!(page.entries.len(), entries, "SearchTimeline of {page_size}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_111_a_filter_is_no_query_language() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let world = World::make(&mut server).await;
        for order_number in ["1' or '1'='1", "QR-*", ".*", "QR-%", "channel = 1", "$1", "\\"] {
            let order_number = order_number.to_owned();
            let filter = Some(pb::EntryFilter { order_number, ..Default::default() });
            let list = pb::ListTimelineRequest { filter, ..list(&world.customer_id) };
            match server.timeline.list_timeline(list.clone()).await {
                Ok(page) => assert_eq!(page.into_inner().entries, [], "{list:?}"),
                Err(status) => assert_eq!(status.code(), Code::InvalidArgument, "{status}"),
            }
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_112_a_search_never_fails_inside() {
    let queries = [
        "%",
        "_",
        "'",
        "foo &",
        "\\",
        "\"",
        "\"unclosed",
        "a OR b",
        "NOT a",
        "a NEAR b",
        "a*",
        "*",
        "^a",
        "a:b",
        "words:a",
        "(a",
        ")",
        "-a",
        "+a",
        "a | b",
        "!",
        "<->",
        "a:*",
        "<script>",
        "\u{202e}abc",
        "🎉",
        "日本語",
        "a\u{301}\u{301}",
        "\u{200b}",
        "null",
        "' or 1=1 --",
        "$1",
        "x\ty",
        "x\0y",
        "ÆØÅ",
        "ß",
        "\u{fdfa}",
        "\u{1d400}",
    ];
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let world = World::make(&mut server).await;
        let long = "é".repeat(256);
        for query in queries.into_iter().chain([long.as_str()]) {
            let all = pb::SearchTimelineRequest { customer: None, ..search("", query) };
            for call in [search(&world.customer_id, query), all] {
                match server.timeline.search_timeline(call).await {
                    Ok(found) => assert_eq!(found.into_inner().entries, [], "{query}"),
                    Err(it) => assert_eq!(it.code(), Code::InvalidArgument, "{query}: {it}"),
                }
            }
            let query = Query::Name(query.to_owned());
            let call =
                pb::SearchCustomersRequest { query: Some(query.clone()), ..Default::default() };
            if let Err(it) = server.customers.search_customers(call).await {
                assert_eq!(it.code(), Code::InvalidArgument, "{query:?}: {it}");
            }
        }
        server.stop().await;
    })
    .await;
}

fn text_of(entry: &pb::Entry) -> &str {
    match &entry.content {
        Some(pb::entry::Content::Interaction(interaction)) => &interaction.text,
        other => panic!("no interaction: {other:?}"),
    }
}
