//! Files that are read again when they change, so that a change needs no restart.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{api::caller::Callers, config::Config};

/// How often the files are checked: a token that was removed becomes invalid soon after.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The tasks that check files, until it is dropped.
#[derive(Default)]
pub struct Renewing(Vec<JoinHandle<()>>);

impl Renewing {
    /// Checks one more thing. `look` loads what has changed, and returns whether anything has; an
    /// error is logged once, and the previous state stays.
    pub fn keep(
        &mut self,
        what: &'static str,
        look: impl FnMut() -> Result<bool, String> + Send + 'static,
    ) {
        self.also(look_for_ever(what, look));
    }

    /// Runs a task of its own.
    pub fn also(&mut self, looking: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(looking));
    }
}

impl Drop for Renewing {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn look_for_ever(what: &'static str, mut look: impl FnMut() -> Result<bool, String>) {
    let mut last = Ok(false);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let found = look();
        match &found {
            Ok(true) => tracing::info!("{what} changed and were read again"),
            Err(error) if found != last => {
                tracing::error!(%error, "{what} changed and cannot be used: the old ones stay");
            }
            _ => {}
        }
        last = found;
    }
}

/// Watches the file of callers, starting from the text that `callers` were read from.
pub fn callers(
    config: Config,
    callers: Callers,
    mut read: Option<String>,
) -> impl FnMut() -> Result<bool, String> {
    move || {
        let text = config.callers_text().map_err(|problems| problems.to_string())?;
        if text == read {
            return Ok(false);
        }
        read = text;
        let next = config.callers().map_err(|problems| problems.to_string())?;
        callers.replace(&next);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::api::caller::Peer;

    #[test]
    fn a_file_of_callers_is_taken_over_when_it_changes_and_can_be_read() {
        let folder = std::env::temp_dir().join(format!("throughline-new-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("callers.toml");
        // The hash of "test".
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let desk = format!("[[caller]]\nname = 'desk'\nroles = 'agent'\ntoken_sha256 = '{hash}'\n");
        fs::write(&file, &desk).unwrap();
        let config = Config { callers_file: Some(file.clone()), ..Config::default() };
        let known = config.callers().unwrap();
        let mut look = callers(config.clone(), known.clone(), config.callers_text().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer test"));
        let is_known = || known.actor(&headers, &Peer::default(), 0).is_ok();
        assert_eq!((look(), is_known()), (Ok(false), true));

        fs::write(&file, "[[caller]]\n").unwrap();
        assert!(look().unwrap_err().contains("token_sha256"));
        assert_eq!((look(), is_known()), (Ok(false), true));
        fs::remove_file(&file).unwrap();
        assert!(look().unwrap_err().contains("cannot be read"));
        assert!(is_known());

        fs::write(&file, "").unwrap();
        assert_eq!((look(), is_known()), (Ok(true), false));
        fs::write(&file, &desk).unwrap();
        assert_eq!((look(), is_known()), (Ok(true), true));
        fs::remove_dir_all(&folder).unwrap();
    }
}
