//! Answers a call of the contract, from its authentication until its response is sent.

use std::{convert::Infallible, future::ready, sync::Arc};

use http::{Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, body::Body};
use tower::Service;

use super::{
    access::Call,
    audit_guard::AuditGuard,
    audit_subject::AuditSubject,
    budget::{Holder, Reservation},
    compression::{self, compress, compress_stream},
    concurrency::{LimitReached, Permit},
    connection::ConnectionHandle,
    delivery::Ends,
    guard::{Admitted, Deadline, Shared},
    message::{Held, NotReceived, SMALL_BYTES, malformed, too_large},
    status::refused,
};
use crate::{
    error::Error,
    incident,
    pb::{ErrorReason, Work},
};

/// A call that the guard has admitted.
pub(super) struct ContractCall {
    /// None if the contract has no such call.
    pub contract: Option<&'static Call>,
    pub admitted: Admitted,
    pub deadline: Deadline,
    pub connection: ConnectionHandle,
}

/// A call whose message has been received.
struct Ready {
    request: Request<Body>,
    deadline: Instant,
    /// The reservations for its message, until the call has ended.
    held: Held,
}

impl ContractCall {
    fn work(&self) -> Work {
        self.contract.map_or(Work::Unspecified, Call::work)
    }

    fn is_stream(&self) -> bool {
        self.contract.is_some_and(|call| call.is_stream)
    }
}

impl Shared {
    /// Answers a call.
    pub(super) async fn answer<S>(
        self: Arc<Self>,
        inner: S,
        request: Request<Body>,
        mut call: ContractCall,
    ) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let holder = Holder::new(call.admitted.actor.as_ref(), call.connection.clone());
        // If the buffers are full, the message is not read and no work is started.
        let received = match self.receive(request, &mut call, &holder).await {
            Ok(received) => received,
            Err(error) => return Status::from(error).into_http(),
        };
        let permit = match self.permit(&call) {
            Ok(permit) => permit,
            Err(error) => return Status::from(error).into_http(),
        };
        let audit = call.admitted.audit.take();
        let subject =
            audit.as_ref().map_or_else(AuditSubject::default, |draft| draft.subject.clone());
        let default = |_: &Status| Instant::now() + self.bounds.default_deadline;
        let ends = call.deadline.as_ref().copied().unwrap_or_else(default);
        let guard = AuditGuard::new(audit, self.audit_store.clone(), self.clock, permit, ends);
        let answered = match received {
            Ok(ready) => self.make(inner, ready, &call, &subject, &holder).await,
            Err(status) => Err(status),
        };
        let (mut response, held) =
            answered.unwrap_or_else(|status: Status| (status.into_http(), None));
        let code = code(&response);
        if code == Code::DeadlineExceeded {
            // The caller is gone, so the audit entry is written in the background.
            guard.write_later(code);
            return response;
        }
        match guard.write_now(code).await {
            Ok(permit) => {
                self.deliver(&mut response, &call, holder, Ends { permit, held, by: None });
            }
            Err(error) => response = Status::from(error).into_http(),
        }
        response
    }

    /// Receives the message of a call that may be made, or returns the refusal. An error means that
    /// the buffers are full.
    async fn receive(
        &self,
        mut request: Request<Body>,
        call: &mut ContractCall,
        holder: &Holder,
    ) -> Result<Result<Ready, Status>, Error> {
        if let Some(error) = call.admitted.refusal.take() {
            return Ok(Err(error.into()));
        }
        let deadline = match &call.deadline {
            Ok(deadline) => *deadline,
            Err(status) => return Ok(Err(status.clone())),
        };
        if deadline <= Instant::now() {
            return Ok(Err(Error::DeadlinePassed.into()));
        }
        // A caller that does not read its responses is refused further reads.
        if call.work() == Work::Read {
            self.traffic.deliveries.bytes().check(holder).map_err(Error::TooManyBytes)?;
        }
        if call.is_stream() {
            request.extensions_mut().insert(holder.clone());
        }
        match self.traffic.intake.receive(request, holder, deadline).await {
            Ok((request, held)) => Ok(Ok(Ready { request, deadline, held })),
            Err(NotReceived::Refused(status)) => Ok(Err(status)),
            Err(NotReceived::NoRoom(exhausted)) => Err(Error::TooManyBytes(exhausted)),
        }
    }

    /// A permit for a call. A call that is refused as unauthenticated needs none.
    fn permit(&self, call: &ContractCall) -> Result<Option<Permit>, Error> {
        let Some(actor) = &call.admitted.actor else { return Ok(None) };
        self.limiter.take(call.work(), Some(actor)).map(Some).map_err(|taken| match taken {
            LimitReached::Shared => Error::Overloaded,
            LimitReached::OfCaller => Error::TooManyCallsOfCaller,
        })
    }

    /// Makes a call and reserves memory for its response.
    async fn make<S>(
        &self,
        mut inner: S,
        ready: Ready,
        call: &ContractCall,
        subject: &AuditSubject,
        holder: &Holder,
    ) -> Result<(Response<Body>, Option<Reservation>), Status>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let Ready { request, deadline, held } = ready;
        let accepts_gzip = compression::accepts_gzip(request.headers());
        let made = incident::caught(subject.scope(async move { inner.call(request).await }));
        let response = match timeout_at(deadline, made).await {
            Err(_) => return Err(Error::DeadlinePassed.into()),
            Ok(Err(panicked)) => return Err(panicked.into()),
            Ok(Ok(Ok(response))) => explained(response),
            Ok(Ok(Err(never))) => match never {},
        };
        drop(held);
        if response.body().is_end_stream() {
            return Ok((response, None));
        }
        if call.is_stream() {
            let response = if accepts_gzip { compress_stream(response) } else { response };
            return Ok((response, None));
        }
        let (response, bytes) = whole(response, accepts_gzip).await?;
        let answers = self.traffic.deliveries.bytes();
        let held = match call.work() {
            _ if bytes <= SMALL_BYTES => None,
            Work::Read => Some(answers.reserve(holder, bytes).map_err(Error::TooManyBytes)?),
            // The call has taken effect, so its caller must get the response.
            _ => Some(answers.reserve_even_beyond(holder, bytes)),
        };
        Ok((response, held))
    }

    /// Attaches the permit and the reservations to the response, until it is sent. A stream has its
    /// own permit if it needs one.
    fn deliver(
        &self,
        response: &mut Response<Body>,
        call: &ContractCall,
        holder: Holder,
        ends: Ends,
    ) {
        if response.body().is_end_stream() {
            return;
        }
        let deliveries = &self.traffic.deliveries;
        let delivery = if call.is_stream() {
            deliveries.begin_stream(holder, Ends::default())
        } else {
            let by = Some(Instant::now() + self.bounds.max_deadline);
            deliveries.begin(holder, Ends { by, ..ends })
        };
        response.extensions_mut().insert(delivery);
    }
}

/// Collects a response of one message, with its size. tonic produces the bytes only when they are
/// sent.
async fn whole(
    response: Response<Body>,
    accepts_gzip: bool,
) -> Result<(Response<Body>, usize), Status> {
    let (mut head, mut body) = response.into_parts();
    let (mut data, mut trailers) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(bytes) => data.push(bytes),
            Err(other) => trailers = other.into_trailers().ok(),
        }
    }
    // A message is usually one part.
    let data = if data.len() == 1 { data.remove(0) } else { data.concat().into() };
    let data = if accepts_gzip { compress(&mut head.headers, data) } else { data };
    let bytes = data.len();
    let body = Full::new(data).with_trailers(ready(trailers.map(Ok)));
    Ok((Response::from_parts(head, Body::new(body)), bytes))
}

fn code(response: &Response<Body>) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

/// Adds details to errors that have none: they come from tonic, for a message that is too large or
/// malformed, or a call that does not exist.
pub(super) fn explained(response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    if status.code() == Code::Ok || !status.details().is_empty() {
        return response;
    }
    let status = match status.code() {
        Code::Internal => malformed(),
        Code::OutOfRange | Code::ResourceExhausted => too_large(),
        Code::Unimplemented => {
            let message = "no such call, or an unsupported compression";
            refused(Code::Unimplemented, message, ErrorReason::Unimplemented)
        }
        _ => return response,
    };
    status.into_http()
}
