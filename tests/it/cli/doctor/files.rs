//! Problems of files: certificates, callers, the ledger, the seals, and their disks.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::Duration,
};

use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use sha2::{Digest as _, Sha256};
use throughline::clock::Clock;

use super::{DEMO, Report, world};
use crate::{
    cli::process::{printed, throughline},
    support::TempFolder,
};

/// A date relative to today.
fn day(days: i64) -> (i32, u8, u8) {
    let at = Clock::System.now() + days * 86_400_000_000;
    let date = Timestamp::from_microsecond(at).unwrap().strftime("%Y %m %d").to_string();
    let parts: Vec<i32> = date.split(' ').map(|part| part.parse().unwrap()).collect();
    (parts[0], parts[1].try_into().unwrap(), parts[2].try_into().unwrap())
}

/// A certificate and its key, valid for this many days.
fn certificate(folder: &TempFolder, days: i64) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["crm.example.com".to_owned()]).unwrap();
    let ((year, month, day), (last_year, last_month, last_day)) = (day(days - 90), day(days));
    params.not_before = date_time_ymd(year, month, day);
    params.not_after = date_time_ymd(last_year, last_month, last_day);
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.path().join("server.pem"), certificate.pem()).unwrap();
    fs::write(folder.path().join("server.key"), key.serialize_pem()).unwrap();
}

const TLS: [&str; 4] = ["--tls-certificate", "server.pem", "--tls-key", "server.key"];

#[test]
fn a_certificate_is_to_last_and_to_fit_its_key() {
    let folder = TempFolder::new();
    for (days, verdict, words) in [
        (80, "ok", "server.pem (crm.example.com) lasts for 7"),
        (20, "warning", "lasts for 19 days more"),
        (-5, "failure", "has been over for 5 days"),
    ] {
        certificate(&folder, days);
        let report = Report::of(&folder, &TLS);
        report.assert_is(verdict, "certificates", words);
        assert_eq!(report.code, i32::from(verdict == "failure"));
    }
    fs::write(folder.path().join("server.key"), KeyPair::generate().unwrap().serialize_pem())
        .unwrap();
    let report = Report::of(&folder, &TLS);
    report.assert_is("failure", "certificates", "server.pem and server.key do not go together");
    fs::remove_file(folder.path().join("server.pem")).unwrap();
    Report::of(&folder, &TLS).assert_is("failure", "certificates", "server.pem cannot be read");
}

#[test]
fn an_authority_is_to_last_too() {
    let folder = TempFolder::new();
    certificate(&folder, 10);
    let report = Report::of(&folder, &["--server-authority", "server.pem"]);
    report.assert_is("warning", "certificates", "server.pem, an authority, lasts for 9 days more");
}

const CALLERS: [&str; 2] = ["--callers-file", "callers.toml"];

/// A file with one caller, and further lines for it.
fn callers(folder: &TempFolder, more: &str) {
    let hash = |token: &str| -> String {
        Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (one, two) = (hash("one"), hash("two"));
    let text = format!("[[caller]]\nname = \"desk\"\n{more}\n");
    let text = text.replace("TWO", &format!("[\"{one}\", \"{two}\"]"));
    let text = text.replace("ONE", &format!("\"{one}\""));
    fs::write(folder.path().join("callers.toml"), text).unwrap();
}

#[test]
fn callers_are_to_be_as_the_audit_log_wants_them() {
    let folder = TempFolder::new();
    let usual = "token_sha256 = ONE\nroles = \"agent\"\npurpose = \"service\"\n";
    callers(&folder, usual);
    let report = Report::of(&folder, &CALLERS);
    report.assert_is("ok", "callers", "1 caller in callers.toml");
    report.assert_none("exposure", "without callers_file");

    let soon = Clock::System.now() + 86_400_000_000;
    let soon = Timestamp::from_microsecond(soon).unwrap();
    for (more, verdict, words) in [
        ("token_sha256 = ONE\nroles = \"agent\"".to_owned(), "note", "desk has no purpose"),
        (format!("{usual}expires = 2020-01-01T00:00:00Z"), "warning", "desk has expired"),
        (format!("{usual}expires = {soon}"), "warning", "desk expires in 23 h"),
        (usual.replace("agent", "supervisor"), "warning", "desk is supervisor, and its calls"),
        (
            usual.replace("\"agent\"", "[\"privacy_officer\", \"supervisor\"]"),
            "warning",
            "desk is privacy_officer and supervisor",
        ),
        (format!("{usual}unverified = \"some\""), "failure", "callers.toml: caller 1 (desk)"),
    ] {
        callers(&folder, &more);
        Report::of(&folder, &CALLERS).assert_is(verdict, "callers", words);
    }
    // If each call names a person, there is no finding.
    callers(&folder, &(usual.replace("agent", "supervisor") + "actors = \"named\""));
    Report::of(&folder, &CALLERS).assert_is("ok", "callers", "1 caller");
}

#[test]
fn a_second_token_is_for_the_days_of_a_change() {
    let folder = TempFolder::new();
    callers(&folder, "token_sha256 = TWO\nroles = \"agent\"\npurpose = \"service\"");
    Report::of(&folder, &CALLERS).assert_is("ok", "callers", "1 caller");
    let file = File::options().append(true).open(folder.path().join("callers.toml")).unwrap();
    let changed = file.metadata().unwrap().modified().unwrap();
    file.set_modified(changed - Duration::from_secs(20 * 86_400)).unwrap();
    let report = Report::of(&folder, &CALLERS);
    report.assert_is("warning", "callers", "desk has had two tokens for 20 days at least");
    assert!(report.text.contains("throughline caller retire desk"), "{}", report.text);
}

#[test]
fn keys_of_issuers_are_to_be_readable() {
    let folder = TempFolder::new();
    let file = "[[issuer]]\nname = \"company\"\nissuer = \"https://login.example.com\"\n\
                audience = \"throughline\"\nkeys = \"keys.json\"\n\
                [[caller]]\nname = \"desk\"\nroles = \"agent\"\npurpose = \"service\"\n\
                jwt = { issuer = \"company\", client = \"desk\" }\n";
    fs::write(folder.path().join("callers.toml"), file).unwrap();
    let report = Report::of(&folder, &CALLERS);
    report.assert_is("failure", "issuer keys", "keys.json cannot be read");
    fs::write(folder.path().join("keys.json"), "{\"keys\": 1}").unwrap();
    Report::of(&folder, &CALLERS).assert_is("failure", "issuer keys", "keys.json");
    let key = "{\"keys\": [{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"kid\": \"1\", \
               \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
    fs::write(folder.path().join("keys.json"), key).unwrap();
    Report::of(&folder, &CALLERS).assert_is("ok", "issuer keys", "keys.json");
}

#[test]
fn the_ledger_and_the_database_are_compared() {
    let folder = world();
    let found = printed(&folder, &["customer", DEMO, "--name", "bakker"]);
    let id = found.split_whitespace().find(|word| word.len() == 36).unwrap().to_owned();
    Report::of(&folder, &[DEMO]).assert_is("ok", "erasures", "0 erasures");
    let ledger = folder.path().join("throughline.erasures");
    fs::copy(folder.path().join("demo.db"), folder.path().join("backup.db")).unwrap();
    printed(&folder, &["erase", DEMO, &id, "--ticket", "T-1"]);
    Report::of(&folder, &[DEMO]).assert_is("ok", "erasures", "1 erasure");

    let lines = fs::read(&ledger).unwrap();
    fs::write(&ledger, "").unwrap();
    Report::of(&folder, &[DEMO]).assert_is(
        "warning",
        "erasures",
        "lacks 1 erasure of the database",
    );
    fs::write(&ledger, "no erasure\n").unwrap();
    let report = Report::of(&folder, &[DEMO]);
    report.assert_is("failure", "erasures", "line 1 is not an erasure");
    fs::write(&ledger, lines).unwrap();

    // A restored backup.
    fs::copy(folder.path().join("backup.db"), folder.path().join("demo.db")).unwrap();
    let report = Report::of(&folder, &[DEMO]);
    report.assert_is("warning", "erasures", "the database lacks 1 erasure");
    let without = Report::of(&folder, &[DEMO, "--erasure-ledger", "none"]);
    without.assert_is("note", "erasures", "no erasure ledger");
}

#[test]
fn the_seals_outside_are_compared_with_those_of_the_database() {
    let folder = world();
    let seals = [DEMO, "--audit-seals", "seals.txt"];
    Report::of(&folder, &seals).assert_is("note", "seals", "seals.txt has no seal yet");
    let mut timeline = throughline(&folder, &["timeline", DEMO, "--phone", "+31612345678"]);
    assert!(
        timeline.env("THROUGHLINE_AUDIT_SEALS", "seals.txt").output().unwrap().status.success()
    );
    let report = Report::of(&folder, &seals);
    report.assert_is("ok", "seals", "seals.txt has all");

    let path = folder.path().join("seals.txt");
    let text = fs::read_to_string(&path).unwrap();
    let all: Vec<&str> = text.lines().collect();
    assert!(all.len() > 1, "{text}");
    fs::write(&path, format!("{}\n", all[0])).unwrap();
    Report::of(&folder, &seals).assert_is("note", "seals", "lacks the last");

    // Of another database.
    let (before, chain) = all.last().unwrap().rsplit_once(' ').unwrap();
    let other: String = chain.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
    fs::write(&path, format!("{before} {other}\n")).unwrap();
    Report::of(&folder, &seals).assert_is("failure", "seals", "is none of the database");
}

#[test]
fn files_are_to_be_writable_and_for_nobody_else() {
    let folder = world();
    let folders = fs::metadata(folder.path()).unwrap().permissions();
    let demo = folder.path().join("demo.db");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&demo, Permissions::from_mode(0o644)).unwrap();
    Report::of(&folder, &[DEMO]).assert_is("warning", "files", "database: every user");
    fs::set_permissions(&demo, Permissions::from_mode(0o640)).unwrap();
    Report::of(&folder, &[DEMO]).assert_none("files", "database: every user");
    // A file in a private folder is private.
    fs::set_permissions(&demo, Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    Report::of(&folder, &[DEMO]).assert_none("files", "every user");
    fs::set_permissions(folder.path(), folders).unwrap();

    let report = Report::of(&folder, &[DEMO, "--erasure-ledger", "no/folder/ledger"]);
    report.assert_is("failure", "files", "no/folder/ledger cannot be made");
    assert_eq!(report.code, 1);
}

#[test]
fn descriptors_are_to_suffice() {
    let folder = TempFolder::new();
    Report::of(&folder, &["--max-connections", "10"]).assert_is("ok", "descriptors", "10 needs");
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 1000 && exec \"$0\" doctor --json --max-connections 5000"]);
    limited.arg(env!("CARGO_BIN_EXE_throughline")).current_dir(folder.path());
    let text = String::from_utf8(limited.output().unwrap().stdout).unwrap();
    assert!(text.contains("the limit here is 1000"), "{text}");
    Report::read(&text).assert_is("warning", "descriptors", "5000 needs");
}
