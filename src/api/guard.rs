//! What every call passes through: its id and span, who calls, its deadline, the bound on calls
//! under way, the reasons of errors that come from below the services, and that it is kept who
//! called.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    access::{self, Call},
    caller::{Actor, Callers, Peer},
    connection::LOOKED_AT,
    keeping::{Keeping, Kept},
    looked::Looked,
    measured,
    one_message::OneMessage,
    places::{Full, Place, Places},
    shed::{Credentials, ShedLayer},
    status::refused,
    trace_context,
};
use crate::{
    clock::Clock,
    error::Error,
    incident,
    metrics::Metrics,
    pb::{ErrorReason, Work},
    store::Store,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TIMEOUT: &str = "grpc-timeout";
const HEALTH: &str = "/grpc.health.v1.Health/";
/// A deadline farther away than this is a mistake: one year.
const FARTHEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// A call ends this much before the deadline that its caller sets, or a twentieth of it where that
/// is less: the caller hears from this server that it passed, and why.
const HEAD_START: Duration = Duration::from_millis(100);

/// The bounds of a call.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For a call that names no deadline.
    pub default_deadline: Duration,
    /// No call may take longer, whatever it names.
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
pub struct GuardLayer {
    bounds: Bounds,
    clock: Clock,
    callers: Callers,
    places: Places,
    /// Where it is kept who called; nothing: nowhere.
    accesses: Option<Store>,
    metrics: Arc<Metrics>,
}

impl GuardLayer {
    pub fn new(
        bounds: Bounds,
        clock: Clock,
        callers: Callers,
        accesses: Option<Store>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let places = Places::new(bounds.max_calls, bounds.max_calls_per_caller);
        Self { bounds, clock, callers, places, accesses, metrics }
    }

    /// What refuses calls before the guard looks at them.
    pub fn shedding(&self) -> ShedLayer {
        ShedLayer::new(self.places.clone(), Arc::clone(&self.metrics))
    }

    /// Finds out who makes a call, and whether they may; says so in the span that is entered.
    fn admit(&self, request: &mut Request<Body>, contract: Option<&'static Call>) -> Admitted {
        let Self { callers, clock, .. } = self;
        let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
        let actor = callers.actor(request.headers(), &peer, clock.now());
        let audited = contract.filter(|call| call.is_audited());
        let mut keeping = audited.map(|call| Keeping::of(call, actor.as_ref().ok()));
        let actor = match actor {
            Ok(actor) => actor,
            Err(error) => {
                peer.connection.refused(LOOKED_AT);
                return Admitted { actor: None, refusal: Some(error), keeping };
            }
        };
        Span::current().record("caller", actor.caller());
        let credentials = Credentials::of(request.headers());
        if let Err(full) = peer.connection.authenticate(actor.caller(), credentials) {
            peer.connection.refused(LOOKED_AT);
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

    /// A place for a call. Health needs none, since a server that is merely busy is healthy; and
    /// whoever is refused as a stranger takes none of others.
    fn place(
        &self,
        path: &str,
        contract: Option<&'static Call>,
        admitted: &Admitted,
    ) -> Result<Option<Place>, Error> {
        let is_stranger = admitted.actor.is_none() && admitted.refusal.is_some();
        if path.starts_with(HEALTH) || is_stranger {
            return Ok(None);
        }
        let work = contract.map_or(Work::Unspecified, Call::work);
        self.places.take(work, admitted.actor.as_ref()).map(Some).map_err(|full| match full {
            Full::Shared => Error::Overloaded,
            Full::OfCaller => Error::TooManyCallsOfCaller,
        })
    }
}

/// What is known of a call before it is made.
#[derive(Default)]
struct Admitted {
    /// Nobody: a stranger who is refused, or somebody whose call is anybody's to make.
    actor: Option<Actor>,
    refusal: Option<Error>,
    /// Where it is to be kept.
    keeping: Option<Keeping>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    layer: GuardLayer,
}

/// When the caller wants the call to have ended, where it says so. A call ends by then by itself; a
/// stream that is its answer has to see to it.
#[derive(Clone, Copy, Debug)]
pub struct CallerDeadline(pub Instant);

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let started = Instant::now();
        let id = request_id(request.headers(), self.layer.clock);
        let method = request.uri().path();
        let span = tracing::info_span!("call", method, id = ?id, caller = Empty, trace_id = Empty);
        trace_context::join(&span, request.headers());
        let wanted = wanted_time(request.headers());
        if let Ok(Some(wanted)) = wanted {
            request.extensions_mut().insert(CallerDeadline(started + wanted));
        }
        let deadline = wanted.map(|wanted| self.layer.bounds.time(wanted));
        let time = deadline.as_ref().unwrap_or(&self.layer.bounds.default_deadline);
        let ends = started + *time;
        request.headers_mut().remove(TIMEOUT);
        let contract = access::call(request.uri().path());
        let measured = measured::begin(&self.layer.metrics, request.uri().path(), contract);
        let mut admitted = Admitted::default();
        // The calls of reflection and health are others' to judge, and anybody's.
        if request.uri().path().starts_with("/throughline.") {
            admitted = span.in_scope(|| self.layer.admit(&mut request, contract));
            request = request.map(OneMessage::of);
        } else if let Some(peer) = request.extensions().get::<Peer>() {
            peer.connection.set_in_use();
        }
        let place = self.layer.place(request.uri().path(), contract, &admitted);
        let Admitted { refusal, mut keeping, .. } = admitted;
        if place.is_err() {
            // Nothing is looked at, and there is no room for more work.
            keeping = None;
        }
        let (call, place) = match (place, deadline, refusal) {
            (Err(full), _, _) => (Err(full.into()), None),
            (Ok(place), Err(status), _) => (Err(status), place),
            (Ok(place), Ok(_), Some(error)) => (Err(error.into()), place),
            (Ok(place), Ok(Duration::ZERO), None) => (Err(Error::DeadlinePassed.into()), place),
            (Ok(place), Ok(_), None) => (Ok(self.inner.call(request)), place),
        };
        let looked = keeping.as_ref().map_or_else(Looked::default, |kept| kept.looked.clone());
        let accesses = self.layer.accesses.clone();
        let kept = Kept::new(keeping, accesses, self.layer.clock, place, ends);
        let answer = async move {
            let mut response = match call {
                Err(status) => status.into_http(),
                Ok(call) => match timeout_at(ends, incident::caught(looked.of(call))).await {
                    Err(_) => Status::from(Error::DeadlinePassed).into_http(),
                    Ok(Err(panicked)) => Status::from(panicked).into_http(),
                    Ok(Ok(Ok(response))) => explained(response),
                    Ok(Ok(Err(never))) => match never {},
                },
            };
            let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |s| s.code());
            if code == Code::DeadlineExceeded {
                // Nobody waits any more, and nothing is told.
                kept.later(code);
            } else if let Err(error) = kept.now(code).await {
                response = Status::from(error).into_http();
            }
            measured::end(measured, response.headers());
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(?code, micros, "answered");
            Ok(with_id(response, id))
        };
        Box::pin(answer.instrument(span))
    }
}

/// How long the call may take, where the caller says so.
fn wanted_time(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let wanted = value.to_str().ok().and_then(read_timeout).filter(|wanted| *wanted < FARTHEST);
    let message = "grpc-timeout must be 1 to 8 digits and a unit (H, M, S, m, u or n), \
        and less than a year";
    let bad = || refused(Code::InvalidArgument, message, ErrorReason::BadDeadline);
    wanted.map(Some).ok_or_else(bad)
}

/// The header as the gRPC protocol over HTTP/2 has it.
fn read_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The caller's id of the call where it has a harmless form, else a new one.
fn request_id(headers: &HeaderMap, clock: Clock) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        (1..=64).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    headers.get(&REQUEST_ID).filter(harmless).cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&clock.new_id().to_string())
            .unwrap_or(HeaderValue::from_static("none"))
    })
}

fn with_id(mut response: Response<Body>, id: HeaderValue) -> Response<Body> {
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Our own errors have details. One without comes from below: a message that is too large, or is
/// none, or a call that does not exist.
fn explained(response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    if status.code() == Code::Ok || !status.details().is_empty() {
        return response;
    }
    let message = "the request is not a valid protobuf message of this call";
    let status = match status.code() {
        Code::Internal => refused(Code::InvalidArgument, message, ErrorReason::Malformed),
        // The first as sent, the second when decompressed.
        Code::OutOfRange | Code::ResourceExhausted => {
            let message = "the message is larger than 4194304 bytes";
            refused(Code::ResourceExhausted, message, ErrorReason::MessageTooLarge)
        }
        Code::Unimplemented => {
            let message = "no such call, or a compression that is not known here";
            refused(Code::Unimplemented, message, ErrorReason::Unimplemented)
        }
        _ => return response,
    };
    status.into_http()
}
