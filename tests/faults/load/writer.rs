//! A writer.

use std::{
    sync::{Arc, MutexGuard},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::{Code, Request, Response, Status};

use super::{Book, LATE, Operation, Shared, TAKEN_BACK};
use crate::{
    client::{Client, Refusal},
    random::Random,
};

/// The pause between two tries of an operation.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the client waits beyond the deadline of a call, which the server must keep.
const BEYOND: Duration = Duration::from_secs(1);
/// Calls are cancelled within this many microseconds.
const TAKEN_BACK_MICROS: u64 = 20_000;

/// A writer, and its current operation.
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) client: Client,
    pub(super) random: Random,
    pub(super) operation: Operation,
    /// The text that the current operation leaves in the history.
    pub(super) mark: String,
}

impl Writer {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book.lock().unwrap()
    }

    /// Sends a call until it is answered. None if it was refused permanently.
    pub(super) async fn send<Q: Clone, A>(
        &mut self,
        call: Q,
        send: impl AsyncFn(&mut Client, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Option<A> {
        let deadline = self.shared.size.deadline;
        let mut pause = interval(PAUSE);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pause.tick().await;
            let mut request = Request::new(call.clone());
            request.set_timeout(deadline);
            let taken_back = self.shared.size.takes_back && self.random.one_in(2);
            let patience = match taken_back {
                true => Duration::from_micros(self.random.next() % TAKEN_BACK_MICROS),
                false => deadline + BEYOND,
            };
            let answer = timeout(patience, send(&mut self.client, request)).await;
            let mut book = self.shared.book.lock().unwrap();
            let refusal = match answer {
                Ok(Ok(answer)) => {
                    *book.codes.entry("OK".to_owned()).or_default() += 1;
                    return Some(answer.into_inner());
                }
                Ok(Err(status)) => Refusal::from(status),
                Err(_) => {
                    let what = if taken_back { TAKEN_BACK } else { LATE };
                    *book.codes.entry(what.to_owned()).or_default() += 1;
                    continue;
                }
            };
            *book.codes.entry(refusal.name()).or_default() += 1;
            let is_damage = refusal.code == Some(Code::DataLoss);
            if is_damage && self.shared.size.is_damaged {
                continue;
            }
            if refusal.is_wrong() {
                book.wrong.push(format!("{}: {}", refusal.name(), refusal.message));
            }
            if refusal.is_final() {
                let how = format!("{:?}: {}", self.operation, refusal.name());
                book.refused.insert(self.mark.clone(), how);
                return None;
            }
        }
    }

    /// Records an operation that was answered with OK.
    pub(super) fn acknowledge(&self) {
        self.book().acknowledge(self.mark.clone(), None);
        self.tell();
    }

    /// Notifies whoever waits for acknowledgements.
    pub(super) fn tell(&self) {
        self.shared.acknowledged.send_modify(|count| *count += 1);
    }
}
