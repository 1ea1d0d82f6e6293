//! `throughline merge` and `throughline unmerge`: merges two customers who are one person, and
//! undoes it.

use std::io::{self, Write as _};

use clap::Args;
use tonic::{Request, metadata::MetadataValue};

use super::{
    connect::with_client,
    failure::Failure,
    json,
    render::{self, EntryPrinter, TerminalStyle},
    terminal,
};
use crate::{api::caller::ACTOR, clock::Clock, config::Config, pb};

#[derive(Args, Debug)]
pub struct MergeArgs {
    /// The id of the customer that stays
    into: String,
    /// The id of the customer that is merged into it
    from: String,
    /// The reason
    #[arg(long, value_name = "TEXT", default_value = "", required_unless_present = "dry_run")]
    reason: String,
    /// The evidence for it; may be repeated
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    evidence: Vec<String>,
    /// Preview the merge and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    shared: SharedArgs,
}

#[derive(Args, Debug)]
pub struct UnmergeArgs {
    /// The id of the merge, as `throughline customer --id ID` shows it
    merge: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Exclude the two from being merged again
    #[arg(long)]
    exclude_merge: bool,
    #[command(flatten)]
    shared: SharedArgs,
}

/// The arguments that the two commands share.
#[derive(Args, Debug)]
pub struct SharedArgs {
    /// The acting user, for the timeline
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Print the response on one line, as JSON
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl SharedArgs {
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    pub fn json(&self) -> bool {
        self.json
    }

    /// The request, with the name of the actor.
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

/// Merges two customers, or shows what a merge would do.
pub async fn merge(args: MergeArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(false);
    let request = args.shared.request(pb::MergeCustomersRequest {
        customer_id: args.into,
        other_customer_id: args.from,
        reason: args.reason,
        evidence: args.evidence,
        dry_run: args.dry_run,
        request_id: Clock::System.new_id().to_string(),
        ..pb::MergeCustomersRequest::default()
    })?;
    let answer = with_client(args.shared.server.as_deref(), config, async |client| {
        let answer = client.customers.merge_customers(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout().lock();
    if args.shared.json {
        return Ok(writeln!(out, "{}", json::to_json("MergeCustomersResponse", &answer)?)?);
    }
    let customer = answer.customer.unwrap_or_default();
    if !args.dry_run {
        write!(out, "{}", render::customer(&customer, &style))?;
        let merge = answer.merge.unwrap_or_default();
        return Ok(writeln!(out, "\nTo take it back: throughline unmerge {}", merge.id)?);
    }
    writeln!(out, "Nothing has changed. Merged, the customer would be:\n")?;
    write!(out, "{}", render::customer(&customer, &style))?;
    write!(out, "{}", conflicts(&answer.conflicts))?;
    let mut printer = EntryPrinter::new(&style);
    for entry in &answer.entries {
        write!(out, "{}", printer.entry(entry, None))?;
    }
    Ok(())
}

/// Undoes a merge.
pub async fn unmerge(args: UnmergeArgs, config: &Config) -> Result<(), Failure> {
    let style = terminal::style(false);
    let request = args.shared.request(pb::UnmergeCustomersRequest {
        merge_id: args.merge,
        reason: args.reason,
        exclude_merge: args.exclude_merge,
        request_id: Clock::System.new_id().to_string(),
    })?;
    let answer = with_client(args.shared.server.as_deref(), config, async |client| {
        let answer = client.customers.unmerge_customers(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    let out = &mut io::stdout().lock();
    if args.shared.json {
        return Ok(writeln!(out, "{}", json::to_json("UnmergeCustomersResponse", &answer)?)?);
    }
    show_two(out, &answer, &style)
}

fn show_two(
    out: &mut impl io::Write,
    answer: &pb::UnmergeCustomersResponse,
    style: &TerminalStyle,
) -> Result<(), Failure> {
    for customer in answer.customer.iter().chain(&answer.other_customer) {
        writeln!(out, "{}", render::customer(customer, style))?;
    }
    Ok(())
}

/// What prevents a merge, or must be decided, one line each.
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
            Kind::MergeExcluded => "the two are excluded from being merged".to_owned(),
            Kind::SameOrderNumber => format!("both have an order {}", conflict.field),
            Kind::TooManyRecords => "together they have too many records".to_owned(),
            Kind::Unspecified => "something this version does not know".to_owned(),
        }
    };
    let lines: Vec<String> = conflicts.iter().map(|it| format!("  ! {}\n", line(it))).collect();
    if lines.is_empty() { String::new() } else { format!("\nTo decide\n{}", lines.concat()) }
}
