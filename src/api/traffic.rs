//! Requests and responses under way, with their limits.

use std::time::Duration;

use super::{
    budget::{Budget, BudgetLimits},
    delivery::Deliveries,
    message::Intake,
};
use crate::metrics::ConnectionMetrics;

/// The limits of traffic.
#[derive(Clone, Copy, Debug)]
pub struct TrafficBounds {
    /// How many bytes of requests may be buffered, and as many of responses.
    pub bytes: BudgetLimits,
    /// The time limit for a complete message.
    pub receive_timeout: Duration,
    /// How long a connection may read nothing of a response before it is cut.
    pub send_timeout: Duration,
}

/// The requests and responses of a server. Clones share them.
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

    /// The bytes of requests that are incomplete or being processed.
    pub fn request_bytes(&self) -> usize {
        self.intake.bytes.held()
    }

    /// The bytes of unsent responses.
    pub fn answer_bytes(&self) -> usize {
        self.deliveries.bytes().held()
    }

    /// How many responses are unsent.
    pub fn answers(&self) -> usize {
        self.deliveries.answers()
    }

    /// How many connections were cut because they read nothing of a response.
    pub fn cut_connections(&self) -> u64 {
        self.deliveries.cut_connections()
    }
}
