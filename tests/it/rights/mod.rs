//! The rights of customers: export, restriction, legal hold, retention.

mod export;
pub mod restricted;
mod retention;
mod scan;

use throughline::pb::{self, IdentifierKind};
use tonic::Request;

use crate::{
    api::{
        case_passes::issuing,
        cases::{opening, telling},
        promises::promising,
        quotes::giving,
    },
    calls::{about, account, bought, by, email, identifier, note, request_id, said, scored, to},
    identity::{approve, by_shop, exclude_merge, link, named, unlink, verified, with_token},
    live::execute,
    support::{Database, Server},
};

/// A call by the privacy officer.
pub fn by_officer<T>(message: T) -> Request<T> {
    with_token("privacy_officer", message)
}

/// A person of two records with rows in every table about people.
pub struct Known {
    /// The canonical record.
    pub id: String,
    pub other_id: String,
    pub case: pb::Case,
    pub promise: pb::Promise,
    pub quote: pb::Quote,
    pub pass: String,
    pub entry_id: String,
    pub merge_id: String,
    /// Another customer, to whom a merge suggestion, a merge exclusion and a former merge refer.
    pub stranger_id: String,
}

pub const EMAIL: &str = "anna@example.net";
pub const ORDER: &str = "W-4711";
/// In the text of an entry, and nowhere else.
pub const WORD: &str = "quetzalcoatlus";

pub async fn known(server: &Server, database: &Database) -> Known {
    let one = server.known(verified(email(EMAIL)), named("Anna", "de Wit")).await;
    let phone = identifier(IdentifierKind::Phone, "+31612345678");
    let two = server.made(vec![phone.clone(), account("anna")]).await;
    let stranger = server.made(vec![account("bert")]).await;

    // An ended identifier, a refused one, an undone merge, merge exclusions.
    server.linked(link(&one.id, account("anna.old"))).await;
    let gone = by_shop(unlink(&one.id, account("anna.old")));
    server.customers.clone().unlink_identifier(gone).await.unwrap();
    server.known(verified(email("bert@example.net")), named("Bert", "Smit")).await;
    let theirs = link(&two.id, verified(email("bert@example.net")));
    server.customers.clone().link_identifier(by_shop(theirs)).await.unwrap_err();
    let slip = server.merge_of(&stranger.id, &two.id).await;
    server.unmerged(&slip).await;
    let merge_id = server.merge_of(&one.id, &two.id).await;
    let mark = by_shop(exclude_merge(&one.id, &stranger.id));
    server.customers.clone().set_merge_exclusion(mark).await.unwrap();
    let approval = by_shop(approve(&two.id, &stranger.id));
    server.customers.clone().approve_merge(approval).await.unwrap();

    let text = format!("It stays dark. =cmd|'/C calc'!A0 <script>alert(1)</script> {WORD}");
    let entry_id = server.recorded(by(vec![email(EMAIL)], said(text))).await.entry_id;
    server.recorded(to(&one.id, bought(ORDER))).await;
    server.recorded(to(&two.id, about(note("A note of the order"), [ORDER]))).await;
    server.recorded(to(&two.id, scored(3.0, "not glad"))).await;
    let call = pb::RecordEntryRequest { request_id: request_id(), ..to(&two.id, said("by phone")) };
    server.recorded(call).await;

    let case = server.opened(opening(&two.id)).await;
    let case = server.told(telling(&case, "fault", "no picture")).await;
    let reask = pb::ReaskFactRequest {
        case_id: case.id.clone(),
        key: "fault".to_owned(),
        channel: pb::Channel::Web.into(),
        request_id: request_id(),
    };
    server.cases.clone().reask_fact(by_shop(reask)).await.unwrap();
    let pass = server.issued(issuing(&case.id)).await.code;
    let promise = server.promised(promising(&one.id, 3600)).await;
    let quote = server.quoted(giving(&one.id, pb::Channel::Store, 79_900)).await;

    // What comparing all customers would leave, and a dismissal.
    let (low, high) = match two.id < stranger.id {
        true => (&two.id, &stranger.id),
        false => (&stranger.id, &two.id),
    };
    let id = |id: &str| match database.name {
        "SQLite" => format!("x'{}'", id.replace('-', "")),
        _ => format!("'{id}'"),
    };
    let pair = format!("{}, {}", id(low), id(high));
    for row in [
        format!(
            "insert into suggestions (one_id, other_id, id, rank, reasons, found_at, listed) \
             values ({pair}, {}, 9000000, '[]', 1, true)",
            id("0190f3c4-7b1a-7cc0-8000-0000000000aa")
        ),
        format!(
            "insert into dismissals (one_id, other_id, dismissed_at, actor, reason) \
             values ({pair}, 1, 'Amira', 'two people')"
        ),
    ] {
        execute(database, &row).await;
    }
    Known {
        id: one.id,
        other_id: two.id,
        case,
        promise,
        quote,
        pass,
        entry_id,
        merge_id,
        stranger_id: stranger.id,
    }
}

pub fn restricting(customer_id: &str) -> pb::RestrictCustomerRequest {
    pb::RestrictCustomerRequest {
        customer_id: customer_id.to_owned(),
        ticket: "DPO-17".to_owned(),
        reason: "the customer contests that it is true".to_owned(),
        request_id: request_id(),
    }
}

/// Restricts a customer, and returns the restriction.
pub async fn restrict(server: &Server, customer_id: &str) -> pb::Restriction {
    let call = by_officer(restricting(customer_id));
    let answer = server.privacy.clone().restrict_customer(call).await.unwrap();
    answer.into_inner().restriction.unwrap()
}

pub async fn lift(server: &Server, customer_id: &str) -> pb::Restriction {
    let call = pb::LiftRestrictionRequest {
        customer_id: customer_id.to_owned(),
        ticket: "DPO-18".to_owned(),
        reason: "it was put right".to_owned(),
        request_id: request_id(),
    };
    let answer = server.privacy.clone().lift_restriction(by_officer(call)).await.unwrap();
    answer.into_inner().restriction.unwrap()
}

pub async fn hold(server: &Server, customer_id: &str) -> pb::Restriction {
    let call = pb::HoldCustomerRequest {
        customer_id: customer_id.to_owned(),
        ticket: "LEGAL-3".to_owned(),
        reason: "a claim is in court".to_owned(),
        request_id: request_id(),
    };
    let answer = server.privacy.clone().hold_customer(by_officer(call)).await.unwrap();
    answer.into_inner().hold.unwrap()
}

pub async fn release(server: &Server, customer_id: &str) -> pb::Restriction {
    let call = pb::ReleaseHoldRequest {
        customer_id: customer_id.to_owned(),
        ticket: "LEGAL-4".to_owned(),
        reason: "the court has ruled".to_owned(),
        request_id: request_id(),
    };
    let answer = server.privacy.clone().release_hold(by_officer(call)).await.unwrap();
    answer.into_inner().hold.unwrap()
}

/// Erases a customer permanently.
pub async fn erase(server: &Server, customer_id: &str) {
    let call = pb::EraseCustomerRequest {
        customer_id: customer_id.to_owned(),
        ticket: "GDPR-17".to_owned(),
        reason: String::new(),
        request_id: request_id(),
    };
    server.privacy.clone().erase_customer(by_officer(call)).await.unwrap();
}
