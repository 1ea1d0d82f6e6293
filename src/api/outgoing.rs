//! The body of a response in pieces. Each piece knows when the connection has written it.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Response};
use http_body::{Body as _, Frame};
use prost::bytes::Bytes;
use tonic::{Status, body::Body};

use super::{budget::Reservation, delivery::Delivery};
use crate::error::Error;

/// The size of a piece, in bytes. Progress is measured in pieces.
const PIECE_BYTES: usize = 16 << 10;

/// Wraps a response for delivery. This must be the outermost layer, since the translation for
/// browsers buffers the body.
pub fn send(mut response: Response<Body>) -> Response<Body> {
    let Some(delivery) = response.extensions_mut().remove::<Arc<Delivery>>() else {
        return response;
    };
    if response.body().is_end_stream() {
        return response;
    }
    response.map(|body| Body::new(Outgoing { body, rest: None, delivery, is_ended: false }))
}

/// A body that is sent in pieces and tracks their delivery.
struct Outgoing {
    body: Body,
    /// The unsent rest of the last frame.
    rest: Option<(Bytes, Option<Arc<Reservation>>)>,
    delivery: Arc<Delivery>,
    /// Whether it was ended early.
    is_ended: bool,
}

/// A piece of a response, which the connection drops once it is written.
struct Piece {
    bytes: Bytes,
    delivery: Arc<Delivery>,
    /// Keeps the reservation of the whole frame, which stays in memory.
    _held: Option<Arc<Reservation>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.delivery.taken();
    }
}

impl Outgoing {
    fn next_piece(&mut self) -> Option<Bytes> {
        let (rest, held) = self.rest.as_mut()?;
        let bytes = rest.split_to(rest.len().min(PIECE_BYTES));
        let held = held.clone();
        if rest.is_empty() {
            self.rest = None;
        }
        let delivery = Arc::clone(&self.delivery);
        delivery.waits();
        Some(Bytes::from_owner(Piece { bytes, delivery, _held: held }))
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(piece) = self.next_piece() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.delivery.is_over(cx.waker()) {
            if mem::replace(&mut self.is_ended, true) {
                return Poll::Ready(None);
            }
            let mut trailers = HeaderMap::new();
            Status::from(Error::DeadlinePassed).add_header(&mut trailers)?;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            other => return Poll::Ready(other),
        };
        let data = match frame.into_data() {
            Ok(data) if !data.is_empty() => data,
            Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            Err(other) => return Poll::Ready(Some(Ok(other))),
        };
        let held = self.delivery.hold(data.len());
        self.rest = Some((data, held));
        Poll::Ready(self.next_piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_ended || self.rest.is_none() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use tokio::{
        task::yield_now,
        time::{Duration, Instant, advance},
    };

    use super::*;
    use crate::api::{
        budget::{Budget, BudgetLimits, Holder},
        connection::ConnectionHandle,
        delivery::{Deliveries, Ends},
    };

    const TIMEOUT: Duration = Duration::from_secs(10);
    /// Within the time limit of a response, and beyond it.
    const SHORT: Duration = Duration::from_secs(9);
    const LONG: Duration = Duration::from_secs(12);
    const LIMITS: BudgetLimits = BudgetLimits { all: 1 << 20, ..BudgetLimits::NONE };

    /// A response of four pieces on its way over a connection.
    struct Case {
        deliveries: Deliveries,
        connection: ConnectionHandle,
        body: Body,
    }

    impl Case {
        fn of(is_stream: bool, by: Option<Instant>) -> Self {
            let deliveries = Deliveries::new(
                Budget::new(LIMITS),
                TIMEOUT,
                prometheus_client::metrics::counter::Counter::default(),
            );
            tokio::spawn(deliveries.clone().watch());
            let connection = ConnectionHandle::default();
            let holder = Holder::new(None, connection.clone());
            let bytes = 4 * PIECE_BYTES;
            let held = (!is_stream).then(|| deliveries.bytes().reserve(&holder, bytes).unwrap());
            let ends = Ends { held, by, permit: None };
            let delivery = match is_stream {
                true => deliveries.begin_stream(holder, ends),
                false => deliveries.begin(holder, ends),
            };
            let data = Full::new(Bytes::from(vec![0; bytes]));
            let mut response = Response::new(Body::new(data));
            response.extensions_mut().insert(delivery);
            Self { deliveries, connection, body: send(response).into_body() }
        }

        async fn piece(&mut self) -> Bytes {
            self.body.frame().await.unwrap().unwrap().into_data().unwrap()
        }

        /// Whether its connection is cut after some time.
        async fn is_cut_after(&self, time: Duration) -> bool {
            pass(time).await;
            self.deliveries.cut_connections() > 0
        }
    }

    /// Lets time pass, including the checks of responses.
    async fn pass(time: Duration) {
        for _ in 0..time.as_secs() {
            advance(Duration::from_secs(1)).await;
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_its_bytes_until_the_last_of_them_is_written() {
        for is_stream in [false, true] {
            let mut case = Case::of(is_stream, None);
            let mut pieces = Vec::new();
            for _ in 0..4 {
                pieces.push(case.piece().await);
            }
            assert!(case.body.frame().await.is_none());
            drop(case.body);
            while !pieces.is_empty() {
                assert_eq!(case.deliveries.bytes().held(), 4 * PIECE_BYTES);
                assert_eq!(case.deliveries.answers(), 1);
                pieces.pop();
            }
            assert_eq!(case.deliveries.bytes().held(), 0);
            assert_eq!(case.deliveries.answers(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_takes_nothing_of_an_answer_is_cut() {
        let mut case = Case::of(false, None);
        assert!(!case.is_cut_after(SHORT).await);
        let _piece = case.piece().await;
        assert!(!case.is_cut_after(SHORT).await);
        assert!(case.is_cut_after(LONG - SHORT).await);
        // It was cut before.
        assert!(!case.connection.cut());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_an_answer_slowly_and_steadily_is_not_cut() {
        let mut case = Case::of(false, Some(Instant::now() + 10 * TIMEOUT));
        let mut waiting = case.piece().await;
        for _ in 0..3 {
            let next = case.piece().await;
            assert!(!case.is_cut_after(SHORT).await);
            // The connection has written one piece, and the next waits.
            waiting = next;
        }
        assert!(!case.is_cut_after(SHORT).await);
        drop((waiting, case.body));
        pass(20 * TIMEOUT).await;
        assert_eq!(case.deliveries.cut_connections(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_to_be_out_in_the_end() {
        let mut case = Case::of(false, Some(Instant::now() + 2 * SHORT));
        let first = case.piece().await;
        assert!(!case.is_cut_after(SHORT).await);
        drop(first);
        let _second = case.piece().await;
        assert!(case.is_cut_after(LONG).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_may_be_silent_and_is_cut_where_it_is_not_taken() {
        let mut case = Case::of(true, None);
        // Nothing was sent.
        assert!(!case.is_cut_after(10 * LONG).await);
        let first = case.piece().await;
        // The producer of its messages has time to end it.
        assert!(!case.is_cut_after(LONG).await);
        drop(first);
        assert!(!case.is_cut_after(10 * LONG).await);
        let _second = case.piece().await;
        assert!(case.is_cut_after(2 * LONG).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_when_its_time_is_over() {
        let mut case = Case::of(true, Some(Instant::now() + SHORT));
        for _ in 0..4 {
            drop(case.piece().await);
        }
        // It gets its trailers, since nothing more is sent.
        case.is_cut_after(LONG).await;
        let over = case.body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(over["grpc-status"], "4");
        assert!(case.body.frame().await.is_none());
        assert_eq!(case.deliveries.cut_connections(), 0);
    }
}
