//! Statements as values: the text for each database.

/// A statement for each database.
#[derive(Clone, Copy, Debug)]
pub struct Twin {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// The kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// Both, in the order of the discriminants.
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// `sqlite` or `postgres`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Twin {
    pub fn on(self, kind: Kind) -> &'static str {
        match kind {
            Kind::Sqlite => self.sqlite,
            Kind::Postgres => self.postgres,
        }
    }
}

/// A statement about each value of a list, which is its parameter $1: `$before` ends with the
/// column that the list is compared with. SQLite takes the list as JSON, `ids` in hexadecimal;
/// PostgreSQL takes an array.
macro_rules! list_of {
    (ids: $before:literal) => {
        $crate::store::sql::statement::list_of!(ids: $before, "")
    };
    (values: $before:literal) => {
        $crate::store::sql::statement::list_of!(values: $before, "")
    };
    (ids: $before:literal $(, $behind:literal)+) => {
        $crate::store::sql::statement::Twin {
            sqlite: concat!(
                $before $(, " in (select unhex(value ->> 0) from json_each($1))", $behind)+
            ),
            postgres: concat!($before $(, " = any($1)", $behind)+),
        }
    };
    (values: $before:literal $(, $behind:literal)+) => {
        $crate::store::sql::statement::Twin {
            sqlite: concat!($before $(, " in (select value ->> 0 from json_each($1))", $behind)+),
            postgres: concat!($before $(, " = any($1)", $behind)+),
        }
    };
}

pub(in crate::store) use list_of;
