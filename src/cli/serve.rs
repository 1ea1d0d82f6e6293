//! `throughline serve`: the server, until it is told to stop.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::{connect, failure::Failure, listen, renew, tls::Certificates};
use crate::{
    config::{Config, redacted_url},
    server,
};

/// Serves the configured database.
pub async fn run(config: &Config) -> Result<(), Failure> {
    let stop = stop_signal()?;
    // Read before the callers are: what changes in between is seen as a change.
    let callers_text = config.callers_text()?;
    let settings = connect::serving(config)?;
    let certificates = Certificates::of(config)?;
    let tls = certificates.as_ref().map(Certificates::current);
    let store = super::open(config).await?;
    let (address, incoming) = listen::bind(config.listen, config.max_connections, tls)
        .await
        .map_err(|error| listen::advice(config.listen, &error))?;
    let is_secure = certificates.is_some();
    let callers = renew::callers(config.clone(), settings.callers.clone(), callers_text);
    let mut renewing = vec![tokio::spawn(renew::keep("the callers", callers))];
    renewing.extend(certificates.map(|mut certificates| {
        tokio::spawn(renew::keep("the TLS certificates", move || certificates.renew()))
    }));
    tracing::info!(
        %address,
        database = %redacted_url(&config.database),
        version = env!("CARGO_PKG_VERSION"),
        tls = is_secure,
        "serving"
    );
    let ended = server::run(incoming, store, settings, stop).await;
    renewing.iter().for_each(tokio::task::JoinHandle::abort);
    ended?;
    tracing::info!("stopped");
    Ok(())
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
