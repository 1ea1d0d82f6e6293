//! Controls what `shim.c` does in the processes that it is preloaded into.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

pub const ENOSPC: i32 = 28;
pub const EIO: i32 = 5;

/// The calls of a rule. The numbers are those of `shim.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Calls {
    Write = 1,
    Sync = 2,
    Read = 4,
    Truncate = 8,
    /// What is sent over a socket.
    Send = 16,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Fail(i32),
    /// It does nothing and reports success.
    Skip,
    /// The process is killed before it.
    Kill,
    /// The process is killed after half of a write.
    Tear,
}

/// What the shim does with calls on a file.
#[derive(Clone, Debug)]
pub struct Rule {
    pub calls: Calls,
    /// The files, as a shell pattern. A socket is `socket:[NUMBER]`.
    pub file: &'static str,
    pub action: Action,
    /// How many calls pass first.
    pub after: usize,
    /// How many are affected. None: all.
    pub times: Option<usize>,
}

impl Rule {
    /// All calls, from now on.
    pub fn all(calls: Calls, file: &'static str, action: Action) -> Self {
        Self { calls, file, action, after: 0, times: None }
    }

    /// One call, after this many others.
    pub fn once(calls: Calls, file: &'static str, action: Action, after: usize) -> Self {
        Self { calls, file, action, after, times: Some(1) }
    }
}

pub const MAX_RULES: usize = 4;
const RULE_BYTES: usize = 7 * 4 + PATH_BYTES;
const PATH_BYTES: usize = 100;
const MET_AT: usize = 6 * 4;

/// The shim, and the file that controls it.
pub struct Shim {
    library: PathBuf,
    plan: File,
    path: PathBuf,
}

impl Shim {
    /// Compiles it into a folder that the processes under test can read.
    pub fn new(folder: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let library = folder.join(format!("shim-{}.so", NEXT.fetch_add(1, Ordering::Relaxed)));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let mut compile = Command::new("cc");
        compile.args(["-O1", "-shared", "-fPIC", source, "-o"]).arg(&library).arg("-ldl");
        let compiled = compile.output().expect("a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));

        let path = library.with_extension("plan");
        fs::write(&path, vec![0; 8 + MAX_RULES * RULE_BYTES]).unwrap();
        // PostgreSQL runs as another user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let plan = File::options().read(true).write(true).open(&path).unwrap();
        Self { library, plan, path }
    }

    /// Preloads the shim into a process that is about to be started.
    pub fn preload(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAULTS_FILE", &self.path);
        command.env("FAULTS_PARENT", process::id().to_string());
    }

    /// Replaces the rules.
    pub fn arm(&self, rules: &[Rule]) {
        assert!(rules.len() <= MAX_RULES, "{rules:?}");
        self.disarm();
        for (number, rule) in rules.iter().enumerate() {
            let (action, error) = match rule.action {
                Action::Fail(error) => (1, error),
                Action::Skip => (2, 0),
                Action::Kill => (3, 0),
                Action::Tear => (4, 0),
            };
            let count = |count: usize| i32::try_from(count).unwrap();
            let fields = [
                rule.calls as i32,
                action,
                error,
                count(rule.after),
                rule.times.map_or(i32::MAX, count),
                0,
            ];
            let mut bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_ne_bytes()).collect();
            assert!(rule.file.len() < PATH_BYTES);
            bytes.extend(rule.file.as_bytes());
            bytes.resize(RULE_BYTES - 4, 0);
            self.write(number, 4, &bytes);
        }
        for number in 0..rules.len() {
            self.write(number, 0, &1_i32.to_ne_bytes());
        }
    }

    /// Lets every call pass.
    pub fn disarm(&self) {
        for number in 0..MAX_RULES {
            self.write(number, 0, &0_i32.to_ne_bytes());
        }
    }

    /// How many calls the rules have affected.
    pub fn met(&self) -> usize {
        let met = |number| {
            let mut bytes = [0; 4];
            let at = 8 + number * RULE_BYTES + MET_AT;
            self.plan.read_exact_at(&mut bytes, at as u64).unwrap();
            usize::try_from(i32::from_ne_bytes(bytes)).unwrap()
        };
        (0..MAX_RULES).map(met).sum()
    }

    /// Shifts the wall clock of the processes.
    pub fn set_clock(&self, seconds: i64) {
        self.plan.write_all_at(&(seconds * 1_000_000).to_ne_bytes(), 0).unwrap();
    }

    fn write(&self, rule: usize, at: usize, bytes: &[u8]) {
        let at = 8 + rule * RULE_BYTES + at;
        self.plan.write_all_at(bytes, at as u64).unwrap();
    }
}
