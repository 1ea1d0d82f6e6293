//! `throughline serve --check`: it reports what a start would, and starts nothing.

use std::fs;

use super::{
    doctor::files,
    process::{Running, refused, serve, throughline, world},
};
use crate::support::TempFolder;

const DEMO: &str = "--database=sqlite:demo.db";

/// The exit code, and both outputs.
fn check(folder: &TempFolder, arguments: &[&str]) -> (i32, String) {
    let output =
        throughline(folder, &[&["serve", "--check"], arguments].concat()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn what_can_be_served_is_told_and_not_touched() {
    let folder = TempFolder::new();
    let (code, text) = check(&folder, &["--listen", "127.0.0.1:0"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("sqlite:throughline.db, to be served on 127.0.0.1:0\n"), "{text}");
    assert!(text.contains("there is no file throughline.db yet"), "{text}");
    assert!(text.ends_with("It can be served.\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "made a file");

    let folder = world();
    let before = files(&folder);
    let (code, text) = check(&folder, &[DEMO, "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("up to date"), "{text}");
    assert_eq!(files(&folder), before);
}

/// Whatever the check refuses does not start, with the same exit code.
#[test]
fn what_it_refuses_does_not_start() {
    let folder = world();
    fs::write(folder.path().join("broken.toml"), "caller = 1").unwrap();
    fs::write(folder.path().join("text.db"), "this is no database at all".repeat(50)).unwrap();
    let any = ["--listen", "127.0.0.1:0"];
    for (arguments, code, words) in [
        (&[DEMO, "--callers-file", "broken.toml"][..], 2, "broken.toml"),
        (&[DEMO, "--callers-file", "missing.toml"], 2, "missing.toml"),
        (&[DEMO, "--retention-file", "broken.toml"], 2, "broken.toml"),
        (&[DEMO, "--tls-certificate", "a.pem", "--tls-key", "a.key"], 2, "a.pem"),
        (&["--database", "sqlite:no/folder/a.db"], 1, "no/folder/a.db cannot be made"),
        (&["--database", "sqlite:text.db"], 1, "cannot be opened"),
        (&["--database", "postgres://x@127.0.0.1:1/x"], 1, "cannot be opened"),
    ] {
        let arguments = [arguments, &any].concat();
        let (checked, text) = check(&folder, &arguments);
        assert_eq!(checked, code, "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
        let started = refused(&folder, &[&["serve"], &arguments[..]].concat());
        assert!(started.starts_with(&format!("{code}: ")), "{arguments:?}: {started}");
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let folder = world();
    let (mut server, address, _log): (Running, _, _) = serve(&folder, &[]);
    let (code, text) = check(&folder, &[DEMO, "--listen", &address]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Address already in use"), "{text}");
    assert!(text.ends_with("It cannot be served.\n"), "{text}");
    // Alongside the server that is to be restarted.
    let (code, text) = check(&folder, &[DEMO, "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 0, "{text}");
    server.stop();
}
