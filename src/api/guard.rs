//! The layer that every call passes: request id and span, authentication, deadline, message,
//! concurrency limits, details of errors that come from below the services, the audit entry, and
//! the delivery of the response.

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
    audit_guard::AuditDraft,
    call_headers::{REQUEST_ID, TIMEOUT, request_id, wanted_time},
    caller::{Actor, Callers, Peer},
    concurrency::{ConcurrencyLimiter, LimitReached},
    connection::ConnectionHandle,
    measured,
    origin::Origins,
    public_calls::PublicCalls,
    shed::{Credentials, ShedLayer},
    trace_context,
    traffic::Traffic,
};
use crate::{clock::Clock, error::Error, metrics::Metrics, store::Store};

/// The path prefix of the contract. Other calls are public.
const CONTRACT: &str = "/throughline.";
/// A call ends this much before its caller's deadline, or a twentieth of the deadline if that is
/// less, so that the caller learns from this server that it passed, and why.
const HEAD_START: Duration = Duration::from_millis(100);

/// The limits of calls.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For calls without a deadline.
    pub default_deadline: Duration,
    /// No call may take longer, whatever its deadline, and no response may take longer to be sent.
    pub max_deadline: Duration,
    /// How many calls may be under way at once.
    pub max_calls: usize,
    /// How many of them may be of one authenticated caller.
    pub max_calls_per_caller: usize,
}

impl Bounds {
    /// How long a call may take, including its audit entry.
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
    pub(super) limiter: ConcurrencyLimiter,
    pub(super) traffic: Traffic,
    pub(super) public_calls: PublicCalls,
    /// The store of the audit log; None: calls are not audited.
    pub(super) audit_store: Option<Store>,
    metrics: Arc<Metrics>,
}

impl GuardLayer {
    pub fn new(
        bounds: Bounds,
        clock: Clock,
        callers: Callers,
        origins: Origins,
        traffic: Traffic,
        audit_store: Option<Store>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let limiter = ConcurrencyLimiter::new(bounds.max_calls, bounds.max_calls_per_caller);
        let public_calls = PublicCalls::default();
        Self(Arc::new(Shared {
            bounds,
            clock,
            callers,
            origins,
            limiter,
            traffic,
            public_calls,
            audit_store,
            metrics,
        }))
    }

    /// The layer that refuses calls before the guard, for connections with so many calls at most.
    pub fn shedding(&self, max_streams: u32) -> ShedLayer {
        let max_streams = usize::try_from(max_streams).unwrap_or(usize::MAX);
        ShedLayer::new(self.0.limiter.clone(), Arc::clone(&self.0.metrics), max_streams)
    }
}

impl Shared {
    /// Authenticates a call and checks its permission; adds both to the current span.
    fn admit(&self, request: &mut Request<Body>, contract: Option<&'static Call>) -> Admitted {
        let Self { callers, clock, .. } = self;
        if let Err(error) = self.origins.check(request.headers()) {
            return Admitted { actor: None, refusal: Some(error), audit: None };
        }
        let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
        let actor = callers.actor(request.headers(), &peer, clock.now());
        let audited = contract.filter(|call| call.is_audited());
        let mut audit = audited.map(|call| AuditDraft::of(call, actor.as_ref().ok()));
        let actor = match actor {
            Ok(actor) => actor,
            Err(error) => {
                // An authenticated connection may be that of a proxy with several callers.
                if !peer.connection.is_authenticated() {
                    peer.connection.note_refusal();
                }
                return Admitted { actor: None, refusal: Some(error), audit };
            }
        };
        Span::current().record("caller", actor.caller());
        let credentials = Credentials::of(request.headers());
        if let Err(full) = peer.connection.authenticate(actor.caller(), credentials) {
            peer.connection.note_refusal();
            let refusal = Some(match full {
                LimitReached::Shared => Error::TooManyConnections,
                LimitReached::OfCaller => Error::TooManyConnectionsOfCaller,
            });
            // Nothing is audited.
            return Admitted { actor: Some(actor), refusal, audit: None };
        }
        let mut refusal =
            (!actor.may_call(request.uri().path())).then_some(Error::RoleNotPermitted);
        if let Some(unsaid) = audit.take() {
            audit = Some(match actor.purpose(request.headers()) {
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
        Admitted { actor: Some(actor), refusal, audit }
    }
}

/// An authenticated call, or a refused one.
pub(super) struct Admitted {
    /// None: an unauthenticated call, which is refused.
    pub(super) actor: Option<Actor>,
    pub(super) refusal: Option<Error>,
    /// Set if the call is audited.
    pub(super) audit: Option<AuditDraft>,
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

/// The deadline that the caller set, if any. A call is ended in time by the guard; a stream has to
/// watch it itself.
#[derive(Clone, Copy, Debug)]
pub struct CallerDeadline(pub Instant);

/// The deadline of a call, or what is wrong with its header.
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
        // Calls of reflection and health are public.
        let admitted = is_contract.then(|| span.in_scope(|| shared.admit(&mut request, contract)));
        // The service that was polled ready makes the call.
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        let answer = async move {
            let response = match admitted {
                Some(admitted) => {
                    let call = ContractCall { contract, admitted, deadline, connection };
                    shared.answer(inner, request, call).await
                }
                None => shared.answer_public(inner, request, deadline, connection).await,
            };
            let code = measured::end(measured, response.headers());
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(?code, micros, "answered");
            Ok(with_id(response, id))
        };
        Box::pin(answer.instrument(span))
    }
}

/// The deadline of a call. A deadline set by the caller is also available to the call itself.
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
