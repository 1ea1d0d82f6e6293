//! `throughline status`: what is reported about a running server, and about a stopped one.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use serde_json::Value;

use super::process::{Running, serve, throughline, world};
use crate::support::TempFolder;

/// The exit code, and the output.
fn status(folder: &TempFolder, arguments: &[&str]) -> (i32, String) {
    let output = throughline(folder, &[&["status"], arguments].concat()).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// A server that gives the same answer to each request, and its address.
fn answering(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The head of a request is short, and comes at once.
            let _ = stream.read(&mut [0; 1024]);
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_server_that_takes_calls_says_so_and_what_it_does() {
    let folder = world();
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (mut server, address, _log): (Running, _, _) = serve(&folder, &["--metrics", &metrics]);

    let (code, text) = status(&folder, &["--server", &address, "--metrics", &metrics]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with(&format!("{address} takes calls\n")), "{text}");
    let version = format!("version      {} on sqlite\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
    let services = "CustomerService, TimelineService, CaseService, PurchaseService, PrivacyService";
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains(&format!("services {services} take calls")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

    // By gRPC only, less is known.
    let (code, text) = status(&folder, &["--server", &address, "--json"]);
    let by_grpc: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &by_grpc["readiness"]), (0, &"ready".into()), "{text}");
    assert_eq!(by_grpc["services"].as_object().unwrap().len(), 5, "{text}");
    assert_eq!(by_grpc["version"], Value::Null, "{text}");

    // The configuration of the server says where it is.
    let mut command = throughline(&folder, &["status", "--json"]);
    command.env("THROUGHLINE_LISTEN", &address).env("THROUGHLINE_METRICS", &metrics);
    let output = command.output().unwrap();
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(all["server"], format!("http://{address}"));
    assert_eq!((&all["database"], &all["calls"]), (&"sqlite".into(), &0.into()), "{all}");
    assert!(all["started_at"].is_string() && all["services"].is_object(), "{all}");

    server.stop();
    let (code, text) = status(&folder, &["--server", &address, "--metrics", &metrics]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with(&format!("{address} is not reached\n")), "{text}");
}

#[test]
fn a_server_that_does_not_take_calls_says_why() {
    let folder = TempFolder::new();
    let cause = "not ready: database: no write and read within 5 s\n";
    let metrics = answering("503 Service Unavailable", cause);
    // The port for calls is unknown, and not queried.
    let server = answering("200 OK", "ready\n");
    let (code, text) = status(&folder, &["--metrics", &metrics]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with(&format!("http://{metrics} does not take calls\n")), "{text}");
    assert!(text.contains("cause        database: no write and read within 5 s\n"), "{text}");
    let (code, text) = status(&folder, &["--metrics", &metrics, "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["readiness"]), (1, &"not_ready".into()), "{text}");
    assert_eq!(json["cause"], "database: no write and read within 5 s", "{text}");

    let (code, text) = status(&folder, &["--metrics", &server]);
    assert_eq!(code, 0, "{text}");
    // The server there does not speak gRPC.
    let (code, text) = status(&folder, &["--server", &server]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("is not reached"), "{text}");
}

#[test]
fn nobody_there_is_told_too() {
    let folder = TempFolder::new();
    for place in [["--server", "http://127.0.0.1:1"], ["--metrics", "127.0.0.1:1"]] {
        let (code, text) = status(&folder, &place);
        assert_eq!(code, 1, "{text}");
        assert!(text.starts_with("http://127.0.0.1:1 is not reached\n"), "{text}");
    }
}
