//! Public calls: health and reflection. They need no permit, and each connection may have few of
//! them at once.

use std::{convert::Infallible, sync::Arc};

use http::{Request, Response};
use tokio::time::{Instant, timeout_at};
use tonic::{Status, body::Body};
use tower::Service;

use super::{
    answer::explained,
    budget::{Budget, BudgetLimits, Holder, Reservation},
    connection::ConnectionHandle,
    delivery::Ends,
    guard::{Deadline, Shared},
};
use crate::{
    error::{Error, Exhausted},
    incident,
};

const REFLECTION: &str = "/grpc.reflection.";
/// How many public calls one connection may have under way. A client checks the health of each
/// service.
const CALLS: BudgetLimits = BudgetLimits { per_connection: 16, ..BudgetLimits::NONE };
/// How many streams of reflection there may be; their responses are large.
const REFLECTIONS: BudgetLimits =
    BudgetLimits { all: 256, per_connection: 4, ..BudgetLimits::NONE };

/// The public calls under way.
#[derive(Debug)]
pub struct PublicCalls {
    calls: Budget,
    reflections: Budget,
}

impl Default for PublicCalls {
    fn default() -> Self {
        Self { calls: Budget::new(CALLS), reflections: Budget::new(REFLECTIONS) }
    }
}

impl PublicCalls {
    fn reserve(&self, is_reflection: bool, holder: &Holder) -> Result<Reservation, Error> {
        let of = if is_reflection { &self.reflections } else { &self.calls };
        of.reserve(holder, 1).map_err(|exhausted| match exhausted {
            Exhausted::OfConnection => Error::TooManyCallsOfConnection,
            Exhausted::All | Exhausted::OfCaller => Error::Overloaded,
        })
    }
}

impl Shared {
    /// Makes a public call.
    pub(super) async fn answer_public<S>(
        self: Arc<Self>,
        mut inner: S,
        request: Request<Body>,
        deadline: Deadline,
        connection: ConnectionHandle,
    ) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        // A web page may not keep a connection open either.
        if let Err(error) = self.origins.check(request.headers()) {
            return Status::from(error).into_http();
        }
        connection.set_in_use();
        let holder = Holder::new(None, connection);
        let is_reflection = request.uri().path().starts_with(REFLECTION);
        let reservation = match self.public_calls.reserve(is_reflection, &holder) {
            Ok(reservation) => reservation,
            Err(error) => return Status::from(error).into_http(),
        };
        let deadline = match deadline {
            Ok(deadline) => deadline,
            Err(status) => return status.into_http(),
        };
        let made = incident::caught(async move { inner.call(request).await });
        let made = timeout_at(deadline, made).await;
        let mut response = match made {
            Err(_) => return Status::from(Error::DeadlinePassed).into_http(),
            Ok(Err(panicked)) => return Status::from(panicked).into_http(),
            Ok(Ok(Ok(response))) => explained(response),
            Ok(Ok(Err(never))) => match never {},
        };
        // A health watch has no time limit.
        let by = is_reflection.then(|| Instant::now() + self.bounds.max_deadline);
        let ends = Ends { held: Some(reservation), by, ..Ends::default() };
        let delivery = self.traffic.deliveries.begin_stream(holder, ends);
        response.extensions_mut().insert(delivery);
        response
    }
}
