//! Refuses calls that there is no room for, for as little as can be: before anything is verified,
//! logged or kept, with an answer that was made beforehand, and without a task of its own. That way
//! a server that is asked for much more than it can do has time to do what it can.

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
    connection::{ConnectionHandle, Gathering, HeldRefusal},
    measured,
    places::{Full, Places},
};
use crate::{error::Error, metrics::Metrics};

/// How long a refusal is held back at most. Callers have a bounded number of calls under way on a
/// connection (`max_concurrent_streams`), so that this bounds how many are refused a second.
const HELD: Duration = Duration::from_millis(3500);
/// How many are held back at once: each takes some 2 KiB. More are answered at once.
const MAX_HELD: usize = 65_536;
/// So many calls of a connection are never held back: they are for what there is room for, such as
/// reads.
const FREE: usize = 4;

/// Puts a [`Shed`] around a service.
#[derive(Clone, Debug)]
pub struct ShedLayer {
    places: Places,
    metrics: Arc<Metrics>,
    /// Places of refusals that are held back.
    held: Arc<Semaphore>,
    /// How many of one connection are.
    max_held: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Shed<S> {
    inner: S,
    layer: ShedLayer,
}

impl ShedLayer {
    /// For connections that have so many calls under way at most.
    pub fn new(places: Places, metrics: Arc<Metrics>, max_streams: usize) -> Self {
        let max_held = max_streams.saturating_sub(FREE);
        Self { places, metrics, held: Arc::new(Semaphore::new(MAX_HELD)), max_held }
    }

    /// Which places are all taken that a call needs. Browsers are answered in their own way, by
    /// what comes behind.
    fn refuse(&self, request: &Request<Body>) -> Option<Full> {
        let call = access::call(request.uri().path()).filter(|_| is_grpc(request))?;
        let connection = &request.extensions().get::<Peer>()?.connection;
        let full = full(&self.places, connection, request.headers(), call)?;
        connection.note_refusal();
        measured::shed(&self.metrics, call, full);
        Some(full)
    }

    /// How long the answer is held back, where many calls of the connection are refused. As long as
    /// it is, the caller has one call less to make.
    fn hold(&self, request: &Request<Body>) -> Option<Hold> {
        let connection = &request.extensions().get::<Peer>()?.connection;
        if !connection.is_refused_often() {
            return None;
        }
        // It came up to so long ago, and goes out so long before its caller gives up.
        let around = 2 * Gathering::time();
        let wanted = wanted_time(request.headers()).ok().flatten();
        let time = wanted.map_or(HELD, |wanted| HELD.min(wanted.saturating_sub(around) / 4 * 3));
        let own = connection.hold_refusal(self.max_held)?;
        let place = Arc::clone(&self.held).try_acquire_owned().ok()?;
        Some(Hold { time, _places: (own, place) })
    }
}

/// An answer that is held back.
struct Hold {
    time: Duration,
    _places: (HeldRefusal, OwnedSemaphorePermit),
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

/// Whether a call is none of a browser.
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
            // The connection's task polls it once, and goes on with the next call.
            yield_now().await;
            inner.oneshot(request).await
        }))
    }
}

/// What a call shows in its headers, to know again that another one shows the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials(u64);

impl Credentials {
    pub fn of(headers: &HeaderMap) -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let shown: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
        Self(KEY.hash_one(shown))
    }
}

/// Which places are all taken that a call would need. None where one is free, and where no known
/// caller has called over the connection: whoever is new is to be known by its first call.
fn full(
    places: &Places,
    connection: &ConnectionHandle,
    headers: &HeaderMap,
    call: &Call,
) -> Option<Full> {
    if !connection.is_authenticated() {
        return None;
    }
    let caller = connection.caller_by(Credentials::of(headers));
    places.full(call.work(), caller)
}

/// The answer that says so.
fn refusal(full: Full) -> Response<Body> {
    static SHARED: LazyLock<HeaderMap> = LazyLock::new(|| headers(Error::Overloaded));
    static OF_CALLER: LazyLock<HeaderMap> = LazyLock::new(|| headers(Error::TooManyCallsOfCaller));
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = match full {
        Full::Shared => SHARED.clone(),
        Full::OfCaller => OF_CALLER.clone(),
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
        for (full, error) in
            [(Full::Shared, Error::Overloaded), (Full::OfCaller, Error::TooManyCallsOfCaller)]
        {
            let prepared = refusal(full);
            let made: Response<Body> = Status::from(error).into_http();
            assert_eq!(prepared.status(), made.status());
            assert_eq!(prepared.headers(), made.headers());
            assert!(http_body::Body::is_end_stream(prepared.body()));
        }
    }

    /// How long a refused call takes over a connection that had so many refusals before.
    async fn answered_after(refusals: usize, timeout: Option<&'static str>) -> Duration {
        let peer = Peer::default();
        peer.connection.authenticate(LOCAL, Credentials::of(&HeaderMap::new())).unwrap();
        (0..refusals).for_each(|_| peer.connection.note_refusal());
        let layer = ShedLayer::new(
            Places::new(0, 0),
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
        let layer = ShedLayer::new(Places::new(0, 0), metrics, 16);
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
        let places = Places::new(4, 4);
        let (new, known) = (ConnectionHandle::default(), ConnectionHandle::default());
        let desk = headers_with("Bearer desk");
        known.authenticate("desk", Credentials::of(&desk)).unwrap();
        assert_eq!(full(&places, &known, &desk, record), None);
        let take = |_| places.take(Work::Write, Some(&Actor::local())).unwrap();
        let taken: Vec<_> = (0..3).map(take).collect();
        assert_eq!(full(&places, &known, &desk, record), Some(Full::Shared));
        assert_eq!(full(&places, &new, &desk, record), None);
        // Reads have a place that writes have not.
        assert_eq!(full(&places, &known, &desk, brief), None);
        drop(taken);
        assert_eq!(full(&places, &known, &desk, record), None);
    }

    #[test]
    fn the_share_of_a_caller_is_its_own() {
        let (desks, locals) = (ConnectionHandle::default(), ConnectionHandle::default());
        let (places, desk) = (Places::new(4, 0), headers_with("Bearer desk"));
        desks.authenticate("desk", Credentials::of(&desk)).unwrap();
        let record = call("RecordEntry");
        assert_eq!(full(&places, &desks, &desk, record), Some(Full::OfCaller));
        // Somebody else over the connection is looked at first.
        assert_eq!(full(&places, &desks, &headers_with("Bearer shop"), record), None);
        locals.authenticate(LOCAL, Credentials::of(&desk)).unwrap();
        assert_eq!(full(&places, &locals, &desk, record), None);
    }
}
