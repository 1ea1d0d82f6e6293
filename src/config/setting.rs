//! The list of all settings: their names, their meanings, and how a text becomes a value.

use std::time::Duration;

use tracing::Level;

use super::{
    definition::{ClientCertificates, LogFormat, Scope, Setting, redacted_url},
    texts::{
        database, format_half, format_list, format_mebibytes, format_path, half_or, is_none, list,
        mebibytes, millis, one_of, origins, path, region, rules, whole,
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
        about: "the database: `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`; with \
                several hosts, separated by commas, the one that is the primary",
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
        about: "seconds to check the pages of an SQLite file at start if a process did not close \
                it cleanly; 0: no check",
        get: |config| config.check_at_start.as_secs().to_string(),
        set: |config, text| {
            whole(text, 0, 86_400)
                .map(|seconds| config.check_at_start = Duration::from_secs(seconds.into()))
        },
    },
    Setting {
        key: "listen",
        scope: Scope::Listening,
        about: "the address and port to serve on; port 0 picks a free port",
        get: |config| config.listen.to_string(),
        set: |config, text| {
            let advice = "must be an IP address and a port, such as 127.0.0.1:7417 or [::1]:7417";
            text.parse().map(|listen| config.listen = listen).map_err(|_| advice.to_owned())
        },
    },
    Setting {
        key: "metrics",
        scope: Scope::Listening,
        about: "the address and port of `/metrics`, `/healthz` and `/readyz` over HTTP; anyone \
                who can reach it can read them, so keep it on this machine or an operators' \
                network",
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
        about: "whether to serve beyond this machine without TLS or without authentication",
        get: |config| config.allow_unprotected.to_string(),
        set: |config, text| {
            one_of(text, &[("true", true), ("false", false)])
                .map(|allowed| config.allow_unprotected = allowed)
        },
    },
    Setting {
        key: "allow_anonymous",
        scope: Scope::Listening,
        about: "whether calls without a token or certificate are allowed although callers_file is \
                set; they run as `local`, which may make every call",
        get: |config| config.allow_anonymous.to_string(),
        set: |config, text| {
            one_of(text, &[("true", true), ("false", false)])
                .map(|allowed| config.allow_anonymous = allowed)
        },
    },
    Setting {
        key: "allowed_origins",
        scope: Scope::Listening,
        about: "origins of web pages that may call, separated by commas, such as \
                `https://desk.example.com`; calls of other pages are refused",
        get: |config| format_list(&config.allowed_origins),
        set: |config, text| origins(text).map(|origins| config.allowed_origins = origins),
    },
    Setting {
        key: "tls_certificate",
        scope: Scope::Listening,
        about: "a PEM file with the server certificate and its chain; it is read again when it \
                changes",
        get: |config| format_path(config.tls_certificate.as_deref()),
        set: |config, text| {
            config.tls_certificate = path(text);
            Ok(())
        },
    },
    Setting {
        key: "tls_key",
        scope: Scope::Listening,
        about: "a PEM file with the private key of that certificate",
        get: |config| format_path(config.tls_key.as_deref()),
        set: |config, text| {
            config.tls_key = path(text);
            Ok(())
        },
    },
    Setting {
        key: "tls_client_authority",
        scope: Scope::Listening,
        about: "a PEM file with the authorities of client certificates; without it clients are \
                not asked for a certificate",
        get: |config| format_path(config.tls_client_authority.as_deref()),
        set: |config, text| {
            config.tls_client_authority = path(text);
            Ok(())
        },
    },
    Setting {
        key: "tls_client_certificates",
        scope: Scope::Listening,
        about: "whether every connection must present a certificate of `tls_client_authority`: \
                `required`, or `optional` if some callers have only a token",
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
        about: "a PEM file with the authority of the certificate of `--server`; without it the \
                public authorities",
        get: |config| format_path(config.server_authority.as_deref()),
        set: |config, text| {
            config.server_authority = path(text);
            Ok(())
        },
    },
    Setting {
        key: "token_file",
        scope: Scope::Every,
        about: "a file with the token that commands send to `--server`",
        get: |config| format_path(config.token_file.as_deref()),
        set: |config, text| {
            config.token_file = path(text);
            Ok(())
        },
    },
    Setting {
        key: "phone_region",
        scope: Scope::Every,
        about: "the country (ISO 3166-1, such as `NL`) of phone numbers without a country code; \
                without it such numbers are refused",
        get: |config| config.phone_region.clone().unwrap_or_else(|| "none".to_owned()),
        set: |config, text| region(text).map(|region| config.phone_region = region),
    },
    Setting {
        key: "blocked_identifiers",
        scope: Scope::Every,
        about: "values that identify nobody, in any notation, separated by commas: the company's \
                own numbers, addresses and mail domains, such as `+31201234567, info@example.org, \
                @example.com`",
        get: |config| format_list(&config.blocked_identifiers),
        set: |config, text| {
            config.blocked_identifiers = list(text);
            Ok(())
        },
    },
    Setting {
        key: "allowed_identifiers",
        scope: Scope::Every,
        about: "values and mail domains that do identify somebody although they look like \
                placeholders",
        get: |config| format_list(&config.allowed_identifiers),
        set: |config, text| {
            config.allowed_identifiers = list(text);
            Ok(())
        },
    },
    Setting {
        key: "purpose",
        scope: Scope::Every,
        about: "the purpose of a command's calls, such as `service`; without it the server's \
                default for the caller",
        get: |config| config.purpose.clone().unwrap_or_else(|| "none".to_owned()),
        set: |config, text| {
            config.purpose = Some(text.to_owned()).filter(|text| !is_none(text));
            Ok(())
        },
    },
    Setting {
        key: "actor",
        scope: Scope::Every,
        about: "the acting user of a command",
        get: |config| config.actor.clone().unwrap_or_else(|| "none".to_owned()),
        set: |config, text| {
            config.actor = Some(text.to_owned()).filter(|text| !is_none(text));
            Ok(())
        },
    },
    Setting {
        key: "callers_file",
        scope: Scope::Every,
        about: "a TOML file with the client applications, their credentials and roles, and the \
                issuers of their tokens",
        get: |config| format_path(config.callers_file.as_deref()),
        set: |config, text| {
            config.callers_file = path(text);
            Ok(())
        },
    },
    Setting {
        key: "audit_seals",
        scope: Scope::Listening,
        about: "a file outside of the database to which the seals of the audit log are written as \
                well, one per line",
        get: |config| format_path(config.audit_seals.as_deref()),
        set: |config, text| {
            config.audit_seals = path(text);
            Ok(())
        },
    },
    Setting {
        key: "business_calendar",
        scope: Scope::Listening,
        about: "a TOML file with the time zone, opening hours and holidays that due times are \
                computed with; without it Monday to Friday 09:00-17:00 UTC",
        get: |config| format_path(config.business_calendar.as_deref()),
        set: |config, text| {
            config.business_calendar = path(text);
            Ok(())
        },
    },
    Setting {
        key: "erasure_ledger",
        scope: Scope::Every,
        about: "the file that records which customers were erased, to erase them again after a \
                restore; `none` if something else does so",
        get: |config| format_path(config.erasure_ledger.as_deref()),
        set: |config, text| {
            config.erasure_ledger = path(text);
            Ok(())
        },
    },
    Setting {
        key: "retention_file",
        scope: Scope::Every,
        about: "a TOML file with rules for how long entries are kept, by kind and channel; \
                without it for ever",
        get: |config| format_path(config.retention_file.as_deref()),
        set: |config, text| {
            config.retention_file = path(text);
            Ok(())
        },
    },
    Setting {
        key: "default_deadline_ms",
        scope: Scope::Listening,
        about: "milliseconds that a call may take if the caller sets no deadline",
        get: |config| config.default_deadline.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.default_deadline = time),
    },
    Setting {
        key: "max_deadline_ms",
        scope: Scope::Listening,
        about: "milliseconds that a call may take at most, whatever deadline the caller sets",
        get: |config| config.max_deadline.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.max_deadline = time),
    },
    Setting {
        key: "shutdown_grace_ms",
        scope: Scope::Listening,
        about: "milliseconds that calls in flight have to end when the server stops",
        get: |config| config.shutdown_grace.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.shutdown_grace = time),
    },
    Setting {
        key: "max_connections",
        scope: Scope::Listening,
        about: "connections of known callers at the same time; calls over further ones are \
                refused with RetryInfo",
        get: |config| config.max_connections.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_connections = n),
    },
    Setting {
        key: "max_connections_per_caller",
        scope: Scope::Listening,
        about: "connections at the same time of one caller with a token or a certificate",
        get: |config| config.max_connections_per_caller.to_string(),
        set: |config, text| {
            whole(text, 1, 1_000_000).map(|n| config.max_connections_per_caller = n)
        },
    },
    Setting {
        key: "max_calls",
        scope: Scope::Listening,
        about: "calls at the same time; further ones are refused with RetryInfo",
        get: |config| config.max_calls.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_calls = n),
    },
    Setting {
        key: "max_calls_per_caller",
        scope: Scope::Listening,
        about: "calls at the same time of one caller with a token or a certificate; by default \
                `half` of `max_calls`",
        get: |config| format_half(config.max_calls_per_caller),
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
        about: "mebibytes of requests that are buffered at the same time, and as many of unread \
                responses; further ones are refused with RetryInfo",
        get: |config| format_mebibytes(config.max_buffered),
        set: |config, text| mebibytes(text).map(|bytes| config.max_buffered = bytes),
    },
    Setting {
        key: "max_buffered_mib_per_caller",
        scope: Scope::Listening,
        about: "mebibytes of either for one caller with a token or a certificate",
        get: |config| format_mebibytes(config.max_buffered_per_caller),
        set: |config, text| mebibytes(text).map(|bytes| config.max_buffered_per_caller = bytes),
    },
    Setting {
        key: "max_buffered_mib_per_connection",
        scope: Scope::Listening,
        about: "mebibytes of either on one connection",
        get: |config| format_mebibytes(config.max_buffered_per_connection),
        set: |config, text| mebibytes(text).map(|bytes| config.max_buffered_per_connection = bytes),
    },
    Setting {
        key: "receive_timeout_ms",
        scope: Scope::Listening,
        about: "milliseconds in which the message of a call must arrive",
        get: |config| config.receive_timeout.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.receive_timeout = time),
    },
    Setting {
        key: "send_timeout_ms",
        scope: Scope::Listening,
        about: "milliseconds after which a connection that reads nothing of a response is closed",
        get: |config| config.send_timeout.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.send_timeout = time),
    },
    Setting {
        key: "max_watches",
        scope: Scope::Listening,
        about: "watches at the same time; further ones are refused with RetryInfo",
        get: |config| config.max_watches.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_watches = n),
    },
    Setting {
        key: "max_watches_per_caller",
        scope: Scope::Listening,
        about: "watches at the same time of one caller with a token or a certificate",
        get: |config| config.max_watches_per_caller.to_string(),
        set: |config, text| whole(text, 1, 1_000_000).map(|n| config.max_watches_per_caller = n),
    },
    Setting {
        key: "watch_heartbeat_ms",
        scope: Scope::Listening,
        about: "milliseconds without an event after which a watch gets a heartbeat",
        get: |config| config.watch_heartbeat.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.watch_heartbeat = time),
    },
    Setting {
        key: "watch_send_timeout_ms",
        scope: Scope::Listening,
        about: "milliseconds after which a watch whose client does not read is cut off",
        get: |config| config.watch_send_timeout.as_millis().to_string(),
        set: |config, text| millis(text).map(|time| config.watch_send_timeout = time),
    },
    Setting {
        key: "auto_merge",
        scope: Scope::Every,
        about: "the rules by which customers are merged automatically: `verified_email` (the same \
                verified address), `loyalty_card`, or both, separated by a comma; by default \
                `none`",
        get: |config| match config.auto_merge.as_slice() {
            [] => "none".to_owned(),
            rules => rules.iter().map(|rule| rule.code()).collect::<Vec<_>>().join(","),
        },
        set: |config, text| rules(text).map(|rules| config.auto_merge = rules),
    },
    Setting {
        key: "log_format",
        scope: Scope::Every,
        about: "the format of log lines: `text` or `json`",
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
