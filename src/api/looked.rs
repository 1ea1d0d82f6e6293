//! Whom a call turns out to be about, for those who ask who looked.
//!
//! The guard knows who calls, and the call finds out about whom while it runs; it says so here,
//! from wherever it knows.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task_local;
use uuid::Uuid;

task_local! {
    static LOOKED: Looked;
}

/// What a call has said of itself so far.
#[derive(Clone, Debug, Default)]
pub struct Looked(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    customers: Vec<Uuid>,
    case_id: Option<Uuid>,
}

impl Looked {
    /// Runs a call that says so here.
    pub fn of<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        LOOKED.scope(self.clone(), call)
    }

    /// Whom it was about, in the order of their ids, and the case.
    pub fn found(&self) -> (Vec<Uuid>, Option<Uuid>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.customers.sort_unstable();
        found.customers.dedup();
        (found.customers.clone(), found.case_id)
    }
}

fn note(say: impl FnOnce(&mut Found)) {
    // Outside of the guard nobody asks.
    let _ = LOOKED.try_with(|looked| {
        say(&mut looked.0.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// The call is about a customer.
pub fn at(customer_id: Uuid) {
    note(|found| found.customers.push(customer_id));
}

/// The call is about customers whose ids stand in its answer.
pub fn at_each<'a>(customer_ids: impl IntoIterator<Item = &'a str>) {
    note(|found| found.customers.extend(customer_ids.into_iter().flat_map(str::parse::<Uuid>)));
}

/// The call is about a case, of which it may not be known yet whose it is.
pub fn at_case(case_id: Uuid) {
    note(|found| found.case_id = Some(case_id));
}
