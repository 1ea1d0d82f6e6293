//! The databases under test: an SQLite file, or a PostgreSQL cluster that can be killed.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::{
    folder::TempFolder,
    postgres::{find_programs, install_programs, owner},
    shim::Shim,
    wait::{until, within},
};

/// How long a cluster may take to recover and to accept connections.
const START: Duration = Duration::from_secs(60);

/// The settings of every cluster: it is small, and only the fault decides what is durable.
const SETTINGS: [&str; 8] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "shared_buffers=64MB",
    "log_min_messages=error",
    "logging_collector=off",
    "max_wal_senders=4",
    "wal_keep_size=64MB",
];

/// The files of a new cluster, once some were created.
static FIRST: Mutex<Option<TempFolder>> = Mutex::new(None);

/// Removes what clusters share.
pub fn clear() {
    *FIRST.lock().unwrap() = None;
}

/// A separate PostgreSQL cluster, on its own port.
pub struct Cluster {
    programs: PathBuf,
    pub folder: PathBuf,
    pub port: u16,
    owner: Option<(u32, u32)>,
    /// The shim in its processes.
    pub shim: Shim,
    postmaster: Option<Child>,
}

impl Cluster {
    /// Creates a cluster in a new folder below `within`, with its shim in `apart`. The error says
    /// what is missing.
    pub fn new(within: &Path, apart: &Path, name: &str) -> Result<Self, String> {
        let programs = find_programs().map_or_else(install_programs, Ok);
        let programs = programs.map_err(|reason| format!("no PostgreSQL: {reason}"))?;
        let owner = owner().map_err(|reason| format!("no PostgreSQL: {reason}"))?;
        let folder = within.join(name);
        fs::create_dir(&folder).unwrap();
        if let Some((user, group)) = owner {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        let (port, shim) = (free_port(), Shim::new(apart));
        Ok(Self { programs, folder, port, owner, shim, postmaster: None })
    }

    /// Creates its files, with one empty database: a copy of those that were created first.
    pub fn init(&self) {
        let mut first = FIRST.lock().unwrap();
        let first = first.get_or_insert_with(|| {
            let folder = TempFolder::new();
            if let Some((user, group)) = self.owner {
                chown(folder.path(), Some(user), Some(group)).unwrap();
            }
            let mut initdb = self.command("initdb");
            initdb.args(["--username", "throughline", "--auth", "trust", "--encoding", "UTF8"]);
            initdb.args(["--no-sync", "--locale", "C", "--pgdata"]).arg(folder.path().join("data"));
            run(&mut initdb);
            folder
        });
        let mut copy = self.command("cp");
        run(copy.arg("-a").arg(first.path().join("data")).arg(self.data()));
    }

    /// Copies the files of a running cluster, to follow it.
    pub fn follow(&self, primary: &Self) {
        let mut copy = self.command("pg_basebackup");
        copy.args([
            "--host=127.0.0.1",
            "--username=throughline",
            "--no-sync",
            "--write-recovery-conf",
        ]);
        copy.args(["--checkpoint=fast", "--wal-method=stream"]);
        copy.arg(format!("--port={}", primary.port)).arg("--pgdata").arg(self.data());
        run(&mut copy);
        let settings = self.data().join("postgresql.auto.conf");
        let text = fs::read_to_string(&settings).unwrap();
        let name = "user=throughline application_name=standby";
        fs::write(settings, text.replace("user=throughline", name)).unwrap();
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn url(&self) -> String {
        format!("postgres://throughline@127.0.0.1:{}/postgres", self.port)
    }

    /// A command of PostgreSQL, or another one, as its user.
    fn command(&self, program: &str) -> Command {
        let own = self.programs.join(program);
        let mut command = Command::new(if own.is_file() { own } else { program.into() });
        command.current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts it, and waits until it accepts connections.
    pub async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.shim.preload(&mut command);
        // Ctrl-C is for the tests, which stop what they started.
        command.process_group(0);
        self.postmaster = Some(command.spawn().unwrap());
    }

    /// Waits until it accepts connections.
    pub async fn ready(&self) {
        let answers = async || match PgConnection::connect(&self.url()).await {
            Ok(mut connection) => connection.execute("select 1").await.is_ok(),
            Err(_) => false,
        };
        within(START, "PostgreSQL takes connections", until(answers)).await;
    }

    /// Kills the postmaster and, depending on `what`, its children.
    pub async fn kill(&mut self, what: Kill) {
        let mut postmaster = self.postmaster.take().expect("it runs");
        let backends = children(postmaster.id());
        postmaster.kill().unwrap();
        if what == Kill::All {
            backends.iter().for_each(|&backend| signal(backend, Signal::KILL));
        }
        postmaster.wait().unwrap();
        // The remaining processes notice that the postmaster is gone, and hold the memory until
        // then.
        let gone = async || backends.iter().all(|&backend| !is_running(backend));
        within(START, "backends without a postmaster end", until(gone)).await;
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    /// Stops it as an operator does: open transactions are rolled back.
    pub fn stop(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        signal(postmaster.id(), Signal::INT);
        postmaster.wait().unwrap();
    }

    /// Stops all its processes, or continues them.
    pub fn freeze(&self, frozen: bool) {
        let postmaster = self.postmaster.as_ref().expect("it runs").id();
        let to = if frozen { Signal::STOP } else { Signal::CONT };
        signal(postmaster, to);
        children(postmaster).iter().for_each(|&backend| signal(backend, to));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        self.postmaster = None;
        // It may have been stopped by a failed test.
        signal(postmaster.id(), Signal::CONT);
        signal(postmaster.id(), Signal::QUIT);
        let _ = postmaster.wait();
    }
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    All,
    Postmaster,
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A port below the ephemeral range: a client that reconnects to a port without a listener could
/// connect to itself.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The remaining children of a process.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|it| {
        let process = it.ok()?.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let mut fields = status.rsplit_once(')')?.1.split_whitespace();
        (fields.nth(1)?.parse() == Ok(parent)).then_some(process)
    });
    processes.collect()
}

fn is_running(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z'))
}

pub fn signal(process: u32, signal: Signal) {
    let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = kill_process(process, signal);
}
