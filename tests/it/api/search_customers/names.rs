//! By name: complete, partial, misspelt.

use throughline::pb::{self, MatchQuality, MatchedField};

use super::{name, profile, text};
use crate::{
    calls::{Refusal, refusal},
    support::{Server, on_both},
};

#[tokio::test]
async fn names_are_found_by_the_beginnings_of_their_words() {
    on_both(async |database| {
        let server = Server::start(database).await;
        server.add("x-ase", profile("Åse Marie", "Bjørnæs", &[], "")).await;
        server.add("x-anna", profile("Anna", "van der Berg", &[], "")).await;
        server.add("x-obrien", profile("Anna Maria", "O'Brien", &[], "")).await;
        let firm = pb::Profile { organisation: "Berg & Zoon".to_owned(), ..Default::default() };
        server.add("x-firm", firm).await;
        for (query, wanted) in [
            ("ANNA", &["x-obrien", "x-anna"][..]),
            ("ann", &["x-obrien", "x-anna"]),
            ("a", &["x-ase", "x-obrien", "x-anna"]),
            ("berg anna", &["x-anna"]),
            ("anna b", &["x-anna"]),
            ("berg", &["x-firm", "x-anna"]),
            ("zoon", &["x-firm"]),
            ("ase", &["x-ase"]),
            ("Åse bjornaes", &["x-ase"]),
            ("bjørn", &["x-ase"]),
            ("o'brien", &["x-obrien"]),
            ("OBRIEN", &["x-obrien"]),
            ("anna maria obrien", &["x-obrien"]),
            ("der van anna be", &["x-anna"]),
            // The exact word before the typing error.
            ("maria", &["x-obrien", "x-ase"]),
            ("marie", &["x-ase", "x-obrien"]),
            // Not the middle of a word; all of the words; each for another word of the name.
            ("rien", &[]),
            ("zoon ase", &[]),
            ("zoon zo", &[]),
        ] {
            assert_eq!(server.accounts(name(query)).await, wanted, "{query}");
            assert_eq!(server.accounts(text(query)).await, wanted, "{query}");
        }
        let mut customers = server.customers.clone();
        for query in ["", " ", "%", "a b c d e f g"] {
            let call =
                pb::SearchCustomersRequest { query: Some(name(query)), ..Default::default() };
            let refused = refusal(customers.search_customers(call).await);
            assert_eq!(refused, Refusal::invalid(["name"]), "{query}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_slip_does_not_hide_a_customer() {
    on_both(async |database| {
        let server = Server::start(database).await;
        server.add("jan", profile("Jan", "Jansen", &[], "")).await;
        server.add("piet", profile("Pieter", "Schoenmaker", &[], "")).await;
        server.add("soren", profile("Søren", "Nørgård", &[], "")).await;
        server.add("meier", profile("Eva", "Meier", &[], "")).await;
        server.add("long", profile("Jan", "van der Hoffmann", &[], "")).await;
        for (query, wanted) in [
            // Two letters swapped, one missing, one extra, one wrong.
            ("jan jansne", "jan"),
            ("jan jnsen", "jan"),
            ("jan janssen", "jan"),
            ("jan jamsen", "jan"),
            ("jansne", "jan"),
            ("ansen", "jan"),
            ("bansen", "jan"),
            ("jna jansen", "jan"),
            ("jansne jna", "jan"),
            ("pieter shoenmaker", "piet"),
            ("schonemakers", "piet"),
            ("shoenmakr", "piet"),
            ("piter schoenmkaer", "piet"),
            ("pi schoenmkaer", "piet"),
            // Other spellings of the same sounds.
            ("soeren", "soren"),
            ("noergaard", "soren"),
            ("sören norgard", "soren"),
            ("mayer", "meier"),
            ("eva mayer", "meier"),
            ("jan hofman", "long"),
            ("jan van der hofmann", "long"),
        ] {
            let found = server.matches(text(query)).await;
            let found: Vec<_> = found.iter().map(|(it, by, how)| (it.as_str(), by, *how)).collect();
            let quality = match query.contains("ö") {
                true => MatchQuality::Exact,
                false => MatchQuality::Misspelt,
            };
            let by_name = vec![MatchedField::Name];
            assert_eq!(found, [(wanted, &by_name, quality)], "{query}");
        }
        // Two errors in a short word make another word, and two letters allow no error.
        for query in ["jemsen", "jn jansen", "jansen xx", "schoenlapper", "12 jansen"] {
            assert_eq!(server.accounts(text(query)).await, [""; 0], "{query}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_best_match_comes_first() {
    on_both(async |database| {
        let server = Server::start(database).await;
        // The worst is the oldest.
        server.add("begun too", profile("Jan", "Jansens-Smit", &[], "")).await;
        server.add("slip", profile("Jan", "Janser", &[], "")).await;
        server.add("begun", profile("Janneke", "Jansen", &[], "")).await;
        server.add("longer", profile("Jan Piet", "Jansen", &[], "")).await;
        server.add("exact", profile("Jan", "Jansen", &[], "")).await;
        server.add("exact too", profile("JAN", "JANSEN", &[], "")).await;
        let wanted = ["exact", "exact too", "longer", "begun", "begun too", "slip"];
        for query in ["jan jansen", "JANSEN, Jan"] {
            assert_eq!(server.accounts(name(query)).await, wanted, "{query}");
        }
        let found = server.search(name("jan jansen")).await.matches;
        let distances: Vec<i32> = found.iter().map(|it| it.distance).collect();
        assert_eq!(distances, [0, 0, 1, 4, 5, 8]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_stands_with_its_locality() {
    on_both(async |database| {
        let server = Server::start(database).await;
        for (who, given, family, locality) in [
            ("utrecht", "Anna", "de Vries", "Utrecht"),
            ("haag", "Anna", "de Vries", "Den Haag"),
            ("utrecht too", "Piet", "de Vries", "UTRECHT"),
            ("called so", "Vries", "Utrecht", ""),
        ] {
            let mut profile = profile(given, family, &["Kerkstraat 12"], "1234 AB");
            if let Some(address) = &mut profile.address {
                address.locality = locality.to_owned();
            }
            server.add(who, profile).await;
        }
        for (query, wanted) in [
            ("vries utrecht", &["called so", "utrecht", "utrecht too"][..]),
            ("utrecht de vries anna", &["utrecht"]),
            ("anna vries den haag", &["haag"]),
            ("vries haag", &["haag"]),
            ("vires haag", &["haag"]),
            ("anna utrecht vris", &["utrecht"]),
            ("vries rotterdam", &[]),
        ] {
            assert_eq!(server.accounts(text(query)).await, wanted, "{query}");
        }
        // A name alone only matches names.
        assert_eq!(server.accounts(name("vries utrecht")).await, ["called so"]);
        let by = server.matches(text("vries haag")).await;
        let fields = vec![MatchedField::Name, MatchedField::Address];
        assert_eq!(by, [("haag".to_owned(), fields, MatchQuality::Exact)]);
        server.stop().await;
    })
    .await;
}
