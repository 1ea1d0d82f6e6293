//! The real server in a separate process.

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

/// How long a start may take: it may have a log to replay.
const START: Duration = Duration::from_secs(60);
/// How long a shutdown may take.
const STOP: Duration = Duration::from_secs(60);
/// How many of its last log lines are kept.
const LOG_LINES: usize = 2000;

/// The program, without settings from the environment. `FAULTS_PROGRAM` names another one, such as
/// that of an earlier release.
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

/// The log of a server.
#[derive(Default)]
struct Log {
    last: VecDeque<String>,
}

impl Server {
    /// Starts it, and waits until it serves. The error is its log if it ended before.
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

    /// Kills it.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Shuts it down, and waits for it.
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

    /// Its memory in KiB, including mapped files.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Its anonymous memory in KiB.
    pub fn own_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// The number of its open files and sockets.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).map_or(0, Iterator::count)
    }

    /// The last line of the log that contains the words.
    pub fn last_line(&self, words: &str) -> Option<String> {
        let log = self.log.lock().unwrap();
        log.last.iter().rev().find(|line| line.contains(words)).cloned()
    }

    /// The last errors of its log.
    pub fn errors(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let errors = log.last.iter().filter(|line| line.contains(" ERROR "));
        errors.rev().take(3).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has already ended, unless a test failed. A stopped process ends too.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Log {
    fn text(&self) -> String {
        self.last.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Reads the log until the process ends, and passes on the address in it.
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
