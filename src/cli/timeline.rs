//! `throughline timeline`: the timeline of a customer.

use std::io::{self, Write as _};

use clap::Args;

use super::{
    connect::{Client, with_client},
    customer_args::CustomerRefArgs,
    entry_filter::EntryFilterArgs,
    failure::Failure,
    follow::follow,
    json,
    render::{self, EntryPrinter, TerminalStyle},
    terminal,
};
use crate::{config::Config, model::MAX_PAGE, pb};

/// How many entries are shown by default.
const USUAL_LIMIT: usize = 50;

#[derive(Args, Debug)]
pub struct TimelineArgs {
    #[command(flatten)]
    who: CustomerRefArgs,
    #[command(flatten)]
    what: EntryFilterArgs,
    /// Print the oldest entry first
    #[arg(long)]
    oldest_first: bool,
    /// The maximum number of entries [default: 50, with --json all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Follow the timeline live, until Ctrl-C
    #[arg(long, conflicts_with_all = ["oldest_first", "limit", "EntryFilterArgs"])]
    follow: bool,
    /// Print long texts and conversations in full
    #[arg(long)]
    full: bool,
    /// Print one entry per line, as JSON
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// Shows a timeline.
pub async fn run(args: TimelineArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(args.full);
    let who = args.who.required(config.phone_region.as_deref())?;
    let filter = args.what.filter(&style.zone)?;
    let order = match args.oldest_first {
        true => pb::TimelineOrder::OldestFirst,
        false => pb::TimelineOrder::NewestFirst,
    };
    let limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    with_client(args.server.as_deref(), config, async |client| {
        let customer = client.customer(who.into()).await?;
        if args.follow {
            return follow(client, &customer, Some(&style).filter(|_| !args.json)).await;
        }
        let request = pb::ListTimelineRequest {
            customer: Some(pb::list_timeline_request::Customer::CustomerId(customer.id.clone())),
            filter: Some(filter),
            order: order.into(),
            ..pb::ListTimelineRequest::default()
        };
        if !args.json {
            let limit = limit.unwrap_or(USUAL_LIMIT);
            return show(client, &customer, request, limit, &style).await;
        }
        let out = &mut io::stdout().lock();
        let line = |entry| Ok(writeln!(out, "{}", json::to_json("Entry", &entry)?)?);
        pages(client, request, limit.unwrap_or(usize::MAX), line).await.map(drop)
    })
    .await
}

/// Writes a customer and the entries of a request in human-readable form.
pub async fn show(
    client: &mut Client,
    customer: &pb::Customer,
    request: pb::ListTimelineRequest,
    limit: usize,
    style: &TerminalStyle,
) -> Result<(), Failure> {
    let out = &mut io::stdout().lock();
    write!(out, "{}", render::customer(customer, style))?;
    let mut printer = EntryPrinter::new(style);
    let mut shown = 0_usize;
    let more = pages(client, request, limit, |entry| {
        shown += 1;
        Ok(write!(out, "{}", printer.entry(&entry, None))?)
    })
    .await?;
    Ok(write!(out, "{}", render::end(shown, more, style))?)
}

/// Passes on every entry of a request up to the limit, page by page; returns whether there are
/// more.
async fn pages(
    client: &mut Client,
    mut request: pb::ListTimelineRequest,
    limit: usize,
    mut each: impl FnMut(pb::Entry) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut left = limit;
    // A page token is valid for one page size only, so that the size must not change.
    request.page_size = i32::try_from(limit.min(MAX_PAGE)).unwrap_or(0);
    loop {
        let answer = client.timeline.list_timeline(request.clone()).await;
        let page = answer.map_err(|status| client.failure(&status))?.into_inner();
        let cut = page.entries.len() > left;
        for entry in page.entries.into_iter().take(left) {
            left -= 1;
            each(entry)?;
        }
        let last = page.next_page_token.is_empty();
        if last || left == 0 {
            return Ok(cut || !last);
        }
        request.page_token = page.next_page_token;
    }
}
