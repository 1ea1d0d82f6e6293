//! The systemd unit and the container file, as far as they can be tested without either.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clap::Parser as _;
use throughline::{cli::Cli, config::Config};

use super::process::{Running, has, throughline, world};
use crate::support::TempFolder;

const UNIT: &str = include_str!("../../../ops/systemd/throughline.service");
const CONTAINER: &str = include_str!("../../../ops/Containerfile");
const IGNORED: &str = include_str!("../../../ops/Containerfile.dockerignore");
/// The exposure score of a hardened network service, in tenths.
const EXPOSURE: &str = "15";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The values of a key of the unit.
fn unit(key: &str) -> Vec<&'static str> {
    UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    if !has("systemd-analyze") {
        return;
    }
    let folder = TempFolder::new();
    let path = folder.path().join("throughline.service");
    // The program is not installed here, and neither is its manual page.
    let here = UNIT.replace("/usr/local/bin/throughline", env!("CARGO_BIN_EXE_throughline"));
    let verify = |text: &str| {
        fs::write(&path, text).unwrap();
        let mut verify = Command::new("systemd-analyze");
        let found = verify.args(["verify", "--man=no"]).arg(&path).output().unwrap();
        (found.status.success(), String::from_utf8_lossy(&found.stderr).into_owned())
    };
    assert_eq!(verify(&here), (true, String::new()));
    // The control: it does find what is wrong.
    let (_, found) = verify(&here.replace("PrivateTmp=yes", "PrivateTemp=yes"));
    assert!(found.contains("PrivateTemp"), "{found}");

    fs::write(&path, UNIT).unwrap();
    let security = |unit: &Path, threshold: &str| {
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--offline=true", "--threshold", threshold]).arg(unit);
        security.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(security(&path, EXPOSURE), "it is exposed more than {EXPOSURE} tenths");
    let bare = folder.path().join("bare.service");
    fs::write(&bare, "[Service]\nExecStart=/bin/true\n").unwrap();
    assert!(!security(&bare, EXPOSURE), "a unit without hardening passes");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_backup() {
    const SERVICE: &str = include_str!("../../../ops/systemd/throughline-backup.service");
    const TIMER: &str = include_str!("../../../ops/systemd/throughline-backup.timer");
    let joined = SERVICE.replace("\\\n", "");
    let start = joined.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let (_, command) = start.split_once("exec ").unwrap();
    let command = command.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
    assert!(Cli::try_parse_from(command.take(5)).is_ok(), "{start}");
    if !has("systemd-analyze") {
        return;
    }
    let folder = TempFolder::new();
    let timer = folder.path().join("throughline-backup.timer");
    fs::write(folder.path().join("throughline-backup.service"), SERVICE).unwrap();
    let verify = |text: &str| {
        fs::write(&timer, text).unwrap();
        let mut verify = Command::new("systemd-analyze");
        let found = verify.args(["verify", "--man=no"]).arg(&timer).output().unwrap();
        (found.status.success(), String::from_utf8_lossy(&found.stderr).into_owned())
    };
    assert_eq!(verify(TIMER), (true, String::new()));
    // The control: it does find what is wrong.
    let (_, found) = verify(&TIMER.replace("02:15:00", "25:15:00"));
    assert!(found.contains("calendar"), "{found}");
}

#[test]
fn the_unit_fits_the_program() {
    let start = unit("ExecStart");
    let [start] = start.as_slice() else { panic!("{start:?}") };
    assert!(Cli::try_parse_from(start.split_whitespace()).is_ok(), "{start}");
    assert_eq!(unit("Type"), ["notify"]);

    // It has enough time to shut down: three times the grace period.
    let seconds = |key: &str| -> u64 {
        let value = unit(key).concat();
        value.trim_end_matches('s').parse().unwrap()
    };
    let grace = Config::default().shutdown_grace.as_secs();
    assert!(seconds("TimeoutStopSec") > 3 * grace);
    let descriptors: u32 = unit("LimitNOFILE").concat().parse().unwrap();
    assert!(descriptors > 2 * Config::default().max_connections);
    // An invalid configuration ends it with exit code 2.
    assert_eq!(unit("RestartPreventExitStatus"), ["2"]);
    // Unless the settings say otherwise, the database is in the state directory.
    assert_eq!(unit("WorkingDirectory"), [format!("/var/lib/{}", unit("StateDirectory").concat())]);
    let sysusers = fs::read_to_string(root().join("ops/systemd/throughline.sysusers")).unwrap();
    assert!(sysusers.lines().any(|line| line.starts_with("u throughline ")), "{sysusers}");
    assert_eq!(unit("User"), ["throughline"]);
}

#[test]
fn systemd_is_told_when_calls_are_taken_and_when_not_any_more() {
    let folder = world();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut told = [0; 256];
    let mut next = || {
        let length = socket.recv(&mut told).unwrap();
        String::from_utf8_lossy(&told[..length]).into_owned()
    };
    let serve = ["serve", "--database", "sqlite:demo.db", "--listen", "127.0.0.1:0"];
    let mut command = throughline(&folder, &serve);
    let mut server = Running::start(command.env("NOTIFY_SOCKET", folder.path().join("notify")));
    let ready = next();
    assert!(ready.starts_with("READY=1\nSTATUS=serving on 127.0.0.1:"), "{ready}");
    // It is true: somebody listens there.
    let address = ready.rsplit(' ').next().unwrap();
    std::net::TcpStream::connect(address).unwrap();
    server.stop();
    assert_eq!(next(), "STOPPING=1\nSTATUS=stopping");
}

/// The instructions of the container file, each with what follows it.
fn instructions() -> Vec<(String, String)> {
    let lines = CONTAINER.lines().filter(|line| !line.starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let instructions = text.lines().filter_map(|line| line.trim().split_once(' '));
    instructions.map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

/// The files of the repository that the build gets.
fn copied() -> Vec<String> {
    let copies = instructions()
        .into_iter()
        .filter(|(name, rest)| name == "COPY" && !rest.starts_with("--from"));
    copies
        .flat_map(|(_, rest)| {
            let mut paths: Vec<String> = rest.split_whitespace().map(ToOwned::to_owned).collect();
            paths.pop();
            paths
        })
        .collect()
}

/// The files that the compiler read for the library, according to its dependency file. Only `cargo
/// build` writes that next to the program.
fn read_by_the_compiler() -> Vec<PathBuf> {
    let program = std::env::current_exe().unwrap();
    let lists = fs::read_dir(program.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    let of_crate = lists.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("throughline-") && name.ends_with(".d")
    });
    let of_library = of_crate.filter_map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let is_library = text.split_whitespace().any(|word| word == "src/lib.rs");
        is_library.then(|| (fs::metadata(&path).unwrap().modified().unwrap(), text))
    });
    let (_, newest) = of_library.max().expect("the library was compiled");
    let real = |word: &str| root().join(word.trim_end_matches(':')).canonicalize().ok();
    let root = root().canonicalize().unwrap();
    let within = |path: PathBuf| path.strip_prefix(&root).ok().map(Path::to_owned);
    let files = newest.split_whitespace().filter_map(real).filter(|path| path.is_file());
    let mut read: Vec<PathBuf> = files.filter_map(within).collect();
    read.retain(|path| !path.starts_with("target"));
    read.sort_unstable();
    read.dedup();
    read
}

#[test]
fn the_image_is_built_from_all_that_the_program_is_made_of() {
    let copied = copied();
    let mut let_in: Vec<&str> = IGNORED.lines().filter_map(|it| it.strip_prefix('!')).collect();
    let_in.sort_unstable();
    let mut sorted = copied.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, let_in, "what is copied and what is not ignored");
    for path in &copied {
        assert!(root().join(path).exists(), "{path}");
    }
    let read = read_by_the_compiler();
    assert!(read.len() > 300, "{}", read.len());
    let is_copied = |path: &&PathBuf| copied.iter().any(|copied| path.starts_with(copied));
    let missing: Vec<&PathBuf> = read.iter().filter(|path| !is_copied(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_image_runs_what_there_is() {
    let instructions = instructions();
    let one = |name: &str| {
        let mut found = instructions.iter().filter(|(it, _)| it == name).map(|(_, rest)| rest);
        found.next_back().unwrap_or_else(|| panic!("no {name}"))
    };
    let words = |list: &str| -> Vec<String> { serde_json::from_str(list).unwrap() };
    let check = one("HEALTHCHECK").split_once("CMD ").unwrap().1;
    for command in [[words(one("ENTRYPOINT")), words(one("CMD"))].concat(), words(check)] {
        assert!(Cli::try_parse_from(&command).is_ok(), "{command:?}");
    }
    // Not as root, in a folder that is the volume and belongs to the user.
    assert_eq!(one("USER"), "65532:65532");
    assert_eq!(one("WORKDIR"), one("VOLUME"));
    let install = instructions.iter().rfind(|(name, _)| name == "RUN").unwrap();
    assert!(
        install.1.contains("--owner=65532 --group=65532") && install.1.ends_with(one("VOLUME"))
    );

    // Both have the same Debian release, and the compiler is the one that the crate requires.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let rust = manifest["package"]["rust-version"].as_str().unwrap();
    let bases: Vec<&str> = instructions
        .iter()
        .filter(|(name, _)| name == "FROM")
        .map(|(_, rest)| rest.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(
        bases,
        [
            &format!("docker.io/library/rust:{rust}-bookworm"),
            "docker.io/library/debian:bookworm-slim"
        ]
    );
}

/// A slim image of Debian has the libraries that the program is linked to.
#[test]
fn the_program_needs_nothing_that_the_image_lacks() {
    if !has("ldd") {
        return;
    }
    let linked = Command::new("ldd").arg(env!("CARGO_BIN_EXE_throughline")).output().unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    // Of the packages libc6 and libgcc-s1, which are essential.
    const THERE: [&str; 7] = [
        "linux-vdso.so",
        "libgcc_s.so",
        "libm.so",
        "libc.so",
        "libdl.so",
        "libpthread.so",
        "/lib64/ld-linux",
    ];
    let is_there = |line: &&str| THERE.iter().any(|it| line.trim().starts_with(it));
    let missing: Vec<&str> = linked.lines().filter(|line| !is_there(line)).collect();
    assert!(missing.is_empty() && linked.contains("libc.so"), "{missing:?}");
}
