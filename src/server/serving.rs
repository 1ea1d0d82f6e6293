//! Serves HTTP/1.1 and HTTP/2 on connections, each in its own task. tonic's own server cannot end a
//! single connection.

use std::{convert::Infallible, future::pending, io, pin::pin, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tower::{Service, ServiceExt as _};

use super::executor::Inline;
use crate::api::{caller::Peer, connection::ConnectionHandle};

/// How long a connection may be open without a call: a client needs a few round trips.
const FIRST_CALL: Duration = Duration::from_secs(10);
/// How long a connection may take to end after it is told to.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long the headers of a call may take in HTTP/1.1.
const HEADERS: Duration = Duration::from_secs(10);
/// After this much silence, a connection is pinged.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// All headers of a call together, in bytes.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// The largest frame of HTTP/2, in bytes. It also limits the number of frames in which the headers
/// of a call arrive.
const MAX_FRAME_BYTES: u32 = 16 << 10;
/// The number of calls of a connection that may be reset before they are processed, in addition to
/// those under way; with one more it is closed (CVE-2023-44487). All calls under way may exceed
/// their deadline this often while calls gather on the connection.
const PENDING_RESETS: usize = 4;
/// The number of calls of a connection that may be ended for errors of its client; with one more it
/// is closed (CVE-2025-8671).
const MAX_ERROR_RESETS: usize = 128;
/// How much of a call, and of a connection, may be sent but unread, in bytes.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// The byte stream below HTTP.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The other end, which is attached to every call of the connection.
    fn peer(&self) -> Peer;
}

impl Transport for DuplexStream {
    fn peer(&self) -> Peer {
        Peer::default()
    }
}

/// The HTTP settings.
pub(super) fn http(max_concurrent_streams: u32) -> auto::Builder<Inline> {
    let streams = usize::try_from(max_concurrent_streams).unwrap_or(usize::MAX);
    let max_resets = streams.saturating_mul(PENDING_RESETS);
    let mut http = auto::Builder::new(Inline);
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_concurrent_streams)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_pending_accept_reset_streams(max_resets)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .keep_alive_interval(KEEPALIVE)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    http
}

/// Serves incoming connections until `stopped`, then tells each to end and waits for it.
pub(super) async fn serve<T, S>(
    incoming: impl Stream<Item = io::Result<T>>,
    http: auto::Builder<Inline>,
    service: S,
    stopped: impl Future<Output = ()>,
) where
    T: Transport,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let (stopping, _) = watch::channel(false);
    {
        // No connection is accepted after this is dropped.
        let mut incoming = pin!(incoming);
        let mut stopped = pin!(stopped);
        loop {
            let next = tokio::select! {
                next = incoming.next() => next,
                () = &mut stopped => None,
            };
            match next {
                Some(Ok(transport)) => {
                    let (http, service) = (http.clone(), service.clone());
                    tokio::spawn(drive(transport, http, service, stopping.subscribe()));
                }
                Some(Err(error)) => tracing::debug!(%error, "a connection failed"),
                None => break,
            }
        }
    }
    stopping.send_replace(true);
    stopping.closed().await;
}

/// Serves one connection until it ends. It is told to end if it makes no call or the server stops,
/// and is dropped if its permit is revoked.
async fn drive<T, S>(
    transport: T,
    http: auto::Builder<Inline>,
    service: S,
    mut stopping: watch::Receiver<bool>,
) where
    T: Transport,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let peer = transport.peer();
    let handle = peer.connection.clone();
    let service = service.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request.map(Body::new)
    });
    let transport = TokioIo::new(transport);
    let connection = http.serve_connection(transport, TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let farewell = tokio::select! {
        ended = &mut connection => {
            if let Err(error) = ended {
                tracing::debug!(error, "a connection failed");
            }
            return;
        }
        () = handle.until_cut() => Duration::ZERO,
        () = idle_too_long(&handle) => FAREWELL,
        // An error means that the server is gone, which is a stop too.
        _ = stopping.wait_for(|stopping| *stopping) => Duration::MAX,
    };
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        // Even without time left, the client is told that this is the end.
        _ = timeout(farewell, connection) => {}
        () = handle.until_cut(), if !farewell.is_zero() => {}
    }
}

/// Returns when a connection has made no call in time.
async fn idle_too_long(connection: &ConnectionHandle) {
    sleep(FIRST_CALL).await;
    if connection.may_idle() {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        pin::Pin,
        task::{Context, Poll},
    };

    use http::{HeaderMap, StatusCode};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf, duplex},
        task::JoinHandle,
        time::Instant,
    };
    use tower::service_fn;

    use super::*;
    use crate::{
        api::{
            connection::{Admission, ConnectionLimits, ConnectionPermit},
            shed::Credentials,
        },
        metrics::ConnectionMetrics,
    };

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    /// A call without a body: POST, http, the path /x and the authority a.
    const CALL: &[u8] = b"\0\0\x09\x01\x05\0\0\0\x01\x83\x86\x04\x02/x\x41\x01a";
    const PING: u8 = 6;
    const GOAWAY: u8 = 7;
    const ACK: u8 = 1;

    /// An in-memory connection with a permit.
    struct Admitted(DuplexStream, ConnectionPermit);

    impl Transport for Admitted {
        fn peer(&self) -> Peer {
            Peer { certificate: None, connection: self.1.connection().clone() }
        }
    }

    impl AsyncRead for Admitted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(context, into)
        }
    }

    impl AsyncWrite for Admitted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }

    /// A client, and the connection that serves it with the given handler.
    fn served(
        admission: &Admission,
        called: impl Fn(&ConnectionHandle) + Clone + Send + 'static,
    ) -> (DuplexStream, ConnectionHandle, JoinHandle<()>) {
        let (client, server) = duplex(1 << 16);
        let transport = Admitted(server, admission.admit(Ipv4Addr::LOCALHOST.into()));
        let handle = transport.peer().connection;
        let service = service_fn(move |request: Request<Body>| {
            called(&request.extensions().get::<Peer>().unwrap().connection);
            async { Ok(Response::new(Body::empty())) }
        });
        // Nobody stops it.
        let (stopping, stopped) = watch::channel(false);
        let driving = tokio::spawn(async move {
            drive(transport, http(8), service, stopped).await;
            drop(stopping);
        });
        (client, handle, driving)
    }

    fn admission(unauthenticated: usize) -> Admission {
        let limits = ConnectionLimits { authenticated: 1, per_caller: 1, unauthenticated };
        Admission::new(limits, ConnectionMetrics::default())
    }

    /// The frames that a server sends until it closes the connection; answers its pings.
    async fn heard(client: &mut DuplexStream) -> Vec<u8> {
        let mut kinds = Vec::new();
        let mut head = [0; 9];
        while client.read_exact(&mut head).await.is_ok() {
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            client.read_exact(&mut payload).await.unwrap();
            kinds.push(head[3]);
            if (head[3], head[4]) == (PING, 0) {
                head[4] = ACK;
                // It may have been closed meanwhile.
                let _ = client.write_all(&[&head[..], &payload].concat()).await;
            }
        }
        kinds
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_greets_and_makes_no_call_is_told_to_go() {
        let (mut client, _, driving) = served(&admission(1), |_| {});
        let begun = Instant::now();
        client.write_all(PREFACE).await.unwrap();
        assert!(heard(&mut client).await.contains(&GOAWAY));
        assert_eq!(begun.elapsed(), FIRST_CALL);
        driving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_even_listen_is_cut() {
        for bytes in [&b""[..], b"PRI", b"POST /x HTTP/1.1\r\nHost: ", PREFACE] {
            let (mut client, _, driving) = served(&admission(1), |_| {});
            let begun = Instant::now();
            client.write_all(bytes).await.unwrap();
            driving.await.unwrap();
            assert!(begun.elapsed() <= FIRST_CALL + FAREWELL, "{bytes:?}");
            drop(client);
        }
    }

    /// Also the control of the tests above: such a connection goes on.
    #[tokio::test(start_paused = true)]
    async fn whoever_has_called_may_be_silent() {
        let known = |connection: &ConnectionHandle| {
            connection.authenticate("desk", Credentials::of(&HeaderMap::new())).unwrap();
        };
        let used = |connection: &ConnectionHandle| connection.set_in_use();
        for called in [known, used] {
            let (mut client, handle, driving) = served(&admission(1), called);
            client.write_all(&[PREFACE, CALL].concat()).await.unwrap();
            let hour = Duration::from_secs(3600);
            assert!(timeout(hour, heard(&mut client)).await.is_err(), "it has ended");
            handle.cut();
            assert!(heard(&mut client).await.contains(&GOAWAY));
            driving.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_displaced_connection_is_told_at_once() {
        let admission = admission(1);
        let (mut client, _, driving) = served(&admission, |_| {});
        client.write_all(PREFACE).await.unwrap();
        // It uses HTTP/2 by now.
        client.read_exact(&mut [0; 9]).await.unwrap();
        let _newer = admission.admit(Ipv4Addr::LOCALHOST.into());
        driving.await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.windows(2).any(|part| part == [GOAWAY, 0]), "{rest:?}");
    }

    #[tokio::test]
    async fn calls_are_served_over_both_versions_of_http() {
        let (mut client, _, _driving) = served(&admission(1), |_| {});
        client.write_all(b"POST /x HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut line = [0; 15];
        client.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"HTTP/1.1 200 OK");
        let (client, _, _driving) = served(&admission(1), |_| {});
        let (mut client, connection) = h2::client::handshake(client).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post("http://a/x").body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), StatusCode::OK);
    }
}
