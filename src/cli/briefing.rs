//! `throughline briefing`: what to know before saying hello.

use std::io::{self, Write as _};

use clap::Args;
use jiff::Timestamp;

use super::{
    connect::with_client,
    customer_args::{CustomerRef, CustomerRefArgs},
    failure::Failure,
    json, render, terminal,
};
use crate::{
    config::Config,
    pb::{self, get_briefing_request::Customer},
};

#[derive(Args, Debug)]
pub struct BriefingArgs {
    #[command(flatten)]
    who: CustomerRefArgs,
    /// The briefing as of this time, such as 2025-03-01T14:30:00+01:00
    #[arg(long, value_name = "WHEN")]
    as_of: Option<Timestamp>,
    /// Print the entry that each line comes from
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// Shows the briefing of a customer, or the candidates of an ambiguous identifier.
pub async fn run(args: BriefingArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(args.full);
    let customer = match args.who.required(config.phone_region.as_deref())? {
        CustomerRef::Id(id) => Customer::CustomerId(id),
        CustomerRef::Identifier(identifier) => Customer::Identifier(identifier),
    };
    let as_of = args.as_of.map(|at| prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    });
    let request = pb::GetBriefingRequest { customer: Some(customer), as_of };
    let answer = with_client(args.server.as_deref(), config, async |client| {
        let answer = client.timeline.get_briefing(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json::to_json("GetBriefingResponse", &answer)?)?;
    } else if let Some(briefing) = &answer.briefing {
        write!(out, "{}", render::briefing(briefing, &style))?;
    } else {
        write!(out, "{}", render::candidates(&answer.candidates, &style))?;
    }
    Ok(())
}
