//! Classifies the errors of a database.

use sqlx::error::DatabaseError;

use crate::error::Error;

impl From<sqlx::Error> for Error {
    /// A database that is unreachable, busy or closing is a temporary outage; a value that it
    /// refuses is a bug, since it passed validation. The text may contain values, so that it must
    /// not leave the process, and the database's row detail is left out.
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => of_database(database.as_ref()),
            sqlx::Error::ColumnDecode { index, .. } => {
                Error::Internal(format!("column {index} cannot be decoded"))
            }
            sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => {
                Error::Internal(format!("{error}"))
            }
            _ => Error::Unavailable(format!("{error}")),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Error::Unavailable(format!("migration: {error}"))
    }
}

fn of_database(error: &dyn DatabaseError) -> Error {
    let code = error.code().unwrap_or_default();
    if lost_race(error) {
        return Error::Conflict;
    }
    match Fault::of(&code) {
        Fault::Outage => Error::Unavailable(format!("database error {code}")),
        Fault::Damage => Error::Damaged(format!("database error {code}")),
        Fault::Ours => Error::Internal(format!("database error {code}: {:?}", error.kind())),
    }
}

/// Whether the same transaction may succeed if it is run again: PostgreSQL's serialization failure
/// and deadlock, SQLite's stale snapshot, and a unique key that another server took first.
fn lost_race(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    matches!(&*code, "40001" | "40P01" | "517") || error.is_unique_violation()
}

/// The class of a database error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The database does not work now, and may work later.
    Outage,
    /// Its files are damaged.
    Damage,
    /// A statement or a value of this program.
    Ours,
}

/// Classes and codes of PostgreSQL that are outages.
const POSTGRES_OUTAGES: [&str; 11] = [
    "08",    // the connection
    "28",    // it lets nobody in
    "3D",    // or not into this database
    "53",    // it has run out of something: disk, memory, connections
    "57",    // it is shutting down, or has cancelled a statement that took too long
    "58",    // the system beneath it fails: an I/O error
    "F0",    // its configuration cannot be read
    "25006", // a standby, which takes no writes
    "25P03", // idle in a transaction for too long
    "55000", // it accepts no connections
    "55P03", // a lock that was not free in time
];
const POSTGRES_DAMAGES: [&str; 2] = [
    "XX001", // data
    "XX002", // an index
];
/// Primary codes of SQLite that are outages.
const SQLITE_OUTAGES: [u32; 11] = [
    3,  // the file may not be used
    5,  // busy
    6,  // locked
    7,  // out of memory
    8,  // it may not be written to
    9,  // interrupted
    10, // an I/O error
    13, // the disk is full
    14, // it cannot be opened
    15, // the lock of the log
    22, // the file is too large for the disk
];
const SQLITE_DAMAGES: [u32; 2] = [
    11, // corrupt
    26, // not a database
];

impl Fault {
    fn of(code: &str) -> Self {
        // Codes of PostgreSQL have five characters, and those of SQLite at most four digits.
        if code.len() == 5 {
            if POSTGRES_OUTAGES.iter().any(|outage| code.starts_with(outage)) {
                return Self::Outage;
            }
            return if POSTGRES_DAMAGES.contains(&code) { Self::Damage } else { Self::Ours };
        }
        // The last byte is the primary code.
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(primary) if SQLITE_OUTAGES.contains(&primary) => Self::Outage,
            Ok(primary) if SQLITE_DAMAGES.contains(&primary) => Self::Damage,
            _ => Self::Ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn an_outage_is_told_from_damage_and_from_a_fault_of_ours() {
        let outages = ["08006", "28P01", "3D000", "53100", "53300", "57014", "57P01", "58000"];
        let more = ["58030", "F0000", "25006", "25P03", "55000", "55P03"];
        let of_sqlite = ["5", "261", "6", "8", "264", "776", "10", "266", "1034", "13", "14"];
        for code in outages.iter().chain(&more).chain(&of_sqlite) {
            assert_eq!(Fault::of(code), Fault::Outage, "{code}");
        }
        for code in ["XX001", "XX002", "11", "267", "779", "26"] {
            assert_eq!(Fault::of(code), Fault::Damage, "{code}");
        }
        // 22021 is text that is not UTF-8: its last byte is the number of a busy SQLite.
        let of_postgres = ["22021", "22P02", "23505", "25P02", "42601", "42P01", "XX000"];
        for code in of_postgres.iter().chain(&["1", "19", "1811", "2067", "20", "21", "25", ""]) {
            assert_eq!(Fault::of(code), Fault::Ours, "{code}");
        }
    }
}
