//! Cases, and the facts that customers told.

use throughline::pb::{
    self, CaseState, Channel, case_change, entry::Content, list_cases_request::Of,
};
use tonic::Code;

use crate::{
    calls::{Refusal, about, account, bought, by, note, refusal, request_id, to},
    identity::by_shop,
    support::{Server, on_both},
};

pub fn opening(customer_id: &str) -> pb::OpenCaseRequest {
    pb::OpenCaseRequest {
        customer_id: customer_id.to_owned(),
        subject: "The television stays dark".to_owned(),
        channel: Channel::Phone.into(),
        queue: "repairs".to_owned(),
        serial_numbers: vec!["SN-4711".to_owned()],
        request_id: request_id(),
        ..Default::default()
    }
}

pub fn telling(case: &pb::Case, key: &str, value: &str) -> pb::TellFactRequest {
    pb::TellFactRequest {
        case_id: case.id.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
        channel: Channel::Phone.into(),
        request_id: request_id(),
        ..Default::default()
    }
}

pub fn resolution(case: &pb::Case) -> pb::ResolveCaseRequest {
    pb::ResolveCaseRequest {
        case_id: case.id.clone(),
        disposition: "repaired".to_owned(),
        channel: Channel::Web.into(),
        request_id: request_id(),
        ..Default::default()
    }
}

impl Server {
    pub async fn opened(&self, call: pb::OpenCaseRequest) -> pb::Case {
        let answer = self.cases.clone().open_case(by_shop(call)).await.unwrap();
        answer.into_inner().case.unwrap()
    }

    pub async fn told(&self, call: pb::TellFactRequest) -> pb::Case {
        let answer = self.cases.clone().tell_fact(by_shop(call)).await.unwrap();
        answer.into_inner().case.unwrap()
    }

    async fn got(&self, case: &pb::Case) -> pb::Case {
        let call = pb::GetCaseRequest { case_id: case.id.clone() };
        self.cases.clone().get_case(call).await.unwrap().into_inner().case.unwrap()
    }

    async fn cases_of(&self, of: Of) -> Vec<String> {
        let call = pb::ListCasesRequest { of: Some(of), open_only: true, ..Default::default() };
        let cases = self.cases.clone().list_cases(call).await.unwrap().into_inner().cases;
        cases.into_iter().map(|case| case.id).collect()
    }
}

#[tokio::test]
async fn a_case_is_what_its_entries_tell() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut cases = server.cases.clone();

        let case = server.opened(opening(&anna.id)).await;
        assert_eq!((case.state(), case.queue.as_str()), (CaseState::Open, "repairs"));
        let update = pb::UpdateCaseRequest {
            case_id: case.id.clone(),
            owner: Some("mia".to_owned()),
            queue: Some(String::new()),
            state: CaseState::WaitingForCustomer.into(),
            channel: Channel::Store.into(),
            etag: case.etag.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let updated = cases.update_case(by_shop(update.clone())).await.unwrap().into_inner();
        let updated = updated.case.unwrap();
        assert_eq!((updated.owner.as_str(), updated.queue.as_str()), ("mia", ""));
        assert_eq!(updated.state(), CaseState::WaitingForCustomer);
        let stale = pb::UpdateCaseRequest { request_id: request_id(), ..update };
        let refused = refusal(cases.update_case(by_shop(stale)).await);
        assert_eq!(refused, Refusal::new(Code::Aborted, "STALE_ETAG", []));

        let resolved = cases.resolve_case(by_shop(resolution(&case))).await.unwrap().into_inner();
        let resolved = resolved.case.unwrap();
        assert_eq!(resolved.disposition, "repaired");
        assert!(resolved.resolved_at.is_some());
        let refused = refusal(cases.resolve_case(by_shop(resolution(&case))).await);
        assert_eq!(refused, Refusal::new(Code::FailedPrecondition, "CASE_RESOLVED", []));
        let reopening = pb::ReopenCaseRequest {
            case_id: case.id.clone(),
            channel: Channel::Email.into(),
            reason: "dark again".to_owned(),
            request_id: request_id(),
            ..Default::default()
        };
        let reopened = cases.reopen_case(by_shop(reopening)).await.unwrap().into_inner();
        let reopened = reopened.case.unwrap();
        assert_eq!((reopened.state(), reopened.times_reopened), (CaseState::Reopened, 1));
        assert_eq!(server.got(&case).await, reopened);

        let mut timeline = server.timeline_of(&anna.id).await;
        timeline.sort_by_key(|entry| std::cmp::Reverse(entry.revision));
        let told: Vec<_> = timeline
            .iter()
            .map(|entry| match &entry.content {
                Some(Content::CaseChange(change)) => (change.change(), entry.channel()),
                other => panic!("{other:?}"),
            })
            .collect();
        use case_change::Change;
        assert_eq!(
            told,
            [
                (Change::Reopened, Channel::Email),
                (Change::Resolved, Channel::Web),
                (Change::Updated, Channel::Store),
                (Change::Opened, Channel::Phone),
            ]
        );
        assert!(timeline.iter().all(|entry| entry.case_id == case.id));
        assert_eq!(reopened.revision, timeline[0].revision);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_of_any_call_changes_nothing() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut cases = server.cases.clone();
        let call = opening(&anna.id);
        let case = server.opened(call.clone()).await;
        assert_eq!(server.opened(call.clone()).await, case);
        let other = pb::OpenCaseRequest { subject: "Another".to_owned(), ..call };
        let refused = refusal(cases.open_case(by_shop(other)).await);
        assert_eq!(refused.reason, "REQUEST_ID_REUSED");
        let call = telling(&case, "fault", "dark");
        let told = server.told(call.clone()).await;
        assert_eq!(server.told(call).await, told);
        assert_eq!(server.timeline_of(&anna.id).await.len(), 2);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn facts_are_told_once_corrected_and_asked_again() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut cases = server.cases.clone();
        let case = server.opened(opening(&anna.id)).await;
        let told = server.told(telling(&case, "Serial Number", "SN-4711")).await;
        assert_eq!(told.facts[0].key, "serial_number");
        // A known fact changes nothing.
        let same = server.told(telling(&case, "serial-number", "SN-4711")).await;
        assert_eq!(same, told);
        let corrected = server.told(telling(&case, "serial_number", "SN-4712")).await;
        let fact = &corrected.facts[0];
        assert_eq!(fact.value, "SN-4712");
        assert_eq!(fact.earlier[0].value, "SN-4711");
        assert_eq!(fact.earlier[0].entry_id, told.facts[0].entry_id);

        let asking = |key: &str| pb::ReaskFactRequest {
            case_id: case.id.clone(),
            key: key.to_owned(),
            channel: Channel::Social.into(),
            request_id: request_id(),
        };
        let asked = cases.reask_fact(by_shop(asking("serial_number"))).await.unwrap().into_inner();
        let reasks = &asked.case.unwrap().facts[0].reasks;
        assert_eq!((reasks.len(), reasks[0].channel()), (1, Channel::Social));
        let refused = refusal(cases.reask_fact(by_shop(asking("fault"))).await);
        assert_eq!(refused, Refusal::new(Code::FailedPrecondition, "FACT_UNKNOWN", []));
        // The entry that is said to contain it must exist, for this customer.
        let entry_id = server.recorded(to(&anna.id, note("she says it hums"))).await.entry_id;
        let bert = server.made(vec![account("bert")]).await;
        let of_bert = server.recorded(to(&bert.id, note("another one"))).await.entry_id;
        let told_in = |told_in_entry_id: &str| pb::TellFactRequest {
            told_in_entry_id: told_in_entry_id.to_owned(),
            ..telling(&case, "fault", "it hums")
        };
        let refused = refusal(cases.tell_fact(by_shop(told_in(&of_bert))).await);
        let expected = Refusal::new(Code::NotFound, "ENTRY_NOT_FOUND", ["told_in_entry_id"]);
        assert_eq!(refused, expected);
        server.told(told_in(&entry_id)).await;
        // A card number is redacted, here as anywhere.
        let call = telling(&case, "tried", "paid with 4111 1111 1111 1111");
        let told = server.told(call).await;
        let tried = told.facts.iter().find(|fact| fact.key == "tried").unwrap();
        assert!(!tried.value.contains("4111 1111"), "{}", tried.value);
        let timeline = server.timeline_of(&anna.id).await;
        let last = timeline.iter().max_by_key(|entry| entry.revision).unwrap();
        assert_eq!(last.flags, [i32::from(pb::EntryFlag::CardNumberRedacted)]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_case_is_handed_over_returned_and_accepted() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut cases = server.cases.clone();
        let case = server.opened(opening(&anna.id)).await;
        let offer = || pb::HandOverCaseRequest {
            case_id: case.id.clone(),
            to: "joe".to_owned(),
            note: "she has tried another socket".to_owned(),
            open_questions: vec!["is it within the warranty?".to_owned()],
            next_step: "send a technician".to_owned(),
            channel: Channel::Phone.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let answer = |accept: bool, reason: &str| pb::AnswerHandoverRequest {
            case_id: case.id.clone(),
            accept,
            reason: reason.to_owned(),
            channel: Channel::Store.into(),
            request_id: request_id(),
        };
        let refused = refusal(cases.answer_handover(by_shop(answer(true, ""))).await);
        assert_eq!(refused, Refusal::new(Code::FailedPrecondition, "NOT_HANDED_OVER", []));
        let offered = cases.hand_over_case(by_shop(offer())).await.unwrap().into_inner();
        let offered = offered.case.unwrap();
        assert_eq!((offered.owner.as_str(), offered.queue.as_str()), ("joe", ""));
        assert_eq!(offered.handover.unwrap().next_step, "send a technician");
        let returned =
            cases.answer_handover(by_shop(answer(false, "not mine"))).await.unwrap().into_inner();
        let returned = returned.case.unwrap();
        assert_eq!((returned.owner.as_str(), returned.queue.as_str()), ("", "repairs"));
        cases.hand_over_case(by_shop(offer())).await.unwrap();
        let accepted = cases.answer_handover(by_shop(answer(true, ""))).await.unwrap().into_inner();
        let accepted = accepted.case.unwrap();
        // Whoever accepted it owns it.
        assert_eq!(accepted.owner, "shop");
        let handover = accepted.handover.unwrap();
        assert_eq!(handover.state(), pb::handover::State::Accepted);
        assert_eq!(handover.answered_by, "shop");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn cases_are_listed_by_customer_queue_and_owner_in_pages() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let bert = server.made(vec![account("bert")]).await;
        let mut all = Vec::new();
        for n in 0..7 {
            let whose = if n % 2 == 0 { &anna } else { &bert };
            all.push(server.opened(opening(&whose.id)).await);
        }
        server.cases.clone().resolve_case(by_shop(resolution(&all[0]))).await.unwrap();
        let mut of_anna: Vec<String> = [2, 4, 6].map(|n: usize| all[n].id.clone()).to_vec();
        of_anna.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(server.cases_of(Of::CustomerId(anna.id.clone())).await, of_anna);
        assert_eq!(server.cases_of(Of::Identifier(account("anna"))).await, of_anna);
        assert_eq!(server.cases_of(Of::Queue("repairs".to_owned())).await.len(), 6);
        assert!(server.cases_of(Of::Owner("mia".to_owned())).await.is_empty());

        let mut call = pb::ListCasesRequest {
            of: Some(Of::Queue("repairs".to_owned())),
            page_size: 2,
            ..Default::default()
        };
        let mut paged = Vec::new();
        loop {
            let page = server.cases.clone().list_cases(call.clone()).await.unwrap().into_inner();
            paged.extend(page.cases.into_iter().map(|case| case.id));
            if page.next_page_token.is_empty() {
                break;
            }
            call.page_token = page.next_page_token;
        }
        assert_eq!(paged, server.cases_of(Of::Queue("repairs".to_owned())).await);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_case_stays_with_its_record_over_a_merge_and_back() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let also = server.made(vec![account("anna-2")]).await;
        let case = server.opened(opening(&also.id)).await;
        let merge = server.merge_of(&anna.id, &also.id).await;
        let of_anna = || server.cases_of(Of::CustomerId(anna.id.clone()));
        let of_also = || server.cases_of(Of::CustomerId(also.id.clone()));
        assert_eq!(of_anna().await, std::slice::from_ref(&case.id));
        // A case that is opened for the merged customer belongs to the canonical record.
        let second = server.opened(opening(&also.id)).await;
        assert_eq!(second.customer_id, anna.id);
        server.told(telling(&case, "fault", "dark")).await;
        server.unmerged(&merge).await;
        assert_eq!(of_also().await, std::slice::from_ref(&case.id));
        assert_eq!(of_anna().await, [second.id]);
        assert_eq!(server.got(&case).await.facts[0].value, "dark");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_case_is_about_orders_that_are_there() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        server.recorded(to(&anna.id, bought("W-1"))).await;
        server.recorded(by(vec![account("anna")], about(note("asked"), ["W-1"]))).await;
        let with = |order: &str| pb::OpenCaseRequest {
            order_numbers: vec![order.to_owned()],
            ..opening(&anna.id)
        };
        assert_eq!(server.opened(with("#w-1")).await.order_numbers, ["#w-1"]);
        let refused = refusal(server.cases.clone().open_case(by_shop(with("W-2"))).await);
        let expected = Refusal::new(Code::NotFound, "PURCHASE_NOT_FOUND", ["order_numbers[0]"]);
        assert_eq!(refused, expected);
        server.stop().await;
    })
    .await;
}

/// Every violation of every field is reported, and nothing is stored.
#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut cases = server.cases.clone();
        let call = pb::OpenCaseRequest {
            customer_id: "1".to_owned(),
            subject: "a\nb".to_owned(),
            channel: 99,
            owner: "x".repeat(101),
            queue: "q\u{0}".to_owned(),
            order_numbers: vec![String::new()],
            serial_numbers: vec![" ".to_owned()],
            reason: "r".repeat(501),
            request_id: "none".to_owned(),
        };
        let refused = refusal(cases.open_case(by_shop(call)).await);
        let fields = [
            "request_id",
            "reason",
            "channel",
            "customer_id",
            "subject",
            "owner",
            "queue",
            "order_numbers[0]",
            "serial_numbers[0]",
        ];
        assert_eq!(refused.fields, fields.map(str::to_owned).into());
        let case = server.opened(opening(&anna.id)).await;
        for (key, value, field) in [
            ("", "x", "key"),
            ("1st", "x", "key"),
            ("fault; drop table", "x", "key"),
            ("ключ", "x", "key"),
            ("fault", "", "value"),
            ("fault", " \u{200b}", "value"),
            ("fault", "\u{0}", "value"),
            ("fault", &"x".repeat(4001), "value"),
        ] {
            let refused = refusal(cases.tell_fact(by_shop(telling(&case, key, value))).await);
            assert_eq!(refused, Refusal::invalid([field]), "{key:?} {value:?}");
        }
        for disposition in ["", "Repaired", "a b", &"x".repeat(65)] {
            let call =
                pb::ResolveCaseRequest { disposition: disposition.to_owned(), ..resolution(&case) };
            let refused = refusal(cases.resolve_case(by_shop(call)).await);
            assert_eq!(refused, Refusal::invalid(["disposition"]));
        }
        let unknown = pb::Case { id: request_id(), ..Default::default() };
        let refused = refusal(cases.tell_fact(by_shop(telling(&unknown, "fault", "x"))).await);
        assert_eq!(refused, Refusal::new(Code::NotFound, "CASE_NOT_FOUND", []));
        assert_eq!(server.timeline_of(&anna.id).await.len(), 1);
        server.stop().await;
    })
    .await;
}
