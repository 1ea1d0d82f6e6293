//! `throughline serve`: runs the server until it is told to stop.

mod check;
mod notify;

use std::{io, net::SocketAddr, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    connect,
    failure::Failure,
    flags::Flags,
    issuer_keys::{self, Fetched, Pace},
    renew::{self, Renewing},
};
use crate::{
    api::connection::{Admission, ConnectionLimits},
    config::{Config, redacted_url},
    server::{
        self, Settings, listener,
        operator::{self, Operator},
        tls::{Certificates, Current},
    },
    store::Store,
};

#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Check everything that serving needs, show what would be served, and change nothing
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub settings: Flags<true>,
}

/// Serves the configured database, or checks whether it can be served.
pub async fn run(args: &ServeArgs, config: &Config) -> Result<ExitCode, Failure> {
    match args.check {
        true => check::run(config).await,
        false => serve(config).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn serve(config: &Config) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let Prepared { settings, tls, renewing } = prepare(config).await?;
    let is_secure = tls.is_some();
    let store = super::open(config).await?;
    let told = store.write_ledger().await;
    let told = told.map_err(|error| Failure::of_database(&config.database, &error))?;
    if told > 0 {
        tracing::info!(erasures = told, "the erasure ledger lacked erasures, and has them now");
    }
    if config.callers_file.is_some() && config.allow_anonymous {
        tracing::warn!(
            "allow_anonymous is set: a call that shows no token or certificate may do everything, \
             also one that a proxy passes on"
        );
    }
    let operators = operators(config, &store, &settings).await?;
    let (address, incoming) = listener::bind(config.listen, admission(config, &store), tls)
        .await
        .map_err(|error| listen_advice("listen", config.listen, &error))?;
    tracing::info!(
        %address,
        database = %redacted_url(&config.database),
        version = env!("CARGO_PKG_VERSION"),
        tls = is_secure,
        "serving"
    );
    notify::ready(&format!("serving on {address}"));
    let stop = async {
        stop.await;
        notify::stopping();
    };
    server::run(incoming, store, settings, stop).await?;
    drop((renewing, operators));
    tracing::info!("stopped");
    Ok(())
}

/// What a server on a socket needs.
pub struct Prepared {
    pub settings: Settings,
    pub tls: Option<Current>,
    /// Keeps both up to date with their files, and with the issuers of tokens.
    pub renewing: Renewing,
}

/// Loads all files of the configuration, and the keys of the token issuers; the error says what is
/// wrong with them.
pub async fn prepare(config: &Config) -> Result<Prepared, Failure> {
    // Read before the callers are: a change in between is noticed as a change.
    let callers_text = config.callers_text()?;
    let settings = connect::serving(config)?;
    let certificates = Certificates::of(config).map_err(Failure::Usage)?;
    let tls = certificates.as_ref().map(Certificates::current);
    let mut key_files = issuer_keys::files(settings.callers.clone());
    key_files().map_err(Failure::Usage)?;
    let mut fetched = Fetched::new(settings.callers.clone(), Pace::USUAL);
    fetched.begin().await?;
    let mut renewing = Renewing::default();
    let callers = renew::callers(config.clone(), settings.callers.clone(), callers_text);
    renewing.keep("the callers", callers);
    renewing.keep("the keys of issuers", key_files);
    renewing.also(fetched.keep());
    if let Some(mut certificates) = certificates {
        renewing.keep("the TLS certificates", move || certificates.renew());
    }
    Ok(Prepared { settings, tls, renewing })
}

/// Metrics and health over HTTP, if an address is set.
async fn operators(
    config: &Config,
    store: &Store,
    settings: &Settings,
) -> Result<Option<operator::Listener>, Failure> {
    let Some(address) = config.metrics else { return Ok(None) };
    let (store, readiness) = (store.clone(), settings.readiness.clone());
    let listener = operator::listen(address, Operator { store, readiness })
        .await
        .map_err(|error| listen_advice("metrics", address, &error))?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "anyone who can reach this address can read the metrics");
    }
    tracing::info!(address = %listener.address, "metrics and health");
    Ok(Some(listener))
}

/// The configured connection limits, within those of the process.
pub fn admission(config: &Config, store: &Store) -> Admission {
    let limits = connection_limits(config);
    let limits = listener::fit_descriptors(limits, config.database_connections);
    Admission::new(limits, store.metrics().connections.clone())
}

/// The configured connection limits.
pub fn connection_limits(config: &Config) -> ConnectionLimits {
    let (all, per_caller) = (config.max_connections, config.max_connections_per_caller);
    ConnectionLimits::new(number(all), number(per_caller))
}

fn number(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What to do about an address that cannot be listened on.
pub fn listen_advice(setting: &str, address: SocketAddr, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => "another program has it: stop that, or choose another port",
        io::ErrorKind::PermissionDenied => "ports below 1024 are not for everybody: choose another",
        _ => "choose another address",
    };
    Failure::Failed(format!("cannot listen on {address} ({error}); {what} with --{setting}"))
}

/// Ends when Ctrl-C is pressed or the process is asked to stop.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + use<>, Failure> {
    let listening = "cannot listen for signals";
    let mut interrupt = signal(SignalKind::interrupt()).context(listening)?;
    let mut terminate = signal(SignalKind::terminate()).context(listening)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
