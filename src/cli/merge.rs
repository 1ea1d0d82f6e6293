//! `throughline merge` and `throughline unmerge`: two customers who are one person.

use std::io::{self, Write as _};

use clap::Args;
use tonic::{Request, metadata::MetadataValue};

use super::{
    connect::with_client,
    failure::Failure,
    json,
    render::{self, Look, Story},
    terminal,
};
use crate::{api::caller::ACTOR, clock::Clock, config::Config, pb};

#[derive(Args, Debug)]
pub struct MergeArgs {
    /// The id of the customer that stays
    into: String,
    /// The id of the customer that becomes part of it
    from: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", required_unless_present = "dry_run")]
    reason: String,
    /// What speaks for it; may be given more than once
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    evidence: Vec<String>,
    /// Shows what would be and changes nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Args, Debug)]
pub struct UnmergeArgs {
    /// The id of the merge, as `throughline customer --id ID` shows it
    merge: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Marks the two never to be merged again
    #[arg(long)]
    keep_apart: bool,
    #[command(flatten)]
    how: How,
}

/// How a change is asked for.
#[derive(Args, Debug)]
pub struct How {
    /// Who does it, for the timeline
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// The answer on one line, in the JSON form of the contract
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417; without it the database is opened
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl How {
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    pub fn json(&self) -> bool {
        self.json
    }

    /// The call, with the name of whoever does it.
    pub fn request<M>(&self, message: M) -> Result<Request<M>, Failure> {
        let mut request = Request::new(message);
        if let Some(actor) = &self.actor {
            let value = MetadataValue::try_from(actor.as_str()).map_err(|_| {
                Failure::Usage("--actor: must be plain ASCII on one line".to_owned())
            })?;
            request.metadata_mut().insert(ACTOR, value);
        }
        Ok(request)
    }
}

/// Merges two customers, or shows what that would be.
pub async fn merge(args: MergeArgs, config: &Config) -> Result<(), Failure> {
    let look = terminal::look(false);
    let request = args.how.request(pb::MergeCustomersRequest {
        customer_id: args.into,
        other_customer_id: args.from,
        reason: args.reason,
        evidence: args.evidence,
        dry_run: args.dry_run,
        request_id: Clock::System.new_id().to_string(),
        ..pb::MergeCustomersRequest::default()
    })?;
    let answer = with_client(args.how.server.as_deref(), config, async |client| {
        let answer = client.customers.merge_customers(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout().lock();
    if args.how.json {
        return Ok(writeln!(out, "{}", json::to_json("MergeCustomersResponse", &answer)?)?);
    }
    let customer = answer.customer.unwrap_or_default();
    if !args.dry_run {
        write!(out, "{}", render::customer(&customer, &look))?;
        let merge = answer.merge.unwrap_or_default();
        return Ok(writeln!(out, "\nTo take it back: throughline unmerge {}", merge.id)?);
    }
    writeln!(out, "Nothing has changed. Merged, the customer would be:\n")?;
    write!(out, "{}", render::customer(&customer, &look))?;
    write!(out, "{}", conflicts(&answer.conflicts))?;
    let mut story = Story::new(&look);
    for entry in &answer.entries {
        write!(out, "{}", story.entry(entry, None))?;
    }
    Ok(())
}

/// Takes a merge back.
pub async fn unmerge(args: UnmergeArgs, config: &Config) -> Result<(), Failure> {
    let look = terminal::look(false);
    let request = args.how.request(pb::UnmergeCustomersRequest {
        merge_id: args.merge,
        reason: args.reason,
        keep_apart: args.keep_apart,
        request_id: Clock::System.new_id().to_string(),
    })?;
    let answer = with_client(args.how.server.as_deref(), config, async |client| {
        let answer = client.customers.unmerge_customers(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout().lock();
    if args.how.json {
        return Ok(writeln!(out, "{}", json::to_json("UnmergeCustomersResponse", &answer)?)?);
    }
    show_two(out, &answer, &look)
}

fn show_two(
    out: &mut impl io::Write,
    answer: &pb::UnmergeCustomersResponse,
    look: &Look,
) -> Result<(), Failure> {
    for customer in answer.customer.iter().chain(&answer.other_customer) {
        writeln!(out, "{}", render::customer(customer, look))?;
    }
    Ok(())
}

/// What stands against a merge, or is to be decided, a line each.
fn conflicts(conflicts: &[pb::MergeConflict]) -> String {
    use pb::merge_conflict::Kind;
    let line = |conflict: &pb::MergeConflict| {
        let field = conflict.field.replace('_', " ");
        match conflict.kind() {
            Kind::FieldDiffers => format!("the two have another {field}"),
            Kind::NeedsApproval => {
                "different verified accounts or customer numbers: a second person must approve"
                    .to_owned()
            }
            Kind::KeptApart => "the two are marked never to be merged".to_owned(),
            Kind::SameOrderNumber => format!("both have an order {}", conflict.field),
            Kind::TooManyRecords => "together they have too many records".to_owned(),
            Kind::Unspecified => "something this version does not know".to_owned(),
        }
    };
    let lines: Vec<String> = conflicts.iter().map(|it| format!("  ! {}\n", line(it))).collect();
    if lines.is_empty() { String::new() } else { format!("\nTo decide\n{}", lines.concat()) }
}
