//! The briefing compared with the first page of the timeline, and with itself in a small world.
//! Every twentieth customer has an open case with three facts and a promise.

use throughline::{
    clock::Clock,
    model::{
        CaseChange, CaseWrite, Channel, NewPromise, Opening, PromiseTerms, PromisedTo,
        RequestContext,
    },
    pb::{self, get_briefing_request, list_timeline_request},
    store::{NewCase, Store},
};

use crate::{
    Plan,
    load::{self, Measured, scatter},
    reads::{median, micros},
    table,
    world::{World, customer_id},
};

const LIST: &str = "/throughline.v1.TimelineService/ListTimeline";
const BRIEFING: &str = "/throughline.v1.TimelineService/GetBriefing";
const ROUNDS: u32 = 5;
const CALLERS: usize = 32;
/// One in this many customers has a case.
const ONE_IN: u32 = 20;

fn context(clock: Clock) -> RequestContext {
    let request_id = clock.new_id();
    let (actor, reason) = ("bench".to_owned(), String::new());
    RequestContext { request_id, body: [1; 16], actor, reason, time_violations: Vec::new() }
}

/// Gives some of the customers a case with facts and a promise.
pub async fn fill(url: &str, customers: u32) -> anyhow::Result<()> {
    let clock = Clock::System;
    let store = Store::open(url, 4, clock).await?;
    let channel = Channel::Phone;
    for customer in (1..=customers).step_by(ONE_IN as usize) {
        let customer_id = customer_id(customer);
        let case_id = clock.new_id();
        let opening = Opening {
            subject: "The screen stays dark".to_owned(),
            serials: vec![format!("SN-{customer}")],
            ..Opening::default()
        };
        let write = |change| CaseWrite { case_id, channel, etag: None, change, flags: Vec::new() };
        let new = NewCase { customer_id, write: write(CaseChange::Opened(opening)) };
        store.open_case(new, context(clock)).await?;
        for key in ["fault", "since", "tried"] {
            let value = "dark since the update, unplugged it twice".to_owned();
            let change = CaseChange::FactTold { key: key.to_owned(), value, told_in: None };
            store.change_case(write(change), context(clock)).await?;
        }
        let making = PromiseTerms {
            what: "A technician comes".to_owned(),
            by: "repairs".to_owned(),
            due_at: clock.now() + 30 * 86_400_000_000,
            amount: None,
        };
        let promise =
            NewPromise { to: PromisedTo::Case(case_id), channel, making, flags: Vec::new() };
        store.make_promise(promise, context(clock)).await?;
    }
    store.close().await;
    Ok(())
}

fn someone(customers: u32, n: u64) -> String {
    let n = 1 + u32::try_from(scatter(n) % u64::from(customers)).unwrap_or(0);
    customer_id(n).to_string()
}

fn first_page(customers: u32) -> impl Fn(u64) -> pb::ListTimelineRequest {
    move |n| pb::ListTimelineRequest {
        customer: Some(list_timeline_request::Customer::CustomerId(someone(customers, n))),
        ..Default::default()
    }
}

fn briefing(customers: u32) -> impl Fn(u64) -> pb::GetBriefingRequest {
    move |n| pb::GetBriefingRequest {
        customer: Some(get_briefing_request::Customer::CustomerId(someone(customers, n))),
        ..Default::default()
    }
}

/// In turns: the first page and the briefing in the large world, and the briefing in the small one.
pub async fn compare(large: &World, small: &World, plan: Plan) -> anyhow::Result<()> {
    let (mut page, mut brief, mut brief_small) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let make = first_page(large.customers);
        page.push(load::run(large.address, LIST, CALLERS, plan.time, make).await?);
        let make = briefing(large.customers);
        brief.push(load::run(large.address, BRIEFING, CALLERS, plan.time, make).await?);
        let make = briefing(small.customers);
        brief_small.push(load::run(small.address, BRIEFING, CALLERS, plan.time, make).await?);
    }
    let p99 = |all: &[Measured]| median(all.iter().map(|one| one.p99.as_secs_f64()));
    let row = |what: &str, all: &[Measured], against: &[Measured]| {
        vec![
            what.to_owned(),
            format!("{:.0}/s", median(all.iter().map(|one| one.calls_a_second))),
            micros(all, |one| one.p50),
            micros(all, |one| one.p99),
            format!("{:.2}", p99(all) / p99(against)),
        ]
    };
    let entries = |world: &World| world.customers * 20;
    let rows = [
        row(&format!("ListTimeline, {} entries", entries(large)), &page, &page),
        row(&format!("GetBriefing, {} entries", entries(large)), &brief, &page),
        row(&format!("GetBriefing, {} entries", entries(small)), &brief_small, &brief_small),
        row("  the large world against the small one", &brief, &brief_small),
    ];
    let title = format!("GetBriefing on {}: {CALLERS} callers", large.name);
    table::print(&title, &["", "calls", "p50", "p99", "ratio of p99"], &rows);
    Ok(())
}
