//! The configuration of PostgreSQL: durability and capacity.

use super::{finding::Finding, words::bytes};
use crate::{config::Config, store::inspect::Postgres};

const SUBJECT: &str = "database";
const OLDEST_VERSION: i64 = 15;
/// A slot that retains this much of the write-ahead log because nobody reads it fills a disk in
/// time.
const SLOT_BYTES: i64 = 1 << 30;

pub fn check(config: &Config, server: &Postgres) -> Vec<Finding> {
    let mut findings = vec![version(server)];
    findings.extend(durability(server));
    findings.push(connections(config, server));
    findings.extend(replication(server));
    if server.place.is_remote && !server.place.is_encrypted {
        findings.push(Finding::warning(
            SUBJECT,
            "the connection to PostgreSQL crosses a network without TLS",
            "Add ?sslmode=verify-full to the URL, and sslrootcert where its authority is your own",
        ));
    }
    findings
}

fn setting<'a>(server: &'a Postgres, name: &str) -> &'a str {
    server.settings.get(name).map_or("", String::as_str)
}

fn number(server: &Postgres, name: &str) -> i64 {
    setting(server, name).parse().unwrap_or(0)
}

fn version(server: &Postgres) -> Finding {
    let version = setting(server, "server_version");
    let encoding = setting(server, "server_encoding");
    let size = bytes(u64::try_from(server.place.bytes).unwrap_or(0));
    if number(server, "server_version_num") / 10_000 < OLDEST_VERSION {
        let text = format!("PostgreSQL {version} is older than {OLDEST_VERSION}");
        let advice = "Upgrade it: this version of Throughline is not tested with it";
        return Finding::failure(SUBJECT, text, advice);
    }
    if encoding != "UTF8" {
        let text = format!("the database has the encoding {encoding}, not UTF8");
        let advice = "Make a database with `createdb --encoding UTF8 --template template0`";
        return Finding::failure(SUBJECT, text, advice);
    }
    Finding::ok(SUBJECT, format!("PostgreSQL {version}, {size}"))
}

/// The settings that durability depends on.
fn durability(server: &Postgres) -> Vec<Finding> {
    const SUBJECT: &str = "durability";
    let settings = [
        ("fsync", "a power cut can lose and damage all of it"),
        ("full_page_writes", "a power cut can damage pages"),
        ("synchronous_commit", "other programs lose their last writes in a crash"),
    ];
    let mut findings: Vec<Finding> = settings
        .into_iter()
        .filter(|(name, _)| setting(server, name) == "off")
        .map(|(name, loss)| {
            let advice = format!(
                "Set {name} = on in postgresql.conf, and look for `alter role` and `alter \
                 database` that say otherwise"
            );
            let text = format!("{name} is off: {loss}");
            // The server sets it for its own connections.
            match name == "synchronous_commit" {
                true => Finding::warning(SUBJECT, text, advice),
                false => Finding::failure(SUBJECT, text, advice),
            }
        })
        .collect();
    if findings.is_empty() {
        let names = settings.map(|(name, _)| format!("{name} {}", setting(server, name)));
        findings.push(Finding::ok(SUBJECT, names.join(", ")));
    }
    if setting(server, "data_checksums") == "off" {
        findings.push(Finding::note(
            SUBJECT,
            "pages have no checksums: what a failing disk changes is not noticed",
            "`pg_checksums --enable` adds them, while PostgreSQL is stopped",
        ));
    }
    findings
}

/// Compares the connections that a server of this configuration may open with the limits, beside
/// other clients.
fn connections(config: &Config, server: &Postgres) -> Finding {
    const SUBJECT: &str = "connections";
    let wanted = i64::from(config.database_connections.max(2));
    let of_server = number(server, "max_connections")
        - number(server, "superuser_reserved_connections")
        - number(server, "reserved_connections");
    let limits = [server.connections.of_user, server.connections.of_database];
    // -1 means no limit.
    let limits = limits.into_iter().map(i64::from).filter(|limit| *limit >= 0);
    let limit = limits.fold(of_server, i64::min);
    let others = server.connections.of_others;
    let text = format!(
        "database_connections is {wanted}; PostgreSQL allows {limit}, and others use {others}"
    );
    let advice = "Raise max_connections of PostgreSQL, or lower database_connections. Several \
                  servers add up";
    if wanted > limit {
        Finding::failure(SUBJECT, text, advice)
    } else if wanted + others > limit {
        Finding::warning(SUBJECT, text, advice)
    } else {
        Finding::ok(SUBJECT, text)
    }
}

fn replication(server: &Postgres) -> Vec<Finding> {
    const SUBJECT: &str = "replication";
    let found = &server.replication;
    let names = setting(server, "synchronous_standby_names");
    let mut findings = Vec::new();
    findings.push(match (found.is_standby, names.is_empty(), found.standbys) {
        (true, ..) => Finding::failure(
            SUBJECT,
            "this PostgreSQL is a standby, and accepts no writes",
            "Name the primary in `database`, or promote this one",
        ),
        (false, false, 0) => Finding::failure(
            SUBJECT,
            "synchronous_standby_names is set, and there is no standby: no write completes",
            "Start the standby, or empty synchronous_standby_names",
        ),
        (false, true, 0) => Finding::note(
            SUBJECT,
            "there is no standby: what the disk loses is only in the backups",
            "",
        ),
        (false, is_asynchronous, standbys) => {
            let how = if is_asynchronous { "asynchronously" } else { "synchronously" };
            Finding::ok(SUBJECT, format!("standbys that follow {how}: {standbys}"))
        }
    });
    if found.idle_slots > 0 {
        let held = bytes(u64::try_from(found.idle_slot_bytes).unwrap_or(0));
        let text = format!(
            "{} of the replication slots are inactive, and retain {held} of the write-ahead log",
            found.idle_slots
        );
        let advice = "Start what reads them, or `select pg_drop_replication_slot(NAME)`: they \
                      fill the disk, and hold what was erased";
        findings.push(match found.idle_slot_bytes >= SLOT_BYTES {
            true => Finding::warning(SUBJECT, text, advice),
            false => Finding::note(SUBJECT, text, advice),
        });
    }
    if found.archiving_fails {
        findings.push(Finding::warning(
            SUBJECT,
            "the last segment of the write-ahead log was not archived",
            "See archive_command, and the log of PostgreSQL: the disk fills until it works",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::doctor::finding::Verdict,
        store::inspect::{ClockDifference, Connections, Place, Replication},
    };

    /// A server without problems.
    fn server() -> Postgres {
        let settings = [
            ("server_version", "16.4"),
            ("server_version_num", "160004"),
            ("server_encoding", "UTF8"),
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("data_checksums", "on"),
            ("max_connections", "100"),
            ("superuser_reserved_connections", "3"),
            ("reserved_connections", "0"),
            ("synchronous_standby_names", ""),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Postgres {
            settings: settings.into(),
            connections: Connections { of_others: 5, of_user: -1, of_database: -1 },
            place: Place { bytes: 0, is_encrypted: false, is_remote: false, may_create: true },
            replication: Replication {
                is_standby: false,
                standbys: 1,
                archiving_fails: false,
                idle_slots: 0,
                idle_slot_bytes: 0,
            },
            clock: ClockDifference { by: 0, give_or_take: 0 },
        }
    }

    /// The findings after a change, apart from those that are ok.
    fn found(change: impl FnOnce(&mut Postgres)) -> Vec<(Verdict, String)> {
        let mut server = server();
        change(&mut server);
        let findings = check(&Config::default(), &server).into_iter();
        let findings = findings.filter(|it| it.verdict != Verdict::Ok);
        findings.map(|it| (it.verdict, it.text)).collect()
    }

    fn set(name: &'static str, value: &'static str) -> impl FnOnce(&mut Postgres) {
        move |server| {
            server.settings.insert(name.to_owned(), value.to_owned());
        }
    }

    #[track_caller]
    fn assert_found(change: impl FnOnce(&mut Postgres), verdict: Verdict, words: &str) {
        let found = found(change);
        let [(one, text)] = found.as_slice() else { panic!("{words}: {found:?}") };
        assert!(*one == verdict && text.contains(words), "{words}: {found:?}");
    }

    #[test]
    fn a_server_that_is_all_right_has_nothing_to_see_to() {
        assert_eq!(found(|_| {}), []);
    }

    #[test]
    fn what_loses_writes_is_a_failure() {
        for name in ["fsync", "full_page_writes"] {
            assert_found(set(name, "off"), Verdict::Failure, &format!("{name} is off"));
        }
        let set_for_each = set("synchronous_commit", "off");
        assert_found(set_for_each, Verdict::Warning, "synchronous_commit is off");
        assert_found(set("data_checksums", "off"), Verdict::Note, "no checksums");
        assert_found(set("server_version_num", "140011"), Verdict::Failure, "older than 15");
        assert_found(set("server_encoding", "SQL_ASCII"), Verdict::Failure, "SQL_ASCII");
    }

    #[test]
    fn replication_is_to_work() {
        use Verdict::{Failure, Note, Warning};
        assert_found(|it| it.replication.is_standby = true, Failure, "is a standby");
        assert_found(|it| it.replication.standbys = 0, Note, "there is no standby");
        let waits = |it: &mut Postgres| {
            it.replication.standbys = 0;
            set("synchronous_standby_names", "b")(it);
        };
        assert_found(waits, Failure, "no write completes");
        assert_found(|it| it.replication.idle_slots = 1, Note, "replication slots");
        let full = |it: &mut Postgres| {
            (it.replication.idle_slots, it.replication.idle_slot_bytes) = (1, 2 << 30);
        };
        assert_found(full, Warning, "2.0 GiB");
        assert_found(|it| it.replication.archiving_fails = true, Warning, "not archived");
    }

    #[test]
    fn connections_are_to_suffice_and_to_be_secret() {
        use Verdict::{Failure, Warning};
        assert_found(|it| it.connections.of_others = 90, Warning, "others use 90");
        assert_found(|it| it.connections.of_user = 7, Failure, "allows 7");
        assert_found(|it| it.connections.of_database = 7, Failure, "allows 7");
        assert_found(set("max_connections", "10"), Failure, "allows 7");
        assert_found(|it| it.place.is_remote = true, Warning, "without TLS");
        let is_safe = |it: &mut Postgres| {
            (it.place.is_remote, it.place.is_encrypted) = (true, true);
        };
        assert_eq!(found(is_safe), []);
    }
}
