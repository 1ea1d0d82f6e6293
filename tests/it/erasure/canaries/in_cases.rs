//! What the calls about cases, promises, quotes and restrictions leave.

use throughline::pb::{
    self, CaseState, Channel, PromiseState, give_quote_request::ValidUntil,
    make_promise_request::Due,
};

use tonic::Code;

use super::{
    fill::{Canaries, EMPTY},
    plant::money,
};
use crate::{
    calls::{Refusal, at, refusal, request_id},
    erasure::erase,
    identity::by_shop,
    support::Server,
};

/// Plants by the calls about cases, promises and quotes.
pub async fn plant_in_cases(
    server: &Server,
    canaries: &mut Canaries,
    customer_id: &str,
    order: &str,
) {
    let mut cases = server.cases.clone();
    let channel: i32 = Channel::Web.into();
    let call = pb::OpenCaseRequest {
        customer_id: customer_id.to_owned(),
        channel,
        order_numbers: vec![order.to_owned()],
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("OpenCaseRequest", call);
    let case = cases.open_case(by_shop(call)).await.unwrap().into_inner().case.unwrap();
    let case_id = case.id;
    let call = pb::UpdateCaseRequest {
        case_id: case_id.clone(),
        subject: Some(String::new()),
        owner: Some(String::new()),
        queue: Some(String::new()),
        state: CaseState::WaitingForUs.into(),
        add_order_numbers: vec![order.to_owned()],
        channel,
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("UpdateCaseRequest", call);
    cases.update_case(by_shop(call)).await.unwrap();
    let call = pb::TellFactRequest {
        case_id: case_id.clone(),
        channel,
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("TellFactRequest", call);
    cases.tell_fact(by_shop(call.clone())).await.unwrap();
    let call = pb::ReaskFactRequest {
        case_id: case_id.clone(),
        key: call.key,
        channel,
        request_id: request_id(),
    };
    let call = canaries.fill("ReaskFactRequest", call);
    cases.reask_fact(by_shop(call)).await.unwrap();
    for (to, to_queue) in [("", EMPTY), (EMPTY, "")] {
        let call = pb::HandOverCaseRequest {
            case_id: case_id.clone(),
            to: to.to_owned(),
            to_queue: to_queue.to_owned(),
            channel,
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill("HandOverCaseRequest", call);
        cases.hand_over_case(by_shop(call)).await.unwrap();
        let call = pb::AnswerHandoverRequest {
            case_id: case_id.clone(),
            accept: false,
            channel,
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill("AnswerHandoverRequest", call);
        cases.answer_handover(by_shop(call)).await.unwrap();
    }
    let call = pb::MakePromiseRequest {
        case_id: case_id.clone(),
        due: Some(Due::DueAt(at(86_400))),
        amount: money(),
        channel,
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("MakePromiseRequest", call);
    let promise = cases.make_promise(by_shop(call)).await.unwrap().into_inner().promise.unwrap();
    let call = pb::SettlePromiseRequest {
        promise_id: promise.id,
        state: PromiseState::Withdrawn.into(),
        channel,
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("SettlePromiseRequest", call);
    cases.settle_promise(by_shop(call)).await.unwrap();
    let call = pb::GiveQuoteRequest {
        customer_id: customer_id.to_owned(),
        price: money(),
        valid_until: Some(ValidUntil::ValidUntilAt(at(86_400))),
        channel,
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("GiveQuoteRequest", call);
    let quote = cases.give_quote(by_shop(call)).await.unwrap().into_inner().quote.unwrap();
    let call = pb::WithdrawQuoteRequest {
        quote_id: quote.id,
        channel,
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("WithdrawQuoteRequest", call);
    cases.withdraw_quote(by_shop(call)).await.unwrap();
    for _ in 0..2 {
        let call = pb::ResolveCaseRequest {
            case_id: case_id.clone(),
            channel,
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill("ResolveCaseRequest", call);
        cases.resolve_case(by_shop(call)).await.unwrap();
        let call = pb::ReopenCaseRequest {
            case_id: case_id.clone(),
            channel,
            request_id: request_id(),
            ..Default::default()
        };
        let call = canaries.fill("ReopenCaseRequest", call);
        cases.reopen_case(by_shop(call)).await.unwrap();
    }
    let call = pb::IssueCasePassRequest {
        case_id: case_id.clone(),
        channel,
        request_id: request_id(),
        ..Default::default()
    };
    let call = canaries.fill("IssueCasePassRequest", call);
    cases.issue_case_pass(by_shop(call)).await.unwrap();
}

/// Plants by the calls about restrictions and legal holds.
pub async fn plant_in_restrictions(server: &Server, canaries: &mut Canaries, customer_id: &str) {
    let mut privacy = server.privacy.clone();
    let customer_id = customer_id.to_owned();
    let (id, call) = (customer_id.clone(), "HoldCustomerRequest");
    let hold =
        pb::HoldCustomerRequest { customer_id: id, request_id: request_id(), ..Default::default() };
    privacy.hold_customer(canaries.fill(call, hold)).await.unwrap();
    // No erasure while it is in force.
    let refused = refusal(privacy.erase_customer(erase(&customer_id)).await);
    assert_eq!(refused, Refusal::new(Code::FailedPrecondition, "CUSTOMER_ON_HOLD", []));
    let (id, call) = (customer_id.clone(), "ReleaseHoldRequest");
    let release =
        pb::ReleaseHoldRequest { customer_id: id, request_id: request_id(), ..Default::default() };
    privacy.release_hold(canaries.fill(call, release)).await.unwrap();
    let (id, call) = (customer_id.clone(), "RestrictCustomerRequest");
    let restrict = pb::RestrictCustomerRequest {
        customer_id: id,
        request_id: request_id(),
        ..Default::default()
    };
    privacy.restrict_customer(canaries.fill(call, restrict)).await.unwrap();
    let lift =
        pb::LiftRestrictionRequest { customer_id, request_id: request_id(), ..Default::default() };
    privacy.lift_restriction(canaries.fill("LiftRestrictionRequest", lift)).await.unwrap();
}
