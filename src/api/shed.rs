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
};

use futures_util::future::Either;
use http::{
    HeaderMap, HeaderValue, Request, Response, Version,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tokio::task::yield_now;
use tonic::{Status, body::Body};
use tower::{Layer, Service, ServiceExt as _};

use super::{
    access::{self, Call},
    caller::Peer,
    connection::ConnectionHandle,
    measured,
    places::{Full, Places},
};
use crate::{error::Error, metrics::Metrics};

/// Puts a [`Shed`] around a service.
#[derive(Clone, Debug)]
pub struct ShedLayer {
    places: Places,
    metrics: Arc<Metrics>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Shed<S> {
    inner: S,
    layer: ShedLayer,
}

impl ShedLayer {
    pub fn new(places: Places, metrics: Arc<Metrics>) -> Self {
        Self { places, metrics }
    }

    /// The answer to a call that there is no room for. Browsers are answered in their own way, by
    /// what comes behind.
    fn refuse(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let call = access::call(request.uri().path()).filter(|_| is_grpc(request))?;
        let connection = &request.extensions().get::<Peer>()?.connection;
        let full = full(&self.places, connection, request.headers(), call)?;
        measured::shed(&self.metrics, call, full);
        Some(refusal(full))
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
        if let Some(refusal) = self.layer.refuse(&request) {
            return Either::Left(ready(Ok(refusal)));
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
