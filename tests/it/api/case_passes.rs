//! Case passes: a code that finds a case on any channel.

use std::sync::LazyLock;

use throughline::{
    clock::{Clock, MovedClock},
    pb::{self, Channel, case_change::Change, entry::Content},
};
use tonic::Code;

use super::cases::{opening, resolution};
use crate::{
    calls::{Refusal, account, at, refusal, request_id},
    identity::by_shop,
    support::{NOW, Server, on_both, settings},
};

const MINUTE: i64 = 60_000_000;

pub fn issuing(case_id: &str) -> pb::IssueCasePassRequest {
    pb::IssueCasePassRequest {
        case_id: case_id.to_owned(),
        valid_for_minutes: 90,
        channel: Channel::Phone.into(),
        reason: "goes to the store".to_owned(),
        request_id: request_id(),
    }
}

pub fn redeeming(code: &str) -> pb::RedeemCasePassRequest {
    pb::RedeemCasePassRequest {
        code: code.to_owned(),
        channel: Channel::Store.into(),
        request_id: request_id(),
    }
}

impl Server {
    pub async fn issued(&self, call: pb::IssueCasePassRequest) -> pb::IssueCasePassResponse {
        self.cases.clone().issue_case_pass(by_shop(call)).await.unwrap().into_inner()
    }

    async fn redeemed(&self, call: pb::RedeemCasePassRequest) -> pb::RedeemCasePassResponse {
        self.cases.clone().redeem_case_pass(by_shop(call)).await.unwrap().into_inner()
    }

    async fn not_redeemed(&self, code: &str) -> Refusal {
        refusal(self.cases.clone().redeem_case_pass(by_shop(redeeming(code))).await)
    }
}

fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "CASE_PASS_NOT_FOUND", [])
}

/// Another well-formed code that begins like this one.
fn wrong(code: &str) -> String {
    let signs: Vec<char> = code.chars().filter(|sign| *sign != '-').collect();
    let guess = "23456789CDFHJKLMNPRTVWX".chars().find_map(|last| {
        let secret = if signs[5] == '7' { '8' } else { '7' };
        let guess: String =
            signs[..5].iter().chain([&secret]).chain(&signs[6..11]).chain([&last]).collect();
        throughline::domain::case_pass::Code::read(&guess).ok()
    });
    guess.unwrap().display()
}

#[tokio::test]
async fn a_code_finds_the_case_and_the_timeline_tells_of_both() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let also = server.made(vec![account("anna-2")]).await;
        let case = server.opened(opening(&also.id)).await;
        server.merge_of(&anna.id, &also.id).await;
        let call = issuing(&case.id);
        let pass = server.issued(call.clone()).await;
        assert_eq!(pass.expires_at, Some(at(90 * 60)));
        assert_eq!(server.issued(call).await, pass);

        let call = redeeming(&pass.code.to_lowercase().replace('-', " "));
        let found = server.redeemed(call.clone()).await;
        assert_eq!((found.case.as_ref(), &found.customer_id), (Some(&case), &anna.id));
        // The same call, spelt otherwise.
        let again = pb::RedeemCasePassRequest { code: pass.code.clone(), ..call };
        assert_eq!(server.redeemed(again.clone()).await, found);
        let other = pb::RedeemCasePassRequest { code: wrong(&pass.code), ..again };
        let refused = refusal(server.cases.clone().redeem_case_pass(by_shop(other)).await);
        let reused = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        assert_eq!(refused, reused);

        let mut timeline = server.timeline_of(&also.id).await;
        timeline.retain(|entry| entry.case_id == case.id);
        timeline.sort_by_key(|entry| entry.revision);
        let told: Vec<_> = timeline
            .iter()
            .filter_map(|entry| match &entry.content {
                Some(Content::CaseChange(it)) => Some((it.change(), entry.channel(), it)),
                _ => None,
            })
            .collect();
        let changes: Vec<_> = told.iter().map(|it| (it.0, it.1)).collect();
        assert_eq!(
            changes,
            [
                (Change::Opened, Channel::Phone),
                (Change::PassIssued, Channel::Phone),
                (Change::PassRedeemed, Channel::Store),
            ]
        );
        assert_eq!(
            (told[1].2.reason.as_str(), told[1].2.pass_expires_at),
            ("goes to the store", pass.expires_at)
        );
        let secret = pass.code.replace('-', "");
        let shown = format!("{timeline:?}");
        assert!(!shown.contains(&pass.code) && !shown.contains(&secret[5..]));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_pass_ends_by_its_time_or_by_the_next_one() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 3, 1);
        let server = Server::start_with(database, settings(Clock::Moved(moved))).await;
        let anna = server.made(vec![account("anna")]).await;
        let case = server.opened(opening(&anna.id)).await;
        let call = issuing(&case.id);
        let first = server.issued(call.clone()).await;
        let redemption = redeeming(&first.code);
        server.redeemed(redemption.clone()).await;
        let second = server.issued(issuing(&case.id)).await;
        assert_ne!(first.code, second.code);
        assert_eq!(server.not_redeemed(&first.code).await, not_found());
        // Retries are answered as they were, and end nothing.
        assert_eq!(server.issued(call).await, first);
        server.redeemed(redemption.clone()).await;
        moved.forward(90 * MINUTE - 1);
        server.redeemed(redeeming(&second.code)).await;
        moved.forward(1);
        assert_eq!(server.not_redeemed(&second.code).await, not_found());
        server.redeemed(redemption).await;
        for (minutes, valid) in [(0, 24 * 60), (1, 1), (7 * 24 * 60, 7 * 24 * 60)] {
            let call = pb::IssueCasePassRequest { valid_for_minutes: minutes, ..issuing(&case.id) };
            let expires_at = server.issued(call).await.expires_at.unwrap();
            assert_eq!(expires_at, at(90 * 60 + valid * 60), "{minutes}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_resolved_case_is_shown_and_gets_no_new_pass() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let case = server.opened(opening(&anna.id)).await;
        let pass = server.issued(issuing(&case.id)).await;
        server.cases.clone().resolve_case(by_shop(resolution(&case))).await.unwrap();
        let found = server.redeemed(redeeming(&pass.code)).await.case.unwrap();
        assert_eq!(found.disposition, "repaired");
        let again = server.cases.clone().issue_case_pass(by_shop(issuing(&case.id))).await;
        let resolved = Refusal::new(Code::FailedPrecondition, "CASE_RESOLVED", []);
        assert_eq!(refusal(again), resolved);
        // A refusal ends nothing.
        server.redeemed(redeeming(&pass.code)).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_pass_is_locked_after_five_wrong_codes() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let case = server.opened(opening(&anna.id)).await;
        let pass = server.issued(issuing(&case.id)).await;
        let guess = wrong(&pass.code);
        // A typing error is not a guess.
        let slip =
            format!("{}{}", &pass.code[..13], if pass.code.ends_with('2') { '3' } else { '2' });
        for _ in 0..7 {
            assert_eq!(server.not_redeemed(&slip).await, Refusal::invalid(["code"]));
        }
        for _ in 0..4 {
            assert_eq!(server.not_redeemed(&guess).await, not_found());
        }
        // The right code neither counts as a try nor resets the count.
        server.redeemed(redeeming(&pass.code)).await;
        server.redeemed(redeeming(&pass.code)).await;
        assert_eq!(server.not_redeemed(&guess).await, not_found());
        let locked = Refusal::new(Code::FailedPrecondition, "CASE_PASS_LOCKED", []);
        assert_eq!(server.not_redeemed(&guess).await, locked);
        assert_eq!(server.not_redeemed(&pass.code).await, locked);
        let next = server.issued(issuing(&case.id)).await;
        server.redeemed(redeeming(&next.code)).await;
        server.stop().await;
    })
    .await;
}
