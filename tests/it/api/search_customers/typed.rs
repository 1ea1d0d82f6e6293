//! Free text: its form shows its meaning.

use throughline::{
    api::validate::Rules,
    clock::Clock,
    pb::{self, MatchQuality, MatchedField, search_customers_request::Query},
};

use super::{phone, profile, text};
use crate::{
    calls::{Refusal, account, bought, by, email, identifier, refusal},
    support::{NOW, Server, on_both, settings},
};

#[tokio::test]
async fn a_phone_number_is_found_in_any_form_and_by_its_end() {
    on_both(async |database| {
        let mut settings = settings(Clock::Fixed(NOW));
        settings.rules = Rules { phone_region: Some("NL".to_owned()), ..settings.rules };
        let server = Server::start_with(database, settings).await;
        let none = pb::Profile::default;
        server.add_with(vec![account("mobile"), phone("+31612345678")], none()).await;
        server.add_with(vec![account("desk"), phone("+31 20 712 5678 ext. 89")], none()).await;
        server.add_with(vec![account("oslo"), phone("+4722345678")], none()).await;
        let jansen = profile("Jan", "Jansen", &[], "");
        server.add_with(vec![account("jan"), phone("+31201230042")], jansen).await;
        for (typed, wanted) in [
            ("+31612345678", &["mobile"][..]),
            ("06-12345678", &["mobile"]),
            ("0031 6 12 34 56 78", &["mobile"]),
            ("+31 (0)6 1234.5678", &["mobile"]),
            ("(06) 12 345 678", &["mobile"]),
            ("６１２３４５６７８", &["mobile"]),
            ("612345678", &["mobile"]),
            ("020 7125678", &["desk"]),
            ("345678", &["mobile", "oslo"]),
            ("345 678", &["mobile", "oslo"]),
            ("5678", &["desk", "mobile", "oslo"]),
            ("0042", &["jan"]),
            ("123 00 42 jansen", &["jan"]),
            ("jan 0201230042", &["jan"]),
            ("piet 0201230042", &[]),
            ("678", &[]),
            ("0612345679", &[]),
        ] {
            assert_eq!(server.accounts(text(typed)).await, wanted, "{typed}");
        }
        for (typed, quality) in
            [("0612345678", MatchQuality::Exact), ("12345678", MatchQuality::Partial)]
        {
            let found = server.matches(text(typed)).await;
            let wanted = ("mobile".to_owned(), vec![MatchedField::Phone], quality);
            assert_eq!(found, [wanted], "{typed}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_part_of_an_email_address_is_found() {
    on_both(async |database| {
        let server = Server::start(database).await;
        for (who, address) in [
            ("anna", "anna.de-vries@mail.example.com"),
            ("piet", "p.vries@example.com"),
            ("shop", "office@vries.example"),
            ("odd", "100%_sure@example.net"),
        ] {
            let profile = profile("Who", "Ever", &[], "");
            server.add_with(vec![account(who), email(address)], profile).await;
        }
        for (typed, wanted) in [
            ("anna.de-vries@mail.example.com", &["anna"][..]),
            ("ANNA.DE", &["anna"]),
            ("anna.de-vries@", &["anna"]),
            ("de-vries", &["anna"]),
            ("vries", &["anna", "piet", "shop"]),
            ("vries@ex", &["piet"]),
            ("@example.com", &["anna", "piet"]),
            ("example.com", &["anna", "piet"]),
            ("@mail.ex", &["anna"]),
            ("@vries", &["shop"]),
            ("ever @vries", &["shop"]),
            ("jansen @vries", &[]),
            ("100%_sure@example.net", &["odd"]),
            ("sure@", &["odd"]),
            ("100%@", &[]),
            ("_ure@", &[]),
            ("ries@example.com", &[]),
            ("@ample.com", &[]),
        ] {
            assert_eq!(server.accounts(text(typed)).await, wanted, "{typed}");
        }
        let found = server.matches(text("<p.vries@example.com>")).await;
        let exact = ("piet".to_owned(), vec![MatchedField::Email], MatchQuality::Exact);
        assert_eq!(found, [exact]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_leads_to_who_placed_it() {
    on_both(async |database| {
        let server = Server::start(database).await;
        server.add("anna", profile("Anna", "Berg", &[], "")).await;
        server.add("piet", profile("Piet", "Smit", &[], "")).await;
        server.recorded(by(vec![account("anna")], bought("W4923227"))).await;
        server.recorded(by(vec![account("piet")], bought("W4923228"))).await;
        server.recorded(by(vec![account("piet")], bought("#A-1 B"))).await;
        let order = |number: &str| Query::OrderNumber(number.to_owned());
        for (query, wanted) in [
            (order("W4923227"), &["anna"][..]),
            (order(" #w4923227 "), &["anna"]),
            (order("a-1 b"), &["piet"]),
            (order("W492322"), &[]),
            (text("w4923228"), &["piet"]),
            (text("#W4923228"), &["piet"]),
            (text("a-1 b"), &["piet"]),
            (text("smit W4923228"), &["piet"]),
            (text("berg W4923228"), &[]),
        ] {
            assert_eq!(server.accounts(query.clone()).await, wanted, "{query:?}");
        }
        let found = server.matches(text("W4923228 smt")).await;
        let fields = vec![MatchedField::Name, MatchedField::OrderNumber];
        assert_eq!(found, [("piet".to_owned(), fields, MatchQuality::Misspelt)]);
        for number in ["", "#", "a\u{0}b", &"9".repeat(65)] {
            let call =
                pb::SearchCustomersRequest { query: Some(order(number)), ..Default::default() };
            let refused = refusal(server.customers.clone().search_customers(call).await);
            assert_eq!(refused, Refusal::invalid(["order_number"]), "{number:?}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_postcode_is_found_with_the_house_or_the_name() {
    on_both(async |database| {
        let server = Server::start(database).await;
        server.add("12", profile("Jan", "Jansen", &["Kerkstraat 12"], "1234 AB")).await;
        server.add("12b", profile("Piet", "Jansen", &["Kerkstraat 12 b"], "1234 AB")).await;
        server.add("14", profile("Anna", "de Vries", &["Kerkstraat 14"], "1234 AB")).await;
        server.add("london", profile("Jan", "Jansen", &["10 Downing Street"], "SW1A 2AA")).await;
        server.add("berlin", profile("Jan", "Jansen", &["Hauptstr. 7"], "10115")).await;
        for (typed, wanted) in [
            ("1234 AB 12", &["12"][..]),
            ("1234ab 12", &["12"]),
            ("12, 1234-ab", &["12"]),
            ("1234ab 12b", &["12b"]),
            ("1234ab 12 b", &["12b"]),
            ("kerkstraat 14 1234 ab", &["14"]),
            ("1234ab", &["12", "12b", "14"]),
            ("jansen 1234ab", &["12", "12b"]),
            ("1234 ab jansen piet", &["12b"]),
            ("jnasen 1234ab", &["12", "12b"]),
            ("12 jansen 1234ab", &["12"]),
            ("14 jansen 1234ab", &[]),
            ("sw1a2aa", &["london"]),
            ("sw1a 2aa 10", &["london"]),
            ("10115 7", &["berlin"]),
            ("jan 10115", &["berlin"]),
            ("1234ac", &[]),
            ("1234ab 13", &[]),
        ] {
            assert_eq!(server.accounts(text(typed)).await, wanted, "{typed}");
        }
        let found = server.matches(text("jan 1234ab 12")).await;
        let fields = vec![MatchedField::Name, MatchedField::Postcode];
        assert_eq!(found, [("12".to_owned(), fields, MatchQuality::Exact)]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_number_may_mean_is_all_found() {
    use pb::IdentifierKind::{CustomerNumber, LoyaltyCard};
    on_both(async |database| {
        let server = Server::start(database).await;
        let none = pb::Profile::default;
        server.add("postcode", profile("A", "B", &["Dam 1"], "12345")).await;
        server.add_with(vec![account("phone"), phone("+31612312345")], none()).await;
        let number = identifier(CustomerNumber, "12345");
        server.add_with(vec![account("number"), number], none()).await;
        server.recorded(by(vec![account("order")], bought("12345"))).await;
        server.add("12345", none()).await;
        let card = identifier(LoyaltyCard, "2620 1234 5678");
        server.add_with(vec![account("card"), card], none()).await;
        let found = server.accounts(text("12345")).await;
        // The end of a phone number ranks last.
        assert_eq!(found, ["12345", "number", "order", "postcode", "phone"]);
        assert_eq!(server.accounts(text("2620-1234-5678")).await, ["card"]);
        assert_eq!(server.accounts(text("2620 1234 5678")).await, ["card"]);
        assert_eq!(server.accounts(text("card")).await, ["card"]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn hostile_texts_find_nothing_and_do_no_harm() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let jan = vec![account("jan"), email("jan@example.com"), phone("+31612345678")];
        server.add_with(jan, profile("Jan", "Jansen", &["Dam 1"], "1012 JS")).await;
        let call = |query| pb::SearchCustomersRequest { query: Some(query), ..Default::default() };
        let mut customers = server.customers.clone();
        let many = "word ".repeat(20_000);
        let long = "x".repeat(257);
        let marks = format!("a{}", "\u{301}".repeat(40));
        for refused in [
            "",
            " ",
            "%",
            "_",
            "'",
            "\\",
            "''",
            "%%%",
            "&|!()",
            "\u{200b}",
            "a\u{0}b",
            "a\nb",
            "\u{202e}jan",
            &many,
            &long,
            &marks,
            "1 2 3 4 5 6 7 8 9 10 11 12 13",
        ] {
            let refused_as = refusal(customers.search_customers(call(text(refused))).await);
            assert_eq!(refused_as, Refusal::invalid(["text"]), "{refused:.40?}");
        }
        let longest = "é".repeat(256);
        let digits = "1".repeat(256);
        let pieces = "1a ".repeat(12);
        let at_signs = "@".repeat(200) + "a";
        for nothing in [
            "foo &",
            "x' or '1'='1",
            "jan%",
            "j_n",
            "jan_",
            "jan*",
            "'; drop table customers; --",
            "\u{10ffff}a",
            "a\u{ffff}",
            "@@@@a",
            "\"jan\" or",
            "日本",
            "NEAR(jan)",
            "{\"a\":1}",
            "p87654321613",
            "~jn",
            "<jansen",
            "@amsterdam",
            "email:/jan",
            "$1",
            "[1]",
            &longest,
            &digits,
            &pieces,
            &at_signs,
        ] {
            let found = customers.search_customers(call(text(nothing))).await;
            match nothing {
                // What is left of them is a name.
                "jan%" | "jan_" | "jan*" | "~jn" | "<jansen" => drop(found.unwrap()),
                _ => {
                    let found = found.unwrap_or_else(|it| panic!("{nothing:.40?}: {it}"));
                    assert_eq!(found.into_inner().customers, [], "{nothing:.40?}");
                }
            }
        }
        assert_eq!(server.accounts(text("jan jansen")).await, ["jan"]);
        server.stop().await;
    })
    .await;
}
