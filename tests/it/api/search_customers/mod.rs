//! SearchCustomers: by any known detail of a customer.

mod names;
mod oracle;
mod pages;
mod typed;
mod written;

use throughline::pb::{
    self, IdentifierKind, MatchQuality, MatchedField, search_customers_request::Query,
};

use crate::{
    calls::{account, identifier, identify},
    support::Server,
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

fn text(text: &str) -> Query {
    Query::Text(text.to_owned())
}

fn postcode(postcode: &str, house_number: &str) -> Query {
    Query::Postcode(pb::PostcodeQuery {
        postcode: postcode.to_owned(),
        house_number: house_number.to_owned(),
    })
}

fn phone(value: &str) -> pb::Identifier {
    identifier(IdentifierKind::Phone, value)
}

impl Server {
    /// A customer with an account and a profile.
    async fn add(&self, account_of: &str, profile: pb::Profile) -> pb::Customer {
        self.add_with(vec![account(account_of)], profile).await
    }

    /// A customer with identifiers, an account the first, and a profile.
    async fn add_with(
        &self,
        identifiers: Vec<pb::Identifier>,
        profile: pb::Profile,
    ) -> pb::Customer {
        let call = pb::IdentifyCustomerRequest { profile: Some(profile), ..identify(identifiers) };
        let answer = self.customers.clone().identify_customer(call).await.unwrap();
        answer.into_inner().customer.unwrap()
    }

    async fn search(&self, query: Query) -> pb::SearchCustomersResponse {
        let call =
            pb::SearchCustomersRequest { query: Some(query), page_size: 200, ..Default::default() };
        let answer = self.customers.clone().search_customers(call).await.unwrap().into_inner();
        assert_eq!(answer.customers.len(), answer.matches.len());
        let order = answer.matches.iter().zip(&answer.customers);
        assert!(order.is_sorted_by_key(|(why, who)| (why.distance, who.id.clone())));
        answer
    }

    /// The accounts of the customers found, the best match first; equal ones in alphabetical order,
    /// as customers of one millisecond have no order of their own.
    async fn accounts(&self, query: Query) -> Vec<String> {
        let answer = self.search(query).await;
        let all = answer.matches.iter().zip(&answer.customers);
        let mut all: Vec<_> = all.map(|(why, who)| (why.distance, account_of(who))).collect();
        all.sort();
        all.into_iter().map(|(_, account)| account).collect()
    }

    /// The accounts, each with what matches and how.
    async fn matches(&self, query: Query) -> Vec<(String, Vec<MatchedField>, MatchQuality)> {
        let answer = self.search(query).await;
        let all = answer.customers.iter().zip(&answer.matches);
        all.map(|(customer, why)| (account_of(customer), why.fields().collect(), why.quality()))
            .collect()
    }
}

/// The login of a customer of these tests.
fn account_of(customer: &pb::Customer) -> String {
    let accounts = customer.identifiers.iter();
    let mut accounts = accounts.filter(|it| it.kind() == IdentifierKind::Account);
    accounts.next().map_or_else(|| customer.id.clone(), |it| it.value.clone())
}
