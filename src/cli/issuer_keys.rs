//! Keeps the keys of token issuers up to date. Files are checked for changes; URLs are fetched at
//! intervals, and when a token has an unknown key. The call with that token does not wait for the
//! fetch: otherwise anyone who sends nonsense would delay it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{failure::Failure, fetch};
use crate::api::caller::{Callers, KeySet, KeySource};

/// How often URLs are fetched.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The usual interval.
    pub every: Duration,
    /// The shortest interval, however often unknown keys are presented or fetches fail.
    pub at_most_every: Duration,
}

impl Pace {
    pub const USUAL: Self =
        Self { every: Duration::from_secs(600), at_most_every: Duration::from_secs(30) };
}

/// Checks the key files of all issuers that the callers have now.
pub fn files(callers: Callers) -> impl FnMut() -> Result<bool, String> + Send + 'static {
    let mut read = BTreeMap::new();
    move || {
        let mut problems = Vec::new();
        let mut has_changed = false;
        let sources = callers.key_sources();
        read.retain(|source, _| sources.contains(source));
        for source in sources {
            let KeySource::File(path) = &source else { continue };
            match renew(path, read.entry(source.clone()).or_default()) {
                Ok(None) => {}
                Ok(Some(keys)) => {
                    callers.learn(source, keys);
                    has_changed = true;
                }
                Err(why) => problems.push(why),
            }
        }
        if problems.is_empty() { Ok(has_changed) } else { Err(problems.join("; ")) }
    }
}

/// The keys of a file, if it has changed since they were last read.
fn renew(path: &PathBuf, read: &mut Vec<u8>) -> Result<Option<KeySet>, String> {
    let unfit = |why: &dyn fmt::Display| format!("{} {why}", path.display());
    let now = fs::read(path).map_err(|error| unfit(&format_args!("cannot be read: {error}")))?;
    if now == *read {
        return Ok(None);
    }
    if now.len() > fetch::MAX_BYTES {
        return Err(unfit(&format_args!("is larger than {} bytes", fetch::MAX_BYTES)));
    }
    let keys = KeySet::read(&now).map_err(|why| unfit(&why))?;
    *read = now;
    Ok(Some(keys))
}

/// The keys at URLs, of all issuers that the callers have.
pub struct Fetched {
    callers: Callers,
    pace: Pace,
    /// When each was last fetched, successfully or not.
    fetched_at: BTreeMap<KeySource, Instant>,
}

impl Fetched {
    pub fn new(callers: Callers, pace: Pace) -> Self {
        Self { callers, pace, fetched_at: BTreeMap::new() }
    }

    /// Fetches all of them, or returns the first error.
    pub async fn begin(&mut self) -> Result<(), Failure> {
        for source in urls(&self.callers) {
            self.fetch(&source).await.map_err(|why| {
                let advice = "see `keys` of its [[issuer]] in the file of callers";
                Failure::Failed(format!("the keys of an issuer do not come: {why}; {advice}"))
            })?;
        }
        Ok(())
    }

    /// Fetches each when it is due, for ever. If that fails, the previous keys stay.
    pub async fn keep(mut self) {
        let mut asked = BTreeSet::new();
        loop {
            let urls = urls(&self.callers);
            self.fetched_at.retain(|source, _| urls.contains(source));
            asked.retain(|source| urls.contains(source));
            let due = |source: &KeySource| match self.fetched_at.get(source) {
                // An issuer that was just added to the file.
                None => Instant::now(),
                Some(at) if asked.contains(source) => *at + self.pace.at_most_every,
                Some(at) => *at + self.pace.every,
            };
            let next = urls.iter().map(|source| (due(source), source)).min();
            // New issuers are noticed by then.
            let look_again = Instant::now() + super::renew::LOOK_EVERY;
            let until = next.as_ref().map_or(look_again, |(due, _)| look_again.min(*due));
            tokio::select! {
                () = sleep_until(until) => {}
                more = self.callers.keys_asked_for() => {
                    asked.extend(more);
                    continue;
                }
            }
            let next = next.filter(|(due, _)| *due <= Instant::now());
            let Some((_, source)) = next else { continue };
            asked.remove(source);
            if let Err(error) = self.fetch(&source.clone()).await {
                tracing::warn!(
                    %error,
                    "cannot fetch the keys of an issuer: the previous ones stay valid"
                );
            }
        }
    }

    async fn fetch(&mut self, source: &KeySource) -> Result<(), String> {
        let KeySource::Url { url, authority } = source else { return Ok(()) };
        self.fetched_at.insert(source.clone(), Instant::now());
        let authority = authority.as_deref().map(Path::new);
        let keys = fetch::fetch(url, authority).await;
        let keys = keys.and_then(|json| KeySet::read(&json)).map_err(|why| format!("{url}: {why}"));
        self.callers.learn(source.clone(), keys?);
        Ok(())
    }
}

fn urls(callers: &Callers) -> BTreeSet<KeySource> {
    let mut sources = callers.key_sources();
    sources.retain(|source| matches!(source, KeySource::Url { .. }));
    sources
}
