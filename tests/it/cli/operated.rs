//! A server in a separate process, as operators see it: its health over HTTP while the disk is
//! full.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, interval, timeout};

use super::process::{Running, throughline, world};
use crate::support::{TempFolder, wire};

/// What takes longer never happens.
const NEVER: Duration = Duration::from_secs(60);

/// Starts a server that survives a file size limit, and returns the address of its health endpoint.
fn serve(folder: &TempFolder) -> (Running, SocketAddr) {
    let arguments = ["serve", "--database", "sqlite:demo.db", "--listen", "127.0.0.1:0"];
    let more = ["--metrics", "127.0.0.1:0", "--log-format", "json"];
    let program = throughline(folder, &[&arguments[..], &more].concat());
    // A write beyond the limit is an error then, and does not end the process.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program.get_program());
    command.args(program.get_args()).current_dir(folder.path()).stdin(Stdio::null());
    let mut server = Running::start(&mut command);
    let mut log = BufReader::new(server.log());
    let mut line = String::new();
    let mut health = None;
    loop {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the server ended");
        let event: Value = serde_json::from_str(&line).unwrap();
        match event["message"].as_str() {
            Some("metrics and health") => health = event["address"].as_str().map(str::to_owned),
            Some("serving") => break,
            _ => {}
        }
    }
    // It is read, so that the server never waits for that.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (server, health.unwrap().parse().unwrap())
}

/// Limits the size of the files of a process, in bytes.
fn limit(server: &Running, bytes: &str) {
    let id = server.id().to_string();
    let fsize = format!("--fsize={bytes}:");
    let set = Command::new("prlimit").args(["--pid", &id, &fsize]).status().unwrap();
    assert!(set.success());
}

/// Asks until the answer has the status, and returns its text.
async fn until(health: SocketAddr, status: u16) -> String {
    let mut every = interval(Duration::from_millis(50));
    let asked = timeout(NEVER, async {
        loop {
            every.tick().await;
            let (answer, text) = wire::get(health, "/readyz").await;
            if answer == status {
                return text;
            }
        }
    });
    asked.await.unwrap_or_else(|_| panic!("never {status}"))
}

#[tokio::test]
async fn a_disk_that_takes_no_more_is_seen_and_so_is_that_it_does_again() {
    let folder = world();
    let (mut server, health) = serve(&folder);
    until(health, 200).await;
    limit(&server, "1");
    let cause = until(health, 503).await;
    assert!(
        cause.starts_with("not ready: database: ") && cause.contains("; audit log: "),
        "{cause}"
    );
    assert_eq!(wire::get(health, "/healthz").await.0, 200);
    limit(&server, "unlimited");
    let again = Instant::now();
    until(health, 200).await;
    println!("ready again {} ms after there was room", again.elapsed().as_millis());
    server.stop();
}
