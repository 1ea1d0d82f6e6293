//! What every call passes through: its id and span, who calls, its deadline, its message, the bound
//! on calls under way, the reasons of errors that come from below the services, that it is kept who
//! called, and what its answer holds until it has gone out.

use std::{
    convert::Infallible,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    access::{self, Call},
    answer::ContractCall,
    anybodys::Anybodys,
    call_headers::{REQUEST_ID, TIMEOUT, request_id, wanted_time},
    caller::{Actor, Callers, Peer},
    connection::ConnectionHandle,
    keeping::Keeping,
    measured,
    origin::Origins,
    places::{Full, Places},
    shed::{Credentials, ShedLayer},
    trace_context,
    traffic::Traffic,
};
use crate::{clock::Clock, error::Error, metrics::Metrics, store::Store};

/// The calls of the contract. Others are anybody's.
const CONTRACT: &str = "/throughline.";
/// A call ends this much before the deadline that its caller sets, or a twentieth of it where that
/// is less: the caller hears from this server that it passed, and why.
const HEAD_START: Duration = Duration::from_millis(100);

/// The bounds of a call.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For a call that names no deadline.
    pub default_deadline: Duration,
    /// No call may take longer, whatever it names, and no answer longer to go out.
    pub max_deadline: Duration,
    /// How many calls may be under way at once.
    pub max_calls: usize,
    /// How many of them may be of one caller that shows who it is.
    pub max_calls_per_caller: usize,
}

impl Bounds {
    /// How long a call may take, with the row of the audit log.
    fn time(&self, wanted: Option<Duration>) -> Duration {
        let Some(wanted) = wanted else { return self.default_deadline };
        (wanted - HEAD_START.min(wanted / 20)).min(self.max_deadline)
    }
}

/// Puts a [`Guard`] around a service.
#[derive(Clone, Debug)]
pub struct GuardLayer(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) bounds: Bounds,
    pub(super) clock: Clock,
    callers: Callers,
    pub(super) origins: Origins,
    pub(super) places: Places,
    pub(super) traffic: Traffic,
    pub(super) anybodys: Anybodys,
    /// Where it is kept who called; nothing: nowhere.
    pub(super) accesses: Option<Store>,
    metrics: Arc<Metrics>,
}

impl GuardLayer {
    pub fn new(
        bounds: Bounds,
        clock: Clock,
        callers: Callers,
        origins: Origins,
        traffic: Traffic,
        accesses: Option<Store>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let places = Places::new(bounds.max_calls, bounds.max_calls_per_caller);
        let anybodys = Anybodys::default();
        Self(Arc::new(Shared {
            bounds,
            clock,
            callers,
            origins,
            places,
            traffic,
            anybodys,
            accesses,
            metrics,
        }))
    }

    /// What refuses calls before the guard looks at them, over connections that have so many under
    /// way at most.
    pub fn shedding(&self, max_streams: u32) -> ShedLayer {
        let max_streams = usize::try_from(max_streams).unwrap_or(usize::MAX);
        ShedLayer::new(self.0.places.clone(), Arc::clone(&self.0.metrics), max_streams)
    }
}

impl Shared {
    /// Finds out who makes a call, and whether they may; says so in the span that is entered.
    fn admit(&self, request: &mut Request<Body>, contract: Option<&'static Call>) -> Admitted {
        let Self { callers, clock, .. } = self;
        if let Err(error) = self.origins.check(request.headers()) {
            return Admitted { actor: None, refusal: Some(error), keeping: None };
        }
        let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
        let actor = callers.actor(request.headers(), &peer, clock.now());
        let audited = contract.filter(|call| call.is_audited());
        let mut keeping = audited.map(|call| Keeping::of(call, actor.as_ref().ok()));
        let actor = match actor {
            Ok(actor) => actor,
            Err(error) => {
                // A connection of a known caller may be a proxy's, who brings others too.
                if !peer.connection.is_authenticated() {
                    peer.connection.note_refusal();
                }
                return Admitted { actor: None, refusal: Some(error), keeping };
            }
        };
        Span::current().record("caller", actor.caller());
        let credentials = Credentials::of(request.headers());
        if let Err(full) = peer.connection.authenticate(actor.caller(), credentials) {
            peer.connection.note_refusal();
            let refusal = Some(match full {
                Full::Shared => Error::TooManyConnections,
                Full::OfCaller => Error::TooManyConnectionsOfCaller,
            });
            // Nothing is looked at.
            return Admitted { actor: Some(actor), refusal, keeping: None };
        }
        let mut refusal = (!actor.may_call(request.uri().path())).then_some(Error::RoleMayNot);
        if let Some(unsaid) = keeping.take() {
            keeping = Some(match actor.purpose(request.headers()) {
                Ok(purpose) => unsaid.for_purpose(purpose),
                Err(error) => {
                    refusal = refusal.or(Some(error));
                    unsaid
                }
            });
        }
        if contract.is_some_and(|call| call.is_stream) {
            let path = request.uri().path();
            let right = callers.right(&actor, request.headers(), &peer, path, *clock);
            request.extensions_mut().insert(right);
        }
        request.extensions_mut().insert(actor.clone());
        Admitted { actor: Some(actor), refusal, keeping }
    }
}

/// What is known of a call before it is made.
pub(super) struct Admitted {
    /// Nobody: a stranger, who is refused.
    pub(super) actor: Option<Actor>,
    pub(super) refusal: Option<Error>,
    /// Where it is to be kept.
    pub(super) keeping: Option<Keeping>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, shared: Arc::clone(&self.0) }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// When the caller wants the call to have ended, where it says so. A call ends by then by itself; a
/// stream that is its answer has to see to it.
#[derive(Clone, Copy, Debug)]
pub struct CallerDeadline(pub Instant);

/// When a call must have ended, or what is wrong with the deadline that it names.
pub(super) type Deadline = Result<Instant, Status>;

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let started = Instant::now();
        let shared = Arc::clone(&self.shared);
        let id = request_id(request.headers(), shared.clock);
        let method = request.uri().path();
        let span = tracing::info_span!("call", method, id = ?id, caller = Empty, trace_id = Empty);
        trace_context::join(&span, request.headers());
        let deadline = deadline(&mut request, &shared.bounds, started);
        let connection = connection(&request);
        let contract = access::call(request.uri().path());
        let measured = measured::begin(&shared.metrics, request.uri().path(), contract);
        let is_contract = request.uri().path().starts_with(CONTRACT);
        // The calls of reflection and health are others' to judge, and anybody's.
        let admitted = is_contract.then(|| span.in_scope(|| shared.admit(&mut request, contract)));
        // The one that was asked whether it is ready makes the call.
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        let answer = async move {
            let response = match admitted {
                Some(admitted) => {
                    let call = ContractCall { contract, admitted, deadline, connection };
                    shared.answer(inner, request, call).await
                }
                None => shared.answer_anybody(inner, request, deadline, connection).await,
            };
            let code = measured::end(measured, response.headers());
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(?code, micros, "answered");
            Ok(with_id(response, id))
        };
        Box::pin(answer.instrument(span))
    }
}

/// When a call must have ended. Where its caller says so, the call itself can ask.
fn deadline(request: &mut Request<Body>, bounds: &Bounds, started: Instant) -> Deadline {
    let wanted = wanted_time(request.headers());
    if let Ok(Some(wanted)) = wanted {
        request.extensions_mut().insert(CallerDeadline(started + wanted));
    }
    request.headers_mut().remove(TIMEOUT);
    Ok(started + bounds.time(wanted?))
}

fn connection(request: &Request<Body>) -> ConnectionHandle {
    let peer = request.extensions().get::<Peer>();
    peer.map(|peer| peer.connection.clone()).unwrap_or_default()
}

fn with_id(mut response: Response<Body>, id: HeaderValue) -> Response<Body> {
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
