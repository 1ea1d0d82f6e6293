//! A separate PostgreSQL cluster for the process of the tests, or of a benchmark: started on first
//! use, removed when the process has ended, however it ends.
//!
//! Independent of the other test files: benchmarks include this file by its path.

#![allow(dead_code, reason = "tests and benchmarks each use a part of it")]

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// The oldest version of PostgreSQL that the product supports.
const OLDEST_VERSION: u32 = 15;

/// Creates the cluster and starts it, reports that on its output, and waits until its input ends,
/// which is when the process at the other end of the pipe has ended. `$1` is the folder of the
/// programs, `$2` the data folder. The ICU locale makes a sort without `collate "C"` come out
/// wrong.
const KEEPER: &str = r#"
programs=$1 folder=$2
trap '' PIPE # the process may be gone before the cluster is ready
initdb() {
    "$programs/initdb" --pgdata "$folder/data" --username throughline --auth trust \
        --encoding UTF8 --no-sync --locale C "$@" </dev/null >"$folder/initdb.log" 2>&1
}
start() {
    "$programs/pg_ctl" start --wait --silent --timeout 60 --pgdata "$folder/data" \
        --log "$folder/server.log" --options "-c listen_addresses= -c max_connections=400 \
        -c unix_socket_directories='$folder'" </dev/null >>"$folder/initdb.log" 2>&1
}
if { initdb --locale-provider icu --icu-locale en-US ||
    { rm -rf "$folder/data"; initdb; }; } && start; then
    echo ready
    cat >/dev/null
    "$programs/pg_ctl" stop --mode immediate --pgdata "$folder/data" </dev/null >/dev/null 2>&1
else
    tail -n 20 "$folder"/*.log 2>&1
fi
rm -rf "$folder"
"#;

/// Installs the programs, without the cluster that Debian creates and starts by default.
const INSTALL: &str = r"
set -e
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 $@; }
apt-get update -qq
install postgresql-common
conf=/etc/postgresql-common/createcluster.conf
echo 'create_main_cluster = off # while tests install' >>$conf
trap 'sed -i /while.tests.install/d $conf' EXIT
install postgresql
";

/// A running cluster.
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    /// Stops the cluster when its input ends: the other end is held here and nowhere else.
    keeper: Child,
    databases: AtomicU32,
}

/// The cluster of this process. None if PostgreSQL is absent and cannot be installed: the reason is
/// reported once on stderr; with `REQUIRE_POSTGRES=1` it is a failure.
pub fn postgres() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| {
        Cluster::start().inspect_err(|reason| {
            // Bypasses the capture of the test harness, which hides what a passing test prints.
            let _ = writeln!(io::stderr(), "skipped: all tests on PostgreSQL, because {reason}");
        })
    });
    match cluster {
        Ok(cluster) => Some(cluster),
        Err(reason) if env::var_os("REQUIRE_POSTGRES").is_some_and(|on| on == "1") => {
            panic!("REQUIRE_POSTGRES=1, but {reason}")
        }
        Err(_) => None,
    }
}

impl Cluster {
    /// A separate cluster for a test that changes the settings of the server. None as [`postgres`].
    pub fn another() -> Option<Self> {
        postgres()?;
        Some(Self::start().expect("a second cluster"))
    }

    fn start() -> Result<Self, String> {
        let programs = find_programs().map_or_else(install_programs, Ok)?;
        let owner = owner()?;
        let folder = new_folder(owner).map_err(|error| format!("no folder for it: {error}"))?;

        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&programs).arg(&folder);
        // Its own process group, so that Ctrl-C reaches only the tests, and it can clean up.
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null()).process_group(0);
        if let Some((user, group)) = owner {
            command.uid(user).gid(group);
        }
        let mut keeper = command.spawn().map_err(|error| format!("sh does not start: {error}"))?;

        let mut output = BufReader::new(keeper.stdout.take().ok_or("no output")?);
        let mut told = String::new();
        let _ = output.read_line(&mut told);
        if told.trim() != "ready" {
            let _ = output.read_to_string(&mut told);
            return Err(format!("its cluster does not start:\n{told}"));
        }
        Ok(Self { programs, folder, keeper, databases: AtomicU32::new(0) })
    }

    /// Creates an empty database and returns its URL.
    pub async fn new_database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&self.url("postgres")).await.expect("a connection");
        let create = AssertSqlSafe(format!("create database {name}"));
        admin.execute(create).await.expect("a new database");
        let _ = admin.close().await;
        self.url(&name)
    }

    /// The path of a program of this PostgreSQL, such as `pgbench`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Only over a socket in the folder, so that nobody else can reach it and no port is used.
    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&port=5432&user=throughline", self.folder.display())
    }
}

/// The folder of `initdb` and the other programs: on the PATH, or where Debian or another system
/// has them.
pub fn find_programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // A link on the PATH leads to the folder that has the others.
    let on_path = env::split_paths(&path).filter_map(|folder| {
        let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
        Some(initdb.parent()?.to_owned())
    });

    let of_debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut of_debian: Vec<_> =
        of_debian.filter_map(|version| Some(version.ok()?.path().join("bin"))).collect();
    of_debian.sort();

    let asked = Command::new("pg_config").arg("--bindir").output().ok();
    let of_pg_config = asked
        .map(|answer| PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim().to_owned()));

    on_path.chain(of_debian.into_iter().rev()).chain(of_pg_config).find(|it| is_fit(it))
}

/// Whether a folder has the programs, in a version that the product supports.
fn is_fit(programs: &Path) -> bool {
    let all = ["initdb", "pg_ctl", "postgres"].iter().all(|name| programs.join(name).is_file());
    let Ok(answer) = Command::new(programs.join("postgres")).arg("--version").output() else {
        return false;
    };
    // Such as "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "... 18beta1".
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let number = answer.split_whitespace().nth(2).unwrap_or_default();
    let major: String = number.chars().take_while(char::is_ascii_digit).collect();
    all && major.parse().is_ok_and(|major: u32| major >= OLDEST_VERSION)
}

/// Installs the programs with apt-get, if this user may.
pub fn install_programs() -> Result<PathBuf, String> {
    let missing = format!("no PostgreSQL {OLDEST_VERSION} or newer is installed");
    let succeeds = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !succeeds("apt-get", &["--version"]) {
        return Err(format!("{missing}, and there is no apt-get to install it with"));
    }
    let mut command = if is_root() {
        Command::new("sh")
    } else if succeeds("sudo", &["-n", "true"]) {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        return Err(format!("{missing}, and installing it takes root or sudo without a password"));
    };

    let _ = writeln!(io::stderr(), "{missing}: installing it with apt-get");
    command.args(["-c", INSTALL]).stdin(Stdio::null());
    let done = command.output().map_err(|error| format!("{missing}: {error}"))?;
    find_programs().ok_or_else(|| {
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        format!("{missing}, and apt-get did not install it:\n{told}")
    })
}

fn is_root() -> bool {
    // The owner of the process's own folder is the user it runs as.
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The user of the cluster: PostgreSQL refuses to run as root. None: the same user.
pub fn owner() -> Result<Option<(u32, u32)>, String> {
    if !is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let user = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = user.into_iter().find(|user| user[0] == name)?;
        Some((user.get(2)?.parse().ok()?, user.get(3)?.parse().ok()?))
    };
    let owner = find("postgres").or_else(|| find("nobody"));
    owner.map(Some).ok_or("there is neither a user postgres nor nobody to run it as".to_owned())
}

/// A new folder for the cluster. Its path is short, as that of a socket must be.
fn new_folder(owner: Option<(u32, u32)>) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut number = 0;
    loop {
        let name = format!("throughline-pg-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
            Ok(()) => {
                if let Some((user, group)) = owner {
                    chown(&folder, Some(user), Some(group))?;
                }
                return Ok(folder);
            }
        }
    }
}
