//! What a setting is: its name, its meaning, and where its value comes from.

use super::{Config, Sources};

/// A setting.
pub struct Setting {
    /// The key in the file. The flag and the environment variable are made from it.
    pub key: &'static str,
    /// The commands that have it as a flag.
    pub scope: Scope,
    /// One line for the help and for `docs/configuration.md`.
    pub about: &'static str,
    /// The value as a text without secrets.
    pub get: fn(&Config) -> String,
    /// Sets the value, or says what it must be.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

/// The commands that have a setting as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Every,
    /// The commands that listen: `serve` and `demo`.
    Listening,
}

/// Whether a connection must present a certificate of `tls_client_authority`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// A connection without one is refused.
    Required,
    /// A caller without one is authenticated by its token alone.
    Optional,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Setting {
    /// The flag, such as `--phone-region`.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }

    /// The environment variable, such as `THROUGHLINE_PHONE_REGION`.
    pub fn variable(&self) -> String {
        format!("THROUGHLINE_{}", self.key.to_uppercase())
    }

    /// The effective value, and where it comes from. Unknown variables that begin with
    /// `THROUGHLINE_` are ignored: Kubernetes sets some for a service of that name.
    pub(super) fn find(
        &self,
        sources: &Sources<'_>,
        file: &[(String, String)],
    ) -> Option<(String, String)> {
        if let Some((_, value)) = sources.flags.iter().find(|(key, _)| *key == self.key) {
            return Some((self.flag(), value.clone()));
        }
        if let Some(value) = (sources.environment)(&self.variable()) {
            return Some((self.variable(), value));
        }
        let (_, value) = file.iter().find(|(key, _)| key == self.key)?;
        let name = sources.file.map_or("", |(name, _)| name);
        Some((format!("{name}: {}", self.key), value.clone()))
    }
}

/// A database URL with its password removed.
pub fn redacted_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    // The last '@' ends the password: one with a slash in it is invalid, but must still not be
    // shown.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => place.to_owned(),
        },
        None => place.to_owned(),
    };
    let hide = |part: &str| match part.split_once('=') {
        Some((key, _)) if key.contains("password") => format!("{key}=***"),
        _ => part.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(hide).collect();
    let mark = if rest.contains('?') { "?" } else { "" };
    format!("{scheme}://{place}{mark}{}", query.join("&"))
}
