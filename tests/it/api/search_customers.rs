//! SearchCustomers: by name, identifier and postcode.

use throughline::pb::{self, search_customers_request::Query};
use tonic::Code;

use crate::{
    calls::{Refusal, account, email, identify, refusal, request_id},
    support::{Server, on_both},
};

fn profile(given_name: &str, family_name: &str, lines: &[&str], postcode: &str) -> pb::Profile {
    let address = pb::PostalAddress {
        lines: lines.iter().map(ToString::to_string).collect(),
        postcode: postcode.to_owned(),
        ..Default::default()
    };
    pb::Profile {
        given_name: given_name.to_owned(),
        family_name: family_name.to_owned(),
        address: (!postcode.is_empty()).then_some(address),
        ..Default::default()
    }
}

fn name(text: &str) -> Query {
    Query::Name(text.to_owned())
}

fn postcode(postcode: &str, house_number: &str) -> Query {
    Query::Postcode(pb::PostcodeQuery {
        postcode: postcode.to_owned(),
        house_number: house_number.to_owned(),
    })
}

impl Server {
    /// A customer with an account and a profile.
    async fn add(&self, account_of: &str, profile: pb::Profile) -> pb::Customer {
        let call = pb::IdentifyCustomerRequest {
            profile: Some(profile),
            ..identify(vec![account(account_of)])
        };
        let answer = self.customers.clone().identify_customer(call).await.unwrap();
        answer.into_inner().customer.unwrap()
    }

    /// The accounts of the customers found, sorted.
    async fn accounts(&self, query: Query) -> Vec<String> {
        let call = pb::SearchCustomersRequest { query: Some(query), ..Default::default() };
        let answer = self.customers.clone().search_customers(call).await.unwrap();
        let customers = answer.into_inner().customers.into_iter();
        let mut accounts: Vec<_> = customers.map(|it| it.identifiers[0].value.clone()).collect();
        accounts.sort();
        accounts
    }
}

#[tokio::test]
async fn names_are_found_by_the_beginnings_of_their_words() {
    on_both(async |database| {
        let server = Server::start(database).await;
        server.add("ase", profile("Åse Marie", "Bjørnæs", &[], "")).await;
        server.add("anna", profile("Anna", "van der Berg", &[], "")).await;
        server.add("obrien", profile("Anna Maria", "O'Brien", &[], "")).await;
        let firm = pb::Profile { organisation: "Berg & Zoon".to_owned(), ..Default::default() };
        server.add("firm", firm).await;
        for (query, wanted) in [
            ("anna", &["anna", "obrien"][..]),
            ("ANN", &["anna", "obrien"]),
            ("a", &["anna", "ase", "obrien"]),
            ("berg anna", &["anna"]),
            ("anna b", &["anna"]),
            ("berg", &["anna", "firm"]),
            ("zoon", &["firm"]),
            ("ase", &["ase"]),
            ("Åse bjornaes", &["ase"]),
            ("bjørn", &["ase"]),
            ("mari", &["ase", "obrien"]),
            ("o'brien", &["obrien"]),
            ("OBRIEN", &["obrien"]),
            ("anna maria obrien", &["obrien"]),
            ("der van anna be", &["anna"]),
            // The beginning of a word, not its middle; and each of the words.
            ("nna", &[]),
            ("rien", &[]),
            ("anna marie", &[]),
            ("annan", &[]),
        ] {
            assert_eq!(server.accounts(name(query)).await, wanted, "{query}");
        }
        let mut customers = server.customers.clone();
        for query in ["", " ", "%", "a b c d e"] {
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
async fn a_changed_name_or_address_is_found_and_the_old_one_is_not() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.add("anna", profile("Anna", "Berg", &["Dam 1"], "1012 JS")).await;
        let fields = ["family_name", "address"].map(str::to_owned).to_vec();
        let call = pb::UpdateCustomerRequest {
            customer_id: anna.id,
            profile: Some(profile("", "Smit", &["Dam 2"], "1012 JT")),
            update_mask: Some(prost_types::FieldMask { paths: fields }),
            etag: String::new(),
            request_id: request_id(),
        };
        server.customers.clone().update_customer(call).await.unwrap();
        for query in [name("anna smit"), name("anna"), postcode("1012JT", "2")] {
            assert_eq!(server.accounts(query.clone()).await, ["anna"], "{query:?}");
        }
        for query in [name("berg"), postcode("1012JS", ""), postcode("1012JT", "1")] {
            assert_eq!(server.accounts(query.clone()).await, [""; 0], "{query:?}");
        }
        // What an entry or another call fills is found too.
        server.add("bert", pb::Profile::default()).await;
        server.add("bert", profile("Bert", "", &["Dam 3"], "1012 JT")).await;
        assert_eq!(server.accounts(name("bert")).await, ["bert"]);
        assert_eq!(server.accounts(postcode("1012jt", "")).await, ["anna", "bert"]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn postcodes_are_found_with_and_without_the_house() {
    on_both(async |database| {
        let server = Server::start(database).await;
        server.add("12", profile("A", "", &["Kerkstraat 12"], "1234 AB")).await;
        server.add("12b", profile("B", "", &["Kerkstraat 12 b"], "1234ab")).await;
        server.add("121", profile("C", "", &["T.a.v. C", "Kerkstraat 121"], "1234-AB")).await;
        let mut apart = profile("D", "", &["Somewhere 99"], "1234 AC");
        apart.address.as_mut().unwrap().house_number = "12-1".to_owned();
        server.add("12-1", apart).await;
        server.add("nowhere", profile("E", "", &[], "")).await;
        for (query, wanted) in [
            (postcode("1234 AB", ""), &["12", "121", "12b"][..]),
            (postcode("1234ab", "12"), &["12"]),
            (postcode("1234-ab", "12 B"), &["12b"]),
            (postcode("1234AB", "12-b"), &["12b"]),
            (postcode("1234AB", "121"), &["121"]),
            (postcode("1234AC", "12-1"), &["12-1"]),
            (postcode("1234AC", "121"), &[]),
            (postcode("1234AC", "99"), &[]),
            (postcode("1234", ""), &[]),
        ] {
            assert_eq!(server.accounts(query.clone()).await, wanted, "{query:?}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_identifier_finds_its_customer_or_nobody() {
    on_both(async |database| {
        let server = Server::start(database).await;
        server.identified(vec![account("anna"), email("anna@example.net")]).await;
        let found = server.accounts(Query::Identifier(email("ANNA@Example.net"))).await;
        assert_eq!(found, ["anna"]);
        let found = server.accounts(Query::Identifier(account("bert"))).await;
        assert_eq!(found, [""; 0]);
        assert!(server.identified(vec![account("bert")]).await.created, "a search makes nobody");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn customers_come_in_pages_each_once() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut made = Vec::new();
        for number in 0..23 {
            let who = format!("account-{number}");
            let profile = profile("Anna", &format!("Berg {number}"), &["Dam 1"], "1012 JS");
            made.push(server.add(&who, profile).await);
        }
        made.sort_by(|a, b| a.id.cmp(&b.id));
        let mut customers = server.customers.clone();
        for query in [name("berg anna"), postcode("1012JS", ""), postcode("1012JS", "1")] {
            for page_size in [1, 5, 22, 23, 200] {
                let mut call = pb::SearchCustomersRequest {
                    query: Some(query.clone()),
                    page_size,
                    ..Default::default()
                };
                let mut found = Vec::new();
                loop {
                    let page = customers.search_customers(call.clone()).await.unwrap();
                    let page = page.into_inner();
                    found.extend(page.customers);
                    if page.next_page_token.is_empty() {
                        break;
                    }
                    call.page_token = page.next_page_token;
                    // The size may change from one page to the next.
                    call.page_size = 4;
                }
                assert_eq!(found, made, "{query:?} in pages of {page_size}");
            }
        }

        let call = |query, page_token: &str| pb::SearchCustomersRequest {
            query: Some(query),
            page_size: 5,
            page_token: page_token.to_owned(),
        };
        let page = customers.search_customers(call(name("berg"), "")).await.unwrap().into_inner();
        let bad = Refusal::new(Code::InvalidArgument, "BAD_PAGE_TOKEN", ["page_token"]);
        for query in [name("anna"), postcode("1012JS", "")] {
            let call = call(query, &page.next_page_token);
            assert_eq!(refusal(customers.search_customers(call).await), bad);
        }
        server.stop().await;
    })
    .await;
}
