//! A log that a test reads.

use std::{
    io::{self, Write},
    mem::take,
    sync::{Arc, Mutex},
};

use tracing::{
    Level,
    subscriber::{DefaultGuard, set_default},
};

use super::canary;

/// The contents of a log. Copies share it.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The log of this thread, at every level, until the guard is dropped: for tests whose tasks
    /// all run on it.
    pub fn of_this_thread() -> (Self, DefaultGuard) {
        canary::start_log();
        let log = Self::default();
        let writer = log.clone();
        let writing = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        (log, set_default(writing.finish()))
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Everything since the last time.
    pub fn take(&self) -> String {
        String::from_utf8(take(&mut *self.0.lock().unwrap())).unwrap()
    }
}
