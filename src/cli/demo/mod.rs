//! `throughline demo`: loads a small invented world through the product's own calls, tells a story
//! in it, and serves both.

mod hints;
mod one_person;
pub mod television;
pub mod telling;
mod world;

use std::{
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    sync::LazyLock,
    time::Duration,
};

use clap::Args;

use crate::{
    api::{connection::Admission, validate::Rules},
    cli::{
        self,
        connect::{self, Client},
        failure::Failure,
        flags::Flags,
        opening,
        render::TerminalStyle,
        serve::{self, Prepared, listen_advice},
        terminal, timeline,
    },
    clock::{Clock, MovedClock},
    config::{Config, redacted_url},
    pb::{self, get_customer_request::Customer},
    server::{self, Settings, listener, tls::Current},
    store::Store,
};
use telling::Stage;

/// The pause before each scene for a reader at a terminal.
const PAUSE: Duration = Duration::from_millis(1500);
/// How many ports are tried if the first is taken.
const PORTS: u16 = 20;

#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Exit after the story
    #[arg(long)]
    no_serve: bool,
    #[command(flatten)]
    pub(super) settings: Flags<true>,
}

/// Loads the world, tells a story in it, and serves it until Ctrl-C. Without --database on the
/// command line the database is a temporary file: one named in the environment may be a real one.
pub async fn run(args: DemoArgs, mut config: Config, database_named: bool) -> Result<(), Failure> {
    let mut stop = pin!(serve::stop_signal()?);
    let temporary = if database_named { None } else { Some(Temporary::new()?) };
    if let Some(folder) = &temporary {
        config.database = format!("sqlite:{}", folder.0.join("demo.db").display());
        // A ledger in the working directory belongs to another database.
        config.erasure_ledger = Some(folder.0.join("demo.erasures"));
        config.audit_seals = None;
    }
    // The world's phone numbers have country codes, but users may leave them out.
    config.phone_region.get_or_insert_with(|| "NL".to_owned());
    // Errors are reported before the story is told.
    let Prepared { settings, tls, renewing: _renewing } = serve::prepare(&config).await?;
    tokio::select! {
        shown = show(&config) => shown?,
        () = &mut stop => return Ok(()),
    }
    if !args.no_serve {
        let store = cli::open(&config).await?;
        let (address, incoming) =
            bind_near(config.listen, &serve::admission(&config, &store), &tls).await?;
        let program = std::env::args().next().unwrap_or_else(|| "throughline".to_owned());
        write!(io::stdout(), "{}", hints::text(&program, address, tls.is_some()))?;
        server::run(incoming, store, settings, stop).await?;
    }
    Ok(())
}

/// Loads the world and shows what it contains.
async fn show(config: &Config) -> Result<(), Failure> {
    let style = terminal::style(false);
    let store = cli::open(config).await?;
    let mut client = Client::within(store.clone(), connect::settings(config)).await?;
    let shown = show_world(&mut client, &store, config, &style).await;
    client.end(shown).await
}

async fn show_world(
    client: &mut Client,
    store: &Store,
    config: &Config,
    style: &TerminalStyle,
) -> Result<(), Failure> {
    let loaded = world::load(client).await?;
    writeln!(
        io::stdout(),
        "{} customers with {} entries are in {}.",
        loaded.customers,
        loaded.entries,
        redacted_url(&config.database),
    )?;
    let named = || Customer::Identifier(television::customer());
    let request = pb::GetCustomerRequest { customer: Some(named()) };
    match client.customers.get_customer(request).await {
        Err(status) if status.code() == tonic::Code::NotFound => tell(config, style).await?,
        _ => replay(client, named(), style).await?,
    }
    one_person::show(client, store, style).await
}

/// Tells the story, by its own clock.
async fn tell(config: &Config, style: &TerminalStyle) -> Result<(), Failure> {
    static TIME: LazyLock<MovedClock> = LazyLock::new(MovedClock::default);
    let clock = Clock::Moved(&TIME);
    let store = opening::open(config, clock).await?;
    let settings = connect::settings(config);
    let rules = Rules { clock, ..settings.rules };
    let settings = Settings { rules, check_clock: false, ..settings };
    let client = Client::within(store.clone(), settings).await?;
    let stage = Stage {
        store: &store,
        services: client.channel(),
        moved: &TIME,
        style,
        pause: if io::stdout().is_terminal() { PAUSE } else { Duration::ZERO },
        out: &mut io::stdout(),
    };
    let told = television::tell(stage, true).await;
    client.end(told.map(drop).map_err(Failure::from)).await
}

/// Shows the end of a story that was told before.
async fn replay(
    client: &mut Client,
    whose: Customer,
    style: &TerminalStyle,
) -> Result<(), Failure> {
    writeln!(
        io::stdout(),
        "The story has already been told in this database. This is its timeline:\n"
    )?;
    let customer = client.customer(whose).await?;
    let request = pb::ListTimelineRequest {
        customer: Some(pb::list_timeline_request::Customer::CustomerId(customer.id.clone())),
        ..pb::ListTimelineRequest::default()
    };
    timeline::show(client, &customer, request, 50, style).await
}

type Incoming = tokio_stream::wrappers::ReceiverStream<io::Result<listener::Connection>>;

/// Listens on the address, or on one of the next ports if another program uses it.
async fn bind_near(
    wanted: SocketAddr,
    admission: &Admission,
    tls: &Option<Current>,
) -> Result<(SocketAddr, Incoming), Failure> {
    let mut address = wanted;
    for step in 0..PORTS {
        address.set_port(wanted.port().saturating_add(step));
        match listener::bind(address, admission.clone(), tls.clone()).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(listen_advice("listen", address, &error)),
            Ok(bound) => return Ok(bound),
        }
    }
    Err(listen_advice("listen", wanted, &io::ErrorKind::AddrInUse.into()))
}

/// A folder that is removed when the demo ends.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("throughline-demo-{}", new_name()));
        std::fs::create_dir(&folder).map_err(|error| {
            let advice = "set TMPDIR, or name a file with --database sqlite:FILE";
            Failure::Failed(format!("no folder {}: {error}; {advice}", folder.display()))
        })?;
        Ok(Self(folder))
    }
}

fn new_name() -> String {
    Clock::System.new_id().to_string()
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
