//! The program itself, as a user starts it.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Database, TempFolder};

/// The program in its own folder, without settings from the environment.
pub fn throughline(folder: &TempFolder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THROUGHLINE_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder.path()).args(arguments).stdin(Stdio::null());
    command.env("TZ", "Europe/Amsterdam").env("TMPDIR", folder.path());
    command
}

fn run(folder: &TempFolder, arguments: &[&str]) -> Output {
    throughline(folder, arguments).output().unwrap()
}

/// The output of a command that succeeds.
pub fn printed(folder: &TempFolder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code and the message of a command that fails.
pub fn refused(folder: &TempFolder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{arguments:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    format!("{}: {}", output.status.code().unwrap(), errors.trim_end())
}

/// Whether a program is installed to check with; reports it if not.
pub fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let found = found.is_ok_and(|found| found.status.success());
    if !found {
        let _ = writeln!(io::stderr(), "skipped: {program} is not here to check with");
    }
    found
}

/// A folder with the demo's world in `demo.db`.
pub fn world() -> TempFolder {
    let folder = TempFolder::new();
    printed(&folder, &["demo", "--no-serve", "--database", "sqlite:demo.db"]);
    folder
}

const DEMO: &str = "--database=sqlite:demo.db";

/// The text without what differs between runs.
fn steady(text: &str) -> String {
    let word = |word: &str| match word.len() == 36 && word.matches('-').count() == 4 {
        true => "ID".to_owned(),
        false => word.to_owned(),
    };
    let line = |line: &str| match line.split_whitespace().next() {
        Some("recorded") => "  recorded since  TODAY".to_owned(),
        _ => line.split(' ').map(word).collect::<Vec<_>>().join(" "),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_demo_tells_the_story_once_however_often_it_runs() {
    let folder = TempFolder::new();
    let arguments = ["demo", "--no-serve", "--database", "sqlite:demo.db"];
    let first = printed(&folder, &arguments);
    let (story, records) = first.split_once("\nTwo of the records").unwrap();
    assert!(story.starts_with("11 customers with 28 entries are in sqlite:demo.db.\n"), "{story}");
    assert!(story.ends_with("Sanne told 3 facts, and was asked again for 0 of them.\n"), "{story}");
    let again = printed(&folder, &arguments);
    let (story, same) = again.split_once("\nTwo of the records").unwrap();
    assert!(story.contains("The story has already been told in this database."), "{story}");
    assert!(story.ends_with("\n18 entries.\n"), "{story}");
    assert_eq!(same, records);
    assert_snapshot!(steady(records), @"
     may be one person's:

    96.44 %  ID
             ID
             same family name (1 in 2,000), same street (1 in 2,000), same postcode (1 in 1,000), same
             given name (1 in 520), same house number (1 in 110); against it: a household or a mailbox
             may explain it, another phone number, town with a typing error

    Merged, Mette Holm has one timeline. It begins with:

    Thursday 20 February 2025
      10:10  phone      interaction  Vaskemaskinen banker under centrifugering
             from the customer · 6 min · unhappy (-0.3) · with Joost
             Ringer fra en ny mobil. Maskinen fra februar er bare nogle uger gammel. Tekniker bestilt
             til tirsdag mellem 8 og 12.

    Friday 7 February 2025
      13:30  email      feedback     Effort (CES): 3 of 7
             order W-90117
             Det var besværligt at få en ny tid.

    Thursday 6 February 2025
      08:50  phone      interaction  Montøren kom ikke
             from the customer · 8 min · unhappy (-0.5) · with Søren · order W-90117
             Kunden ventede hele onsdagen på montøren. Ny tid aftalt til fredag mellem 8 og 10.

    Unmerged, each has its own entries again:

    Mette Holm
      customer        ID
      account         mette.holm (webshop)
      e-mail          mette.holm@example.com
      phone           +4520123456
      address         Vestergade 7, 8000 Aarhus, DK
      language        da
      recorded since  TODAY

    Friday 7 February 2025
      13:30  email      feedback     Effort (CES): 3 of 7
             order W-90117
             Det var besværligt at få en ny tid.

    Mette Holm
      customer        ID
      phone           +4531234567
      address         Vestergade 7, 8000 Aarhus C, DK
      recorded since  TODAY

    Thursday 20 February 2025
      10:10  phone      interaction  Vaskemaskinen banker under centrifugering
             from the customer · 6 min · unhappy (-0.3) · with Joost
             Ringer fra en ny mobil. Maskinen fra februar er bare nogle uger gammel. Tekniker bestilt
             til tirsdag mellem 8 og 12.
    ");
}

#[test]
fn a_timeline_for_machines_is_one_entry_a_line() {
    let folder = world();
    let timeline = ["timeline", DEMO, "--email", "sanne.bakker@example.com", "--json"];
    let lines = printed(&folder, &timeline);
    let times = |lines: &str| -> Vec<String> {
        let entry = |line| serde_json::from_str::<Value>(line).unwrap();
        lines.lines().map(|l| entry(l)["occurredAt"].as_str().unwrap().to_owned()).collect()
    };
    let newest_first = times(&lines);
    assert_eq!(newest_first.len(), 18);
    assert!(newest_first.is_sorted_by(|a, b| a >= b));

    let oldest = printed(&folder, &[&timeline[..], &["--oldest-first", "--limit", "2"]].concat());
    assert_eq!(times(&oldest), ["2025-01-11T13:40:00Z", "2026-03-03T08:12:00Z"]);
    let narrow = ["--channel", "phone,store", "--kind", "handover", "--to", "2026-03-03"];
    let offered = printed(&folder, &[&timeline[..], &narrow].concat());
    assert_eq!(times(&offered), ["2026-03-03T08:12:05Z"]);
}

#[test]
fn a_customer_is_found_by_whatever_names_her() {
    let folder = world();
    for who in [
        ["--phone", "06 12345678"],
        ["--email", "Sanne.Bakker@EXAMPLE.com"],
        ["--social", "facebook:100004837265911"],
        ["--name", "bakk"],
        ["--postcode", "3512ph"],
        ["--search", "snane bakker"],
        ["--search", "3512ph bakker"],
        ["--search", "345678"],
        ["--order", "s-48213"],
    ] {
        let command = ["customer", DEMO, "--phone-region", "NL"];
        let found = printed(&folder, &[&command[..], &who].concat());
        assert!(found.contains("Sanne Bakker"), "{who:?}: {found}");
    }
    let account = ["customer", DEMO, "--account", "sanne.bakker", "--namespace", "webshop"];
    assert!(printed(&folder, &account).contains("Sanne Bakker"));
}

#[test]
fn a_search_names_the_customer() {
    let folder = world();
    let found = printed(&folder, &["search", DEMO, "leveranse", "forsinket", "--limit", "1"]);
    let id = found.split_whitespace().find(|word| word.len() == 36).unwrap().to_owned();
    assert_snapshot!(found.replace(&id, "ID"), @"

    Tuesday 25 February 2025
      12:05  email      interaction  Re: Leveransen er forsinket
             Ingrid Solberg  ID
             to the customer · by Karin · order W-90204
             Hei Ingrid,

             pakken ble stående i Göteborg og er hos deg på torsdag. Fraktkostnadene er betalt tilbake.

             Hilsen Karin

    1 entry is shown, and there are more: see --limit.
    ");
    assert_eq!(printed(&folder, &["search", DEMO, "zeppelin"]), "\nNo entries.\n");
}

#[test]
fn a_server_answers_the_same_commands() {
    let folder = TempFolder::new();
    let mut demo = Running::start(&mut throughline(&folder, &["demo", "--listen", "127.0.0.1:0"]));
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let serving = lines.find_map(|line| {
        let (url, _) = line.strip_prefix("Serving on ")?.split_once(' ')?;
        Some(url.to_owned())
    });
    let url = serving.unwrap();

    let server = ["--server", &url, "--phone", "06 12345678"];
    let timeline = printed(&folder, &[&["timeline"], &server[..]].concat());
    assert!(timeline.contains("Promised: The television is repaired"), "{timeline}");
    let found = printed(&folder, &[&["search", "powerboard", "--json"], &server[..]].concat());
    assert_eq!(found, "");
    let found = printed(&folder, &[&["search", "power", "--json"], &server[..]].concat());
    assert_eq!(found.lines().count(), 2, "{found}");

    demo.stop();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "the temporary folder is gone");
}

/// A server in a separate process, which ends with the test.
pub struct Running(Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The lines of its log, once.
    pub fn log(&mut self) -> ChildStderr {
        self.0.stderr.take().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, as a machine failure does.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Shuts it down, and waits for it.
    pub fn stop(&mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has already ended, unless a test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server over the demo's world, its address, and its log lines from now on.
pub fn serve(folder: &TempFolder, more: &[&str]) -> (Running, String, BufReader<ChildStderr>) {
    serve_on(folder, DEMO, more)
}

/// A server over another database.
pub fn serve_on(
    folder: &TempFolder,
    database: &str,
    more: &[&str],
) -> (Running, String, BufReader<ChildStderr>) {
    let usual = ["serve", database, "--listen", "127.0.0.1:0", "--log-format", "json"];
    let mut server = Running::start(&mut throughline(folder, &[&usual[..], more].concat()));
    let mut log = BufReader::new(server.0.stderr.take().unwrap());
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the server ended");
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["message"] == "serving" {
            return (server, event["address"].as_str().unwrap().to_owned(), log);
        }
    }
}

#[test]
fn the_log_names_nobody() {
    let folder = world();
    let (mut server, address, mut log) = serve(&folder, &["--log-level", "trace"]);
    let at = ["--server", &address];
    printed(&folder, &[&["timeline", "--phone", "+31612345678"], &at[..]].concat());
    printed(&folder, &[&["search", "television"], &at[..]].concat());
    printed(&folder, &[&["customer", "--name", "bakker"], &at[..]].concat());
    refused(&folder, &[&["timeline", "--email", "x@y@example.org"], &at[..]].concat());
    server.stop();
    let mut lines = String::new();
    log.read_to_string(&mut lines).unwrap();
    assert!(lines.contains("stopped"), "{lines}");
    for personal in ["12345678", "akker", "elevision", "example.org", "Utrecht"] {
        assert!(!lines.contains(personal), "{personal}: {lines}");
    }
}

#[test]
fn more_callers_than_allowed_are_told_so() {
    // The preface of HTTP/2, and a call without a message: POST, http, its path and an authority.
    let path = "/throughline.v1.CaseService/GetReaskRate";
    let headers = [b"\x83\x86\x04\x28", path.as_bytes(), b"\x41\x01a"].concat();
    let length = u8::try_from(headers.len()).unwrap();
    let call = [&[0, 0, length, 1, 5, 0, 0, 0, 1], &headers[..]].concat();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let folder = world();
    let (mut server, address, _log) = serve(&folder, &["--max-connections", "1"]);
    let mut first = TcpStream::connect(&address).unwrap();
    first.write_all(&[&preface[..], &call].concat()).unwrap();
    let mut head = [0; 9];
    while head[3] != 1 {
        first.read_exact(&mut head).unwrap();
        first.read_exact(&mut vec![0; usize::from(head[1]) << 8 | usize::from(head[2])]).unwrap();
    }
    let customer = ["customer", "--phone", "+31612345678", "--server", &address];
    let told = refused(&folder, &customer);
    assert!(told.contains("the server has reached its limit of connections"), "{told}");
    drop(first);
    let begun = Instant::now();
    while !throughline(&folder, &customer).output().unwrap().status.success() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody comes in any more");
    }
    server.stop();
}

#[tokio::test]
async fn the_demo_is_the_same_on_both_databases() {
    let Some(postgres) = Database::postgres().await else { return };
    let sqlite = Database::sqlite();
    let story = |url: &str| {
        let demo = printed(&TempFolder::new(), &["demo", "--no-serve", "--database", url]);
        steady(demo.split_once('\n').unwrap().1)
    };
    assert_eq!(story(&postgres.url), story(&sqlite.url));
}

#[test]
fn whatever_goes_wrong_says_what_to_do_next() {
    let folder = world();
    let refused = |arguments: &[&str]| refused(&folder, arguments);
    assert_snapshot!(refused(&["timeline", DEMO]), @"2: throughline: which customer? Name one with --phone, --email, --account, --customer-number, --loyalty-card, --social, --external, --cookie or --id; `throughline customer --name NAME` looks one up");
    assert_snapshot!(refused(&["timeline", DEMO, "--email", "nobody@example.com"]), @"2: throughline: identifier.value: identifies nobody in particular");
    assert_snapshot!(refused(&["timeline", DEMO, "--email", "eve@example.org"]), @"1: throughline: customer not found. `throughline customer --name NAME` finds customers by name, `throughline search WORDS` searches all entries");
    assert_snapshot!(refused(&["timeline", DEMO, "--phone", "06 12345678"]), @"2: throughline: identifier.phone_region: is required for a number without a country code; write the country code, or name the country with --phone-region");
    assert_snapshot!(refused(&["timeline", DEMO, "--social", "1234"]), @"2: throughline: --social: write PLATFORM:ID, such as facebook:1234");
    assert_snapshot!(refused(&["timeline", DEMO, "--id", "x", "--from", "yesterday"]), @"2: throughline: --from: write a day (2025-03-01) or 2025-03-01T14:30:00+01:00");
    assert_snapshot!(refused(&["timeline", "--id", "x"]), @"1: throughline: there is no database throughline.db here. Name one with --database sqlite:FILE or --database postgres://..., or a running server with --server http://HOST:7417");
    assert_snapshot!(refused(&["search", "x", "--server", "http://127.0.0.1:1"]), @"1: throughline: no server answers at http://127.0.0.1:1. Is it running? Start one with `throughline serve`, or leave out --server to open the database itself");
    assert_snapshot!(refused(&["search", "x", "--server", "https://127.0.0.1:1"]), @"1: throughline: no server answers at https://127.0.0.1:1. Is it running? Is its certificate of an authority that is known here (--server-authority)? Start one with `throughline serve`, or leave out --server to open the database itself");
    assert_snapshot!(refused(&["customer", DEMO, "--name", "zeppelin"]), @"1: throughline: no such customer; `throughline search WORDS` searches all entries");
    assert_snapshot!(refused(&["serve", "--listen", "0.0.0.0:0", "--database", "a.db"]), @"
    2: throughline: the configuration cannot be used:
      --database: must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE; for a file of that name write sqlite:a.db
      --listen: everybody who can reach this address could read every customer's history. Set tls_certificate, tls_key and callers_file, or listen on 127.0.0.1, or set allow_unprotected if the network itself keeps others out
    ");
    assert_snapshot!(refused(&["serve", "--config", "no.toml"]), @"
    2: throughline: the configuration cannot be used:
      no.toml: cannot be read: No such file or directory (os error 2); name a TOML file with --config
    ");
    assert_snapshot!(refused(&["migrate", "--database", "sqlite:no/folder/a.db"]), @"1: throughline: the database sqlite:no/folder/a.db cannot be opened: there is no folder no/folder. Make the folder, or name another file with --database");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = world();
    let timeline = ["timeline", DEMO, "--account", "sanne.bakker", "--namespace", "webshop"];
    let mut command = throughline(&folder, &timeline);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
