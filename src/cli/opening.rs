//! Opens the database of a command, and advises if that fails.

use std::borrow::Cow;

use super::failure::Failure;
use crate::{
    clock::Clock,
    config::{Config, redacted_url},
    store::{OpenError, Opening, Store},
};

/// Opens the configured database.
pub async fn open(config: &Config, clock: Clock) -> Result<Store, Failure> {
    let (url, connections) = (&config.database, config.database_connections);
    let opened = Store::open_with(url, connections, clock, &opening(config)).await;
    opened.map_err(|error| failure(config, &error))
}

/// The options for opening the database, from the configuration.
pub fn opening(config: &Config) -> Opening {
    Opening {
        create: config.create,
        kept_outside: [&config.erasure_ledger, &config.audit_seals]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        check_limit: config.check_at_start,
    }
}

/// Why the database could not be opened, and what to do.
pub fn failure(config: &Config, error: &OpenError) -> Failure {
    let url = redacted_url(&config.database);
    Failure::Failed(format!("the database {url} cannot be opened: {error}. {}", advice(error)))
}

/// What to do if a database could not be opened.
pub fn advice(error: &OpenError) -> Cow<'static, str> {
    let advice = match error {
        OpenError::NoFolder { .. } => "Make the folder, or name another file with --database",
        OpenError::NotPermitted { .. } => {
            "Give this user the right to write to the file and its folder, or run as the user who \
             has it"
        }
        OpenError::File { .. } => "Is the disk full, or failing?",
        OpenError::Lost { .. } => {
            "Is the volume mounted, and is this the right folder? Move the file back, or restore \
             a backup with `throughline restore`. --create creates a new, empty database all the \
             same"
        }
        OpenError::Gone { .. } => {
            "Stop that process, move the file back or restore a backup with `throughline \
             restore`, and start again"
        }
        OpenError::Busy { .. } => "Wait until it is done, and start again",
        OpenError::OtherLog { .. } => {
            "Restore a backup with `throughline restore`, which removes the log. If the file is a \
             restored backup, move the log and the -shm file away, and keep them until everything \
             works: see \"Restore\" in docs/operating.md"
        }
        OpenError::RestoreCutShort { .. } => {
            "Run `throughline restore` again. Or move all files back that it moved into a folder \
             next to them, and delete the -lock file: see \"Restore\" in docs/operating.md"
        }
        OpenError::OtherAudit { .. } => {
            "Move the file back that belongs to the database, or move this one away: a new audit \
             log is created then"
        }
        OpenError::NotADatabase { .. } => "Name another file with --database",
        OpenError::Corrupt { .. } => {
            "Restore a backup with `throughline restore`, which keeps the file; is the disk \
             failing?"
        }
        OpenError::NewerTables { .. } => "Start the newer version",
        OpenError::ChangedMigration { .. } => {
            "Start the version that the tables are of: this one was built from changed files"
        }
        OpenError::UnfinishedMigration { .. } => {
            "Restore a backup as described in docs/operating.md, and start again"
        }
        OpenError::NoServer { .. } => {
            "Does it run, are host and port of the URL right, and does its listen_addresses \
             include that address?"
        }
        OpenError::NoDatabase { database, user } => {
            return format!("Make it, as a superuser: createdb -O {user} {database}").into();
        }
        OpenError::NotLetIn { .. } => {
            "Is there such a role (createuser --pwprompt makes one), is the password right (in the \
             URL, or in PGPASSWORD), and does pg_hba.conf let it in from here?"
        }
        OpenError::MayNotConnect { database, user } => {
            let sql = format!("grant connect on database {database} to {user}");
            return format!("Allow it, as a superuser: {sql}").into();
        }
        OpenError::NoConnectionLeft { .. } => {
            "Lower database_connections of the servers, or raise max_connections of PostgreSQL or \
             the connection limit of the role or the database"
        }
        OpenError::NoTls { .. } => {
            "Is ssl on in postgresql.conf, and are sslmode and sslrootcert of the URL right for \
             its certificate?"
        }
        OpenError::NotPostgres { .. } => {
            "Are host and port of the URL those of PostgreSQL, and is a proxy in between?"
        }
        OpenError::BadUrl { .. } => {
            "Write it as postgres://USER:PASSWORD@HOST/DATABASE, with the parameters of libpq"
        }
        OpenError::MayNotCreate => {
            "Make the role the owner of the database, as a superuser: alter database NAME owner to \
             ROLE"
        }
        OpenError::Standby => "Name the primary, or all servers with a comma between them",
        OpenError::Unsafe { .. } => "Set it to on in postgresql.conf, and start PostgreSQL again",
        OpenError::Store(_) => "Does the database run, and is the disk well?",
    };
    advice.into()
}
