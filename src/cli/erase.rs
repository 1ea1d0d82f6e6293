//! `throughline erase`: erases all data of a customer, permanently.

use std::io::{self, Write as _};

use clap::Args;
use tonic::Request;

use super::{connect::with_client, failure::Failure, json};
use crate::{clock::Clock, config::Config, pb};

#[derive(Args, Debug)]
pub struct EraseArgs {
    /// The id of the customer
    customer: String,
    /// The ticket that requests or orders the erasure
    #[arg(long, value_name = "TEXT")]
    ticket: String,
    /// The reason
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Print the response on one line, as JSON
    #[arg(long)]
    json: bool,
    /// A running server, such as http://127.0.0.1:7417 [default: open the database]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// Erases a customer and shows the certificate.
pub async fn run(args: EraseArgs, config: &Config) -> Result<(), Failure> {
    let request = Request::new(pb::EraseCustomerRequest {
        customer_id: args.customer,
        ticket: args.ticket,
        reason: args.reason,
        request_id: Clock::System.new_id().to_string(),
    });
    let answer = with_client(args.server.as_deref(), config, async |client| {
        let answer = client.privacy.erase_customer(request).await;
        Ok(answer.map_err(|status| client.failure(&status))?.into_inner())
    })
    .await?;
    if args.server.is_none() {
        // Finishes the erasure itself, since there may be no server that does.
        let failed = |error| Failure::of_database(&config.database, &error);
        let store = super::open(config).await?;
        store.finish_erasures().await.map_err(failed)?;
        store.close().await;
    }
    let out = &mut io::stdout().lock();
    if args.json {
        return Ok(writeln!(out, "{}", json::to_json("EraseCustomerResponse", &answer)?)?);
    }
    let certificate = answer.certificate.unwrap_or_default();
    writeln!(out, "Erased, by erasure {}.\n\nRecords", certificate.erasure_id)?;
    for id in certificate.record_ids {
        writeln!(out, "  {id}")?;
    }
    writeln!(out, "\nRows removed")?;
    for removed in certificate.removed {
        writeln!(out, "  {:>8}  {}", removed.rows, removed.table)?;
    }
    writeln!(out, "\nWhat stays")?;
    for it in certificate.remains {
        writeln!(out, "  {}: {}", it.place, it.what)?;
    }
    Ok(())
}
