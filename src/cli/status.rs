//! `throughline status`: whether a running server accepts calls, and what it is doing.

mod ask;
mod metrics;
mod report;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use clap::Args;

use super::{doctor, failure::Failure};
use crate::{clock::Clock, config::Config};

#[derive(Args, Debug)]
pub struct StatusArgs {
    /// A running server, such as http://127.0.0.1:7417 [default: that of the configuration]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The address of its metrics over HTTP [default: that of the configuration]
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Asks the server, and shows the answer. The exit code is 1 if it does not accept calls.
pub async fn run(args: &StatusArgs, config: &Config) -> Result<ExitCode, Failure> {
    let places = places(args, config);
    let status = ask::ask(&places, config).await?;
    let out = &mut io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report::as_json(&status))?;
    } else {
        write!(out, "{}", report::render(&status, Clock::System.now(), &doctor::style()))?;
    }
    Ok(if status.is_ready() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The addresses of a server: at least one of the two is set.
struct Places {
    /// For gRPC.
    server: Option<String>,
    /// For HTTP, for operators.
    operators: Option<SocketAddr>,
}

fn places(args: &StatusArgs, config: &Config) -> Places {
    let of_config = config.metrics.filter(|_| args.server.is_none());
    let operators = args.metrics.or(of_config).map(own_address);
    let has_tls = config.tls_certificate.is_some();
    // The name in its certificate is not the address by which it is reached here.
    let asks_grpc = operators.is_none() || (!has_tls && args.metrics.is_none());
    let scheme = if has_tls { "https" } else { "http" };
    let own = || format!("{scheme}://{}", own_address(config.listen));
    Places { server: args.server.clone().or_else(|| asks_grpc.then(own)), operators }
}

/// The address by which this machine reaches what listens on an address.
fn own_address(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
