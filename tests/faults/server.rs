//! The real server in a process of its own.

use std::{
    collections::VecDeque,
    env, fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::process::Signal;
use tokio::sync::oneshot;

use crate::{
    cluster::signal,
    shim::Shim,
    wait::{until, within},
};

/// How long a start may take: it may have a log to play back.
const START: Duration = Duration::from_secs(60);
/// How long a server that is asked to stop may take.
const STOP: Duration = Duration::from_secs(60);
/// So many of its last log lines are kept.
const LOG_LINES: usize = 2000;

/// The program, with no setting from outside. `FAULTS_PROGRAM` names another one, such as that of a
/// release before.
pub fn throughline(folder: &Path, arguments: &[&str]) -> Command {
    let own = env!("CARGO_BIN_EXE_throughline");
    let mut command = Command::new(env::var_os("FAULTS_PROGRAM").unwrap_or_else(|| own.into()));
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("THROUGHLINE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

pub struct Server {
    process: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

/// What a server has written.
#[derive(Default)]
struct Log {
    last: VecDeque<String>,
}

impl Server {
    /// Starts it, and waits until it serves. The error is the log of one that ended before.
    pub async fn start(mut command: Command, shim: &Shim) -> Result<Self, String> {
        shim.preload(&mut command);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let (serves, serving) = oneshot::channel();
        let stderr = process.stderr.take().unwrap();
        let lines = Arc::clone(&log);
        thread::spawn(move || read(stderr, &lines, serves));
        match within(START, "the server serves", serving).await {
            Ok(address) => Ok(Self { process, address, log }),
            Err(_) => {
                process.wait().unwrap();
                Err(log.lock().unwrap().text())
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn signal(&self, it: Signal) {
        signal(self.id(), it);
    }

    /// Ends it without asking.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop, and waits for it.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        within(STOP, "the server stops", self.ended()).await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until(async || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    /// Its memory in KiB, with the pages of files that it has mapped.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Its memory in KiB that no file is behind.
    pub fn own_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// How many files and sockets it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).map_or(0, Iterator::count)
    }

    /// The last line of the log that has some words.
    pub fn last_line(&self, words: &str) -> Option<String> {
        let log = self.log.lock().unwrap();
        log.last.iter().rev().find(|line| line.contains(words)).cloned()
    }

    /// Its last errors, as the log has them.
    pub fn errors(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let errors = log.last.iter().filter(|line| line.contains(" ERROR "));
        errors.rev().take(3).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, but for a test that fails. One that is stopped ends too.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Log {
    fn text(&self) -> String {
        self.last.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Reads the log until the process has ended, and tells the address that stands in it.
fn read(stderr: ChildStderr, log: &Mutex<Log>, serves: oneshot::Sender<SocketAddr>) {
    let mut serves = Some(serves);
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="));
        if line.contains("serving")
            && let Some(address) = address.and_then(|it| it.parse().ok())
            && let Some(serves) = serves.take()
        {
            let _ = serves.send(address);
        }
        let mut log = log.lock().unwrap();
        if log.last.len() == LOG_LINES {
            log.last.pop_front();
        }
        log.last.push_back(line);
    }
}
