//! The server.

use std::{io, time::Duration};

use crate::{api::validate::Rules, store::Store};

pub struct Settings {
    pub default_deadline: Duration,
    pub max_deadline: Duration,
    pub max_calls: usize,
    pub max_concurrent_streams: u32,
    pub shutdown_grace: Duration,
    pub rules: Rules,
}

pub async fn run<S, IO>(
    incoming: S,
    store: Store,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()>
where
    S: tokio_stream::Stream<Item = io::Result<IO>>,
{
    let _ = (incoming, store, settings);
    shutdown.await;
    Ok(())
}
