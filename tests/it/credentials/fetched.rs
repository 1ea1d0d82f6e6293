//! Keys of issuers that are fetched from a URL.
//!
//! The store is not involved: one database is enough, or none.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use http::HeaderMap;
use throughline::{
    api::caller::{Callers, Peer},
    cli::{
        fetch::{MAX_BYTES, fetch},
        issuer_keys::{Fetched, Pace},
    },
    config::read_callers,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use super::*;

/// A web server that gives the same answer to all requests.
struct Web {
    address: SocketAddr,
    /// The whole response, with its head.
    answer: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicU32>,
    running: JoinHandle<()>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn found(body: &str) -> Vec<u8> {
    answer("200 OK", body.as_bytes())
}

impl Web {
    async fn start(first: Vec<u8>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(first));
        let requests = Arc::new(AtomicU32::new(0));
        let (its, count) = (answer.clone(), requests.clone());
        let running = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = || its.lock().unwrap().clone();
                match &tls {
                    None => talk(stream, &count, answer).await,
                    // A client that does not trust it disconnects.
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => talk(stream, &count, answer).await,
                        Err(_) => continue,
                    },
                }
            }
        });
        Self { address, answer, requests, running }
    }

    fn url(&self) -> String {
        format!("http://{}/keys?a=b", self.address)
    }

    fn answer(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn requests(&self) -> u32 {
        self.requests.load(SeqCst)
    }
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    count: &AtomicU32,
    answer: impl Fn() -> Vec<u8>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    assert!(request.starts_with(b"GET /keys?a=b HTTP/1.1\r\n"));
    count.fetch_add(1, SeqCst);
    // A client that has read enough disconnects.
    let _ = stream.write_all(&answer()).await;
    let _ = stream.shutdown().await;
}

fn file(keys: &str) -> String {
    DESK.replace("'company.json'", &format!("'{keys}'"))
}

fn is_known(callers: &Callers, token: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    callers.actor(&headers, &Peer::default(), NOW).is_ok()
}

/// Waits until a token is known, making calls with it.
async fn becomes_known(callers: &Callers, token: &str) {
    let begun = Instant::now();
    while !is_known(callers, token) {
        assert!(begun.elapsed() < LATE, "the new key does not come");
        tokio::task::yield_now().await;
    }
}

const NEVER: Duration = Duration::from_secs(1 << 30);

#[tokio::test]
async fn a_key_that_nobody_knows_is_fetched_and_what_fails_leaves_the_old_ones() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let web = Web::start(found(&key_set(&[&old])), None).await;
    let callers = read_callers("callers.toml", &file(&web.url())).unwrap();
    let (by_old, by_new) = (old.token(&claims()), new.token(&claims()));
    assert!(!is_known(&callers, &by_old));
    let pace = Pace { every: NEVER, at_most_every: Duration::ZERO };
    let mut fetched = Fetched::new(callers.clone(), pace);
    fetched.begin().await.unwrap();
    assert_eq!((is_known(&callers, &by_old), is_known(&callers, &by_new)), (true, false));

    let keeping = tokio::spawn(fetched.keep());
    web.answer(answer("500 Internal Server Error", b""));
    let (begun, before) = (Instant::now(), web.requests());
    while web.requests() < before + 2 {
        assert!(begun.elapsed() < LATE, "nothing is fetched");
        // The call does not wait for the fetch.
        assert!(!is_known(&callers, &by_new));
        tokio::task::yield_now().await;
    }
    assert!(is_known(&callers, &by_old));
    web.answer(found(&key_set(&[&old, &new])));
    becomes_known(&callers, &by_new).await;
    assert!(is_known(&callers, &by_old));
    // Without an unknown key nothing is fetched; an invalid signature triggers nothing either.
    web.answer(found(&key_set(&[&new])));
    let forged = format!("{}AAAA", &by_new[..by_new.len() - 4]);
    let asked = web.requests();
    for _ in 0..100 {
        assert!(is_known(&callers, &by_new) && !is_known(&callers, &forged));
        tokio::task::yield_now().await;
    }
    assert!(web.requests() <= asked + 1, "one fetch may have been under way");
    keeping.abort();
}

#[tokio::test]
async fn unknown_keys_are_asked_for_at_most_so_often() {
    let old = Signer::new("old");
    let web = Web::start(found(&key_set(&[&old])), None).await;
    let callers = read_callers("callers.toml", &file(&web.url())).unwrap();
    let mut fetched = Fetched::new(callers.clone(), Pace { every: NEVER, at_most_every: NEVER });
    fetched.begin().await.unwrap();
    let keeping = tokio::spawn(fetched.keep());
    let unknown = Signer::new("unknown").token(&claims());
    for _ in 0..1000 {
        assert!(!is_known(&callers, &unknown));
        tokio::task::yield_now().await;
    }
    // Other requests do arrive, and this one is the first since the beginning.
    fetch(&web.url(), None).await.unwrap();
    assert_eq!(web.requests(), 2);
    keeping.abort();
}

#[tokio::test]
async fn keys_are_fetched_again_from_time_to_time() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let web = Web::start(found(&key_set(&[&old])), None).await;
    let callers = read_callers("callers.toml", &file(&web.url())).unwrap();
    let pace = Pace { every: Duration::from_millis(1), at_most_every: NEVER };
    let mut fetched = Fetched::new(callers.clone(), pace);
    fetched.begin().await.unwrap();
    let keeping = tokio::spawn(fetched.keep());
    web.answer(found(&key_set(&[&new])));
    let begun = Instant::now();
    while is_known(&callers, &old.token(&claims())) {
        assert!(begun.elapsed() < LATE, "the old key stays");
        tokio::task::yield_now().await;
    }
    assert!(is_known(&callers, &new.token(&claims())));
    // An issuer that is added to the file later.
    let later = read_callers("callers.toml", &file(&web.url().replace("127.0.0.1", "localhost")));
    callers.replace(&later.unwrap());
    becomes_known(&callers, &new.token(&claims())).await;
    keeping.abort();
}

#[tokio::test]
async fn a_server_does_not_start_without_the_keys() {
    let web = Web::start(answer("404 Not Found", b""), None).await;
    for (keys, why) in [
        (web.url(), format!("{}: the answer is 404 Not Found", web.url())),
        ("none.json".to_owned(), "none.json cannot be read: ".to_owned()),
        ("callers.toml".to_owned(), "callers.toml is no JWK set: ".to_owned()),
    ] {
        let folder = TempFolder::new();
        fs::write(folder.path().join("callers.toml"), file(&keys)).unwrap();
        let callers_file = Some(folder.path().join("callers.toml"));
        let config = Config { callers_file, ..Config::default() };
        let failure = serve::prepare(&config).await.map(drop).unwrap_err();
        assert!(format!("{failure:?}").contains(&why), "{failure:?}");
    }
}

#[tokio::test]
async fn a_fetch_is_bounded_and_follows_nothing() {
    let web = Web::start(found("{}"), None).await;
    assert_eq!(fetch(&web.url(), None).await.unwrap(), "{}");
    let elsewhere = format!("302 Found\r\nLocation: {}", web.url());
    web.answer(answer(&elsewhere, b""));
    assert_eq!(fetch(&web.url(), None).await.unwrap_err(), "the answer is 302 Found");
    assert_eq!(web.requests(), 2);
    web.answer(answer("200 OK", &vec![b' '; MAX_BYTES]));
    assert_eq!(fetch(&web.url(), None).await.unwrap().len(), MAX_BYTES);
    web.answer(answer("200 OK", &vec![b' '; MAX_BYTES + 1]));
    let early = format!("the answer ends early, or is above {MAX_BYTES} bytes");
    assert_eq!(fetch(&web.url(), None).await.unwrap_err(), early);
    web.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{".to_vec());
    assert_eq!(fetch(&web.url(), None).await.unwrap_err(), early);
    web.answer(b"SSH-2.0\r\n\r\n".to_vec());
    assert!(fetch(&web.url(), None).await.is_err());
}

#[tokio::test]
async fn a_fetch_by_https_trusts_the_authority_that_is_named() {
    let (ours, folder) = (Authority::new(), TempFolder::new());
    let (certificate, key) = ours.certificate();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let web = Web::start(found("{}"), Some(TlsAcceptor::from(Arc::new(tls)))).await;
    let url = format!("https://localhost:{}/keys?a=b", web.address.port());
    let (right, wrong) = (folder.path().join("right.pem"), folder.path().join("wrong.pem"));
    fs::write(&right, &ours.pem).unwrap();
    fs::write(&wrong, Authority::new().pem).unwrap();
    assert_eq!(fetch(&url, Some(&right)).await.unwrap(), "{}");
    let distrusted = [Some(&*wrong), None];
    for authority in distrusted {
        let why = fetch(&url, authority).await.unwrap_err();
        assert!(why.starts_with("invalid peer certificate"), "{why}");
    }
    // Its certificate is for another name.
    let url = url.replace("localhost", "127.0.0.1");
    assert!(fetch(&url, Some(&right)).await.unwrap_err().contains("not valid for name"));
    assert_eq!(web.requests(), 1);
}
