//! The gRPC client of the commands: for a running server, or for the services started within this
//! process over an in-memory pipe, so that every command takes the same path.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri},
};

use super::failure::Failure;
use crate::{
    api::{
        budget::BudgetLimits,
        caller::{ACTOR, Callers},
        origin::Origins,
        purpose::PURPOSE,
        traffic::TrafficBounds,
        validate::Rules,
        watch::WatchBounds,
    },
    clock::Clock,
    config::Config,
    model::RetentionRules,
    pb::{
        self, customer_service_client::CustomerServiceClient,
        privacy_service_client::PrivacyServiceClient,
        timeline_service_client::TimelineServiceClient,
    },
    server::{self, AuditSettings, Settings, health::Readiness, tls},
    store::{Files, Opening, Store},
};

/// The buffer of the in-memory pipe, in bytes.
const PIPE_BYTES: usize = 256 * 1024;

/// The largest response that is accepted; the server sends none that is larger.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Adds the configured token, actor and purpose to calls.
#[derive(Clone)]
pub struct CallMetadata {
    /// Names and values of metadata.
    metadata: Vec<(&'static str, MetadataValue<Ascii>)>,
}

impl Interceptor for CallMetadata {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in &self.metadata {
            request.metadata_mut().insert(*name, value.clone());
        }
        Ok(request)
    }
}

impl CallMetadata {
    fn of(config: &Config, token: Option<MetadataValue<Ascii>>) -> Result<Self, Failure> {
        let mut metadata: Vec<_> =
            token.map(|token| ("authorization", token)).into_iter().collect();
        let settings = [("purpose", PURPOSE, &config.purpose), ("actor", ACTOR, &config.actor)];
        for (setting, name, value) in settings {
            let Some(value) = value else { continue };
            let unfit = || Failure::Usage(format!("{setting}: must be one line of ASCII"));
            metadata.push((name, value.parse().map_err(|_| unfit())?));
        }
        Ok(Self { metadata })
    }
}

/// The channel of calls.
type Wire = InterceptedService<Channel, CallMetadata>;

/// The services, wherever they run.
pub struct Client {
    pub customers: CustomerServiceClient<Wire>,
    pub timeline: TimelineServiceClient<Wire>,
    pub privacy: PrivacyServiceClient<Wire>,
    channel: Channel,
    /// The URL of a server that runs elsewhere.
    server: Option<String>,
    embedded: Option<EmbeddedServer>,
}

/// The services within this process.
struct EmbeddedServer {
    stop: oneshot::Sender<()>,
    running: JoinHandle<anyhow::Result<()>>,
}

/// The rules for validating calls, from the configuration.
pub fn rules(config: &Config) -> Rules {
    // Errors were reported when the configuration was read.
    let (blocked, _) = config.blocked();
    let phone_region = config.phone_region.clone();
    Rules { phone_region, blocked, ..Rules::new(Clock::System) }
}

/// The settings of a server, from the configuration.
pub fn serving(config: &Config) -> Result<Settings, Failure> {
    let (callers, matching) = (config.callers()?, Some(config.auto_merge.clone()));
    let settings = settings(config);
    let rules = Rules { calendar: Some(Arc::new(config.calendar()?)), ..settings.rules };
    let retention = config.retention()?;
    Ok(Settings {
        callers,
        matching,
        rules,
        promise_clock: true,
        finish_erasures: true,
        retention,
        ..settings
    })
}

/// The settings of the services within a single command: without callers, and with merge
/// suggestions and overdue promises left to servers.
pub fn settings(config: &Config) -> Settings {
    Settings {
        default_deadline: config.default_deadline,
        max_deadline: config.max_deadline,
        max_calls: usize::try_from(config.max_calls).unwrap_or(usize::MAX),
        max_calls_per_caller: usize::try_from(
            config.max_calls_per_caller.unwrap_or(config.max_calls.div_ceil(2)),
        )
        .unwrap_or(usize::MAX),
        max_concurrent_streams: config.max_concurrent_streams,
        shutdown_grace: config.shutdown_grace,
        traffic: TrafficBounds {
            bytes: BudgetLimits {
                all: config.max_buffered,
                per_caller: config.max_buffered_per_caller,
                per_connection: config.max_buffered_per_connection,
            },
            receive_timeout: config.receive_timeout,
            send_timeout: config.send_timeout,
        },
        watches: WatchBounds {
            heartbeat: config.watch_heartbeat,
            send_timeout: config.watch_send_timeout,
            max_watches: usize::try_from(config.max_watches).unwrap_or(usize::MAX),
            max_watches_per_caller: usize::try_from(config.max_watches_per_caller)
                .unwrap_or(usize::MAX),
        },
        rules: rules(config),
        matching: None,
        promise_clock: false,
        check_clock: true,
        finish_erasures: false,
        retention: RetentionRules::default(),
        callers: Callers::default(),
        origins: Origins::new(&config.allowed_origins),
        audit: Some(AuditSettings { seals: config.audit_seals.clone() }),
        readiness: Readiness::default(),
    }
}

/// Runs calls at the server at a URL, or at services over the configured database. The latter are
/// stopped afterwards in any case, which seals the audit log.
pub async fn with_client<T>(
    server: Option<&str>,
    config: &Config,
    calls: impl AsyncFnOnce(&mut Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut client = Client::connect(server, config).await?;
    let done = calls(&mut client).await;
    client.end(done).await
}

impl Client {
    async fn connect(server: Option<&str>, config: &Config) -> Result<Self, Failure> {
        if let Some(url) = server {
            return Self::of_server(url, config).await;
        }
        refuse_missing_file(&config.database)?;
        let store = super::open(config).await?;
        Self::within_as(store, settings(config), CallMetadata::of(config, None)?).await
    }

    async fn of_server(url: &str, config: &Config) -> Result<Self, Failure> {
        let endpoint = endpoint(url, config)?;
        let token = token(config)?;
        let is_secure = endpoint.uri().scheme_str() == Some("https");
        if token.is_some() && !is_secure && !is_this_machine(endpoint.uri()) {
            let advice = "--server: a token is sent to another machine only over https://";
            return Err(Failure::Usage(advice.to_owned()));
        }
        let channel = connect(&endpoint).await?;
        let url = Some(display(&endpoint));
        Ok(Self::of_channel(channel, CallMetadata::of(config, token)?, url, None))
    }

    /// Starts the services over a store within this process. They close the store when they end.
    pub async fn within(store: Store, settings: Settings) -> Result<Self, Failure> {
        Self::within_as(store, settings, CallMetadata { metadata: Vec::new() }).await
    }

    async fn within_as(
        store: Store,
        settings: Settings,
        metadata: CallMetadata,
    ) -> Result<Self, Failure> {
        let (connections, incoming) = mpsc::channel(4);
        let (stop, stopped) = oneshot::channel::<()>();
        let running =
            tokio::spawn(server::run(ReceiverStream::new(incoming), store, settings, async {
                // A client that was dropped stops the services too.
                let _ = stopped.await;
            }));
        // The URI only gives the calls an authority.
        let channel = Endpoint::from_static("http://within")
            .connect_with_connector(tower::service_fn(move |_: Uri| pipe(connections.clone())))
            .await
            .map_err(anyhow::Error::from)?;
        Ok(Self::of_channel(channel, metadata, None, Some(EmbeddedServer { stop, running })))
    }

    fn of_channel(
        channel: Channel,
        metadata: CallMetadata,
        server: Option<String>,
        embedded: Option<EmbeddedServer>,
    ) -> Self {
        let wire = InterceptedService::new(channel.clone(), metadata);
        Self {
            customers: CustomerServiceClient::new(wire.clone())
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            privacy: PrivacyServiceClient::new(wire.clone())
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            timeline: TimelineServiceClient::new(wire).max_decoding_message_size(MAX_ANSWER_BYTES),
            channel,
            server,
            embedded,
        }
    }

    /// The channel for other clients of the services.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Gets a customer by id or by identifier.
    pub async fn customer(
        &mut self,
        customer: pb::get_customer_request::Customer,
    ) -> Result<pb::Customer, Failure> {
        let request = pb::GetCustomerRequest { customer: Some(customer) };
        let answer = self.customers.get_customer(request).await.map_err(|s| self.failure(&s))?;
        let customer = answer.into_inner().customer;
        customer.ok_or_else(|| Failure::Failed("the server answers without a customer".into()))
    }

    /// The message for a refused call.
    pub fn failure(&self, status: &tonic::Status) -> Failure {
        Failure::of_call(status, self.server.as_deref())
    }

    /// Stops what was started, and waits for it. Returns the first failure.
    pub async fn end<T>(self, done: Result<T, Failure>) -> Result<T, Failure> {
        let Self { customers, timeline, privacy, channel, embedded, .. } = self;
        drop((customers, timeline, privacy, channel));
        let Some(EmbeddedServer { stop, running }) = embedded else { return done };
        // The receiver is gone if the services have ended by themselves.
        let _ = stop.send(());
        let ended = running.await.map_err(anyhow::Error::from).flatten();
        let done = done?;
        ended?;
        Ok(done)
    }
}

/// A connection to the server at a URL, without credentials.
pub async fn channel(url: &str, config: &Config) -> Result<Channel, Failure> {
    connect(&endpoint(url, config)?).await
}

async fn connect(endpoint: &Endpoint) -> Result<Channel, Failure> {
    endpoint.connect().await.map_err(|_| Failure::unreachable(&display(endpoint)))
}

/// The URL as it was given, with a scheme.
fn display(endpoint: &Endpoint) -> String {
    endpoint.uri().to_string().trim_end_matches('/').to_owned()
}

/// The endpoint of a URL.
fn endpoint(url: &str, config: &Config) -> Result<Endpoint, Failure> {
    let advice = || Failure::Usage("--server: must be a URL such as http://HOST:7417".into());
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let mut endpoint = Endpoint::from_shared(url).map_err(|_| advice())?;
    if endpoint.uri().scheme_str() == Some("https") {
        let unfit = |why: &str| Failure::Usage(format!("server_authority: {why}"));
        let tls = match config.server_authority()? {
            None => ClientTlsConfig::new().with_webpki_roots(),
            Some(pem) => {
                tls::certificates(pem.as_bytes()).map_err(|why| unfit(&why))?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
        };
        endpoint = endpoint.tls_config(tls).map_err(|error| unfit(&error.to_string()))?;
    }
    Ok(endpoint.connect_timeout(Duration::from_secs(5)))
}

/// The configured token as metadata, if there is one.
fn token(config: &Config) -> Result<Option<MetadataValue<Ascii>>, Failure> {
    let Some(token) = config.token()? else { return Ok(None) };
    let mut shown: MetadataValue<Ascii> =
        format!("Bearer {token}").parse().ok().filter(|_| !token.is_empty()).ok_or_else(|| {
            Failure::Usage("token_file: must hold a token in one line".to_owned())
        })?;
    shown.set_sensitive(true);
    Ok(Some(shown))
}

fn is_this_machine(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

type Pipe = Pin<Box<dyn Future<Output = std::io::Result<TokioIo<DuplexStream>>> + Send>>;

/// A connection to the services within this process.
fn pipe(connections: mpsc::Sender<std::io::Result<DuplexStream>>) -> Pipe {
    Box::pin(async move {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let gone = |_| std::io::Error::other("the services have ended");
        connections.send(Ok(theirs)).await.map_err(gone)?;
        Ok(TokioIo::new(ours))
    })
}

/// Refuses a database file that does not exist: a command that reads would create an empty
/// database, and then find nothing in it.
pub fn refuse_missing_file(url: &str) -> Result<(), Failure> {
    let Some(files) = Files::of(url) else { return Ok(()) };
    // If parts of a database are left, opening it says what is missing.
    let is_left = files.ensure_restored().is_err() || !files.traces(&Opening::default()).is_empty();
    if files.database.exists() || is_left {
        return Ok(());
    }
    let file = files.database.display();
    Err(Failure::Failed(format!(
        "there is no database {file} here. Name one with --database sqlite:FILE or \
         --database postgres://..., or a running server with --server http://HOST:7417"
    )))
}
