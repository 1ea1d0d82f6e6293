//! What is on its way in and out of a server, and its bounds.

use std::time::Duration;

use super::{
    budget::{Budget, BudgetLimits},
    delivery::Deliveries,
    message::Intake,
};
use crate::metrics::ConnectionMetrics;

/// The bounds of what is on its way.
#[derive(Clone, Copy, Debug)]
pub struct TrafficBounds {
    /// How many bytes of requests may be held at once, and of answers as many.
    pub bytes: BudgetLimits,
    /// The message of a call must be whole by then.
    pub receive_timeout: Duration,
    /// A connection that takes nothing of an answer for so long is cut.
    pub send_timeout: Duration,
}

/// The requests and answers of a server. Copies share them.
#[derive(Clone, Debug)]
pub struct Traffic {
    pub intake: Intake,
    pub deliveries: Deliveries,
}

impl Traffic {
    pub fn new(bounds: TrafficBounds, metrics: &ConnectionMetrics) -> Self {
        let TrafficBounds { bytes, receive_timeout, send_timeout } = bounds;
        let requests = Budget::measured(bytes, metrics.request_bytes.clone());
        let answers = Budget::measured(bytes, metrics.response_bytes.clone());
        let intake = Intake { bytes: requests, timeout: receive_timeout };
        Self { intake, deliveries: Deliveries::new(answers, send_timeout, metrics.cut.clone()) }
    }

    /// The bytes of requests that are not whole, or whose calls are under way.
    pub fn request_bytes(&self) -> usize {
        self.intake.bytes.held()
    }

    /// The bytes of answers that have not gone out.
    pub fn answer_bytes(&self) -> usize {
        self.deliveries.bytes().held()
    }

    /// How many answers have not gone out.
    pub fn answers(&self) -> usize {
        self.deliveries.answers()
    }

    /// How many connections were cut, as they took nothing of an answer.
    pub fn cut_connections(&self) -> u64 {
        self.deliveries.cut_connections()
    }
}
