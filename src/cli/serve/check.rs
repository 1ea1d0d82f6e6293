//! `throughline serve --check`: everything that is checked before a server starts, without starting
//! it.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use tokio::net::TcpListener;

use super::{Failure, prepare};
use crate::{
    cli::doctor::{
        self,
        finding::{self, Finding},
    },
    clock::Clock,
    config::{Config, redacted_url},
};

/// Runs the checks. The exit code is 1 if the server would not start, and 2 if that is because of
/// the configuration.
pub async fn run(config: &Config) -> Result<ExitCode, Failure> {
    // Loads the files and the keys of issuers; errors are reported as at a start.
    drop(prepare(config).await?);
    let mut findings = doctor::examine_before_serving(config, Clock::System).await;
    findings.push(listen("listen", config.listen).await);
    if let Some(address) = config.metrics {
        findings.push(listen("metrics", address).await);
    }
    let has_failed = finding::has_failed(&findings);
    let out = &mut io::stdout().lock();
    let (address, database) = (config.listen, redacted_url(&config.database));
    writeln!(out, "{database}, to be served on {address}\n")?;
    write!(out, "{}", finding::render(&findings, &doctor::style()))?;
    let end = if has_failed { "It cannot be served." } else { "It can be served." };
    writeln!(out, "\n{}. {end}", finding::summary(&findings))?;
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether the address of a setting can be listened on.
async fn listen(setting: &'static str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address).await {
        Ok(_) => Finding::ok(setting, format!("{address} is free")),
        Err(error) => {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "Another program uses it. If that is the server to be restarted, check with \
                     --{setting} 127.0.0.1:0"
                ),
                io::ErrorKind::PermissionDenied => {
                    format!("Ports below 1024 are not for everybody: choose another --{setting}")
                }
                _ => format!("Choose another --{setting}"),
            };
            Finding::failure(setting, format!("{address}: {error}"), advice)
        }
    }
}
