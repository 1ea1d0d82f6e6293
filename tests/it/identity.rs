//! Calls about identity, and the customers for them; and tests of identity as a whole.

mod call;
mod cases;
mod compare;
mod oracle;
mod races;
mod rows;
mod sequences;
mod standing;
mod suggested;
mod without_locks;
mod world;

use throughline::pb::{
    self, Profile, entry::Content, get_customer_request, identity_change::Change,
};
use tonic::Request;

use crate::{
    calls::{identify, request_id},
    support::{SHOP_TOKEN, Server},
};

/// A call with a token.
pub fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// A call by the shop, which may verify everything.
pub fn by_shop<T>(message: T) -> Request<T> {
    with_token(SHOP_TOKEN, message)
}

/// A call by the shop with an actor.
pub fn by_person<T>(actor: &str, message: T) -> Request<T> {
    let mut request = by_shop(message);
    request.metadata_mut().insert("throughline-actor", actor.parse().unwrap());
    request
}

/// The identifier, verified.
pub fn verified(identifier: pb::Identifier) -> pb::Identifier {
    pb::Identifier { verified: true, ..identifier }
}

pub fn named(given_name: &str, family_name: &str) -> Profile {
    Profile {
        given_name: given_name.to_owned(),
        family_name: family_name.to_owned(),
        ..Default::default()
    }
}

pub fn link(customer_id: &str, identifier: pb::Identifier) -> pb::LinkIdentifierRequest {
    pb::LinkIdentifierRequest {
        customer_id: customer_id.to_owned(),
        identifier: Some(identifier),
        source: "test".to_owned(),
        reason: "said so on the phone".to_owned(),
        request_id: request_id(),
        ..Default::default()
    }
}

pub fn unlink(customer_id: &str, identifier: pb::Identifier) -> pb::UnlinkIdentifierRequest {
    pb::UnlinkIdentifierRequest {
        customer_id: customer_id.to_owned(),
        identifier: Some(identifier),
        reason: "it was a slip".to_owned(),
        request_id: request_id(),
    }
}

pub fn merge(customer_id: &str, other_customer_id: &str) -> pb::MergeCustomersRequest {
    pb::MergeCustomersRequest {
        customer_id: customer_id.to_owned(),
        other_customer_id: other_customer_id.to_owned(),
        reason: "one person".to_owned(),
        evidence: vec!["the same card shown in the store".to_owned()],
        request_id: request_id(),
        ..Default::default()
    }
}

/// A dry run of a merge, which only needs the two customers.
pub fn dry_run(customer_id: &str, other_customer_id: &str) -> pb::MergeCustomersRequest {
    pb::MergeCustomersRequest {
        customer_id: customer_id.to_owned(),
        other_customer_id: other_customer_id.to_owned(),
        dry_run: true,
        ..Default::default()
    }
}

pub fn approve(customer_id: &str, other_customer_id: &str) -> pb::ApproveMergeRequest {
    pb::ApproveMergeRequest {
        customer_id: customer_id.to_owned(),
        other_customer_id: other_customer_id.to_owned(),
        reason: "both accounts are hers".to_owned(),
        request_id: request_id(),
    }
}

pub fn unmerge(merge_id: &str) -> pb::UnmergeCustomersRequest {
    pb::UnmergeCustomersRequest {
        merge_id: merge_id.to_owned(),
        reason: "father and son".to_owned(),
        exclude_merge: false,
        request_id: request_id(),
    }
}

pub fn exclude_merge(customer_id: &str, other_customer_id: &str) -> pb::SetMergeExclusionRequest {
    pb::SetMergeExclusionRequest {
        customer_id: customer_id.to_owned(),
        other_customer_id: other_customer_id.to_owned(),
        lift: false,
        reason: "twins".to_owned(),
        request_id: request_id(),
    }
}

/// The changes of identity among entries.
pub fn changes(entries: &[pb::Entry]) -> Vec<(Change, &pb::IdentityChange)> {
    let contents = entries.iter().filter_map(|entry| entry.content.as_ref());
    let changes = contents.filter_map(|content| match content {
        Content::IdentityChange(change) => Some(change),
        _ => None,
    });
    changes.map(|change| (change.change(), change)).collect()
}

/// The identifiers of a customer, by their values.
pub fn values(customer: &pb::Customer) -> Vec<&str> {
    let mut values: Vec<_> = customer.identifiers.iter().map(|it| it.value.as_str()).collect();
    values.sort_unstable();
    values
}

impl Server {
    /// A new customer with identifiers.
    pub async fn made(&self, identifiers: Vec<pb::Identifier>) -> pb::Customer {
        let answer = self.identified(identifiers).await;
        assert!(answer.created);
        answer.customer.unwrap()
    }

    /// A customer with a profile, created and verified by the shop.
    pub async fn known(&self, identifier: pb::Identifier, profile: Profile) -> pb::Customer {
        let call = pb::IdentifyCustomerRequest {
            profile: Some(profile),
            source: "shop".to_owned(),
            ..identify(vec![identifier])
        };
        let answer = self.customers.clone().identify_customer(by_shop(call)).await.unwrap();
        answer.into_inner().customer.unwrap()
    }

    /// The customer that an identifier identifies.
    pub async fn named_by(&self, identifier: pb::Identifier) -> pb::Customer {
        let customer = Some(get_customer_request::Customer::Identifier(identifier));
        let call = pb::GetCustomerRequest { customer };
        self.customers.clone().get_customer(call).await.unwrap().into_inner().customer.unwrap()
    }

    /// The answer of LinkIdentifier to the shop, which must succeed.
    pub async fn linked(&self, call: pb::LinkIdentifierRequest) -> pb::LinkIdentifierResponse {
        self.customers.clone().link_identifier(by_shop(call)).await.unwrap().into_inner()
    }

    /// The answer of MergeCustomers to the shop, which must succeed.
    pub async fn merged(&self, call: pb::MergeCustomersRequest) -> pb::MergeCustomersResponse {
        self.customers.clone().merge_customers(by_shop(call)).await.unwrap().into_inner()
    }

    /// The id of a merge of two customers.
    pub async fn merge_of(&self, into: &str, from: &str) -> String {
        self.merged(merge(into, from)).await.merge.unwrap().id
    }

    /// The answer of UnmergeCustomers to the shop, which must succeed.
    pub async fn unmerged(&self, merge_id: &str) -> pb::UnmergeCustomersResponse {
        let call = by_shop(unmerge(merge_id));
        self.customers.clone().unmerge_customers(call).await.unwrap().into_inner()
    }

    /// All identifiers of a customer, including ended ones.
    pub async fn claims_of(&self, customer_id: &str) -> Vec<pb::CustomerIdentifier> {
        let call = pb::ListIdentifiersRequest {
            customer_id: customer_id.to_owned(),
            include_ended: true,
            page_size: 200,
            ..Default::default()
        };
        let answer = self.customers.clone().list_identifiers(call).await.unwrap().into_inner();
        assert_eq!(answer.next_page_token, "");
        answer.identifiers
    }
}
