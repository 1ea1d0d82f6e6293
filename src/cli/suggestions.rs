//! `throughline suggestions` and `throughline dismiss`: who may be one person, and who is not.

use std::io::{self, Write as _};

use clap::Args;

use super::{connect::with_client, failure::Failure, json, merge::SharedArgs, render, terminal};
use crate::{clock::Clock, config::Config, pb};

#[derive(Args, Debug)]
pub struct SuggestionsArgs {
    /// Only suggestions for the customer with this id
    #[arg(long, value_name = "ID", default_value = "")]
    customer: String,
    /// The minimum probability, from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_probability: f64,
    /// The maximum number to print
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=200))]
    limit: i32,
    /// Print one suggestion per line, as JSON
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

#[derive(Args, Debug)]
pub struct DismissArgs {
    /// The id of one customer
    one: String,
    /// The id of the other customer
    other: String,
    /// The reason
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    shared: SharedArgs,
}

/// Shows the most probable suggestions.
pub async fn list(args: SuggestionsArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(false);
    let request = pb::ListMergeSuggestionsRequest {
        customer_id: args.customer,
        min_probability: args.min_probability,
        page_size: args.limit,
        page_token: String::new(),
    };
    let page = with_client(args.server.as_deref(), config, async |client| {
        let answer = client.customers.list_merge_suggestions(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout().lock();
    for suggestion in &page.suggestions {
        match args.json {
            true => writeln!(out, "{}", json::to_json("MergeSuggestion", suggestion)?)?,
            false => write!(out, "{}", render::suggestion(suggestion, &style))?,
        }
    }
    if args.json {
        return Ok(());
    }
    if page.suggestions.is_empty() {
        writeln!(out, "No suggestions. `throughline suggest` compares all customers.")?;
    } else if !page.next_page_token.is_empty() {
        writeln!(out, "There are more: name a higher --limit.")?;
    }
    Ok(())
}

/// Records that two customers are not one person.
pub async fn dismiss(args: DismissArgs, config: &Config) -> Result<(), Failure> {
    let request = args.shared.request(pb::DismissMergeSuggestionRequest {
        customer_id: args.one,
        other_customer_id: args.other,
        reason: args.reason,
        request_id: Clock::System.new_id().to_string(),
    })?;
    let answer = with_client(args.shared.server(), config, async |client| {
        let answer = client.customers.dismiss_merge_suggestion(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout();
    match args.shared.json() {
        true => writeln!(out, "{}", json::to_json("DismissMergeSuggestionResponse", &answer)?)?,
        false => writeln!(out, "The two are not suggested any more.")?,
    }
    Ok(())
}
