//! The servers of a PostgreSQL URL, which may list several, separated by commas as in libpq: the
//! primary among them is used.

use std::{
    str::FromStr as _,
    sync::atomic::{AtomicUsize, Ordering},
};

use sqlx::postgres::PgConnectOptions;

use crate::error::Error;

/// The servers of a URL.
pub struct Servers {
    options: Vec<PgConnectOptions>,
    /// One per server.
    urls: Vec<String>,
    /// The last known primary.
    primary: AtomicUsize,
}

impl Servers {
    /// Parses a URL; each server gets the additional options.
    pub fn of(
        url: &str,
        with: impl Fn(PgConnectOptions) -> PgConnectOptions,
    ) -> Result<Self, Error> {
        let urls = urls(url);
        let options: Result<Vec<_>, sqlx::Error> =
            urls.iter().map(|url| Ok(with(PgConnectOptions::from_str(url)?))).collect();
        Ok(Self { options: options?, urls, primary: AtomicUsize::new(0) })
    }

    /// Their indices, in the order in which they should be tried.
    pub fn in_order(&self) -> impl Iterator<Item = usize> {
        let (first, count) = (self.primary.load(Ordering::Relaxed), self.options.len());
        (0..count).map(move |index| (first + index) % count)
    }

    pub fn options(&self, server: usize) -> &PgConnectOptions {
        &self.options[server]
    }

    /// The URL of one server.
    pub fn url(&self, server: usize) -> &str {
        &self.urls[server]
    }

    pub fn set_primary(&self, server: usize) {
        self.primary.store(server, Ordering::Relaxed);
    }
}

/// A URL for each server.
fn urls(url: &str) -> Vec<String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    // This parameter tells libpq to find the primary, which is always done here.
    let path = path.replace("target_session_attrs=read-write", "");
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

#[cfg(test)]
mod tests {
    use super::urls;

    #[test]
    fn a_url_may_name_several_servers() {
        for (url, expected) in [
            ("postgres://h/db", vec!["postgres://h/db"]),
            ("postgres:///db?host=/run", vec!["postgres:///db?host=/run"]),
            (
                "postgresql://u:a,b@h1:5433,h2,[::1]:5/db?sslmode=require",
                vec![
                    "postgresql://u:a,b@h1:5433/db?sslmode=require",
                    "postgresql://u:a,b@h2/db?sslmode=require",
                    "postgresql://u:a,b@[::1]:5/db?sslmode=require",
                ],
            ),
            ("postgres://%2Fa,%2Fb", vec!["postgres://%2Fa", "postgres://%2Fb"]),
        ] {
            assert_eq!(urls(url), expected);
        }
    }
}
