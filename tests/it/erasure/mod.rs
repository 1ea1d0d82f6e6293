//! Erasing customers: what is removed, what stays, and that nothing returns.

mod canaries;
mod finish;
mod late;
mod life;
mod races;
mod restored;
mod tables;

use throughline::{clock::Clock, pb, store::Store};
use tonic::Code;

use crate::{
    calls::{Refusal, request_id},
    support::{Database, NOW, Server},
};

/// The call that erases a customer.
pub fn erase(customer_id: &str) -> pb::EraseCustomerRequest {
    pb::EraseCustomerRequest {
        customer_id: customer_id.to_owned(),
        ticket: "GDPR-17".to_owned(),
        request_id: request_id(),
        ..Default::default()
    }
}

/// The error of a write to an erased customer.
pub fn erased() -> Refusal {
    Refusal::new(Code::FailedPrecondition, "CUSTOMER_ERASED", [])
}

/// The error of a read of an erased customer, as of one who never existed.
pub fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", [])
}

/// The store of a database, with the servers' clock.
pub async fn store(database: &Database) -> Store {
    Store::open(&database.url, 4, Clock::Fixed(NOW)).await.unwrap()
}

impl Server {
    /// Erases a customer, which must succeed.
    pub async fn erased(&self, customer_id: &str) -> pb::ErasureCertificate {
        let answer = self.privacy.clone().erase_customer(erase(customer_id)).await.unwrap();
        answer.into_inner().certificate.unwrap()
    }
}
