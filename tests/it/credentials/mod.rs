//! Callers that present tokens of an issuer, or certificates: a server with TLS, and signed tokens.

mod bad;
mod ends;
mod fetched;
mod rotation;

use std::{fs, net::SocketAddr, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use throughline::{
    cli::{
        renew::Renewing,
        serve::{self, Prepared},
    },
    clock::Clock,
    config::Config,
    pb::{
        self, GetCustomerRequest, customer_service_client::CustomerServiceClient,
        get_customer_request::Customer,
    },
    server::{self, listener},
    store::Store,
};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use tonic::{
    Request, Status,
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};

use crate::{
    calls::{account, identify},
    support::{Authority, NOW, Services, TempFolder},
};

/// The time of the server, in seconds.
const NOW_SECONDS: i64 = NOW / 1_000_000;

/// How long a change may take that is due in two seconds.
const LATE: Duration = Duration::from_secs(60);

/// A private key of an issuer.
struct Signer {
    kid: &'static str,
    key: Key,
}

enum Key {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// A new key for ES256.
    fn new(kid: &'static str) -> Self {
        let (by, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let der = EcdsaKeyPair::generate_pkcs8(by, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(by, der.as_ref(), &random).unwrap();
        Self { kid, key: Key::Ec(key) }
    }

    /// The only RSA key, since ring generates none.
    fn rsa(kid: &'static str) -> Self {
        let pem = include_bytes!("../../keys/rsa-for-tests-only.pem");
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
        Self { kid, key: Key::Rsa(key) }
    }

    fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Ec(_) => "ES256",
            Key::Rsa(_) => "RS256",
        }
    }

    /// The public half as a JWK.
    fn public(&self) -> Value {
        match &self.key {
            Key::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (BASE64URL.encode(x), BASE64URL.encode(y));
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "x": x, "y": y})
            }
            Key::Rsa(key) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                let (n, e) = (BASE64URL.encode(public.n), BASE64URL.encode(public.e));
                json!({"kty": "RSA", "use": "sig", "kid": self.kid, "n": n, "e": e})
            }
        }
    }

    fn header(&self) -> Value {
        json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.kid})
    }

    /// A token of claims.
    fn token(&self, claims: &Value) -> String {
        self.signed(&self.header(), claims)
    }

    /// A token with a header of its own.
    fn signed(&self, header: &Value, claims: &Value) -> String {
        self.sign(&unsigned(header, claims))
    }

    fn sign(&self, message: &str) -> String {
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Ec(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Key::Rsa(key) => {
                let by = match message.starts_with(&BASE64URL.encode(r#"{"alg":"PS256""#)[..18]) {
                    true => &RSA_PSS_SHA256 as &'static dyn ring::signature::RsaEncoding,
                    false => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(by, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", BASE64URL.encode(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn key_set(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| signer.public()).collect();
    json!({ "keys": keys }).to_string()
}

/// Claims of the issuer of `callers.toml` here, for the caller "desk".
fn claims() -> Value {
    json!({
        "iss": "https://login.example.com",
        "aud": "throughline",
        "sub": "the-subject-of-desk",
        "iat": NOW_SECONDS - 10,
        "exp": NOW_SECONDS + 300,
    })
}

/// The claims with changed members; null removes one.
fn claims_with(changes: Value) -> Value {
    changed(claims(), changes)
}

fn changed(mut value: Value, changes: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    let Value::Object(changes) = changes else { panic!("no members") };
    for (key, change) in changes {
        match change {
            Value::Null => members.remove(&key),
            change => members.insert(key, change),
        };
    }
    value
}

/// The settings of an agent who sees everything.
const AGENT: &str = "roles = 'agent'\npurpose = 'service'\nunverified = 'everything'\n";

/// The issuer of [`claims`], and its caller "desk".
const DESK: &str = "[[issuer]]\nname = 'company'\nissuer = 'https://login.example.com'\n\
    audience = 'throughline'\nkeys = 'company.json'\n\
    [[caller]]\nname = 'desk'\nroles = 'agent'\n\
    purpose = 'service'\nunverified = 'everything'\n\
    jwt = { issuer = 'company', subject = 'the-subject-of-desk' }\n";

/// A server with TLS whose callers need a certificate of its authority. Its time stands still; its
/// files are renewed.
struct Secured {
    folder: TempFolder,
    ours: Authority,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<anyhow::Result<()>>,
    _renewing: Renewing,
}

impl Secured {
    /// With files beside the certificates, `callers.toml` among them.
    async fn start(files: &[(&str, &str)], clock: Clock) -> Self {
        let (folder, ours) = (TempFolder::new(), Authority::new());
        let (certificate, key) = ours.certificate();
        let own = [("server.pem", &*certificate), ("server.key", &key), ("ours.pem", &ours.pem)];
        for (name, text) in own.iter().chain(files) {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let file = |name: &str| Some(folder.path().join(name));
        let config = Config {
            database: format!("sqlite:{}", folder.path().join("a.db").display()),
            listen: ([127, 0, 0, 1], 0).into(),
            tls_certificate: file("server.pem"),
            tls_key: file("server.key"),
            tls_client_authority: file("ours.pem"),
            callers_file: file("callers.toml"),
            ..Config::default()
        };
        let Prepared { mut settings, tls, renewing } = serve::prepare(&config).await.unwrap();
        settings.callers = settings.callers.alone();
        settings.rules.clock = clock;
        let store = Store::open(&config.database, 4, clock).await.unwrap();
        let (address, incoming) =
            listener::bind(config.listen, serve::admission(&config, &store), tls).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server::run(incoming, store, settings, async {
            let _ = stopped.await;
        }));
        Self { folder, ours, address, stop, running, _renewing: renewing }
    }

    /// A connection with a certificate and its key, or without.
    async fn connect(
        &self,
        identity: Option<(String, String)>,
    ) -> Result<Services, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.ours.pem));
        if let Some((certificate, key)) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let url = format!("https://localhost:{}", self.address.port());
        let endpoint = Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap();
        endpoint.connect().await.map(Services::new)
    }

    /// A connection with a certificate for these names.
    async fn named(&self, names: &[&str]) -> Services {
        self.connect(Some(self.ours.certificate_of(names))).await.unwrap()
    }

    /// Replaces a file in one step.
    fn replace(&self, file: &str, text: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.path().join(file)).unwrap();
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.running.await.unwrap().unwrap();
    }
}

/// A call that finds nobody; its answer shows whether the caller is authenticated.
async fn ask(channel: &Services, headers: &[(&'static str, &str)]) -> Result<(), Status> {
    let who = Customer::Identifier(account("who-is-not-there"));
    let mut request = Request::new(GetCustomerRequest { customer: Some(who) });
    for (name, value) in headers {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    let answer = CustomerServiceClient::new(channel.clone()).get_customer(request).await;
    match answer {
        Err(status) if status.code() == tonic::Code::NotFound => Ok(()),
        Err(status) => Err(status),
        Ok(_) => panic!("it found somebody"),
    }
}

/// A call with a token.
async fn ask_with(channel: &Services, token: &str) -> Result<(), Status> {
    ask(channel, &[("authorization", &format!("Bearer {token}"))]).await
}

/// Calls until the answer is as expected.
async fn until(channel: &Services, token: &str, is_known: bool) {
    let begun = Instant::now();
    while ask_with(channel, token).await.is_ok() != is_known {
        assert!(begun.elapsed() < LATE, "the server does not take it over");
    }
}

fn hash(token: &str) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unauthenticated(status: &Status) -> (tonic::Code, &str, &[u8]) {
    (status.code(), status.message(), status.details())
}

/// The answer to all invalid credentials.
fn refusal() -> Status {
    throughline::error::Error::UnknownCaller.into()
}

/// A customer, created by a caller that may do so.
async fn customer(channel: &Services) -> String {
    let call = identify(vec![account("anna")]);
    let answer = CustomerServiceClient::new(channel.clone()).identify_customer(call).await;
    let customer: pb::Customer = answer.unwrap().into_inner().customer.unwrap();
    customer.id
}
