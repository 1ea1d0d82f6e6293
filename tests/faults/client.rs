//! Clients that find the server again after each restart.

use std::{io, net::SocketAddr, time::Duration};

use http::Uri;
use hyper_util::rt::TokioIo;
use throughline::pb::{
    case_service_client::CaseServiceClient, customer_service_client::CustomerServiceClient,
    timeline_service_client::TimelineServiceClient,
};
use tokio::{net::TcpStream, sync::watch};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

/// The address of the server, while it runs.
pub type Addresses = watch::Sender<Option<SocketAddr>>;

const CONNECT: Duration = Duration::from_secs(2);

/// All services over one connection.
#[derive(Clone)]
pub struct Client {
    pub timeline: TimelineServiceClient<Channel>,
    pub cases: CaseServiceClient<Channel>,
    pub customers: CustomerServiceClient<Channel>,
    pub health: HealthClient<Channel>,
}

impl Client {
    pub fn new(addresses: &Addresses) -> Self {
        let addresses = addresses.subscribe();
        let connector = tower::service_fn(move |_: Uri| {
            let address = *addresses.borrow();
            async move {
                let address = address.ok_or(io::ErrorKind::ConnectionRefused)?;
                let socket = TcpStream::connect(address).await?;
                socket.set_nodelay(true)?;
                Ok::<_, io::Error>(TokioIo::new(socket))
            }
        });
        let endpoint = Endpoint::from_static("http://throughline").connect_timeout(CONNECT);
        let channel = endpoint.connect_with_connector_lazy(connector);
        Self {
            timeline: TimelineServiceClient::new(channel.clone()),
            cases: CaseServiceClient::new(channel.clone()),
            customers: CustomerServiceClient::new(channel.clone()),
            health: HealthClient::new(channel),
        }
    }
}

/// The error of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// None if the connection was lost or the time has passed, without an answer of the server.
    pub code: Option<Code>,
    pub reason: String,
    pub message: String,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        // Errors made by the client itself have a source.
        let is_answer = std::error::Error::source(&status).is_none();
        let details = status.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
        let message = status.message().to_owned();
        Self { code: is_answer.then_some(status.code()), reason, message }
    }
}

impl Refusal {
    /// Whether a retry will get the same answer.
    pub fn is_final(&self) -> bool {
        let Some(code) = self.code else { return false };
        !matches!(
            code,
            Code::Unavailable
                | Code::DeadlineExceeded
                | Code::ResourceExhausted
                | Code::Aborted
                | Code::Cancelled
        )
    }

    /// Whether no call may ever get this answer.
    pub fn is_wrong(&self) -> bool {
        matches!(
            self.code,
            Some(Code::Internal | Code::Unknown | Code::DataLoss | Code::Unimplemented)
        )
    }

    /// The code and the reason, for a table.
    pub fn name(&self) -> String {
        match (self.code, self.reason.as_str()) {
            (None, _) => "no answer".to_owned(),
            (Some(code), "") => format!("{code:?}"),
            (Some(code), reason) => format!("{code:?} {reason}"),
        }
    }
}
