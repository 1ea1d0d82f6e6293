mod calendar;
mod issuers;

use std::{fs, time::Duration};

use insta::assert_snapshot;
use throughline::{
    api::caller::Peer,
    config::{Config, Problems, SETTINGS, Sources, read_callers, redacted_url},
    domain::blocked::Blocked,
    model::MergeRule,
};

use crate::support::TempFolder;

/// The configuration of flags, environment variables and a file called `t.toml`.
fn resolve(
    flags: &[(&'static str, &str)],
    environment: &[(&str, &str)],
    file: &str,
) -> Result<Config, Problems> {
    let flags: Vec<_> = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let find = |name: &str| {
        let found = environment.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let sources = Sources { flags: &flags, environment: &find, file: Some(("t.toml", file)) };
    Config::resolve(&sources)
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "phone_region = 'dk'\nmax_connections = 7\nmax_concurrent_streams = 9\n";
    let environment = [("THROUGHLINE_PHONE_REGION", "NO"), ("THROUGHLINE_MAX_CONNECTIONS", "8")];
    let config = resolve(&[("phone_region", "NL")], &environment, file).unwrap();
    assert_eq!(config.phone_region.as_deref(), Some("NL"));
    assert_eq!(config.max_connections, 8);
    assert_eq!(config.max_concurrent_streams, 9);
    assert_eq!(config.default_deadline, Duration::from_secs(10));

    let config = resolve(&[], &[], file).unwrap();
    assert_eq!(config.phone_region.as_deref(), Some("DK"), "small letters are as good");
}

#[test]
fn nothing_set_is_the_default() {
    assert!(resolve(&[], &[], "").unwrap() == Config::default());
}

#[test]
fn rules_of_merging_are_named_or_none() {
    let rules = |text: &str| resolve(&[("auto_merge", text)], &[], "").map(|it| it.auto_merge);
    assert_eq!(rules("none").unwrap(), []);
    assert_eq!(rules("loyalty_card").unwrap(), [MergeRule::LoyaltyCard]);
    let both = [MergeRule::VerifiedEmail, MergeRule::LoyaltyCard];
    assert_eq!(rules("verified_email, loyalty_card,verified_email").unwrap(), both);
    let problem = rules("verified_email,phone").unwrap_err().to_string();
    assert!(problem.contains("--auto-merge: must be one of verified_email"), "{problem}");
}

#[test]
fn every_problem_is_told_at_once() {
    let file = "lisen = '127.0.0.1:1'\nmax_conections = 3\ncolour = 'blue'\nlog_level = 'loud'\n\
                phone_region = ['NL']\ndatabase_connections = 0\n";
    let flags = [("listen", "0.0.0.0:7417"), ("default_deadline_ms", "90000")];
    let environment = [
        ("THROUGHLINE_DATABASE", "throughline.db"),
        ("THROUGHLINE_SHUTDOWN_GRACE_MS", "soon"),
        ("THROUGHLINE_LOG_FORMAT", "xml"),
        ("THROUGHLINE_ALLOW_UNPROTECTED", "yes"),
        ("THROUGHLINE_PORT", "tcp://10.0.0.1:7417"),
    ];
    let problems = resolve(&flags, &environment, file).unwrap_err();
    assert_snapshot!(problems, @"
    the configuration cannot be used:
      t.toml: colour: there is no such setting; docs/configuration.md lists them all
      t.toml: lisen: there is no such setting; did you mean listen?
      t.toml: max_conections: there is no such setting; did you mean max_connections?
      t.toml: phone_region: must be a text, a whole number, true or false
      THROUGHLINE_DATABASE: must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE; for a file of that name write sqlite:throughline.db
      t.toml: database_connections: must be a whole number from 1 to 1000
      THROUGHLINE_ALLOW_UNPROTECTED: must be one of true, false
      THROUGHLINE_SHUTDOWN_GRACE_MS: must be a whole number from 1 to 3600000
      THROUGHLINE_LOG_FORMAT: must be one of text, json
      t.toml: log_level: must be one of error, warn, info, debug, trace
      --default-deadline-ms: must not be above max_deadline_ms (60000)
      --listen: everybody who can reach this address could read every customer's history. Set tls_certificate, tls_key and callers_file, or listen on 127.0.0.1, or set allow_unprotected if the network itself keeps others out
    ");
}

#[test]
fn an_address_that_others_reach_needs_a_word() {
    for (listen, allowed) in [("127.0.0.1:0", true), ("[::1]:7417", true), ("[::]:7417", false)] {
        assert_eq!(resolve(&[("listen", listen)], &[], "").is_ok(), allowed, "{listen}");
        let unprotected = [("listen", listen), ("allow_unprotected", "true")];
        assert!(resolve(&unprotected, &[], "").is_ok(), "{listen}");
        let tls = [("listen", listen), ("tls_certificate", "a.pem"), ("tls_key", "a.key")];
        assert_eq!(resolve(&tls, &[], "").is_ok(), allowed, "{listen}");
        let callers = [&tls[..], &[("callers_file", "callers.toml")]].concat();
        assert!(resolve(&callers, &[], "").is_ok(), "{listen}");
        let anonymous = [&callers[..], &[("allow_anonymous", "true")]].concat();
        let anonymous = resolve(&anonymous, &[], "");
        assert_eq!(anonymous.is_ok(), allowed, "{listen}");
        // What is set is not what to set.
        let advice = "without a token. Remove allow_anonymous, or listen on 127.0.0.1";
        assert!(allowed || anonymous.unwrap_err().to_string().contains(advice), "{listen}");
    }
}

#[test]
fn certificates_are_optional_where_anybody_is_asked_for_one() {
    let optional = [("tls_client_certificates", "optional")];
    let problems = resolve(&optional, &[], "").unwrap_err();
    assert_snapshot!(problems, @"
    the configuration cannot be used:
      --tls-client-certificates: no client certificates are requested: set tls_client_authority
    ");
    let files = ["tls_certificate", "tls_key", "tls_client_authority"].map(|key| (key, "a.pem"));
    assert!(resolve(&[&optional[..], &files].concat(), &[], "").is_ok());
}

#[test]
fn where_callers_are_named_everybody_shows_a_token() {
    let folder = TempFolder::new();
    let file = folder.path().join("callers.toml").display().to_string();
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    fs::write(
        &file,
        format!("[[caller]]\nname = 'desk'\nroles = 'agent'\ntoken_sha256 = '{hash}'\n"),
    )
    .unwrap();
    for (listen, unprotected, anonymous) in [
        ("127.0.0.1:0", "false", "false"),
        ("127.0.0.1:0", "false", "true"),
        ("[::]:0", "false", "false"),
        ("[::]:0", "true", "false"),
        ("[::]:0", "true", "true"),
    ] {
        let settings = [
            ("listen", listen),
            ("allow_unprotected", unprotected),
            ("allow_anonymous", anonymous),
            ("tls_certificate", "a.pem"),
            ("tls_key", "a.key"),
            ("callers_file", &file),
        ];
        let callers = resolve(&settings, &[], "").unwrap().callers().unwrap();
        let nobody = callers.actor(&http::HeaderMap::new(), &Peer::default(), 0);
        assert_eq!(nobody.is_ok(), anonymous == "true", "{listen} {unprotected}");
    }
    // Without a file, no token could be valid.
    let callers = resolve(&[], &[], "").unwrap().callers().unwrap();
    assert!(callers.actor(&http::HeaderMap::new(), &Peer::default(), 0).is_ok());
}

#[test]
fn origins_are_as_browsers_write_them() {
    for fit in ["none", "https://desk.example.com", "http://localhost:5173, https://[::1]:8443"] {
        assert!(resolve(&[("allowed_origins", fit)], &[], "").is_ok(), "{fit}");
    }
    for unfit in
        ["*", "null", "desk.example.com", "https://Desk.example.com", "https://a/", "https://"]
    {
        assert!(resolve(&[("allowed_origins", unfit)], &[], "").is_err(), "{unfit}");
    }
}

#[test]
fn a_broken_file_does_not_show_its_password() {
    let file = "listen = '127.0.0.1:7417'\ndatabase = 'postgres://u:geheim@h/d\n";
    let problems = resolve(&[], &[], file).unwrap_err();
    assert_snapshot!(problems, @"
    the configuration cannot be used:
      t.toml: line 2: is not TOML: invalid literal string, expected `'`
    ");
}

#[test]
fn a_password_is_not_shown() {
    let cases = [
        ("sqlite:a.db", "sqlite:a.db"),
        ("postgres://ann:geheim@db/shop", "postgres://ann:***@db/shop"),
        ("postgres://ann:ge/he@im@db:5432/shop", "postgres://ann:***@db:5432/shop"),
        ("postgres://ann@db/shop", "postgres://ann@db/shop"),
        ("postgres:///shop?host=/run&user=ann", "postgres:///shop?host=/run&user=ann"),
        (
            "postgres://db/shop?password=geheim&sslmode=require",
            "postgres://db/shop?password=***&sslmode=require",
        ),
    ];
    for (url, shown) in cases {
        assert_eq!(redacted_url(url), shown);
    }
    let config = resolve(&[("database", "postgres://ann:geheim@db/shop")], &[], "").unwrap();
    assert_snapshot!(format!("{config:#?}"), @"
    Config {
        database: postgres://ann:***@db/shop,
        database_connections: 8,
        check_at_start_seconds: 30,
        listen: 127.0.0.1:7417,
        metrics: none,
        allow_unprotected: false,
        allow_anonymous: false,
        allowed_origins: none,
        tls_certificate: none,
        tls_key: none,
        tls_client_authority: none,
        tls_client_certificates: required,
        server_authority: none,
        token_file: none,
        phone_region: none,
        blocked_identifiers: none,
        allowed_identifiers: none,
        purpose: none,
        actor: none,
        callers_file: none,
        audit_seals: none,
        business_calendar: none,
        erasure_ledger: throughline.erasures,
        retention_file: none,
        default_deadline_ms: 10000,
        max_deadline_ms: 60000,
        shutdown_grace_ms: 10000,
        max_connections: 16384,
        max_connections_per_caller: 12288,
        max_calls: 1024,
        max_calls_per_caller: half,
        max_concurrent_streams: 100,
        max_buffered_mib: 64,
        max_buffered_mib_per_caller: 32,
        max_buffered_mib_per_connection: 16,
        receive_timeout_ms: 10000,
        send_timeout_ms: 10000,
        max_watches: 10000,
        max_watches_per_caller: 1000,
        watch_heartbeat_ms: 15000,
        watch_send_timeout_ms: 10000,
        auto_merge: none,
        log_format: text,
        log_level: by command,
    }
    ");
}

#[test]
fn values_that_name_nobody_are_read_as_identifiers() {
    let file = "blocked_identifiers = '020 123 45 67, info@example.org,@example.com,'\n\
                allowed_identifiers = 'test@test.nl'\nphone_region = 'NL'\n";
    let config = resolve(&[], &[], file).unwrap();
    assert_eq!(config.blocked_identifiers, ["020 123 45 67", "info@example.org", "@example.com"]);
    let (blocked, problems) = config.blocked();
    assert_eq!(problems, []);
    assert!(blocked != Blocked::BUILT_IN);
    let none = [("blocked_identifiers", "none"), ("allowed_identifiers", "")];
    assert_eq!(resolve(&none, &[], file).unwrap().blocked().0, Blocked::BUILT_IN);

    // Without the country it would not be blocked in any notation.
    let wrong = "blocked_identifiers = '020 123 45 67, @shop'\n\
                 allowed_identifiers = '@b ad.nl, #12'";
    assert_snapshot!(resolve(&[], &[], wrong).unwrap_err(), @"
    the configuration cannot be used:
      t.toml: blocked_identifiers: 020 123 45 67: may be a phone number: write the country code, or set phone_region
      t.toml: blocked_identifiers: @shop: must be a mail domain after the '@'
      t.toml: allowed_identifiers: @b ad.nl: must be a mail domain after the '@'
    ");
}

#[test]
fn a_caller_is_known_by_the_hash_of_its_token() {
    let hash = |digit: char| digit.to_string().repeat(64);
    let file = format!(
        "[[caller]]\nname = 'webshop'\nroles = ['recorder', 'reader']\ntoken_sha256 = '{}'\nverifies = ['account', 'profile']\n\
         [[caller]]\nname = 'desk'\nroles = 'agent'\ntoken_sha256 = '{}'\n",
        hash('a'),
        hash('B'),
    );
    let callers = read_callers("callers.toml", &file).unwrap();
    let shown = format!("{callers:?}");
    assert!(shown.contains("webshop") && shown.contains("Account") && !shown.contains("aaaa"));
    assert_eq!(format!("{:?}", read_callers("callers.toml", "").unwrap()), "[]");

    let wrong = "colour = 'blue'\ncaller = 1\n[[callers]]\nname = 'x'\n";
    assert_snapshot!(read_callers("callers.toml", wrong).unwrap_err(), @"
    the configuration cannot be used:
      callers.toml: caller: must be tables: [[caller]]
      callers.toml: callers: there is no such key; the file has only tables [[caller]] and [[issuer]]
      callers.toml: colour: there is no such key; the file has only tables [[caller]] and [[issuer]]
    ");
    let wrong = format!(
        "[[caller]]\nname = 'local'\nroles = 'agent'\ntoken_sha256 = '{0}'\n\
         [[caller]]\ntoken = 'geheim'\n\
         [[caller]]\nname = 'desk'\nroles = ['agent', 'king']\ntoken_sha256 = '{1}geheim'\nverifies = ['acount', 7]\n\
         [[caller]]\nname = 'shop'\nroles = 'reader'\ntoken_sha256 = '{0}'\nverifies = 'email'\n\
         [[caller]]\nname = 'shop'\nroles = 'reader'\ntoken_sha256 = '{0}'\n",
        hash('a'),
        "b".repeat(58),
    );
    let problems = read_callers("callers.toml", &wrong).unwrap_err().to_string();
    assert!(!problems.contains("geheim") && !problems.contains("aaaa"));
    assert_snapshot!(problems, @"
    the configuration cannot be used:
      callers.toml: caller 1 (local): name: must be 1 to 64 letters, digits, '.', '_' and '-', and not `local`, which stands for callers without a token
      callers.toml: caller 2: token: there is no such key; here may be name, roles, token_sha256, expires, verifies, purpose, actors, channels, other_channels, unverified, jwt, certificate, certificate_sha256
      callers.toml: caller 2: name: must be 1 to 64 letters, digits, '.', '_' and '-', and not `local`, which stands for callers without a token
      callers.toml: caller 2: roles: must be some of recorder, reader, agent, supervisor, privacy_officer
      callers.toml: caller 2: is known by nothing; give it token_sha256, jwt or certificate
      callers.toml: caller 3 (desk): roles: must be some of recorder, reader, agent, supervisor, privacy_officer
      callers.toml: caller 3 (desk): token_sha256: must be the SHA-256 of the token as 64 hexadecimal digits, such as `printf %s TOKEN | sha256sum` gives, or two of them in brackets
      callers.toml: caller 3 (desk): verifies: must be some of customer_number, account, loyalty_card, external, email, social, phone, cookie, profile
      callers.toml: caller 5 (shop): name: another caller has it
      callers.toml: caller 5 (shop): token_sha256: it is there twice; each needs its own token
    ");
    let broken = read_callers("callers.toml", "[[caller]]\ntoken_sha256 = 'geheim\n").unwrap_err();
    assert_snapshot!(broken, @"
    the configuration cannot be used:
      callers.toml: line 2: is not TOML: invalid literal string, expected `'`
    ");
}

/// The caller that a file identifies by a token at a time.
fn known(file: &str, token: &str, now: &str) -> Option<String> {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let now = now.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let actor = read_callers("callers.toml", file).unwrap().actor(&headers, &Peer::default(), now);
    actor.ok().map(|actor| actor.caller().to_owned())
}

#[test]
fn a_token_is_replaced_by_another_and_expires() {
    use sha2::{Digest as _, Sha256};
    let hash = |token: &str| {
        Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let file = format!(
        "[[caller]]\nname = 'desk'\nroles = 'agent'\ntoken_sha256 = ['{}', '{}']\nexpires = 2027-01-01T00:00:00Z\n",
        hash("old"),
        hash("new"),
    );
    for (token, now, desk) in [
        ("old", "2026-12-31T23:59:59Z", true),
        ("new", "2026-12-31T23:59:59Z", true),
        ("other", "2026-12-31T23:59:59Z", false),
        ("new", "2027-01-01T00:00:00Z", false),
    ] {
        let desk = desk.then(|| "desk".to_owned());
        assert_eq!(known(&file, token, now), desk, "{token} {now}");
    }
    let three = hash("x").repeat(3);
    let [one, two, three] = [&three[..64], &three[64..128], &three[128..]];
    let wrong = format!(
        "[[caller]]\nname = 'a'\nroles = 'agent'\ntoken_sha256 = ['{one}', '{two}', '{three}']\n\
         [[caller]]\nname = 'b'\nroles = 'agent'\ntoken_sha256 = ['{one}', '{two}']\nexpires = '2027'\n\
         [[caller]]\nname = 'c'\nroles = 'agent'\ntoken_sha256 = []\n"
    );
    assert_snapshot!(read_callers("callers.toml", &wrong).unwrap_err(), @"
    the configuration cannot be used:
      callers.toml: caller 1 (a): token_sha256: must be the SHA-256 of the token as 64 hexadecimal digits, such as `printf %s TOKEN | sha256sum` gives, or two of them in brackets
      callers.toml: caller 2 (b): expires: must be a time such as 2027-12-31T00:00:00Z
      callers.toml: caller 2 (b): token_sha256: it is there twice; each needs its own token
      callers.toml: caller 3 (c): token_sha256: must be the SHA-256 of the token as 64 hexadecimal digits, such as `printf %s TOKEN | sha256sum` gives, or two of them in brackets
    ");
}

#[test]
fn a_file_of_callers_that_is_not_there_is_told() {
    let config = resolve(&[("callers_file", "/nowhere/callers.toml")], &[], "").unwrap();
    assert_snapshot!(config.callers().unwrap_err(), @"
    the configuration cannot be used:
      /nowhere/callers.toml: cannot be read: No such file or directory (os error 2); see callers_file
    ");
    assert!(resolve(&[], &[], "").unwrap().callers().is_ok());
}

#[test]
fn the_document_lists_every_setting() {
    let default = Config::default();
    let mut table = "| in the file | flag | environment | default | what it is |\n\
                     |---|---|---|---|---|\n"
        .to_owned();
    for setting in SETTINGS {
        table.push_str(&format!(
            "| `{}` | `{}` | `{}` | {} | {} |\n",
            setting.key,
            setting.flag(),
            setting.variable(),
            (setting.get)(&default),
            setting.about,
        ));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let document = fs::read_to_string(path).unwrap();
    assert!(document.contains(&table), "the table of docs/configuration.md should be:\n\n{table}");
}
