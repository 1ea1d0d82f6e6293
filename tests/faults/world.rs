//! The subject of a fault: a folder, a database, and a server over it.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use tokio::sync::watch;

use crate::{
    client::{Addresses, Client},
    cluster::Cluster,
    folder::TempFolder,
    server::{Server, throughline},
    shim::Shim,
};

/// The kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

pub struct World {
    pub kind: Kind,
    /// The value of `--database`.
    pub url: String,
    /// The URL for the server, if that is another route to the same database.
    way: Option<String>,
    /// The folder of the SQLite file, and of the server's other files.
    pub folder: PathBuf,
    pub cluster: Option<Cluster>,
    /// The shim in the server.
    pub shim: Shim,
    pub server: Option<Server>,
    addresses: Addresses,
    more: Vec<String>,
    _own: Option<TempFolder>,
}

impl World {
    /// In its own folder. The error says what is missing.
    pub async fn new(kind: Kind) -> Result<Self, String> {
        let own = TempFolder::new();
        let folder = own.path().to_owned();
        let mut world = Self::within(kind, &folder, &folder).await?;
        world._own = Some(own);
        Ok(world)
    }

    /// With its data in one folder, and the shims in another.
    pub async fn within(kind: Kind, folder: &Path, apart: &Path) -> Result<Self, String> {
        let shim = Shim::new(apart);
        let (url, cluster) = match kind {
            Kind::Sqlite => (format!("sqlite:{}", folder.join("t.db").display()), None),
            Kind::Postgres => {
                let mut cluster = Cluster::new(folder, apart, "postgres")?;
                cluster.init();
                cluster.start().await;
                (cluster.url(), Some(cluster))
            }
        };
        let (folder, addresses) = (folder.to_owned(), watch::Sender::new(None));
        let (way, server, more, _own) = (None, None, Vec::new(), None);
        Ok(Self { kind, url, way, folder, cluster, shim, server, addresses, more, _own })
    }

    /// Adds an argument for the next starts of the server.
    pub fn argue(&mut self, argument: impl Into<String>) {
        let argument = argument.into();
        if !self.more.contains(&argument) {
            self.more.push(argument);
        }
    }

    /// Starts the server.
    pub async fn start(&mut self) {
        self.try_start().await.unwrap_or_else(|log| panic!("the server ended:\n{log}"));
    }

    /// Starts the server, or says why it ended.
    pub async fn try_start(&mut self) -> Result<(), String> {
        let arguments = ["serve", "--listen", "127.0.0.1:0"];
        let mut command = self.program(&arguments, self.way.as_ref().unwrap_or(&self.url));
        command.args(["--audit-seals", "seals", "--watch-heartbeat-ms", "300"]).args(&self.more);
        let server = Server::start(command, &self.shim).await?;
        self.addresses.send_replace(Some(server.address));
        self.server = Some(server);
        Ok(())
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.addresses.send_replace(None);
        self.server.take().expect("it runs").kill();
    }

    /// Asks the server to stop.
    pub async fn stop(&mut self) -> ExitStatus {
        let server = self.server.take().expect("it runs");
        let status = server.stop().await;
        self.addresses.send_replace(None);
        status
    }

    /// Reaps a server that has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = self.server.as_mut().expect("it runs").ended().await;
        self.addresses.send_replace(None);
        self.server = None;
        status
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    pub fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("it is PostgreSQL")
    }

    /// A separate connection to the server, and to its successors.
    pub fn client(&self) -> Client {
        Client::new(&self.addresses)
    }

    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Makes the server reach the database over another port.
    pub fn go_through(&mut self, port: u16) {
        let own = format!(":{}/", self.cluster().port);
        self.way = Some(self.url.replace(&own, &format!(":{port}/")));
    }

    /// Makes the server use whichever of two hosts accepts writes.
    pub fn go_to_either(&mut self, other: u16) {
        let own = self.cluster().port;
        let both = format!(":{own},127.0.0.1:{other}/");
        self.way = Some(self.url.replace(&format!(":{own}/"), &both));
    }

    /// The program on this database.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(arguments, &self.url)
    }

    fn program(&self, arguments: &[&str], url: &str) -> Command {
        let mut command = throughline(&self.folder, arguments);
        command.args(["--database", url, "--erasure-ledger", "erasures"]);
        command
    }
}
