//! The operators' HTTP/1.1 endpoint, at an address of its own: whether the server runs
//! (`/healthz`), whether it accepts calls (`/readyz`), and its metrics (`/metrics`).

use std::{collections::VecDeque, convert::Infallible, io, net::SocketAddr, time::Duration};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
    time::{sleep, timeout},
};

use super::health::{Readiness, State};
use crate::{metrics, store::Store};

/// The most requests under way. One more ends the oldest, so that nobody can block probes by
/// holding connections.
const MAX_REQUESTS: usize = 32;
/// The time limit for a request and its response together.
const BOUND: Duration = Duration::from_secs(10);
/// The head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";

/// The sources of the answers.
#[derive(Clone, Debug)]
pub struct Operator {
    pub store: Store,
    pub readiness: Readiness,
}

/// A listener that answers until it is dropped.
pub struct Listener {
    pub address: SocketAddr,
    listening: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Answers at an address.
pub async fn listen(address: SocketAddr, operator: Operator) -> io::Result<Listener> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Listener { address, listening: tokio::spawn(accept(listener, operator)) })
}

async fn accept(listener: TcpListener, operator: Operator) {
    let mut under_way: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                under_way.retain(|request| !request.is_finished());
                if under_way.len() >= MAX_REQUESTS
                    && let Some(oldest) = under_way.pop_front()
                {
                    oldest.abort();
                }
                let serving = tokio::spawn(serve(stream, operator.clone()));
                under_way.push_back(serving.abort_handle());
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers one request of a connection, and closes it.
async fn serve(stream: TcpStream, operator: Operator) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let operator = operator.clone();
        async move {
            let answer = operator.answer(request.method(), request.uri().path()).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(BOUND)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    // A client that sends no request, or does not read the response, gets no error.
    let _ = timeout(BOUND, connection).await;
}

impl Operator {
    async fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET alone\n".to_owned());
        }
        match path {
            "/healthz" => response(StatusCode::OK, TEXT, "alive\n".to_owned()),
            "/readyz" => match self.readiness.state() {
                State::Ready => response(StatusCode::OK, TEXT, "ready\n".to_owned()),
                State::Starting => unready("starting"),
                State::Stopping => unready("stopping"),
                State::NotReady(cause) => unready(&cause),
            },
            "/metrics" => {
                self.store.observe().await;
                match self.store.metrics().encode() {
                    Ok(text) => response(StatusCode::OK, metrics::CONTENT_TYPE, text),
                    Err(_) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, String::new()),
                }
            }
            _ => {
                let all = "/healthz, /readyz or /metrics\n".to_owned();
                response(StatusCode::NOT_FOUND, TEXT, all)
            }
        }
    }
}

fn unready(cause: &str) -> Response<Full<Bytes>> {
    response(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {cause}\n"))
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
