//! The configuration: its settings, their sources, and checks.
//!
//! A flag overrides the environment (`THROUGHLINE_*`), which overrides the file, which overrides
//! the default. [`SETTINGS`] lists all settings, and so does `docs/configuration.md`.

mod calendar;
mod callers;
mod credentials;
mod definition;
mod issuers;
mod retention;
mod scope;
mod setting;
mod texts;

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tracing::Level;

use crate::{
    api::caller::Callers,
    domain::{blocked::Blocked, calendar::BusinessCalendar},
    model::{MergeRule, RetentionRules},
};

pub use calendar::read as read_calendar;
pub use callers::read as read_callers;
pub use definition::{ClientCertificates, LogFormat, Scope, Setting, redacted_url};
pub use retention::read as read_retention;
pub use setting::SETTINGS;

/// Whether the variables of OpenTelemetry set a destination for traces.
#[cfg(feature = "otlp")]
pub fn has_traces_endpoint() -> bool {
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// All settings with their values.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub database: String,
    /// Whether to create the database even if files of an earlier one are left. Not a setting,
    /// which would be permanent: it is passed with a single command.
    pub create: bool,
    pub database_connections: u32,
    /// How long SQLite files that were not closed may be checked. Zero: not at all.
    pub check_at_start: Duration,
    pub listen: SocketAddr,
    /// The address of metrics and health over HTTP.
    pub metrics: Option<SocketAddr>,
    pub allow_unprotected: bool,
    /// Whether unauthenticated callers may call although there is a file of callers.
    pub allow_anonymous: bool,
    /// Origins of web pages that may call, such as `https://desk.example.com`.
    pub allowed_origins: Vec<String>,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tls_client_authority: Option<PathBuf>,
    /// Whether each connection must present a certificate of that authority.
    pub tls_client_certificates: ClientCertificates,
    pub server_authority: Option<PathBuf>,
    pub token_file: Option<PathBuf>,
    /// Two capital letters (ISO 3166-1).
    pub phone_region: Option<String>,
    /// Values and mail domains that identify nobody.
    pub blocked_identifiers: Vec<String>,
    /// Values and mail domains that identify somebody, although they are blocked by default.
    pub allowed_identifiers: Vec<String>,
    /// The purpose of a command's calls.
    pub purpose: Option<String>,
    /// The acting user of a command's calls.
    pub actor: Option<String>,
    pub callers_file: Option<PathBuf>,
    /// The file that also gets the seals of the audit log.
    pub audit_seals: Option<PathBuf>,
    pub business_calendar: Option<PathBuf>,
    /// The file of erasures outside of the database.
    pub erasure_ledger: Option<PathBuf>,
    pub retention_file: Option<PathBuf>,
    pub default_deadline: Duration,
    pub max_deadline: Duration,
    pub shutdown_grace: Duration,
    /// Of authenticated callers.
    pub max_connections: u32,
    /// For each authenticated caller.
    pub max_connections_per_caller: u32,
    /// Of all connections together.
    pub max_calls: u32,
    /// For each authenticated caller. None: half of them.
    pub max_calls_per_caller: Option<u32>,
    /// For each connection.
    pub max_concurrent_streams: u32,
    /// Bytes of requests under way, and as many of responses, of all connections together.
    pub max_buffered: usize,
    /// For each authenticated caller.
    pub max_buffered_per_caller: usize,
    /// For each connection.
    pub max_buffered_per_connection: usize,
    /// The time within which the message of a call must have arrived.
    pub receive_timeout: Duration,
    /// A connection that accepts nothing of a response for this long is closed.
    pub send_timeout: Duration,
    /// Of all connections together.
    pub max_watches: u32,
    /// For each authenticated caller.
    pub max_watches_per_caller: u32,
    /// After this time without an event, a watch sends a heartbeat.
    pub watch_heartbeat: Duration,
    /// A watch that is not read for this long is ended.
    pub watch_send_timeout: Duration,
    /// The rules for automatic merges.
    pub auto_merge: Vec<MergeRule>,
    pub log_format: LogFormat,
    /// None: the command's default.
    pub log_level: Option<Level>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: "sqlite:throughline.db".to_owned(),
            create: false,
            database_connections: 8,
            check_at_start: Duration::from_secs(30),
            listen: SocketAddr::from(([127, 0, 0, 1], 7417)),
            metrics: None,
            allow_unprotected: false,
            allow_anonymous: false,
            allowed_origins: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            tls_client_authority: None,
            tls_client_certificates: ClientCertificates::Required,
            server_authority: None,
            token_file: None,
            phone_region: None,
            blocked_identifiers: Vec::new(),
            allowed_identifiers: Vec::new(),
            purpose: None,
            actor: None,
            callers_file: None,
            audit_seals: None,
            business_calendar: None,
            erasure_ledger: Some("throughline.erasures".into()),
            retention_file: None,
            default_deadline: Duration::from_secs(10),
            max_deadline: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(10),
            max_connections: 16_384,
            max_connections_per_caller: 12_288,
            max_calls: 1024,
            max_calls_per_caller: None,
            max_concurrent_streams: 100,
            max_buffered: 64 << 20,
            max_buffered_per_caller: 32 << 20,
            max_buffered_per_connection: 16 << 20,
            receive_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(10),
            max_watches: 10_000,
            max_watches_per_caller: 1000,
            watch_heartbeat: Duration::from_secs(15),
            watch_send_timeout: Duration::from_secs(10),
            auto_merge: Vec::new(),
            log_format: LogFormat::Text,
            log_level: None,
        }
    }
}

/// The sources of settings.
pub struct Sources<'a> {
    /// Keys and values from the command line.
    pub flags: &'a [(&'static str, String)],
    /// The value of an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The name and the text of the file.
    pub file: Option<(&'a str, &'a str)>,
}

/// An invalid setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The source of the value: `--listen`, `THROUGHLINE_LISTEN` or `throughline.toml: listen`.
    pub place: String,
    /// What is wrong, and what to do.
    pub advice: String,
}

/// Every problem of a configuration; never empty.
#[derive(Debug, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.advice)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

impl Config {
    /// The settings of this process: its flags, its environment, and the file at `path` or
    /// `THROUGHLINE_CONFIG`.
    pub fn load(flags: &[(&'static str, String)], path: Option<&Path>) -> Result<Self, Problems> {
        let environment =
            |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let path = path.map(Path::to_path_buf);
        let path = path.or_else(|| environment("THROUGHLINE_CONFIG").map(Into::into));
        let name = path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let text = match path {
            None => None,
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
                let advice = format!("cannot be read: {error}; name a TOML file with --config");
                Problems(vec![Problem { place: name.clone(), advice }])
            })?),
        };
        let file = text.as_deref().map(|text| (name.as_str(), text));
        Self::resolve(&Sources { flags, environment: &environment, file })
    }

    /// The settings of given sources, or everything that is wrong with them.
    pub fn resolve(sources: &Sources<'_>) -> Result<Self, Problems> {
        let mut config = Self::default();
        let mut problems = Vec::new();
        let file = read_file(sources.file, &mut problems);
        let mut places = BTreeMap::new();
        for setting in SETTINGS {
            let Some((place, value)) = setting.find(sources, &file) else { continue };
            if let Err(advice) = (setting.set)(&mut config, &value) {
                problems.push(Problem { place: place.clone(), advice });
            }
            places.insert(setting.key.to_owned(), place);
        }
        problems.extend(config.verify().into_iter().map(|mut problem| {
            problem.place = places.get(&problem.place).cloned().unwrap_or(problem.place);
            problem
        }));
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// Contradictions between settings; the place is the key of a setting.
    pub fn verify(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |place: &str, advice: String| {
            problems.push(Problem { place: place.to_owned(), advice });
        };
        if self.default_deadline > self.max_deadline {
            let max = self.max_deadline.as_millis();
            add("default_deadline_ms", format!("must not be above max_deadline_ms ({max})"));
        }
        if self.tls_certificate.is_some() != self.tls_key.is_some() {
            let place = if self.tls_key.is_some() { "tls_key" } else { "tls_certificate" };
            add(place, "tls_certificate and tls_key go together: set both".to_owned());
        }
        if self.tls_client_authority.is_some() && self.tls_certificate.is_none() {
            add("tls_client_authority", "needs tls_certificate and tls_key".to_owned());
        }
        let is_optional = self.tls_client_certificates == ClientCertificates::Optional;
        if is_optional && !self.asks_for_certificates() {
            let advice = "no client certificates are requested: set tls_client_authority";
            add("tls_client_certificates", advice.to_owned());
        }
        if self.is_beyond_loopback()
            && !self.allow_unprotected
            && let Some(advice) = self.lacks_protection()
        {
            add("listen", advice.to_owned());
        }
        problems.extend(self.blocked().1);
        problems
    }

    /// What to do if everybody who can reach the server can make every call, or read the traffic.
    fn lacks_protection(&self) -> Option<&'static str> {
        if self.tls_certificate.is_none() || self.callers_file.is_none() {
            return Some(
                "everybody who can reach this address could read every customer's history. Set \
                 tls_certificate, tls_key and callers_file, or listen on 127.0.0.1, or set \
                 allow_unprotected if the network itself keeps others out",
            );
        }
        self.allow_anonymous.then_some(
            "everybody who can reach this address could read every customer's history without a \
             token. Remove allow_anonymous, or listen on 127.0.0.1, or set allow_unprotected if \
             the network itself keeps others out",
        )
    }

    /// Whether other machines can reach it.
    pub fn is_beyond_loopback(&self) -> bool {
        !self.listen.ip().is_loopback()
    }

    fn asks_for_certificates(&self) -> bool {
        self.tls_client_authority.is_some()
    }

    /// The blocked values, and what is wrong with their settings.
    pub fn blocked(&self) -> (Blocked, Vec<Problem>) {
        let region = self.phone_region.as_deref();
        let mut blocked = Blocked::BUILT_IN;
        let mut problems = Vec::new();
        let mut note = |key: &str, value: &str, result: Result<(), &'static str>| {
            if let Err(rule) = result {
                problems
                    .push(Problem { place: key.to_owned(), advice: format!("{value}: {rule}") });
            }
        };
        for value in &self.blocked_identifiers {
            note("blocked_identifiers", value, blocked.block(value, region));
        }
        for value in &self.allowed_identifiers {
            note("allowed_identifiers", value, blocked.allow(value, region));
        }
        (blocked, problems)
    }

    /// The callers of the configured file, who are the only ones unless `allow_anonymous` is set
    /// too. Without a file anybody may call.
    pub fn callers(&self) -> Result<Callers, Problems> {
        let (Some(path), Some(text)) = (&self.callers_file, self.callers_text()?) else {
            return Ok(Callers::default());
        };
        let callers = read_callers(&path.display().to_string(), &text)?;
        if let Some(name) = callers.one_with_certificate().filter(|_| !self.asks_for_certificates())
        {
            let advice =
                "certificate: no client certificates are requested; set tls_client_authority";
            let place = format!("{}: caller {name}", path.display());
            return Err(Problems(vec![Problem { place, advice: advice.to_owned() }]));
        }
        Ok(if self.allow_anonymous { callers } else { callers.alone() })
    }

    /// The text of the file of callers, if one is set.
    pub fn callers_text(&self) -> Result<Option<String>, Problems> {
        self.callers_file.as_deref().map(|path| read_text(path, "callers_file")).transpose()
    }

    /// The token that commands send to a server, if one is set.
    pub fn token(&self) -> Result<Option<String>, Problems> {
        let Some(path) = &self.token_file else { return Ok(None) };
        Ok(Some(read_text(path, "token_file")?.trim().to_owned()))
    }

    /// The authority of a server's certificate, in PEM, if one is set.
    pub fn server_authority(&self) -> Result<Option<String>, Problems> {
        let Some(path) = &self.server_authority else { return Ok(None) };
        read_text(path, "server_authority").map(Some)
    }

    /// The calendar of the configured file, or the default one.
    pub fn calendar(&self) -> Result<BusinessCalendar, Problems> {
        let Some(path) = &self.business_calendar else { return Ok(BusinessCalendar::default()) };
        read_calendar(&path.display().to_string(), &read_text(path, "business_calendar")?)
    }
}

impl Config {
    /// The rules of the configured file; without one, everything is kept.
    pub fn retention(&self) -> Result<RetentionRules, Problems> {
        let Some(path) = &self.retention_file else { return Ok(RetentionRules::default()) };
        read_retention(&path.display().to_string(), &read_text(path, "retention_file")?)
    }
}

/// The text of the file that a setting names.
fn read_text(path: &Path, setting: &str) -> Result<String, Problems> {
    std::fs::read_to_string(path).map_err(|error| {
        let advice = format!("cannot be read: {error}; see {setting}");
        Problems(vec![Problem { place: path.display().to_string(), advice }])
    })
}

/// Hides the passwords.
impl fmt::Debug for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Config");
        for setting in SETTINGS {
            shown.field(setting.key, &format_args!("{}", (setting.get)(self)));
        }
        shown.finish()
    }
}

/// The keys and values of the file as texts; unknown keys become problems.
fn read_file(file: Option<(&str, &str)>, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let Some((name, text)) = file else { return Vec::new() };
    let Some(table) = parse(name, text, problems) else { return Vec::new() };
    let mut values = Vec::new();
    for (key, value) in table {
        let place = format!("{name}: {key}");
        if !SETTINGS.iter().any(|setting| setting.key == key) {
            problems.push(Problem { place, advice: unknown_key(&key) });
            continue;
        }
        match value {
            toml::Value::String(text) => values.push((key, text)),
            toml::Value::Integer(number) => values.push((key, number.to_string())),
            toml::Value::Boolean(flag) => values.push((key, flag.to_string())),
            _ => problems.push(Problem {
                place,
                advice: "must be a text, a whole number, true or false".to_owned(),
            }),
        }
    }
    values
}

/// The table of a file, or a problem.
fn parse(name: &str, text: &str, problems: &mut Vec<Problem>) -> Option<toml::Table> {
    let error = match text.parse::<toml::Table>() {
        Ok(table) => return Some(table),
        Err(error) => error,
    };
    // The error's own text quotes the line, which may contain the database's password.
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let advice = format!("is not TOML: {}", error.message());
    problems.push(Problem { place: format!("{name}: line {line}"), advice });
    None
}

fn unknown_key(key: &str) -> String {
    let near = |setting: &&Setting| strsim::damerau_levenshtein(setting.key, key);
    // For a short word, four differences are too many.
    let most = 4.min(key.len() / 2);
    match SETTINGS.iter().min_by_key(near).filter(|setting| near(setting) <= most) {
        Some(nearest) => format!("there is no such setting; did you mean {}?", nearest.key),
        None => "there is no such setting; docs/configuration.md lists them all".to_owned(),
    }
}
