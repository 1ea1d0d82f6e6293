//! Why a command failed, with advice.

use std::{io, process::ExitCode};

use tonic::{Code, Status};

use crate::{
    config::{Problems, redacted_url},
    error::Error,
};

/// The failure of a command.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the configuration is wrong: exit code 2.
    Usage(String),
    /// It could not be done: exit code 1.
    Failed(String),
    /// The reader of the output is gone, as with `head`. Not reported.
    ReaderGone,
}

impl Failure {
    /// Prints it on the standard error.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Usage(advice) => {
                eprintln!("throughline: {advice}");
                ExitCode::from(2)
            }
            Self::Failed(advice) => {
                eprintln!("throughline: {advice}");
                ExitCode::from(1)
            }
            Self::ReaderGone => ExitCode::SUCCESS,
        }
    }

    /// A database that cannot be opened.
    pub fn of_database(url: &str, error: &Error) -> Self {
        let advice = match url.starts_with("sqlite:") {
            true => "Is there such a folder, and may this user write to it and to the file?",
            false => "Does PostgreSQL run there, and are user, password and database right?",
        };
        let url = redacted_url(url);
        let why = match error {
            Error::Unavailable(why) | Error::Internal(why) => why.clone(),
            other => other.to_string(),
        };
        Self::Failed(format!("the database {url} cannot be opened: {why}. {advice}"))
    }

    /// A server that does not answer.
    pub fn unreachable(server: &str) -> Self {
        let trust = match server.to_ascii_lowercase().starts_with("https:") {
            true => " Is its certificate of an authority that is known here (--server-authority)?",
            false => "",
        };
        Self::Failed(format!(
            "no server answers at {server}. Is it running?{trust} Start one with `throughline \
             serve`, or leave out --server to open the database itself"
        ))
    }

    /// A call that was refused by `server`, or by the services over the database if there is none.
    pub fn of_call(status: &Status, server: Option<&str>) -> Self {
        let message = status.message();
        match (status.code(), server) {
            (Code::NotFound, _) => Self::Failed(format!(
                "{message}. `throughline customer --name NAME` finds customers by name, \
                 `throughline search WORDS` searches all entries"
            )),
            (Code::InvalidArgument, _) if message.contains("phone_region") => Self::Usage(format!(
                "{message}; write the country code, or name the country with --phone-region"
            )),
            (Code::InvalidArgument, _) => Self::Usage(message.to_owned()),
            (Code::Unauthenticated, _) => {
                Self::Failed(format!("{message}; show the token of a caller with --token-file"))
            }
            (Code::Unavailable, Some(server)) if is_transport(status) => Self::unreachable(server),
            (Code::Unavailable, _) => Self::Failed(format!("{message}; try again in a moment")),
            (Code::Unimplemented, Some(server)) => Self::Failed(format!(
                "{server} does not know this call: is it a Throughline server of this version?"
            )),
            (code, _) => Self::Failed(format!("{message} ({code:?})")),
        }
    }
}

/// Whether the connection failed, not the server.
fn is_transport(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Usage(problems.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(error.to_string()),
        }
    }
}
