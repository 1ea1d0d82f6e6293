//! A world with TLS and tokens, and its clients.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::{
    authority::Authority,
    world::{Kind, World},
};

const CONNECT: Duration = Duration::from_secs(10);
const CALLERS: &str = "--callers-file=callers.toml";
const TOKEN_DIGITS: usize = 64;

/// What a client needs.
#[derive(Clone)]
pub struct Key {
    connector: TlsConnector,
    /// The `authorization` of calls.
    pub authorization: String,
}

/// A world with a certificate of its own authority, and one caller.
pub async fn world(kind: Kind) -> Result<(World, Key), String> {
    let mut world = World::new(kind).await?;
    let authority = Authority::new();
    let (certificate, key) = authority.certificate();
    fs::write(world.folder.join("certificate.pem"), certificate).unwrap();
    fs::write(world.folder.join("key.pem"), key).unwrap();
    let authorization = caller(&mut world, "desk");
    for argument in ["--tls-certificate", "certificate.pem", "--tls-key", "key.pem"] {
        world.argue(argument);
    }
    world.start().await;
    let key = Key { connector: connector(&authority), authorization };
    Ok((world, key))
}

/// Adds a caller to a world that has not been started: returns its `authorization`.
pub fn caller(world: &mut World, name: &str) -> String {
    let add = ["caller", "add", name, "--role", "agent", "--purpose", "service"];
    let everything = ["--unverified", "everything", CALLERS];
    let added = world.command(&[&add[..], &everything].concat()).output().unwrap();
    world.argue(CALLERS);
    let text = String::from_utf8([added.stdout, added.stderr].concat()).unwrap();
    let token = text
        .split_whitespace()
        .find(|word| word.len() == TOKEN_DIGITS && word.bytes().all(|it| it.is_ascii_hexdigit()));
    format!("Bearer {}", token.unwrap_or_else(|| panic!("no token: {text}")))
}

fn connector(authority: &Authority) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

impl Key {
    /// A connection whose handshake is complete, and that has sent nothing yet.
    pub async fn connect(&self, address: SocketAddr) -> Result<TlsStream<TcpStream>, String> {
        let connect = async {
            let socket = TcpStream::connect(address).await.map_err(|it| it.to_string())?;
            let name = ServerName::try_from("localhost").unwrap();
            self.connector.connect(name, socket).await.map_err(|it| it.to_string())
        };
        timeout(CONNECT, connect).await.map_err(|it| it.to_string())?
    }
}
