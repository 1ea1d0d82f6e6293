//! Which case an entry joins, and what is found by the case.

use throughline::pb::{
    self, EntryFilter, case_clue::Kind, list_timeline_request, record_entry_request::Case,
    search_timeline_request,
};
use tonic::Code;

use super::cases::{opening, resolution, telling};
use crate::{
    calls::{Refusal, about, account, bought, list, request_id, said, to},
    identity::{by_shop, merge},
    support::{Server, on_both},
};

fn joining(case: Case, call: pb::RecordEntryRequest) -> pb::RecordEntryRequest {
    pb::RecordEntryRequest { case: Some(case), ..call }
}

fn auto(threshold_percent: i32) -> Case {
    Case::AutoCase(pb::AutoCase { threshold_percent })
}

/// The clues for the most probable case.
fn clues(answer: &pb::RecordEntryResponse) -> Vec<Kind> {
    let case = &answer.probable_cases[0];
    assert!(case.clues.is_sorted_by_key(|clue| -clue.percent), "{case:?}");
    let mut kinds: Vec<Kind> = case.clues.iter().map(pb::CaseClue::kind).collect();
    kinds.sort_unstable();
    kinds
}

fn of_case(case: &pb::Case) -> Option<EntryFilter> {
    Some(EntryFilter { case_id: case.id.clone(), ..Default::default() })
}

#[tokio::test]
async fn an_entry_is_told_which_cases_it_may_belong_to_and_why() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let none = server.recorded(to(&anna.id, said("hello"))).await;
        assert_eq!((none.case_id.as_str(), none.probable_cases.len()), ("", 0));
        server.recorded(to(&anna.id, bought("W-1"))).await;

        let television =
            pb::OpenCaseRequest { order_numbers: vec!["W-1".to_owned()], ..opening(&anna.id) };
        let television = server.opened(television).await;
        let bill = pb::OpenCaseRequest {
            subject: "Invoice 20931 was paid twice".to_owned(),
            serial_numbers: Vec::new(),
            ..opening(&anna.id)
        };
        let bill = server.opened(bill).await;
        server.told(telling(&television, "fault", "black screen after the update")).await;

        let wanted: [(pb::Entry, &pb::Case, &[Kind]); 6] = [
            (
                said("my set, number sn-4711, is broken"),
                &television,
                &[Kind::SerialNumber, Kind::Recent],
            ),
            (
                about(said("when will you come?"), ["w-1"]),
                &television,
                &[Kind::SameOrder, Kind::Recent],
            ),
            (said("it is about order W-1000"), &bill, &[Kind::Recent]),
            (
                said("Did you get my money for the invoice? I paid twice!"),
                &bill,
                &[Kind::Topic, Kind::Recent],
            ),
            (
                said("The screens of my televisions stay black and dark"),
                &television,
                &[Kind::Topic, Kind::Recent],
            ),
            (said("de rekening 20931"), &bill, &[Kind::Topic, Kind::Recent]),
        ];
        for (entry, case, why) in wanted {
            let text = format!("{entry:?}");
            let answer = server.recorded(to(&anna.id, entry)).await;
            assert_eq!(answer.probable_cases.len(), 2, "{text}");
            if why != [Kind::Recent] {
                assert_eq!(answer.probable_cases[0].case_id, case.id, "{text}");
                assert_eq!(clues(&answer), why, "{text} {answer:?}");
            }
            // Nobody asked to join one.
            assert_eq!(answer.case_id, "");
        }
        // A resolved case is not a candidate: nobody has to consider it any more.
        for case in [&television, &bill] {
            server.cases.clone().resolve_case(by_shop(resolution(case))).await.unwrap();
        }
        let answer = server.recorded(to(&anna.id, said("number sn-4711"))).await;
        assert_eq!(answer.probable_cases, []);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_joins_the_case_that_is_named_or_the_most_probable_one() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let case = server.opened(opening(&anna.id)).await;
        let named = Case::CaseId(case.id.clone());

        let first = joining(named.clone(), to(&anna.id, said("by name")));
        let answer = server.recorded(first.clone()).await;
        assert_eq!(answer.case_id, case.id);
        let again = server.recorded(first.clone()).await;
        assert!(again.already_recorded);
        assert_eq!(again.case_id, case.id);
        // The case is part of what was said under that name.
        let other = pb::RecordEntryRequest { case: None, ..first };
        let refused = server.not_recorded(other).await;
        let reused = Refusal::new(Code::InvalidArgument, "SOURCE_REF_REUSED", ["entry.source_ref"]);
        assert_eq!(refused, reused);

        let sure = joining(auto(0), to(&anna.id, said("number SN-4711 again")));
        let answer = server.recorded(sure.clone()).await;
        assert_eq!(answer.case_id, case.id);
        assert_eq!(server.recorded(sure).await.case_id, case.id, "a retry knows the case too");
        for (threshold, case_id) in [(60, ""), (1, case.id.as_str())] {
            let vague = joining(auto(threshold), to(&anna.id, said("hello")));
            assert_eq!(server.recorded(vague).await.case_id, case_id);
        }

        let told = server.timeline_of(&anna.id).await;
        let told: Vec<_> = told.iter().filter(|entry| entry.case_id == case.id).collect();
        assert_eq!(told.len(), 4, "the opening and three that joined");
        let listed = pb::ListTimelineRequest { filter: of_case(&case), ..list(&anna.id) };
        assert_eq!(server.all(listed.clone()).await.iter().collect::<Vec<_>>(), told);
        let paged = pb::ListTimelineRequest { page_size: 1, ..listed };
        assert_eq!(server.all(paged).await.iter().collect::<Vec<_>>(), told);
        let found = pb::SearchTimelineRequest {
            query: "hello".to_owned(),
            customer: Some(search_timeline_request::Customer::CustomerId(anna.id.clone())),
            filter: of_case(&case),
            ..Default::default()
        };
        let found = server.timeline.clone().search_timeline(found).await.unwrap().into_inner();
        assert_eq!(found.entries.len(), 1);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_case_is_one_of_the_customer_whichever_record_it_came_to() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![account("other")]).await;
        let case = server.opened(opening(&other.id)).await;
        let named = Case::CaseId(case.id.clone());

        let strange = joining(named.clone(), to(&anna.id, said("not mine")));
        let not_found = Refusal::new(Code::NotFound, "CASE_NOT_FOUND", []);
        assert_eq!(server.not_recorded(strange.clone()).await, not_found);
        let nobody = joining(named.clone(), to(&anna.id, said("x")));
        let nobody = pb::RecordEntryRequest {
            customer_id: String::new(),
            identifiers: vec![account("nobody")],
            ..nobody
        };
        assert_eq!(server.not_recorded(nobody).await, not_found);

        server.merged(merge(&anna.id, &other.id)).await;
        assert_eq!(server.recorded(strange).await.case_id, case.id);
        let probable = server.recorded(to(&anna.id, said("SN-4711"))).await.probable_cases;
        assert_eq!(probable.len(), 1);
        let customer = list_timeline_request::Customer::CustomerId(other.id.clone());
        let listed = pb::ListTimelineRequest {
            customer: Some(customer),
            filter: of_case(&case),
            ..Default::default()
        };
        let records: Vec<_> =
            server.all(listed).await.into_iter().map(|entry| entry.customer_id).collect();
        assert_eq!(records, [other.id.as_str(), &anna.id]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_case_of_somebody_else_has_no_entries_here() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let filter = EntryFilter { case_id: request_id(), ..Default::default() };
        let call = pb::ListTimelineRequest { filter: Some(filter), ..list(&anna.id) };
        assert_eq!(server.all(call).await, []);
        server.stop().await;
    })
    .await;
}
