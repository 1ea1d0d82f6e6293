//! The list of all settings: name, meaning, and how a text becomes a value.

use std::time::Duration;

use tracing::Level;

use super::{
    definition::{ClientCertificates, LogFormat, Scope, Setting, redacted_url},
    texts::{
        database, half_or, is_none, list, mebibytes, millis, one_of, origins, path, region, rules,
        shown_half, shown_list, shown_mebibytes, shown_path, whole,
    },
};

const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// All settings, in the order of `docs/configuration.md`.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "database",
        scope: Scope::Every,
        about: "the database: `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`; of \
                several hosts, parted by commas, whichever is the primary",
        get: |config| redacted_url(&config.database),
        set: |config, text| database(text).map(|url| config.database = url),
    },
    Setting {
        key: "database_connections",
        scope: Scope::Every,
        about: "connections to the database, at most 1,000",
        get: |config| config.database_connections.to_string(),
        set: |config, text| whole(text, 1, 1000).map(|n| config.database_connections = n),
    },
    Setting {
        key: "check_at_start_seconds",
        scope: Scope::Every,
        about: "seconds that the pages of SQLite may be checked before they are used, where a \
                process did not close them; 0: they are not checked",
        get: |config| config.check_at_start.as_secs().to_string(),
        set: |config, text| {
            whole(text, 0, 86_400)
                .map(|seconds| config.check_at_start = Duration::from_secs(seconds.into()))
        },
    },
    Setting {
        key: "listen",
        scope: Scope::Listening,
        about: "the address and port to serve on; port 0 takes a free one",
        get: |config| config.listen.to_string(),
        set: |config, text| {
            let advice = "must be an IP address and a port, such as 127.0.0.1:7417 or [::1]:7417";
            text.parse().map(|listen| config.listen = listen).map_err(|_| advice.to_owned())
        },
    },
    Setting {
        key: "metrics",
        scope: Scope::Listening,
        about: "the address and port of `/metrics`, `/healthz` and `/readyz` over HTTP; whoever \
                reaches it may read them, so keep it on this machine or an operators' network",
        get: |config| config.metrics.map_or_else(|| "none".to_owned(), |it| it.to_string()),
        set: |config, text| {
            let advice = "must be an IP address and a port, such as 127.0.0.1:9417, or none";
            if is_none(text) {
                config.metrics = None;
                return Ok(());
            }
            text.parse().map(|at| config.metrics = Some(at)).map_err(|_| advice.to_owned())
        },
    },
    Setting {
        key: "allow_unprotected",
        scope: Scope::Listening,
        about: "whether to serve beyond this machine without TLS or to any caller",
        get: |config| config.allow_unprotected.to_string(),
        set: |config, text| {
            one_of(text, &[("true", true), ("false", false)])
                .map(|allowed| config.allow_unprotected = allowed)
        },
    },
    Setting {
        key: "allow_anonymous",
        scope: Scope::Listening,
        about: "whether calls that show no token or certificate may be made although callers_file \
                is set, as `local`, who may make every call",
        get: |config| config.allow_anonymous.to_string(),
        set: |config, text| {
            one_of(text, &[("true", true), ("false", false)])
                .map(|allowed| config.allow_anonymous = allowed)
        },
    },
    Setting {
        key: "allowed_origins",
        scope: Scope::Listening,
        about: "origins of web pages whose scripts may call, parted by commas, such as \
                `https://desk.example.com`; calls of other pages are refused",
        get: |config| shown_list(&config.allowed_origins),
        set: |config, text| origins(text).map(|origins| config.allowed_origins = origins),
    },
    Setting {
        key: "tls_certificate",
        scope: Scope::Listening,
        about: "a PEM file with the certificate to serve with, and those up to its authority; it \
                is read again when it changes",
        get: |config| shown_path(config.tls_certificate.as_deref()),
        set: |config, text| {
            config.tls_certificate = path(text);
            Ok(())
        },
    },
    Setting {
        key: "tls_key",
        scope: Scope::Listening,
        about: "a PEM file with the private key of that certificate",
        get: |config| shown_path(config.tls_key.as_deref()),
        set: |config, text| {
            config.tls_key = path(text);
            Ok(())
        },
    },
    Setting {
        key: "tls_client_authority",
        scope: Scope::Listening,
        about: "a PEM file with the authorities of which callers show a certificate; without it \
                they are asked for none",
        get: |config| shown_path(config.tls_client_authority.as_deref()),
        set: |config, text| {
            config.tls_client_authority = path(text);
            Ok(())
        },
    },
    Setting {
        key: "tls_client_certificates",
        scope: Scope::Listening,
        about: "whether every connection must show a certificate of `tls_client_authority`: \
                `required`, or `optional` where some callers have a token alone",
        get: |config| match config.tls_client_certificates {
            ClientCertificates::Required => "required".to_owned(),
            ClientCertificates::Optional => "optional".to_owned(),
        },
        set: |config, text| {
            let known = [
                ("required", ClientCertificates::Required),
                ("optional", ClientCertificates::Optional),
            ];
            one_of(text, &known).map(|it| config.tls_client_certificates = it)
        },
    },
    Setting {
        key: "server_authority",
        scope: Scope::Every,
        about: "a PEM file with the authority of the certificate of `--server`; without it those \
                that browsers trust",
        get: |config| shown_path(config.server_authority.as_deref()),
        set: |config, text| {
            config.server_authority = path(text);
            Ok(())
        },
    },
    Setting {
        key: "token_file",
        scope: Scope::Every,
        about: "a file with the token that commands show to `--server`",
        get: |config| shown_path(config.token_file.as_deref()),
        set: |config, text| {
            config.token_file = path(text);
            Ok(())
        },
    },
    Setting {
        key: "phone_region",
        scope: Scope::Every,
        about: "the country (ISO 3166-1, such as `NL`) of phone numbers without a country code; \
                without it they are refused",
        get: |config| config.phone_region.clone().unwrap_or_else(|| "none".to_owned()),
        set: |config, text| region(text).map(|region| config.phone_region = region),
    },
    Setting {
        key: "blocked_identifiers",
        scope: Scope::Every,
        about: "values that name nobody, in whatever form they come, parted by commas: the \
                company's own numbers, addresses and mail domains, such as `+31201234567, \
                info@example.org, @example.com`",
        get: |config| shown_list(&config.blocked_identifiers),
        set: |config, text| {
            config.blocked_identifiers = list(text);
            Ok(())
        },
    },
    Setting {
        key: "allowed_identifiers",
        scope: Scope::Every,
        about: "values and mail domains that do name somebody, although they look like those that \
                stand where a value was wanted",
        get: |config| shown_list(&config.allowed_identifiers),
        set: |config, text| {
            config.allowed_identifiers = list(text);
            Ok(())
        },
    },
    Setting {
        key: "purpose",
        scope: Scope::Every,
        about: "what the calls of a command are for, such as `service`; without it what the \
                server takes them to be for",
        get: |config| config.purpose.clone().unwrap_or_else(|| "none".to_owned()),
        set: |config, text| {
            config.purpose = Some(text.to_owned()).filter(|text| !is_none(text));
            Ok(())
        },
    },
    Setting {
        key: "actor",
        scope: Scope::Every,
        about: "the person for whom a command calls",
        get: |config| config.actor.clone().unwrap_or_else(|| "none".to_owned()),
        set: |config, text| {
            config.actor = Some(text.to_owned()).filter(|text| !is_none(text));
            Ok(())
        },
    },
    Setting {
        key: "callers_file",
        scope: Scope::Every,
        about: "a TOML file that names the calling applications, what each is known by and for, \
                and the issuers of their tokens",
        get: |config| shown_path(config.callers_file.as_deref()),
        set: |config, text| {
            config.callers_file = path(text);
            Ok(())
        },
    },
    Setting {
        key: "audit_seals",
        scope: Scope::Listening,
        about: "a file outside of the database that the seals of the audit log are written to as \
                well, one a line",
        get: |config| shown_path(config.audit_seals.as_deref()),
        set: |config, text| {
            config.audit_seals = path(text);
            Ok(())
        },
    },
    Setting {
        key: "business_calendar",
        scope: Scope::Listening,
        about: "a TOML file with the time zone, the opening hours and the holidays by which \
                promises fall due; without it Monday to Friday 09:00-17:00 UTC",
        get: |config| shown_path(config.business_calendar.as_deref()),
        set: |config, text| {
            config.business_calendar = path(text);
            Ok(())
        },
    },
    Setting {
        key: "erasure_ledger",
        scope: Scope::Every,
        about: "the file that keeps which customers were erased, to do it again when a backup is \
                put back; `none` where something else does so",
        get: |config| shown_path(config.erasure_ledger.as_deref()),
        set: |config, text| {
            config.erasure_ledger = path(text);
            Ok(())
        },
    },
    Setting {
        key: "retention_file",
        scope: Scope::Every,
        about: "a TOML file with rules of how long entries are kept, by kind and channel; without \
                it for ever",
        get: |config| shown_path(config.retention_file.as_deref()),
        set: |config, text| {
            config.retention_file = path(text);
            Ok(())
        },
    },
    Setting {
        key: "default_deadline_ms",
        scope: Scope::Listening,
        about: "milliseconds a call may take where the caller sets no deadline",
        get: |config| config.default_deadline.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.default_deadline = time),
    },
    Setting {
        key: "max_deadline_ms",
        scope: Scope::Listening,
        about: "milliseconds a call may take at most, whatever the caller sets",
        get: |config| config.max_deadline.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.max_deadline = time),
    },
    Setting {
        key: "shutdown_grace_ms",
        scope: Scope::Listening,
        about: "milliseconds that calls in flight get to end when the server stops",
        get: |config| config.shutdown_grace.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.shutdown_grace = time),
    },
    Setting {
        key: "max_connections",
        scope: Scope::Listening,
        about: "connections of known callers at the same time; calls over more of them are told to \
                try again",
        get: |config| config.max_connections.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_connections = n),
    },
    Setting {
        key: "max_connections_per_caller",
        scope: Scope::Listening,
        about: "connections at the same time of one caller that shows a token or a certificate",
        get: |config| config.max_connections_per_caller.to_string(),
        set: |config, text| {
            whole(text, 1, 1_000_000).map(|n| config.max_connections_per_caller = n)
        },
    },
    Setting {
        key: "max_calls",
        scope: Scope::Listening,
        about: "calls at the same time; more of them are told to try again",
        get: |config| config.max_calls.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_calls = n),
    },
    Setting {
        key: "max_calls_per_caller",
        scope: Scope::Listening,
        about: "calls at the same time of one caller that shows a token or a certificate; by \
                default `half` of `max_calls`",
        get: |config| shown_half(config.max_calls_per_caller),
        set: |config, text| {
            half_or(text, 1_000_000).map(|number| config.max_calls_per_caller = number)
        },
    },
    Setting {
        key: "max_concurrent_streams",
        scope: Scope::Listening,
        about: "calls at the same time on one connection",
        get: |config| config.max_concurrent_streams.to_string(),
        set: |config, text| whole(text, 1, 100_000).map(|n| config.max_concurrent_streams = n),
    },
    Setting {
        key: "max_buffered_mib",
        scope: Scope::Listening,
        about: "mebibytes of requests that are held at the same time, and as many of answers that \
                are not taken; more of them are told to try again",
        get: |config| shown_mebibytes(config.max_buffered),
        set: |config, text| mebibytes(text).map(|bytes| config.max_buffered = bytes),
    },
    Setting {
        key: "max_buffered_mib_per_caller",
        scope: Scope::Listening,
        about: "mebibytes of them of one caller that shows a token or a certificate",
        get: |config| shown_mebibytes(config.max_buffered_per_caller),
        set: |config, text| mebibytes(text).map(|bytes| config.max_buffered_per_caller = bytes),
    },
    Setting {
        key: "max_buffered_mib_per_connection",
        scope: Scope::Listening,
        about: "mebibytes of them on one connection",
        get: |config| shown_mebibytes(config.max_buffered_per_connection),
        set: |config, text| mebibytes(text).map(|bytes| config.max_buffered_per_connection = bytes),
    },
    Setting {
        key: "receive_timeout_ms",
        scope: Scope::Listening,
        about: "milliseconds in which the message of a call must have come",
        get: |config| config.receive_timeout.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.receive_timeout = time),
    },
    Setting {
        key: "send_timeout_ms",
        scope: Scope::Listening,
        about: "milliseconds after which a connection that takes nothing of an answer is cut",
        get: |config| config.send_timeout.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.send_timeout = time),
    },
    Setting {
        key: "max_watches",
        scope: Scope::Listening,
        about: "timelines that are watched at the same time; more of them are told to try again",
        get: |config| config.max_watches.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_watches = n),
    },
    Setting {
        key: "max_watches_per_caller",
        scope: Scope::Listening,
        about: "timelines that one caller that shows a token or a certificate watches at the same \
                time",
        get: |config| config.max_watches_per_caller.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_watches_per_caller = n),
    },
    Setting {
        key: "watch_heartbeat_ms",
        scope: Scope::Listening,
        about: "milliseconds without news after which whoever watches hears that there is none",
        get: |config| config.watch_heartbeat.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.watch_heartbeat = time),
    },
    Setting {
        key: "watch_send_timeout_ms",
        scope: Scope::Listening,
        about: "milliseconds after which whoever watches and does not read is cut off",
        get: |config| config.watch_send_timeout.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.watch_send_timeout = time),
    },
    Setting {
        key: "auto_merge",
        scope: Scope::Every,
        about: "by what customers are merged without a person: `verified_email` where both have \
                the same, `loyalty_card`, or both with a comma between; by default `none`",
        get: |config| match config.auto_merge.as_slice() {
            [] => "none".to_owned(),
            rules => rules.iter().map(|rule| rule.code()).collect::<Vec<_>>().join(","),
        },
        set: |config, text| rules(text).map(|rules| config.auto_merge = rules),
    },
    Setting {
        key: "log_format",
        scope: Scope::Every,
        about: "how log lines look: `text` or `json`",
        get: |config| match config.log_format {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        },
        set: |config, text| {
            one_of(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
                .map(|format| config.log_format = format)
        },
    },
    Setting {
        key: "log_level",
        scope: Scope::Every,
        about: "which log lines are written: `error`, `warn`, `info`, `debug` or `trace`; by \
                default `info` for `serve` and `warn` for the other commands",
        get: |config| match config.log_level {
            Some(level) => level.as_str().to_lowercase(),
            None => "by command".to_owned(),
        },
        set: |config, text| one_of(text, &LEVELS).map(|level| config.log_level = Some(level)),
    },
];
