//! TLS from end to end: the server's certificate, the authority of callers, and tokens.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use rcgen::generate_simple_self_signed;
use sha2::{Digest as _, Sha256};
use throughline::{
    config::Config,
    pb::{
        self, GetCustomerRequest, customer_service_client::CustomerServiceClient,
        get_customer_request::Customer,
    },
    server::tls::{Certificates, certificates},
};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    crypto::ring,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tonic::{
    Code, Request,
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};

use super::process::{Running, printed, refused, serve, throughline, world};
use crate::{
    calls::identifier,
    support::{Authority, TempFolder},
};

const TOKEN: &str = "7d0f5a0b9c2e4f6a8b1c3d5e7f90a2b4";

/// A server over the demo's world with a certificate of the authority; returns its URL.
fn secured(folder: &TempFolder, authority: &Authority, more: &[&str]) -> (Running, String) {
    let (certificate, key) = authority.certificate();
    let hash = Sha256::digest(TOKEN).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let callers = format!(
        "[[caller]]\nname = \"desk\"\nroles = \"agent\"\npurpose = \"service\"\n\
         unverified = \"everything\"\ntoken_sha256 = \"{hash}\"\n"
    );
    for (name, text) in [
        ("server.pem", certificate),
        ("server.key", key),
        ("authority.pem", authority.pem.clone()),
        ("callers.toml", callers),
        ("token", format!("{TOKEN}\n")),
        ("wrong", "nobody's".to_owned()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let files = ["--tls-certificate", "server.pem", "--tls-key", "server.key"];
    let callers = ["--callers-file", "callers.toml"];
    let (server, address, _) = serve(folder, &[&files[..], &callers, more].concat());
    let (_, port) = address.rsplit_once(':').unwrap();
    (server, format!("https://localhost:{port}"))
}

#[test]
fn commands_speak_tls_and_show_their_token() {
    let folder = world();
    let (mut server, url) = secured(&folder, &Authority::new(), &[]);
    let usual = ["timeline", "--server", &url, "--email", "sanne.bakker@example.com"];
    let known = [&usual[..], &["--server-authority", "authority.pem"]].concat();
    let with_token = [&known[..], &["--token-file", "token"]].concat();
    assert!(printed(&folder, &with_token).starts_with("Sanne Bakker\n"));
    let nothing = refused(&folder, &known);
    assert!(nothing.contains("with --token-file"), "it says what to do: {nothing}");
    let unknown = refused(&folder, &[&known[..], &["--token-file", "wrong"]].concat());
    assert!(unknown.starts_with("1: throughline: "), "{unknown}");
    assert!(!unknown.contains("nobody's"), "{unknown}");
    let strange = [&usual[..], &["--server-authority", "callers.toml"]].concat();
    let strange = refused(&folder, &strange);
    assert!(strange.starts_with("2: throughline: server_authority: "), "{strange}");
    // An unknown authority.
    let distrusted = refused(&folder, &usual);
    assert!(distrusted.starts_with("1: throughline: no server answers at https://"));
    server.stop();
}

/// The server checks the file every two seconds.
#[test]
fn a_token_that_is_taken_away_is_worth_nothing_soon() {
    let folder = world();
    let (mut server, url) = secured(&folder, &Authority::new(), &[]);
    let known = ["--server-authority", "authority.pem", "--token-file", "token"];
    let usual = ["timeline", "--server", &url, "--email", "sanne.bakker@example.com"];
    let ask = || throughline(&folder, &[&usual[..], &known].concat()).output().unwrap();
    assert!(ask().status.success());
    fs::write(folder.path().join("callers.toml"), "").unwrap();
    let begun = Instant::now();
    while ask().status.success() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is still worth something");
    }
    server.stop();
}

#[test]
fn what_is_no_tls_is_closed() {
    let folder = world();
    let (mut server, url) = secured(&folder, &Authority::new(), &[]);
    let address = url.replace("https://", "");
    for hello in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(hello).unwrap();
        let mut answer = Vec::new();
        // The connection ends with a reset if something was left unread.
        let _ = stream.read_to_end(&mut answer);
        // An alert of TLS at most (RFC 8446, section 6), and no HTTP.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
    let http = url.replace("https://", "http://");
    let ended = refused(&folder, &["timeline", "--server", &http, "--id", "x"]);
    assert!(ended.starts_with("1: throughline: "), "{ended}");
    server.stop();
}

#[tokio::test]
async fn callers_show_a_certificate_where_an_authority_is_named() {
    let folder = world();
    let (ours, other) = (Authority::new(), Authority::new());
    let more = ["--tls-client-authority", "authority.pem"];
    let (mut server, url) = secured(&folder, &ours, &more);
    let may = async |identity| call(&url, &ours, identity, TOKEN).await;
    assert_eq!(may(Some(ours.certificate())).await, Ok(()));
    assert_eq!(may(None).await, Err(Code::Unavailable));
    assert_eq!(may(Some(other.certificate())).await, Err(Code::Unavailable));
    server.stop();
}

#[tokio::test]
async fn a_token_alone_is_enough_where_certificates_are_optional() {
    let folder = world();
    let (ours, other) = (Authority::new(), Authority::new());
    let more =
        [["--tls-client-authority", "authority.pem"], ["--tls-client-certificates", "optional"]];
    let (mut server, url) = secured(&folder, &ours, more.as_flattened());
    let may = async |identity, token| call(&url, &ours, identity, token).await;
    assert_eq!(may(None, TOKEN).await, Ok(()));
    assert_eq!(may(Some(ours.certificate()), TOKEN).await, Ok(()));
    assert_eq!(may(None, "nobody's").await, Err(Code::Unauthenticated));
    // A certificate that is presented is still verified.
    assert_eq!(may(Some(other.certificate()), TOKEN).await, Err(Code::Unavailable));
    server.stop();
}

/// Makes a call with a certificate, or without.
async fn call(
    url: &str,
    ours: &Authority,
    identity: Option<(String, String)>,
    token: &str,
) -> Result<(), Code> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&ours.pem));
    if let Some((certificate, key)) = identity {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap().tls_config(tls).unwrap();
    let channel = endpoint.connect().await.map_err(|_| Code::Unavailable)?;
    let who = identifier(pb::IdentifierKind::Email, "sanne.bakker@example.com");
    let get = GetCustomerRequest { customer: Some(Customer::Identifier(who)) };
    let mut request = Request::new(get);
    let token = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", token);
    // With TLS 1.3 a server refuses a certificate after the client has begun to send; the result of
    // a call then depends on the timing.
    let answer = CustomerServiceClient::new(channel).get_customer(request).await;
    answer.map(drop).map_err(|status| match status.code() {
        Code::Unknown | Code::Cancelled => Code::Unavailable,
        code => code,
    })
}

#[test]
fn files_that_cannot_be_used_are_told_before_anything_listens() {
    let folder = TempFolder::new();
    let serve = |files: &[&str]| {
        let usual = ["serve", "--database", "sqlite:a.db", "--listen", "127.0.0.1:0"];
        refused(&folder, &[&usual[..], files].concat())
    };
    fs::write(folder.path().join("empty.pem"), "").unwrap();
    let missing = serve(&["--tls-certificate", "no.pem", "--tls-key", "no.key"]);
    assert!(missing.starts_with("2: throughline: no.pem cannot be read: "), "{missing}");
    let empty = serve(&["--tls-certificate", "empty.pem", "--tls-key", "empty.pem"]);
    assert_eq!(empty, "2: throughline: empty.pem holds no certificate in PEM");
    let half = serve(&["--tls-key", "empty.pem"]);
    assert!(half.contains("--tls-key: tls_certificate and tls_key go together"), "{half}");
}

/// A resumed session has the certificate of the first, which may have expired since.
#[test]
fn each_connection_verifies_the_certificate_of_its_caller() {
    let (folder, ours) = (TempFolder::new(), Authority::new());
    let config = Config {
        tls_certificate: Some(folder.path().join("server.pem")),
        tls_key: Some(folder.path().join("server.key")),
        ..Config::default()
    };
    write_pair(&config);
    let authority = folder.path().join("ours.pem");
    fs::write(&authority, &ours.pem).unwrap();
    let verifying = Config { tls_client_authority: Some(authority), ..config.clone() };
    // The control: without client certificates, the second connection is resumed.
    for (config, second) in [(&verifying, HandshakeKind::Full), (&config, HandshakeKind::Resumed)] {
        let server = Arc::clone(&Certificates::of(config).unwrap().unwrap().current().borrow());
        for version in [&TLS12, &TLS13] {
            let client = client(config, &ours, version);
            let kinds = [handshake(&client, &server), handshake(&client, &server)];
            assert_eq!(kinds, [HandshakeKind::Full, second], "{version:?}");
        }
    }
}

/// A client with a certificate of the authority that caches sessions.
fn client(
    config: &Config,
    ours: &Authority,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let server = fs::read(config.tls_certificate.as_ref().unwrap()).unwrap();
    roots.add(certificates(&server).unwrap().remove(0)).unwrap();
    let (certificate, key) = ours.certificate();
    let chain = certificates(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(client.with_client_auth_cert(chain, key).unwrap())
}

/// Makes a connection in memory, and returns its kind.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut left = &bytes[..];
        while !left.is_empty() {
            server.read_tls(&mut left).unwrap();
            server.process_new_packets().unwrap();
        }
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut left = &bytes[..];
        while !left.is_empty() {
            client.read_tls(&mut left).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    client.handshake_kind().unwrap()
}

/// Writes a new certificate and its key to the files of a configuration.
fn write_pair(config: &Config) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(config.tls_certificate.as_ref().unwrap(), made.cert.pem()).unwrap();
    fs::write(config.tls_key.as_ref().unwrap(), made.signing_key.serialize_pem()).unwrap();
}

#[test]
fn a_certificate_is_renewed_and_a_broken_one_is_not_taken() {
    let folder = TempFolder::new();
    let folder = folder.path();
    let config = Config {
        tls_certificate: Some(folder.join("server.pem")),
        tls_key: Some(folder.join("server.key")),
        ..Config::default()
    };
    write_pair(&config);
    let mut certificates = Certificates::of(&config).unwrap().unwrap();
    let current = certificates.current();
    let first = Arc::clone(&current.borrow());
    assert_eq!(certificates.renew(), Ok(false));
    assert!(Arc::ptr_eq(&first, &current.borrow()));

    write_pair(&config);
    assert_eq!(certificates.renew(), Ok(true));
    let second = Arc::clone(&current.borrow());
    assert!(!Arc::ptr_eq(&first, &second));

    // The key of another certificate, nothing at all, and then a good pair again.
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("server.key"), other.signing_key.serialize_pem()).unwrap();
    assert!(certificates.renew().unwrap_err().contains("do not go together"));
    assert_eq!(certificates.renew(), Ok(false));
    fs::write(folder.join("server.pem"), "").unwrap();
    assert!(certificates.renew().unwrap_err().ends_with("holds no certificate in PEM"));
    assert!(Arc::ptr_eq(&second, &current.borrow()));
    write_pair(&config);
    assert_eq!(certificates.renew(), Ok(true));
}
