//! A restricted customer's data is stored and not used: for every call of the contract, and across
//! processes.

pub mod calls;

use std::collections::BTreeSet;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use throughline::pb::{self, get_customer_request, restriction::Kind, search_customers_request};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{by_officer, hold, known, lift, release, restrict, restricting};
use crate::{
    api::promises::promising,
    calls::{Refusal, account, at, identify, note, refusal, to},
    identity::{by_shop, dry_run, merge, unmerge},
    live::{execute, watch},
    support::{Database, SHOP_TOKEN, Server, on_both, wire},
};
use calls::{Call, Wanted, calls};

fn restricted() -> Refusal {
    Refusal::new(Code::FailedPrecondition, "CUSTOMER_RESTRICTED", [])
}

fn held() -> Refusal {
    Refusal::new(Code::FailedPrecondition, "CUSTOMER_ON_HOLD", [])
}

/// The calls of the contract.
fn methods() -> Vec<MethodDescriptor> {
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
    let ours = contract.services().filter(|it| it.full_name().starts_with("throughline."));
    ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

/// Makes a call: returns the reason of the error, or the bytes of the answer.
async fn make(server: &Server, methods: &[MethodDescriptor], call: &Call) -> (String, Vec<u8>) {
    let (name, wanted, request) = call;
    let method = methods.iter().find(|it| it.name() == *name).unwrap();
    let message = DynamicMessage::deserialize(method.input(), request).unwrap();
    let path = format!("/{}/{name}", method.parent_service().full_name());
    let token = if matches!(wanted, Wanted::Officer(_)) { "privacy_officer" } else { SHOP_TOKEN };
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let frame = wire::frame(&message.encode_to_vec());
    match wire::call(server.address, &path, &headers, frame).await {
        wire::Answer::Status(status, body) if status.code() == Code::Ok => (String::new(), body),
        answer => {
            let status = answer.status();
            let details = status.get_error_details();
            (details.error_info().unwrap().reason.clone(), format!("{status:?}").into_bytes())
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn every_call_refuses_who_is_restricted_or_leaves_them_out() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let known = known(&server, database).await;
        let suggested = suggestion(&server, database, &known.id).await;
        let methods = methods();
        let calls = calls(&known, &suggested);
        let named: BTreeSet<&str> = calls.iter().map(|call| call.0).collect();
        let all: BTreeSet<&str> = methods.iter().map(MethodDescriptor::name).collect();
        assert_eq!(named, all, "every call of the contract, and no other");

        let secrets = [&known.id, &known.other_id, "de Wit", "anna@example.net", "dark"];
        let tells = |bytes: &[u8]| secrets.iter().any(|secret| holds(bytes, secret));
        for call in calls.iter().filter(|it| [Wanted::Read, Wanted::LeftOut].contains(&it.1)) {
            let (reason, answer) = make(&server, &methods, call).await;
            assert_eq!(reason, "", "before: {call:?}");
            // A rate is about a person if the request names one.
            let is_rate = call.0 == "GetReaskRate";
            assert!(is_rate || tells(&answer), "tells of nobody before: {call:?}");
        }
        restrict(&server, &known.other_id).await;
        for call in &calls {
            let (reason, answer) = make(&server, &methods, call).await;
            match call.1 {
                Wanted::Read | Wanted::Write => {
                    assert_eq!(reason, "CUSTOMER_RESTRICTED", "{call:?}");
                    assert!(!tells(&answer), "{call:?}");
                }
                Wanted::LeftOut => {
                    assert_eq!(reason, "", "{call:?}");
                    assert!(!tells(&answer), "{call:?}");
                }
                Wanted::Allowed(_) => assert_eq!(reason, "", "{call:?}"),
                Wanted::Officer(wanted) => assert_eq!(reason, wanted, "{call:?}"),
            }
        }
        // The last of them has lifted it.
        for call in calls.iter().filter(|it| [Wanted::Read, Wanted::LeftOut].contains(&it.1)) {
            let (reason, answer) = make(&server, &methods, call).await;
            assert_eq!(reason, "", "after: {call:?}");
            assert!(call.0 == "GetReaskRate" || tells(&answer), "after: {call:?}");
        }
        let entries = server.timeline_of(&known.id).await;
        let notes = entries.iter().filter(|it| it.source_ref.starts_with("restricted-"));
        assert_eq!(notes.count(), 2, "what happened meanwhile is there");
        server.stop().await;
    })
    .await;
}

/// Another customer who may be the same person.
pub async fn suggestion(server: &Server, database: &Database, id: &str) -> String {
    let other = server.made(vec![account("suggested")]).await.id;
    let (low, high) = if *id < *other { (id, &*other) } else { (&*other, id) };
    let id = |id: &str| match database.name {
        "SQLite" => format!("x'{}'", id.replace('-', "")),
        _ => format!("'{id}'"),
    };
    let row = format!(
        "insert into suggestions (one_id, other_id, id, rank, reasons, found_at, listed) \
         values ({}, {}, {}, 8000000, '[]', 1, true)",
        id(low),
        id(high),
        id("0190f3c4-7b1a-7cc0-8000-0000000000ab")
    );
    execute(database, &row).await;
    other
}

/// The privacy officer finds the customer.
#[tokio::test]
async fn the_privacy_officer_sees_who_is_restricted() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let known = known(&server, database).await;
        restrict(&server, &known.id).await;
        let mut customers = server.customers.clone();
        let customer = Some(get_customer_request::Customer::CustomerId(known.other_id.clone()));
        let call = pb::GetCustomerRequest { customer };
        let got = customers.get_customer(by_officer(call)).await.unwrap().into_inner();
        assert_eq!(got.customer.unwrap().id, known.id);
        let query = Some(search_customers_request::Query::Name("Anna de Wit".to_owned()));
        let call = pb::SearchCustomersRequest { query, ..Default::default() };
        let found = customers.search_customers(by_officer(call)).await.unwrap().into_inner();
        assert_eq!(found.customers.len(), 1);
        let call = pb::ListIdentifiersRequest { customer_id: known.id, ..Default::default() };
        let list = customers.list_identifiers(by_officer(call)).await.unwrap().into_inner();
        assert!(list.identifiers.len() > 2);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_restriction_is_placed_and_lifted_once_however_often_it_is_asked_for() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let place = async |call: &pb::RestrictCustomerRequest| {
            server.privacy.clone().restrict_customer(by_officer(call.clone())).await
        };
        let call = restricting(&anna.id);
        let placed = place(&call).await.unwrap().into_inner().restriction.unwrap();
        assert_eq!((placed.kind(), &placed.customer_id), (Kind::Use, &anna.id));
        assert_eq!((placed.ticket.as_str(), placed.actor.as_str()), ("DPO-17", "privacy_officer"));
        assert_eq!((placed.placed_at, placed.lifted_at), (Some(at(0)), None));
        let again = place(&call).await.unwrap().into_inner().restriction.unwrap();
        assert_eq!(again, placed);
        let other = pb::RestrictCustomerRequest { ticket: "X".to_owned(), ..call.clone() };
        assert_eq!(refusal(place(&other).await).reason, "REQUEST_ID_REUSED");
        let twice = refusal(place(&restricting(&anna.id)).await);
        assert_eq!(twice, Refusal::new(Code::FailedPrecondition, "ALREADY_RESTRICTED", []));

        let lifted = lift(&server, &anna.id).await;
        assert_eq!((&lifted.id, lifted.lifted_at), (&placed.id, Some(at(0))));
        assert_eq!((lifted.lift_ticket.as_str(), lifted.ticket.as_str()), ("DPO-18", "DPO-17"));
        // A late retry of the first does not restrict again.
        let late = place(&call).await.unwrap().into_inner().restriction.unwrap();
        assert_eq!(late, lifted);
        server.customer(&anna.id).await;
        let release = pb::ReleaseHoldRequest {
            customer_id: anna.id.clone(),
            ticket: "L".to_owned(),
            reason: "over".to_owned(),
            request_id: crate::calls::request_id(),
        };
        let none = server.privacy.clone().release_hold(by_officer(release)).await;
        assert_eq!(refusal(none).reason, "NOT_RESTRICTED");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_is_restricted_or_held_is_not_merged_and_not_unmerged() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut ids = Vec::new();
        for name in ["anna", "an", "bert"] {
            ids.push(server.made(vec![account(name)]).await.id);
        }
        let merge_id = server.merge_of(&ids[0], &ids[1]).await;
        let merged = async |call: pb::MergeCustomersRequest| {
            refusal(server.customers.clone().merge_customers(by_shop(call)).await)
        };
        let unmerged = async || {
            refusal(server.customers.clone().unmerge_customers(by_shop(unmerge(&merge_id))).await)
        };
        restrict(&server, &ids[1]).await;
        hold(&server, &ids[1]).await;
        for (one, other) in [(0, 2), (2, 1)] {
            assert_eq!(merged(merge(&ids[one], &ids[other])).await, restricted());
            assert_eq!(merged(dry_run(&ids[one], &ids[other])).await, restricted());
        }
        assert_eq!(unmerged().await, restricted());
        lift(&server, &ids[0]).await;
        for (one, other) in [(0, 2), (2, 1)] {
            assert_eq!(merged(merge(&ids[one], &ids[other])).await, held());
            assert_eq!(merged(dry_run(&ids[one], &ids[other])).await, held());
        }
        assert_eq!(unmerged().await, held());
        // Everything else works.
        server.customer(&ids[1]).await;
        server.promised(promising(&ids[1], 3600)).await;
        release(&server, &ids[0]).await;
        server.unmerged(&merge_id).await;
        server.merge_of(&ids[2], &ids[1]).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_open_watch_ends_in_every_process() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let other = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let bert = server.made(vec![account("bert")]).await;
        server.merge_of(&anna.id, &bert.id).await;
        let mut watches = vec![server.watching(watch(&bert.id)).await];
        watches.push(other.watching(watch(&anna.id)).await);
        for watch in &mut watches {
            watch.caught_up().await;
        }
        restrict(&server, &anna.id).await;
        for watch in &mut watches {
            let (entries, status) = watch.end().await;
            assert_eq!(entries, []);
            crate::live::assert_ended(
                &status,
                Code::FailedPrecondition,
                "CUSTOMER_RESTRICTED",
                &watch.token,
            );
        }
        // Writes are refused by every process from then on.
        let call = promising(&bert.id, 3600);
        let refused = refusal(other.cases.clone().make_promise(by_shop(call)).await);
        assert_eq!(refused, restricted());
        // Its reads follow: asked until they are.
        let call = || pb::GetCustomerRequest {
            customer: Some(pb::get_customer_request::Customer::CustomerId(bert.id.clone())),
        };
        while other.customers.clone().get_customer(by_shop(call())).await.is_ok() {}
        server.recorded(to(&bert.id, note("meanwhile"))).await;
        lift(&server, &anna.id).await;
        while other.customers.clone().get_customer(by_shop(call())).await.is_err() {}
        assert!(server.timeline_of(&anna.id).await.len() > 1);
        server.stop().await;
        other.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_is_restricted_is_no_candidate_and_no_case_is_guessed() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let shared = || crate::calls::email("family@example.net");
        let mut ids = Vec::new();
        for name in ["anna", "bert", "cor"] {
            let made = server.made(vec![account(name)]).await;
            server.linked(crate::identity::link(&made.id, shared())).await;
            ids.push(made.id);
        }
        let candidates = async || {
            let call = by_shop(identify(vec![shared()]));
            let answer = server.customers.clone().identify_customer(call).await.unwrap();
            let answer = answer.into_inner();
            let ids: BTreeSet<String> =
                answer.candidates.into_iter().map(|it| it.customer_id).collect();
            ids
        };
        assert_eq!(candidates().await, ids.iter().cloned().collect());
        server.opened(crate::api::cases::opening(&ids[0])).await;
        let mut call = to(&ids[0], note("serial number SN-4711"));
        call.case = Some(pb::record_entry_request::Case::AutoCase(Default::default()));
        let before = server.recorded(call).await;
        assert_ne!(before.probable_cases, []);
        restrict(&server, &ids[0]).await;
        assert_eq!(candidates().await, ids[1..].iter().cloned().collect());
        let mut call = to(&ids[0], note("serial number SN-4711"));
        call.case = Some(pb::record_entry_request::Case::AutoCase(Default::default()));
        let recorded = server.recorded(call).await;
        assert_eq!((recorded.probable_cases, recorded.case_id.as_str()), (vec![], ""));
        // An identifier of theirs cannot be taken over.
        let take = pb::LinkIdentifierRequest {
            take_over: true,
            ..crate::identity::link(&ids[1], crate::identity::verified(account("anna")))
        };
        let refused = refusal(server.customers.clone().link_identifier(by_shop(take)).await);
        assert_eq!(refused, restricted());
        server.stop().await;
    })
    .await;
}

/// A list of many continues after the ones that are left out.
#[tokio::test]
async fn a_page_of_a_queue_is_full_without_who_is_left_out() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut ids = Vec::new();
        for number in 0..6 {
            let made = server.made(vec![account(format!("customer-{number}"))]).await;
            server.opened(crate::api::cases::opening(&made.id)).await;
            ids.push(made.id);
        }
        for id in &ids[1..5] {
            restrict(&server, id).await;
        }
        let call = pb::ListCasesRequest {
            of: Some(pb::list_cases_request::Of::Queue("repairs".to_owned())),
            page_size: 1,
            ..Default::default()
        };
        let mut shown = BTreeSet::new();
        let mut token = String::new();
        for page in 0..2 {
            let call = pb::ListCasesRequest { page_token: token, ..call.clone() };
            let answer = server.cases.clone().list_cases(call).await.unwrap().into_inner();
            assert_eq!(answer.cases.len(), 1, "page {page}");
            shown.extend(answer.cases.into_iter().map(|case| case.customer_id));
            token = answer.next_page_token;
        }
        assert_eq!(token, "");
        assert_eq!(shown, BTreeSet::from([ids[0].clone(), ids[5].clone()]));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_said_of_a_restriction_is_checked() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let place =
            async |call| refusal(server.privacy.clone().restrict_customer(by_officer(call)).await);
        let nothing = place(pb::RestrictCustomerRequest::default()).await;
        let wanted = Refusal::invalid(["customer_id", "ticket", "reason", "request_id"]);
        assert_eq!(nothing, wanted);
        let long = pb::RestrictCustomerRequest {
            ticket: "t".repeat(101),
            reason: "r".repeat(501),
            ..restricting("0190f3c4-7b1a-7cc0-8000-00000000beef")
        };
        assert_eq!(place(long).await, Refusal::invalid(["ticket", "reason"]));
        let nobody = place(restricting("0190f3c4-7b1a-7cc0-8000-00000000beef")).await;
        assert_eq!(nobody, Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []));
        server.stop().await;
    })
    .await;
}
