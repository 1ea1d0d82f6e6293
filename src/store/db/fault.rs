//! What the errors of a database mean.

use crate::error::Error;

impl From<sqlx::Error> for Error {
    /// A database that cannot be reached, is busy or is closing is a matter of time; a value that
    /// it refuses got past the edge and is a fault of ours. The text may hold values: it must not
    /// leave the process, and the database's own detail of a row is left out of it.
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                if lost_race(database.as_ref()) {
                    Error::LostRace
                } else if is_outage(&code) {
                    Error::Unavailable(format!("database error {code}"))
                } else {
                    Error::Internal(format!("database error {code}: {:?}", database.kind()))
                }
            }
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

/// Whether the same transaction may succeed when it is run again: PostgreSQL's serialization
/// failure and deadlock, SQLite's stale snapshot, and a unique key that another server took first.
fn lost_race(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    matches!(&*code, "40001" | "40P01" | "517") || error.is_unique_violation()
}

/// PostgreSQL classes 08 (connection), 28 and 3D (it lets nobody in, or not into this database), 53
/// (resources), 57 (shutdown, cancelled by a timeout), and 25006 (a standby that takes no writes),
/// 25P03 (idle too long), 55000 (no connections allowed) and 55P03 (lock timeout); SQLite's busy,
/// full and unreadable disks.
fn is_outage(code: &str) -> bool {
    const CODES: [&str; 9] = ["08", "28", "3D", "53", "57", "25006", "25P03", "55000", "55P03"];
    if code.len() == 5 {
        CODES.iter().any(|outage| code.starts_with(outage))
    } else {
        matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(5 | 6 | 10 | 13 | 14))
    }
}

#[cfg(test)]
mod tests {
    use super::is_outage;

    #[test]
    fn an_outage_is_told_from_a_fault_of_ours() {
        for code in
            ["08006", "28P01", "3D000", "53300", "55P03", "57014", "57P01", "5", "13", "266"]
        {
            assert!(is_outage(code), "{code}");
        }
        // A sign that is not UTF-8: its last byte is the number of a busy SQLite.
        for code in ["22021", "22P02", "23505", "42601", "42P01", "1", "19", "2067", ""] {
            assert!(!is_outage(code), "{code}");
        }
    }
}
