//! Results reflect the customers' current data.

use throughline::pb::{self, search_customers_request::Query};

use super::{name, postcode, profile};
use crate::{
    calls::{account, email, request_id},
    support::{Server, on_both},
};

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
        // What an entry or another call fills in is found too.
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
