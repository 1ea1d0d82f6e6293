//! The client programs of PostgreSQL: `pg_dump` and `pg_restore`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::timeout,
    try_join,
};

use super::{
    BackupError, BackupOptions, Progress,
    folder::ensure_room,
    options::{STOPPING, watched},
};
use crate::store::paths::folder;

/// How much of a program's error output is reported, in bytes.
const MAX_COMPLAINT_BYTES: usize = 300;

/// The address of a database for these programs.
pub struct Place {
    /// Without the password, which would be visible in the process list.
    url: String,
    password: Option<String>,
}

impl Place {
    /// The address from a URL of one server.
    pub fn of(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let at = place.find('/').unwrap_or(place.len());
        let (authority, path) = place.split_at(at);
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (user, mut password) = match user.map(|user| user.split_once(':')) {
            Some(Some((user, password))) => (Some(user), Some(decoded(password))),
            _ => (user, None),
        };
        let mut parts = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match as_libpq(key) {
                Some("password") => password = Some(decoded(value)),
                Some(key) => parts.push(format!("{key}={value}")),
                None => {}
            }
        }
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let mark = if parts.is_empty() { "" } else { "?" };
        let url = format!("{scheme}://{user}{host}{path}{mark}{}", parts.join("&"));
        Self { url, password }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The name of a URL parameter in libpq; None if libpq does not have it.
fn as_libpq(key: &str) -> Option<&str> {
    Some(match key {
        "ssl-mode" => "sslmode",
        "ssl-root-cert" | "ssl-ca" => "sslrootcert",
        "ssl-cert" => "sslcert",
        "ssl-key" => "sslkey",
        "statement-cache-capacity" | "application_name" => return None,
        key if key.starts_with("options[") => return None,
        key => key,
    })
}

/// A client program.
pub struct Program<'a> {
    name: &'static str,
    path: PathBuf,
    options: BackupOptions<'a>,
}

impl<'a> Program<'a> {
    /// Finds a program that is at least as new as a server of a version such as 16; 0 accepts any.
    pub async fn find(
        name: &'static str,
        server: i64,
        options: BackupOptions<'a>,
    ) -> Result<Self, BackupError> {
        let path = options.programs.map_or_else(|| name.into(), |folder| folder.join(name));
        let program = Self { name, path, options };
        let mut command = Command::new(&program.path);
        command.arg("--version");
        let told = program.done(command, || Ok(())).await?;
        let version = version(&String::from_utf8_lossy(&told.stdout));
        if version < server {
            let what = format!(
                "{name} is of PostgreSQL {version}, and the server of {server}, which it cannot \
                 read"
            );
            return Err(BackupError::refused(what, program.where_from(server)));
        }
        Ok(program)
    }

    fn where_from(&self, server: i64) -> String {
        let version = if server > 0 { format!("-{server}") } else { String::new() };
        format!(
            "Install the client programs of PostgreSQL (on Debian postgresql-client{version}), or \
             name the folder that has {} with --programs",
            self.name
        )
    }

    /// Runs it on a database, and reports the size of the file that it writes.
    pub async fn run(
        &self,
        place: &Place,
        arguments: &[String],
        written: Option<(&'static str, &Path)>,
    ) -> Result<(), BackupError> {
        let mut command = Command::new(&self.path);
        command.args(arguments).arg("--no-password").arg(format!("--dbname={}", place.url));
        command.env("PGAPPNAME", "throughline").env("LC_ALL", "C");
        if let Some(password) = &place.password {
            command.env("PGPASSWORD", password);
        }
        let look = || {
            let Some((step, file)) = written else { return Ok(()) };
            let bytes = fs::metadata(file).map_or(0, |file| file.len());
            (self.options.progress)(Progress { step, bytes, of: None });
            ensure_room(folder(file), 0)
        };
        self.done(command, look).await.map(drop)
    }

    /// The table of contents of a dump, a line each.
    pub async fn list(&self, dump: &Path) -> Result<String, BackupError> {
        let mut command = Command::new(&self.path);
        command.arg("--list").arg(dump);
        let told = self.done(command, || Ok(())).await?;
        Ok(String::from_utf8_lossy(&told.stdout).into_owned())
    }

    async fn done(
        &self,
        mut command: Command,
        look: impl FnMut() -> Result<(), BackupError>,
    ) -> Result<Output, BackupError> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // It ends if this future is dropped.
        command.kill_on_drop(true);
        let mut running = command.spawn().map_err(|error| self.not_started(&error))?;
        let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
        let ending = async { try_join!(running.wait(), all_of(stdout), all_of(stderr)) };
        let done = watched(ending, self.options.until, Duration::ZERO, look).await;
        if done.is_err() {
            // It stops writing, since its output is removed next.
            let _ = running.start_kill();
            let _ = timeout(STOPPING, running.wait()).await;
        }
        let (status, stdout, stderr) = done?.map_err(|error| self.not_started(&error))?;
        let done = Output { status, stdout, stderr };
        if done.status.success() {
            return Ok(done);
        }
        let what = format!("{} failed: {}", self.name, complaint(&done));
        let advice = "May this user read all tables, and is the program of the server's version?";
        Err(BackupError::refused(what, advice))
    }

    fn not_started(&self, error: &io::Error) -> BackupError {
        let what = format!("{} cannot be run: {error}", self.path.display());
        BackupError::refused(what, self.where_from(0))
    }
}

/// Reads the output of a program to its end.
async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut text).await?;
    }
    Ok(text)
}

/// The first error that a program reports, without the rows that it may print below.
fn complaint(done: &Output) -> String {
    let text = String::from_utf8_lossy(&done.stderr);
    let is_error = |line: &&str| line.contains("error: ") || line.contains("fatal: ");
    let line = text.lines().find(is_error).unwrap_or("it does not say why");
    let end = line.floor_char_boundary(MAX_COMPLAINT_BYTES);
    line[..end].to_owned()
}

/// Such as 15 of "pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)".
fn version(told: &str) -> i64 {
    let number = told.split(") ").nth(1).unwrap_or_default();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Place, version};

    #[test]
    fn a_password_is_no_part_of_the_arguments() {
        for (url, shown, password) in [
            ("postgres://ann:ge%40im@h:5433/shop", "postgres://ann@h:5433/shop", Some("ge@im")),
            ("postgres://ann@h/shop?password=x", "postgres://ann@h/shop", Some("x")),
            ("postgres:///shop?host=/run&user=a", "postgres:///shop?host=/run&user=a", None),
            (
                "postgres://h/shop?ssl-mode=require&statement-cache-capacity=7&ssl-ca=a.pem",
                "postgres://h/shop?sslmode=require&sslrootcert=a.pem",
                None,
            ),
        ] {
            let place = Place::of(url);
            assert_eq!((place.url.as_str(), place.password.as_deref()), (shown, password), "{url}");
        }
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(version("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"), 15);
        assert_eq!(version("pg_restore (PostgreSQL) 18beta1"), 18);
        assert_eq!(version("something else"), 0);
    }
}
