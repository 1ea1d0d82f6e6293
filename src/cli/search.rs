//! `throughline search`: finds entries that contain all the words.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use clap::Args;

use super::{
    connect::{Client, with_client},
    customer_args::CustomerRefArgs,
    entry_filter::EntryFilterArgs,
    failure::Failure,
    json,
    render::{self, EntryPrinter, TerminalStyle},
    terminal,
};
use crate::{config::Config, model::MAX_PAGE, pb};

/// How many entries are shown by default.
const USUAL_LIMIT: usize = 20;

#[derive(Args, Debug)]
pub struct SearchArgs {
    /// The words; an entry must contain all of them, in any inflected form
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
    #[command(flatten)]
    who: CustomerRefArgs,
    #[command(flatten)]
    what: EntryFilterArgs,
    /// The maximum number of entries [default: 20, with --json all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
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

/// Shows the entries found.
pub async fn run(args: SearchArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(args.full);
    let who = args.who.customer_ref(config.phone_region.as_deref())?;
    let filter = args.what.filter(&style.zone)?;
    let usual = if args.json { usize::MAX } else { USUAL_LIMIT };
    let limit = args.limit.map_or(usual, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let request = pb::SearchTimelineRequest {
        query: args.words.join(" "),
        customer: who.map(Into::into),
        filter: Some(filter),
        page_size: i32::try_from(limit.min(MAX_PAGE)).unwrap_or(0),
        page_token: String::new(),
    };
    with_client(args.server.as_deref(), config, async |client| {
        show(client, request, limit, Some(&style).filter(|_| !args.json)).await
    })
    .await
}

/// Shows the entries found, page by page: rendered with a style, otherwise one JSON object per
/// line.
async fn show(
    client: &mut Client,
    mut request: pb::SearchTimelineRequest,
    limit: usize,
    style: Option<&TerminalStyle>,
) -> Result<(), Failure> {
    let out = &mut io::stdout().lock();
    let mut printer = style.map(EntryPrinter::new);
    let mut names = BTreeMap::new();
    let (mut shown, mut more) = (0_usize, true);
    while more && shown < limit {
        let answer = client.timeline.search_timeline(request.clone()).await;
        let page = answer.map_err(|status| client.failure(&status))?.into_inner();
        more = !page.next_page_token.is_empty();
        request.page_token = page.next_page_token;
        let room = limit - shown;
        more |= page.entries.len() > room;
        for entry in page.entries.into_iter().take(room) {
            shown += 1;
            match &mut printer {
                None => writeln!(out, "{}", json::to_json("Entry", &entry)?)?,
                Some(printer) => {
                    let name = name_of(client, &mut names, &entry.customer_id).await?;
                    write!(out, "{}", printer.entry(&entry, Some(&name)))?;
                }
            }
        }
    }
    if let Some(style) = style {
        write!(out, "{}", render::end(shown, more, style))?;
    }
    Ok(())
}

/// The name of the customer of an entry, fetched once.
async fn name_of(
    client: &mut Client,
    names: &mut BTreeMap<String, String>,
    id: &str,
) -> Result<String, Failure> {
    if let Some(name) = names.get(id) {
        return Ok(name.clone());
    }
    let by_id = pb::get_customer_request::Customer::CustomerId(id.to_owned());
    let name = render::name(&client.customer(by_id).await?);
    names.insert(id.to_owned(), name.clone());
    Ok(name)
}
