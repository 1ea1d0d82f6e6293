//! Queries a server, and interprets the answers.

use std::{net::SocketAddr, time::Duration};

use http::StatusCode;
use tokio::time::timeout;
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
};

use super::{Places, metrics::Metrics};
use crate::{
    cli::{connect, failure::Failure, fetch},
    config::Config,
    server::health::SERVICES,
};

/// How long a server has to answer each request.
const PATIENCE: Duration = Duration::from_secs(5);

/// The status of a server.
pub struct Status {
    /// The address that was queried.
    pub place: String,
    pub readiness: Readiness,
    /// Each service by its name, and whether it accepts calls. Empty if it was not queried over
    /// gRPC.
    pub services: Vec<(&'static str, bool)>,
    /// None if it was not queried over HTTP.
    pub metrics: Option<Metrics>,
}

/// Whether a server accepts calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// It runs, but does not accept calls; the reason is known if it was queried over HTTP.
    NotReady(String),
    Unreachable(String),
}

impl Status {
    pub fn is_ready(&self) -> bool {
        self.readiness == Readiness::Ready
    }
}

/// Queries a server in the available ways.
pub async fn ask(places: &Places, config: &Config) -> Result<Status, Failure> {
    let mut status = Status {
        place: String::new(),
        readiness: Readiness::Ready,
        services: Vec::new(),
        metrics: None,
    };
    if let Some(url) = &places.server {
        status.place.clone_from(url);
        ask_grpc(url, config, &mut status).await?;
    }
    if let Some(address) = places.operators {
        if status.place.is_empty() {
            status.place = format!("http://{address}");
        }
        ask_http(address, &mut status).await;
    }
    Ok(status)
}

async fn ask_grpc(url: &str, config: &Config, status: &mut Status) -> Result<(), Failure> {
    let channel = match connect::channel(url, config).await {
        Ok(channel) => channel,
        Err(Failure::Failed(_)) => {
            let why = match url.starts_with("https:") {
                true => {
                    "nothing answers there, or its certificate is of an authority that is not \
                         known here: see --server-authority"
                }
                false => "nothing answers there",
            };
            status.readiness = Readiness::Unreachable(why.to_owned());
            return Ok(());
        }
        Err(other) => return Err(other),
    };
    let mut health = HealthClient::new(channel);
    for service in SERVICES {
        let request = HealthCheckRequest { service: service.to_owned() };
        let serves = match timeout(PATIENCE, health.check(request)).await {
            Ok(Ok(answer)) => answer.into_inner().status == ServingStatus::Serving as i32,
            Ok(Err(refused)) if service.is_empty() => {
                let why = format!("it does not say how it is: {}", refused.message());
                status.readiness = Readiness::Unreachable(why);
                return Ok(());
            }
            Ok(Err(_)) => false,
            Err(_) => {
                let why = format!("it does not answer within {} s", PATIENCE.as_secs());
                status.readiness = Readiness::Unreachable(why);
                return Ok(());
            }
        };
        if service.is_empty() {
            let why = "its store does not work; the log, and --metrics, say why".to_owned();
            status.readiness = if serves { Readiness::Ready } else { Readiness::NotReady(why) };
        } else {
            status.services.push((service, serves));
        }
    }
    Ok(())
}

/// Over HTTP a server says why it is not ready, so that this answer takes precedence over gRPC's.
/// That it cannot be reached over gRPC stays.
async fn ask_http(address: SocketAddr, status: &mut Status) {
    let readiness = match get(address, "readyz").await {
        Ok((StatusCode::OK, _)) => Readiness::Ready,
        Ok((_, text)) => {
            let why = text.trim();
            Readiness::NotReady(why.strip_prefix("not ready: ").unwrap_or(why).to_owned())
        }
        Err(why) => Readiness::Unreachable(format!("http://{address}: {why}")),
    };
    if !matches!(status.readiness, Readiness::Unreachable(_)) {
        status.readiness = readiness;
    }
    if let Ok((StatusCode::OK, text)) = get(address, "metrics").await {
        status.metrics = Some(Metrics::read(&text));
    }
}

async fn get(address: SocketAddr, path: &str) -> Result<(StatusCode, String), String> {
    let url = format!("http://{address}/{path}");
    let answered = timeout(PATIENCE, fetch::get(&url, None)).await;
    let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
    let (status, body) = answered.unwrap_or_else(|_| late())?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
