//! `throughline caller`, and its changes of the file.

use std::{fs, os::unix::fs::PermissionsExt as _};

use http::HeaderMap;
use insta::assert_snapshot;
use throughline::{api::caller::Peer, config::read_callers};

use super::process::{printed, refused};
use crate::support::TempFolder;

const FILE: &str = "--callers-file=callers.toml";

fn caller(folder: &TempFolder, arguments: &[&str]) -> String {
    printed(folder, &[&["caller", FILE], arguments].concat())
}

fn not(folder: &TempFolder, arguments: &[&str]) -> String {
    refused(folder, &[&["caller", FILE], arguments].concat())
}

/// The token that a command shows.
fn token(shown: &str) -> String {
    let token = shown.lines().find_map(|line| line.strip_prefix("  ")).unwrap();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{shown}");
    token.to_owned()
}

/// The caller that the file identifies by a token.
fn known(folder: &TempFolder, token: &str) -> Option<String> {
    let text = fs::read_to_string(folder.path().join("callers.toml")).unwrap();
    assert!(!text.contains(token));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let actor = read_callers("callers.toml", &text).unwrap().actor(&headers, &Peer::default(), 0);
    actor.ok().map(|actor| actor.caller().to_owned())
}

#[test]
fn a_caller_is_added_rotated_retired_and_revoked() {
    let folder = TempFolder::new();
    let desk = || Some("desk".to_owned());
    let first = token(&caller(
        &folder,
        &["add", "desk", "--role", "agent,supervisor", "--verifies", "account,email"],
    ));
    let shop = token(&caller(
        &folder,
        &["add", "shop", "--role", "recorder", "--expires", "2027-12-31T00:00:00Z"],
    ));
    assert_ne!(first, shop);
    assert_eq!(known(&folder, &first), desk());
    let mode = fs::metadata(folder.path().join("callers.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let second = token(&caller(&folder, &["rotate", "desk"]));
    assert_eq!((known(&folder, &first), known(&folder, &second)), (desk(), desk()));
    assert_snapshot!(caller(&folder, &["list"]), @"
    name  roles              known by  expires               may verify
    desk  agent, supervisor  2 tokens  never                 account, email
    shop  recorder           1 token   2027-12-31T00:00:00Z  nothing
    ");
    assert_snapshot!(not(&folder, &["rotate", "desk"]), @"1: throughline: desk has two tokens; `throughline caller retire desk` removes the older one");
    caller(&folder, &["retire", "desk"]);
    assert_eq!((known(&folder, &first), known(&folder, &second)), (None, desk()));
    assert!(not(&folder, &["retire", "desk"]).contains("has only one token"));

    caller(&folder, &["revoke", "desk"]);
    assert_eq!((known(&folder, &second), known(&folder, &shop)), (None, Some("shop".to_owned())));
    caller(&folder, &["revoke", "shop"]);
    assert_snapshot!(caller(&folder, &["list"]), @"No callers. `throughline caller add NAME` adds one.");
}

/// Restrictions are written in the file's format, and refused if the file could not be read
/// afterwards.
#[test]
fn a_caller_is_bounded() {
    let folder = TempFolder::new();
    let bounds =
        ["--channels", "web,chat", "--other-channels", "masked", "--unverified", "nothing"];
    let more = ["--purpose", "sales", "--actors", "ans,bo"];
    caller(&folder, &[&["add", "shop", "--role", "agent"], &bounds[..], &more].concat());
    let text = fs::read_to_string(folder.path().join("callers.toml")).unwrap();
    for line in [
        "channels = [\"web\", \"chat\"]",
        "other_channels = \"masked\"",
        "unverified = \"nothing\"",
        "purpose = \"sales\"",
        "actors = [\"ans\", \"bo\"]",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    caller(&folder, &["add", "desk", "--role", "agent", "--actors", "named"]);
    for bad in ["--unverified=some", "--purpose=fraud", "--channels=fax"] {
        let told = not(&folder, &["add", "other", "--role", "agent", bad]);
        let key = bad.split_once('=').unwrap().0.trim_start_matches('-');
        assert!(told.contains(&format!("{key}: must be")), "{told}");
    }
}

#[test]
fn what_a_person_wrote_in_the_file_stays() {
    let folder = TempFolder::new();
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let file = format!(
        "# The shop of Utrecht.\n[[caller]]\nname = 'shop' # ours\nroles = 'recorder'\ntoken_sha256 = '{hash}'\n"
    );
    fs::write(folder.path().join("callers.toml"), &file).unwrap();
    caller(&folder, &["add", "desk", "--role", "agent"]);
    let after = fs::read_to_string(folder.path().join("callers.toml")).unwrap();
    assert!(after.starts_with(&file), "{after}");
    caller(&folder, &["revoke", "desk"]);
    assert_eq!(fs::read_to_string(folder.path().join("callers.toml")).unwrap().trim(), file.trim());
}

#[test]
fn what_a_server_would_not_read_is_not_written() {
    let folder = TempFolder::new();
    assert_snapshot!(refused(&folder, &["caller", "list"]), @"2: throughline: which file of callers? Name it with --callers-file");
    for wrong in [
        &["add", "desk", "--role", "king"][..],
        &["add", "a b", "--role", "agent"],
        &["add", "local", "--role", "agent"],
        &["add", "desk", "--role", "agent,supervisor", "--verifies", "acount"],
        &["add", "desk", "--role", "agent", "--expires", "tomorrow"],
    ] {
        assert!(not(&folder, wrong).starts_with("2: throughline: the configuration"), "{wrong:?}");
    }
    assert!(not(&folder, &["rotate", "nobody"]).contains("there is no such caller"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    caller(&folder, &["add", "desk", "--role", "agent"]);
    let twice = not(&folder, &["add", "desk", "--role", "agent"]);
    assert!(twice.contains("name: another caller has it"), "{twice}");
}

#[test]
fn a_caller_of_an_issuer_or_with_a_certificate_has_no_token_of_ours() {
    let folder = TempFolder::new();
    let issuer = "[[issuer]]\nname = 'company'\nissuer = 'https://login.example.com'\n\
        audience = 'throughline'\nkeys = 'company.json'\n";
    fs::write(folder.path().join("callers.toml"), issuer).unwrap();
    let by_issuer = ["--issuer", "company", "--subject", "a1", "--client", "desk-app"];
    let shown = caller(&folder, &[&["add", "desk", "--role", "agent"], &by_issuer[..]].concat());
    assert_snapshot!(shown, @"callers.toml has desk. Servers know it within seconds.");
    caller(&folder, &["add", "till", "--role", "recorder", "--certificate", "till.example.com"]);
    token(&caller(&folder, &["add", "shop", "--role", "recorder"]));
    let text = fs::read_to_string(folder.path().join("callers.toml")).unwrap();
    assert!(text.starts_with(issuer), "{text}");
    let text = format!(
        "{text}jwt = {{ issuer = 'company', subject = 'b2' }}\ncertificate = 'x.example'\n"
    );
    fs::write(folder.path().join("callers.toml"), text).unwrap();
    assert_snapshot!(caller(&folder, &["list"]), @"
    name  roles     known by                                                expires  may verify
    desk  agent     JWT of company                                          never    nothing
    till  recorder  certificate of till.example.com                         never    nothing
    shop  recorder  1 token or JWT of company and certificate of x.example  never    nothing
    ");
    for command in ["rotate", "retire"] {
        let no_token = "1: throughline: till has no token of ours: ";
        assert!(not(&folder, &[command, "till"]).starts_with(no_token), "{command}");
    }
    let nobody = ["add", "door", "--role", "agent", "--issuer", "nobody", "--subject", "a"];
    assert!(not(&folder, &nobody).contains("there is no [[issuer]] of this name"));
    let whoever = ["add", "door", "--role", "agent", "--issuer", "company"];
    assert!(not(&folder, &whoever).contains("must have a subject"));
    assert!(
        not(&folder, &["add", "door", "--role", "agent", "--subject", "a"]).contains("--issuer")
    );
}
