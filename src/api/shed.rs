//! Load shedding: refuses calls above the limits as cheaply as possible, before anything is
//! verified, logged or audited, with a prepared response and without a task. So an overloaded
//! server keeps time for the calls that it can serve.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hash::{BuildHasher as _, RandomState},
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::Either;
use http::{
    HeaderMap, HeaderValue, Request, Response, Version,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
    time::sleep,
};
use tonic::{Status, body::Body};
use tower::{Layer, Service, ServiceExt as _};

use super::{
    access::{self, Call},
    call_headers::wanted_time,
    caller::Peer,
    concurrency::{ConcurrencyLimiter, LimitReached},
    connection::{ConnectionHandle, Gathering, HeldRefusal},
    measured,
};
use crate::{error::Error, metrics::Metrics};

/// The longest delay of a refusal. The number of calls of a connection is limited
/// (`max_concurrent_streams`), so that the delay limits the rate of refusals.
const HELD: Duration = Duration::from_millis(3500);
/// How many refusals are delayed at once: each takes about 2 KiB. Further ones are sent at once.
const MAX_HELD: usize = 65_536;
/// How many calls of a connection are never delayed: they are left for calls that can be served,
/// such as reads.
const FREE: usize = 4;

/// Puts a [`Shed`] around a service.
#[derive(Clone, Debug)]
pub struct ShedLayer {
    limiter: ConcurrencyLimiter,
    metrics: Arc<Metrics>,
    /// Limits the delayed refusals.
    held: Arc<Semaphore>,
    /// The limit per connection.
    max_held: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Shed<S> {
    inner: S,
    layer: ShedLayer,
}

impl ShedLayer {
    /// For connections with at most so many calls under way.
    pub fn new(limiter: ConcurrencyLimiter, metrics: Arc<Metrics>, max_streams: usize) -> Self {
        let max_held = max_streams.saturating_sub(FREE);
        Self { limiter, metrics, held: Arc::new(Semaphore::new(MAX_HELD)), max_held }
    }

    /// The limit that refuses a call. Browsers get their refusals from the layers below.
    fn refuse(&self, request: &Request<Body>) -> Option<LimitReached> {
        let call = access::call(request.uri().path()).filter(|_| is_grpc(request))?;
        let connection = &request.extensions().get::<Peer>()?.connection;
        let full = full(&self.limiter, connection, request.headers(), call)?;
        connection.note_refusal();
        measured::shed(&self.metrics, call, full);
        Some(full)
    }

    /// How long a refusal is delayed, if many calls of the connection are refused. During the delay
    /// the caller has one call less.
    fn hold(&self, request: &Request<Body>) -> Option<Hold> {
        let connection = &request.extensions().get::<Peer>()?.connection;
        if !connection.is_refused_often() {
            return None;
        }
        // The call may have waited this long before it was read, and the response must be out this
        // long before its deadline.
        let around = 2 * Gathering::time();
        let wanted = wanted_time(request.headers()).ok().flatten();
        let time = wanted.map_or(HELD, |wanted| HELD.min(wanted.saturating_sub(around) / 4 * 3));
        let own = connection.hold_refusal(self.max_held)?;
        let permit = Arc::clone(&self.held).try_acquire_owned().ok()?;
        Some(Hold { time, _permits: (own, permit) })
    }
}

/// A delayed refusal.
struct Hold {
    time: Duration,
    _permits: (HeldRefusal, OwnedSemaphorePermit),
}

impl Hold {
    async fn over(self) {
        sleep(self.time).await;
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Shed<S> {
        Shed { inner, layer: self.clone() }
    }
}

/// Whether a call is not from a browser.
fn is_grpc(request: &Request<Body>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let suffix = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    request.version() == Version::HTTP_2
        && suffix.is_some_and(|suffix| suffix.is_empty() || suffix.starts_with(b"+"))
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Shed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Answer>, Pin<Box<dyn Future<Output = Answer> + Send>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(full) = self.layer.refuse(&request) {
            let Some(held) = self.layer.hold(&request) else {
                return Either::Left(ready(Ok(refusal(full))));
            };
            drop(request);
            return Either::Right(Box::pin(async move {
                held.over().await;
                Ok(refusal(full))
            }));
        }
        let inner = self.inner.clone();
        Either::Right(Box::pin(async move {
            // The connection's task polls it once, and continues with the next call.
            yield_now().await;
            inner.oneshot(request).await
        }))
    }
}

/// A hash of the credentials in the headers of a call, to recognise them in another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials(u64);

impl Credentials {
    pub fn of(headers: &HeaderMap) -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let shown: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
        Self(KEY.hash_one(shown))
    }
}

/// The limit that a call would exceed. None if there is a permit, or if the connection is not
/// authenticated: a new connection must be able to authenticate with its first call.
fn full(
    limiter: &ConcurrencyLimiter,
    connection: &ConnectionHandle,
    headers: &HeaderMap,
    call: &Call,
) -> Option<LimitReached> {
    if !connection.is_authenticated() {
        return None;
    }
    let caller = connection.caller_by(Credentials::of(headers));
    limiter.full(call.work(), caller)
}

/// The prepared refusal.
fn refusal(full: LimitReached) -> Response<Body> {
    static SHARED: LazyLock<HeaderMap> = LazyLock::new(|| headers(Error::Overloaded));
    static OF_CALLER: LazyLock<HeaderMap> = LazyLock::new(|| headers(Error::TooManyCallsOfCaller));
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = match full {
        LimitReached::Shared => SHARED.clone(),
        LimitReached::OfCaller => OF_CALLER.clone(),
    };
    response
}

fn headers(error: Error) -> HeaderMap {
    let response: Response<Body> = Status::from(error).into_http();
    response.into_parts().0.headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{
            access,
            call_headers::TIMEOUT,
            caller::{Actor, LOCAL},
        },
        pb::Work,
    };

    fn call(name: &str) -> &'static Call {
        access::call(&format!("/throughline.v1.TimelineService/{name}")).unwrap()
    }

    #[test]
    fn a_prepared_answer_is_the_one_that_the_error_has() {
        for (full, error) in [
            (LimitReached::Shared, Error::Overloaded),
            (LimitReached::OfCaller, Error::TooManyCallsOfCaller),
        ] {
            let prepared = refusal(full);
            let made: Response<Body> = Status::from(error).into_http();
            assert_eq!(prepared.status(), made.status());
            assert_eq!(prepared.headers(), made.headers());
            assert!(http_body::Body::is_end_stream(prepared.body()));
        }
    }

    /// How long a refused call takes after a number of refusals on its connection.
    async fn answered_after(refusals: usize, timeout: Option<&'static str>) -> Duration {
        let peer = Peer::default();
        peer.connection.authenticate(LOCAL, Credentials::of(&HeaderMap::new())).unwrap();
        (0..refusals).for_each(|_| peer.connection.note_refusal());
        let layer = ShedLayer::new(
            ConcurrencyLimiter::new(0, 0),
            Arc::new(Metrics::new("sqlite", crate::clock::Clock::System)),
            16,
        );
        let unasked =
            tower::service_fn(async |_: Request<Body>| -> Answer { panic!("it is made") });
        let mut request = Request::post("/throughline.v1.TimelineService/RecordEntry")
            .version(Version::HTTP_2)
            .header(CONTENT_TYPE, "application/grpc");
        if let Some(timeout) = timeout {
            request = request.header(TIMEOUT, timeout);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(peer);
        let begun = tokio::time::Instant::now();
        let response = layer.layer(unasked).oneshot(request).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.message(), Status::from(Error::Overloaded).message());
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_refused_often_waits_for_the_answer_and_nobody_else() {
        assert_eq!(answered_after(0, None).await, Duration::ZERO);
        assert_eq!(answered_after(10, Some("1S")).await, Duration::ZERO);
        let timer = Duration::from_millis(1);
        let short = Duration::from_millis(450);
        for (timeout, held) in
            [(None, HELD), (Some("60S"), HELD), (Some("1S"), short), (Some("300m"), Duration::ZERO)]
        {
            let time = answered_after(100, timeout).await;
            assert!(time >= held && time <= held + timer, "{timeout:?}: {time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn some_calls_of_a_connection_are_never_held_back() {
        let peer = Peer::default();
        peer.connection.authenticate(LOCAL, Credentials::of(&HeaderMap::new())).unwrap();
        (0..100).for_each(|_| peer.connection.note_refusal());
        let metrics = Arc::new(Metrics::new("sqlite", crate::clock::Clock::System));
        let layer = ShedLayer::new(ConcurrencyLimiter::new(0, 0), metrics, 16);
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(peer);
        let held: Vec<_> = (0..16).map_while(|_| layer.hold(&request)).collect();
        assert_eq!(held.len(), 12);
        drop(held);
        assert!(layer.hold(&request).is_some());
    }

    fn headers_with(token: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(token))])
    }

    #[test]
    fn only_known_connections_are_refused_before_it_is_known_who_calls() {
        let (record, brief) = (call("RecordEntry"), call("GetBriefing"));
        let limiter = ConcurrencyLimiter::new(4, 4);
        let (new, known) = (ConnectionHandle::default(), ConnectionHandle::default());
        let desk = headers_with("Bearer desk");
        known.authenticate("desk", Credentials::of(&desk)).unwrap();
        assert_eq!(full(&limiter, &known, &desk, record), None);
        let take = |_| limiter.take(Work::Write, Some(&Actor::local())).unwrap();
        let taken: Vec<_> = (0..3).map(take).collect();
        assert_eq!(full(&limiter, &known, &desk, record), Some(LimitReached::Shared));
        assert_eq!(full(&limiter, &new, &desk, record), None);
        // Reads have permits that writes have not.
        assert_eq!(full(&limiter, &known, &desk, brief), None);
        drop(taken);
        assert_eq!(full(&limiter, &known, &desk, record), None);
    }

    #[test]
    fn the_share_of_a_caller_is_its_own() {
        let (desks, locals) = (ConnectionHandle::default(), ConnectionHandle::default());
        let (limiter, desk) = (ConcurrencyLimiter::new(4, 0), headers_with("Bearer desk"));
        desks.authenticate("desk", Credentials::of(&desk)).unwrap();
        let record = call("RecordEntry");
        assert_eq!(full(&limiter, &desks, &desk, record), Some(LimitReached::OfCaller));
        // A call with other credentials over the connection is not shed here.
        assert_eq!(full(&limiter, &desks, &headers_with("Bearer shop"), record), None);
        locals.authenticate(LOCAL, Credentials::of(&desk)).unwrap();
        assert_eq!(full(&limiter, &locals, &desk, record), None);
    }
}
