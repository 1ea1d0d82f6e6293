//! Collects the subjects of a call for the audit log.
//!
//! The guard knows the caller, but only the call itself finds out which customers it concerns. It
//! adds them here, from wherever it knows them.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task_local;
use uuid::Uuid;

task_local! {
    static SUBJECT: AuditSubject;
}

/// The subjects of a call collected so far.
#[derive(Clone, Debug, Default)]
pub struct AuditSubject(Arc<Mutex<Collected>>);

#[derive(Debug, Default)]
struct Collected {
    customers: Vec<Uuid>,
    case_id: Option<Uuid>,
}

impl AuditSubject {
    /// Runs a call that adds its subjects here.
    pub fn scope<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        SUBJECT.scope(self.clone(), call)
    }

    /// The customers, sorted and each once, and the case.
    pub fn collected(&self) -> (Vec<Uuid>, Option<Uuid>) {
        let mut collected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        collected.customers.sort_unstable();
        collected.customers.dedup();
        (collected.customers.clone(), collected.case_id)
    }
}

fn note(say: impl FnOnce(&mut Collected)) {
    // Outside of the guard nothing is collected.
    let _ = SUBJECT.try_with(|subject| {
        say(&mut subject.0.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// Adds a customer.
pub fn add(customer_id: Uuid) {
    note(|collected| collected.customers.push(customer_id));
}

/// Adds customers by the ids in a response.
pub fn add_each<'a>(customer_ids: impl IntoIterator<Item = &'a str>) {
    note(|collected| {
        collected.customers.extend(customer_ids.into_iter().flat_map(str::parse::<Uuid>));
    });
}

/// Sets the case. Its customer may not be known yet.
pub fn set_case(case_id: Uuid) {
    note(|collected| collected.case_id = Some(case_id));
}
