//! Promises: made, kept, withdrawn, and broken when overdue.

use std::sync::LazyLock;

use sqlx::{Connection as _, PgConnection, SqliteConnection};
use throughline::{
    clock::{Clock, MovedClock},
    pb::{
        self, Channel, PromiseState, entry::Content, list_promises_request::Customer,
        make_promise_request::Due, promise_change::Change,
    },
    store::Store,
};
use tonic::Code;

use super::cases::opening;
use crate::{
    calls::{Refusal, account, at, refusal, request_id},
    identity::by_shop,
    support::{NOW, Server, on_both, settings},
};

const HOUR: i64 = 3_600_000_000;

pub fn promising(customer_id: &str, due_in_seconds: i64) -> pb::MakePromiseRequest {
    pb::MakePromiseRequest {
        customer_id: customer_id.to_owned(),
        what: "A technician comes".to_owned(),
        by: "repairs".to_owned(),
        due: Some(Due::DueAt(at(due_in_seconds))),
        amount: Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: 2500 }),
        channel: Channel::Store.into(),
        request_id: request_id(),
        ..Default::default()
    }
}

fn settling(promise: &pb::Promise, state: PromiseState) -> pb::SettlePromiseRequest {
    pb::SettlePromiseRequest {
        promise_id: promise.id.clone(),
        state: state.into(),
        reason: "done as said".to_owned(),
        channel: Channel::Phone.into(),
        request_id: request_id(),
    }
}

impl Server {
    pub async fn promised(&self, call: pb::MakePromiseRequest) -> pb::Promise {
        let answer = self.cases.clone().make_promise(by_shop(call)).await.unwrap();
        answer.into_inner().promise.unwrap()
    }

    async fn settled(&self, call: pb::SettlePromiseRequest) -> pb::Promise {
        let answer = self.cases.clone().settle_promise(by_shop(call)).await.unwrap();
        answer.into_inner().promise.unwrap()
    }

    async fn unsettled(&self, customer_id: &str) -> Vec<pb::Promise> {
        let call = pb::ListPromisesRequest {
            customer: Some(Customer::CustomerId(customer_id.to_owned())),
            unsettled_only: true,
            ..Default::default()
        };
        self.cases.clone().list_promises(call).await.unwrap().into_inner().promises
    }
}

fn changes(timeline: &[pb::Entry]) -> Vec<(Change, Channel, Option<prost_types::Timestamp>)> {
    let told = timeline.iter().filter_map(|entry| match &entry.content {
        Some(Content::PromiseChange(it)) => Some((it.change(), entry.channel(), entry.occurred_at)),
        _ => None,
    });
    told.collect()
}

fn local(time: &str, time_zone: &str) -> Due {
    Due::DueLocal(pb::LocalTime { time: time.to_owned(), time_zone: time_zone.to_owned() })
}

/// The server's time is a Saturday, its calendar office hours in UTC.
#[tokio::test]
async fn a_promise_is_due_as_it_was_said() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let said = [
            // The clocks go forward on the day before.
            (local("2026-03-30T14:30", "Europe/Amsterdam"), "2026-03-30T12:30:00Z"),
            (local("2026-03-29T02:30", "Europe/Amsterdam"), "2026-03-29T01:30:00Z"),
            (Due::DueDay("2026-03-20".to_owned()), "2026-03-20T17:00:00Z"),
            (Due::DueDay("2026-03-15".to_owned()), "2026-03-16T00:00:00Z"),
            (Due::DueBusinessMinutes(90), "2026-03-16T10:30:00Z"),
            (Due::DueBusinessMinutes(9 * 60), "2026-03-17T10:00:00Z"),
            (Due::DueBusinessDays(1), "2026-03-16T17:00:00Z"),
            (Due::DueBusinessDays(6), "2026-03-23T17:00:00Z"),
        ];
        for (due, wanted) in said {
            let shown = format!("{due:?}");
            let call = pb::MakePromiseRequest { due: Some(due), ..promising(&anna.id, 1) };
            let due_at = server.promised(call).await.due_at.unwrap();
            assert_eq!(due_at.to_string(), wanted, "{shown}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_promise_is_kept_or_withdrawn_once() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let case = server.opened(opening(&anna.id)).await;
        let call = pb::MakePromiseRequest {
            customer_id: String::new(),
            case_id: case.id.clone(),
            ..promising("", 7200)
        };
        let first = server.promised(call.clone()).await;
        assert_eq!(server.promised(call).await, first);
        assert_eq!((first.state(), &first.case_id), (PromiseState::Open, &case.id));
        let later = server.promised(promising(&anna.id, 9000)).await;
        let ids = |promises: Vec<pb::Promise>| -> Vec<String> {
            promises.into_iter().map(|promise| promise.id).collect()
        };
        let all = [first.id.clone(), later.id.clone()];
        assert_eq!(ids(server.unsettled(&anna.id).await), all);

        let call = settling(&first, PromiseState::Kept);
        let kept = server.settled(call.clone()).await;
        assert_eq!((kept.state(), kept.settled_at), (PromiseState::Kept, Some(at(0))));
        assert_eq!(server.settled(call).await, kept);
        let again = settling(&first, PromiseState::Withdrawn);
        let refused = refusal(server.cases.clone().settle_promise(by_shop(again)).await);
        assert_eq!(refused, Refusal::new(Code::FailedPrecondition, "PROMISE_SETTLED", []));
        let withdrawn = server.settled(settling(&later, PromiseState::Withdrawn)).await;
        assert_eq!(withdrawn.reason, "done as said");
        assert!(server.unsettled(&anna.id).await.is_empty());
        let mut timeline = server.timeline_of(&anna.id).await;
        timeline.sort_by_key(|entry| std::cmp::Reverse(entry.revision));
        let told: Vec<Change> = changes(&timeline).into_iter().map(|it| it.0).collect();
        assert_eq!(told, [Change::Withdrawn, Change::Kept, Change::Made, Change::Made]);
        server.stop().await;
    })
    .await;
}

/// Two stores check at the same time, as two servers do; the second one is late, as after downtime.
#[tokio::test]
async fn a_promise_is_broken_once_at_the_moment_it_was_due() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 1, 1);
        let clock = Clock::Moved(moved);
        let server = Server::start_with(database, settings(clock)).await;
        let anna = server.made(vec![account("anna")]).await;
        let kept = server.promised(promising(&anna.id, 3600)).await;
        let broken = server.promised(promising(&anna.id, 3601)).await;
        let open = server.promised(promising(&anna.id, 999_999)).await;
        server.settled(settling(&kept, PromiseState::Kept)).await;
        server.stop().await;

        let one = Store::open(&database.url, 4, clock).await.unwrap();
        let two = Store::open(&database.url, 4, clock).await.unwrap();
        // A microsecond early, nothing is broken.
        moved.forward(3601 * 1_000_000 - 1);
        let due = one.break_due_promises().await.unwrap();
        assert_eq!(due, Some(NOW + 3601 * 1_000_000));
        moved.forward(26 * HOUR);
        let (a, b) = tokio::join!(one.break_due_promises(), two.break_due_promises());
        assert_eq!(a.unwrap(), Some(NOW + 999_999 * 1_000_000));
        b.unwrap();
        one.break_due_promises().await.unwrap();
        one.close().await;
        two.close().await;

        let server = Server::start_with(database, settings(clock)).await;
        let told = changes(&server.timeline_of(&anna.id).await);
        let breaks: Vec<_> = told.iter().filter(|it| it.0 == Change::Broken).collect();
        assert_eq!(breaks, [&(Change::Broken, Channel::Unspecified, Some(at(3601)))]);
        let unsettled = server.unsettled(&anna.id).await;
        let states: Vec<_> = unsettled.iter().map(|it| (it.id.as_str(), it.state())).collect();
        assert_eq!(
            states,
            [(broken.id.as_str(), PromiseState::Broken), (open.id.as_str(), PromiseState::Open)]
        );
        assert_eq!(unsettled[0].broken_at, Some(at(3601)));
        // A promise kept late is kept, and shown as late.
        let late = server.settled(settling(&broken, PromiseState::Kept)).await;
        assert_eq!((late.state(), late.broken_at), (PromiseState::Kept, Some(at(3601))));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let good = || promising(&anna.id, 60);
        let due = |due| pb::MakePromiseRequest { due: Some(due), ..good() };
        let money = |currency: &str, minor_units| {
            Some(pb::Money { currency_code: currency.to_owned(), minor_units })
        };
        let calls = [
            (pb::MakePromiseRequest { what: String::new(), ..good() }, "what"),
            (pb::MakePromiseRequest { what: "x".repeat(501), ..good() }, "what"),
            (pb::MakePromiseRequest { by: "x".repeat(101), ..good() }, "by"),
            (pb::MakePromiseRequest { due: None, ..good() }, "due"),
            (due(Due::DueAt(at(0))), "due_at"),
            (due(Due::DueAt(at(3 * 366 * 86_400))), "due_at"),
            (due(Due::DueDay("2026-02-30".to_owned())), "due_day"),
            (due(Due::DueDay("2026-03-13".to_owned())), "due_day"),
            (due(local("2026-03-29T14:30", "Europe/Nowhere")), "due_local.time_zone"),
            (due(local("29-03-2026 14:30", "Europe/Amsterdam")), "due_local.time"),
            (due(local("2026-03-14T12:59", "Europe/Amsterdam")), "due_local"),
            (due(Due::DueBusinessMinutes(0)), "due_business_minutes"),
            (due(Due::DueBusinessDays(0)), "due_business_days"),
            (due(Due::DueBusinessDays(10_000)), "due_business_days"),
            (pb::MakePromiseRequest { amount: money("EUR", -1), ..good() }, "amount.minor_units"),
            (pb::MakePromiseRequest { amount: money("eur", 1), ..good() }, "amount.currency_code"),
            (pb::MakePromiseRequest { case_id: request_id(), ..good() }, "customer_id"),
            (pb::MakePromiseRequest { customer_id: String::new(), ..good() }, "customer_id"),
        ];
        for (call, field) in calls {
            let refused = refusal(server.cases.clone().make_promise(by_shop(call)).await);
            assert_eq!(refused, Refusal::invalid([field]));
        }
        let promise = server.promised(good()).await;
        for state in [PromiseState::Unspecified, PromiseState::Open, PromiseState::Broken] {
            let call = settling(&promise, state);
            let refused = refusal(server.cases.clone().settle_promise(by_shop(call)).await);
            assert_eq!(refused, Refusal::invalid(["state"]));
        }
        let without = pb::SettlePromiseRequest {
            reason: String::new(),
            ..settling(&promise, PromiseState::Withdrawn)
        };
        let refused = refusal(server.cases.clone().settle_promise(by_shop(without)).await);
        assert_eq!(refused, Refusal::invalid(["reason"]));
        let unknown = pb::Promise { id: request_id(), ..promise };
        let call = settling(&unknown, PromiseState::Kept);
        let refused = refusal(server.cases.clone().settle_promise(by_shop(call)).await);
        assert_eq!(refused, Refusal::new(Code::NotFound, "PROMISE_NOT_FOUND", []));
        server.stop().await;
    })
    .await;
}

/// An unreadable row is skipped: the clock goes on for everybody else.
#[tokio::test]
async fn one_promise_that_cannot_be_read_holds_up_no_other() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 2, 1);
        let clock = Clock::Moved(moved);
        let server = Server::start_with(database, settings(clock)).await;
        let anna = server.made(vec![account("anna")]).await;
        server.promised(promising(&anna.id, 60)).await;
        server.stop().await;
        let spoil = "update promises set content = '{}'";
        if database.url.starts_with("postgres") {
            let mut c = PgConnection::connect(&database.url).await.unwrap();
            sqlx::query(spoil).execute(&mut c).await.unwrap();
        } else {
            let mut c = SqliteConnection::connect(&database.url).await.unwrap();
            sqlx::query(spoil).execute(&mut c).await.unwrap();
        }
        let server = Server::start_with(database, settings(clock)).await;
        let bert = server.made(vec![account("bert")]).await;
        let second = server.promised(promising(&bert.id, 61)).await;
        server.stop().await;

        let store = Store::open(&database.url, 4, clock).await.unwrap();
        moved.forward(HOUR);
        assert_eq!(store.break_due_promises().await.unwrap(), None);
        let broken = store.get_promise(second.id.parse().unwrap()).await.unwrap();
        assert_eq!(broken.broken_at, Some(NOW + 61 * 1_000_000));
        store.close().await;
    })
    .await;
}
