//! ListMergeSuggestions and DismissMergeSuggestion, with a server that maintains suggestions.

use std::time::Duration;

use throughline::{
    clock::Clock,
    pb::{self, IdentifierKind as Kind, MatchAgreement as Agreement, MatchField as Field},
    server::Settings,
};
use tonic::Code;

use crate::{
    calls::{Refusal, account, at, identifier, identify, refusal, request_id},
    identity::link,
    support::{NOW, Server, on_both, settings},
};

fn profile(given_name: &str, birth_date: &str) -> pb::Profile {
    pb::Profile {
        given_name: given_name.to_owned(),
        family_name: "van der Velde".to_owned(),
        birth_date: birth_date.to_owned(),
        address: Some(pb::PostalAddress {
            lines: vec!["Kastanjelaan 12".to_owned()],
            postcode: "3512 AB".to_owned(),
            locality: "Utrecht".to_owned(),
            country_code: "NL".to_owned(),
            ..pb::PostalAddress::default()
        }),
        ..pb::Profile::default()
    }
}

impl Server {
    /// A server that maintains suggestions.
    async fn start_matching(database: &crate::support::Database) -> Self {
        let matching = Some(Vec::new());
        Self::start_with(database, Settings { matching, ..settings(Clock::Fixed(NOW)) }).await
    }

    async fn customer_of(&self, name: &str, profile: pb::Profile) -> String {
        let mut call = identify(vec![account(name)]);
        call.profile = Some(profile);
        let answer = self.customers.clone().identify_customer(call).await.unwrap();
        answer.into_inner().customer.unwrap().id
    }

    async fn suggestions(
        &self,
        call: pb::ListMergeSuggestionsRequest,
    ) -> pb::ListMergeSuggestionsResponse {
        self.customers.clone().list_merge_suggestions(call).await.unwrap().into_inner()
    }

    /// Waits for this many suggestions: they appear soon, but not within a call.
    async fn awaited(&self, count: usize) -> Vec<pb::MergeSuggestion> {
        let waiting = async {
            loop {
                let page = self.suggestions(pb::ListMergeSuggestionsRequest::default()).await;
                if page.suggestions.len() == count {
                    return page.suggestions;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("suggestions")
    }
}

fn dismissal(one: &str, other: &str) -> pb::DismissMergeSuggestionRequest {
    pb::DismissMergeSuggestionRequest {
        customer_id: one.to_owned(),
        other_customer_id: other.to_owned(),
        reason: "father and son".to_owned(),
        request_id: request_id(),
    }
}

#[tokio::test]
async fn a_suggestion_appears_and_is_dismissed_for_good() {
    on_both(async |database| {
        let server = Server::start_matching(database).await;
        let one = server.customer_of("anna", profile("Anna", "1979-04-23")).await;
        let other = server.customer_of("a.velde", profile("Anne", "1979-04-23")).await;
        let found = server.awaited(1).await.remove(0);
        let mut both = [one.clone(), other.clone()];
        both.sort();
        assert_eq!([found.customer_id.clone(), found.other_customer_id.clone()], both);
        assert!(found.probability > 0.9 && found.probability <= 1.0);
        assert_eq!(found.found_at, Some(at(0)));
        let reason = |field| found.reasons.iter().find(|it| it.field() == field).unwrap();
        let birth_date = reason(Field::BirthDate);
        assert_eq!(birth_date.agreement(), Agreement::Exact);
        assert!(birth_date.weight_bits > 0.0 && birth_date.value_share > 0.0);
        let given_name = reason(Field::GivenName);
        assert_ne!(given_name.agreement(), Agreement::Exact);
        assert_eq!(given_name.value_share, 0.0);

        let call = dismissal(&one, &other);
        for _ in 0..2 {
            server.customers.clone().dismiss_merge_suggestion(call.clone()).await.unwrap();
            let page = server.suggestions(pb::ListMergeSuggestionsRequest::default()).await;
            assert_eq!(page.suggestions, []);
        }
        let other_body = pb::DismissMergeSuggestionRequest { reason: String::new(), ..call };
        let reused = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        let answer = server.customers.clone().dismiss_merge_suggestion(other_body).await;
        assert_eq!(refusal(answer), reused);
        let again = dismissal(&one, &other);
        let again = server.customers.clone().dismiss_merge_suggestion(again).await;
        let not_found = Refusal::new(Code::NotFound, "SUGGESTION_NOT_FOUND", []);
        assert_eq!(refusal(again), not_found);
        let unknown = dismissal(&one, "0190f3c4-7b1a-7cc0-8000-00000000beef");
        let unknown = server.customers.clone().dismiss_merge_suggestion(unknown).await;
        assert_eq!(refusal(unknown), Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn suggestions_come_in_pages_of_everybody_or_of_one_customer() {
    on_both(async |database| {
        let server = Server::start_matching(database).await;
        let mut ids = Vec::new();
        for (number, given) in ["Anna", "Bram", "Clara"].into_iter().enumerate() {
            let birth_date = format!("19{}2-0{}-17", 4 + number, 1 + number);
            for name in ["one", "other"] {
                let name = format!("{given}.{name}");
                ids.push(server.customer_of(&name, profile(given, &birth_date)).await);
            }
        }
        let all = server.awaited(3).await;
        let mut call = pb::ListMergeSuggestionsRequest { page_size: 2, ..Default::default() };
        let first = server.suggestions(call.clone()).await;
        assert_eq!(first.suggestions, all[..2]);
        call.page_token = first.next_page_token.clone();
        let last = server.suggestions(call.clone()).await;
        assert_eq!((last.suggestions.as_slice(), &*last.next_page_token), (&all[2..], ""));

        let of_one = |id: &str| pb::ListMergeSuggestionsRequest {
            customer_id: id.to_owned(),
            ..Default::default()
        };
        for id in &ids {
            let page = server.suggestions(of_one(id)).await;
            let [found] = page.suggestions.as_slice() else { panic!("{page:?}") };
            assert!([&found.customer_id, &found.other_customer_id].contains(&id));
        }
        let none = pb::ListMergeSuggestionsRequest { min_probability: 1.0, ..Default::default() };
        assert_eq!(server.suggestions(none).await.suggestions, []);

        let refused =
            async |call| refusal(server.customers.clone().list_merge_suggestions(call).await);
        // A token is for one call, apart from the page size.
        call.min_probability = 0.5;
        assert_eq!(refused(call).await.reason, "BAD_PAGE_TOKEN");
        for odd in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let call = pb::ListMergeSuggestionsRequest {
                customer_id: "x".to_owned(),
                min_probability: odd,
                page_size: -1,
                ..Default::default()
            };
            let fields = ["customer_id", "min_probability", "page_size"];
            assert_eq!(refused(call).await, Refusal::invalid(fields));
        }
        let unknown = refused(of_one("0190f3c4-7b1a-7cc0-8000-00000000beef")).await;
        assert_eq!(unknown, Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []));
        let same = dismissal(&ids[0], &ids[0]);
        let same = server.customers.clone().dismiss_merge_suggestion(same).await;
        assert_eq!(refusal(same), Refusal::invalid(["other_customer_id"]));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_candidate_whom_the_profile_fits_comes_first() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let phone = || identifier(Kind::Phone, "+31612345678");
        let anna = server.customer_of("anna", profile("Anna", "1979-04-23")).await;
        let bert = server.customer_of("bert", profile("Bert", "1951-12-02")).await;
        for id in [&anna, &bert] {
            let call = pb::LinkIdentifierRequest { shared: true, ..link(id, phone()) };
            server.customers.clone().link_identifier(call).await.unwrap();
        }
        for (given, birth_date, first) in
            [("Anna", "1979-04-23", &anna), ("Bert", "1951-12-02", &bert)]
        {
            let mut call = identify(vec![phone()]);
            call.profile = Some(profile(given, birth_date));
            let answer = server.customers.clone().identify_customer(call).await.unwrap();
            let answer = answer.into_inner();
            assert_eq!(answer.customer, None, "a profile is no guess");
            let found: Vec<f64> =
                answer.candidates.iter().map(|it| it.profile_match.unwrap()).collect();
            assert_eq!(&answer.candidates[0].customer_id, first);
            assert!(found[0] > 0.9 && found[1] < 0.1, "{found:?}");
        }
        server.stop().await;
    })
    .await;
}
