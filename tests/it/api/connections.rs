//! Which connections a server keeps if there are too many.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper_util::rt::TokioIo;
use throughline::{
    api::connection::ConnectionLimits,
    clock::Clock,
    pb::{self, case_service_client::CaseServiceClient, get_reask_rate_request::Of},
    store::Store,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::yield_now,
    time::timeout,
};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint, Uri},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    calls::{Refusal, at, refusal},
    identity::with_token,
    support::{
        CONNECTION_LIMITS, DESK_TOKEN, Database, Log, NOW, SHOP_TOKEN, Server, on_both, settings,
    },
};

/// The HTTP/2 preface with empty settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// Longer than any event takes.
const BOUND: Duration = Duration::from_secs(60);

async fn start(database: &Database, limits: ConnectionLimits) -> Server {
    let settings = settings(Clock::Fixed(NOW));
    let store = Store::open(&database.url, 4, settings.rules.clock).await.unwrap();
    Server::start_within(store, settings, limits).await
}

/// A connection that completes the preface and makes no call.
async fn silent(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(GREETING).await.unwrap();
    stream.read_exact(&mut [0; 9]).await.unwrap();
    stream
}

/// Waits until the server has closed a connection.
async fn ended(mut stream: TcpStream) {
    // It ends with a reset where something was left unread.
    let _ = timeout(BOUND, stream.read_to_end(&mut Vec::new())).await.unwrap();
}

/// Whether the server has not closed a connection so far.
fn is_open(stream: &TcpStream) -> bool {
    loop {
        match stream.try_read(&mut [0; 1024]) {
            Ok(1..) => {}
            Ok(0) => return false,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// A channel, and how often it has connected.
async fn counting_channel(address: SocketAddr) -> (Channel, Arc<AtomicUsize>) {
    let connects = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connects);
    let connector = tower::service_fn(move |_: Uri| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { TcpStream::connect(address).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://counted");
    (endpoint.connect_with_connector(connector).await.unwrap(), connects)
}

/// A client of cases over such a channel.
async fn counting(address: SocketAddr) -> (CaseServiceClient<Channel>, Arc<AtomicUsize>) {
    let (channel, connects) = counting_channel(address).await;
    (CaseServiceClient::new(channel), connects)
}

/// Counts calls that are not audited.
fn counts() -> pb::GetReaskRateRequest {
    let (from, before) = (Some(at(0)), Some(at(1)));
    pb::GetReaskRateRequest { of: Some(Of::Everybody(true)), from, before }
}

#[tokio::test]
async fn a_crowd_that_makes_no_call_shuts_nobody_out() {
    on_both(async |database| {
        let few = ConnectionLimits { unauthenticated: 4, ..CONNECTION_LIMITS };
        let server = start(database, few).await;
        let (mut known, connects) = counting(server.address).await;
        known.get_reask_rate(counts()).await.unwrap();
        let mut crowd = Vec::new();
        for _ in 0..20 {
            crowd.push(silent(server.address).await);
        }
        // The newest of them are still there, the others were closed.
        let newest = crowd.split_off(16);
        for closed in crowd {
            ended(closed).await;
        }
        assert!(newest.iter().all(is_open));
        // Authenticated callers keep their connections, and newcomers are accepted.
        known.get_reask_rate(counts()).await.unwrap();
        assert_eq!(connects.load(Ordering::Relaxed), 1);
        let (mut new, connects) = counting(server.address).await;
        new.get_reask_rate(counts()).await.unwrap();
        assert_eq!(connects.load(Ordering::Relaxed), 1);
        drop(newest);
        server.stop().await;
    })
    .await;
}

/// The control of the test above.
#[tokio::test]
async fn a_crowd_stays_where_there_is_room() {
    on_both(async |database| {
        let server = start(database, CONNECTION_LIMITS).await;
        let mut crowd = Vec::new();
        for _ in 0..20 {
            crowd.push(silent(server.address).await);
        }
        let (mut new, _) = counting(server.address).await;
        new.get_reask_rate(counts()).await.unwrap();
        assert!(crowd.iter().all(is_open));
        drop(crowd);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn neither_a_bad_token_nor_a_question_of_health_keeps_a_place() {
    on_both(async |database| {
        let few = ConnectionLimits { unauthenticated: 1, ..CONNECTION_LIMITS };
        let server = start(database, few).await;
        let (channel, connects) = counting_channel(server.address).await;
        let (mut cases, mut health) =
            (CaseServiceClient::new(channel.clone()), HealthClient::new(channel));
        for connections in 1..5 {
            answer(async || {
                let call = with_token("nobody's", counts());
                match cases.get_reask_rate(call).await {
                    Err(status) if status.code() == Code::Unauthenticated => Ok(()),
                    Err(status) => Err(status),
                    Ok(_) => panic!("nobody is known by this token"),
                }
            })
            .await;
            answer(async || {
                let request = Request::new(HealthCheckRequest { service: String::new() });
                health.check(request).await.map(drop)
            })
            .await;
            assert_eq!(connects.load(Ordering::Relaxed), connections);
            // Another one takes its place.
            drop(silent(server.address).await);
        }
        server.stop().await;
    })
    .await;
}

/// Makes a call until it is answered: a call on a closing connection is lost.
async fn answer(mut call: impl AsyncFnMut() -> Result<(), Status>) {
    let answered = async {
        while let Err(status) = call().await {
            let lost = [Code::Cancelled, Code::Unavailable, Code::Unknown];
            assert!(lost.contains(&status.code()), "{status:?}");
        }
    };
    timeout(BOUND, answered).await.unwrap();
}

#[tokio::test]
async fn a_full_house_is_told_until_somebody_leaves() {
    on_both(async |database| {
        let limits = ConnectionLimits { authenticated: 2, per_caller: 1, unauthenticated: 8 };
        let server = start(database, limits).await;
        let (mut shop, _) = counting(server.address).await;
        shop.get_reask_rate(with_token(SHOP_TOKEN, counts())).await.unwrap();
        let (mut second, _) = counting(server.address).await;
        let refused = second.get_reask_rate(with_token(SHOP_TOKEN, counts())).await;
        let told = refused.as_ref().unwrap_err().get_error_details();
        assert!(told.retry_info().is_some());
        let reason = "TOO_MANY_CONNECTIONS_OF_CALLER";
        assert_eq!(refusal(refused), Refusal::new(Code::ResourceExhausted, reason, []));
        second.get_reask_rate(with_token(DESK_TOKEN, counts())).await.unwrap();
        let (mut third, connects) = counting(server.address).await;
        let refused = third.get_reask_rate(with_token("reader", counts())).await;
        let told = refused.as_ref().unwrap_err().get_error_details();
        assert!(told.retry_info().is_some());
        let reason = "TOO_MANY_CONNECTIONS";
        assert_eq!(refusal(refused), Refusal::new(Code::ResourceExhausted, reason, []));
        drop(shop);
        // The permit is released once the server has noticed that the connection is closed.
        while third.get_reask_rate(with_token("reader", counts())).await.is_err() {}
        assert_eq!(connects.load(Ordering::Relaxed), 1);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn connections_that_make_room_are_logged() {
    let (log, _logging) = Log::of_this_thread();
    let few = ConnectionLimits { unauthenticated: 1, ..CONNECTION_LIMITS };
    let database = Database::sqlite();
    let server = start(&database, few).await;
    let crowd = [silent(server.address).await, silent(server.address).await];
    let line = "connections without an authenticated call were closed to make room";
    let logged = async {
        while !log.text().contains(line) {
            yield_now().await;
        }
    };
    timeout(BOUND, logged).await.unwrap();
    drop(crowd);
    server.stop().await;
}
