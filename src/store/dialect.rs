//! The texts that differ between the two databases, side by side. SQLite has no arrays and takes a
//! list as JSON, in which an id is hexadecimal; PostgreSQL locks the rows it is going to write.

/// One statement for each database.
#[derive(Clone, Copy, Debug)]
pub struct Twin {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// The customers that identifiers name. $1: keys.
pub const OWNERS_BY_KEY: Twin = Twin {
    sqlite: "select key, customer_id from identifiers \
        where key in (select value ->> 0 from json_each($1))",
    postgres: "select key, customer_id from identifiers where key = any($1)",
};

/// Locks customers, in the order of their ids so that two writers never wait for each other. SQLite
/// needs no lock of a row: `begin immediate` has locked the database. $1: ids.
pub const LOCK_CUSTOMERS: Twin = Twin {
    sqlite: "select id, revision, profile from customers \
        where id in (select unhex(value ->> 0) from json_each($1)) order by id",
    postgres: "select id, revision, profile from customers \
        where id = any($1) order by id for update",
};

/// What earlier writes were called. $1, $2: scopes and names.
pub const LEDGER_BY_NAME: Twin = Twin {
    sqlite: "select scope, name, body, customer_id, entry_id, revision, recorded_at, \
        customer_created from ledger \
        where (scope, name) in (select value ->> 0, value ->> 1 from json_each($1))",
    postgres: "select scope, name, body, customer_id, entry_id, revision, recorded_at, \
        customer_created from ledger \
        where (scope, name) in (select * from unnest(cast($1 as text[]), cast($2 as text[])))",
};

/// The orders of some customers that exist. $1, $2: ids and order keys.
pub const PURCHASES_BY_KEY: Twin = Twin {
    sqlite: "select customer_id, order_key from purchases \
        where (customer_id, order_key) in \
            (select unhex(value ->> 0), value ->> 1 from json_each($1))",
    postgres: "select customer_id, order_key from purchases \
        where (customer_id, order_key) in \
            (select cast(a as uuid), b \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b))",
};

/// The entries of some customers that exist. $1, $2: ids of customers and of entries.
pub const ENTRIES_BY_ID: Twin = Twin {
    sqlite: "select customer_id, entry_id from entries \
        where (customer_id, entry_id) in \
            (select unhex(value ->> 0), unhex(value ->> 1) from json_each($1))",
    postgres: "select customer_id, entry_id from entries \
        where (customer_id, entry_id) in \
            (select cast(a as uuid), cast(b as uuid) \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b))",
};

/// How many identifiers some customers have. $1: ids.
pub const COUNT_IDENTIFIERS: Twin = Twin {
    sqlite: "select customer_id, count(*) from identifiers \
        where customer_id in (select unhex(value ->> 0) from json_each($1)) group by customer_id",
    postgres: "select customer_id, count(*) from identifiers \
        where customer_id = any($1) group by customer_id",
};

/// Sets the revisions of customers that are locked. $1 (SQLite): pairs of id and revision; $1, $2
/// (PostgreSQL): ids and revisions.
pub const SET_REVISIONS: Twin = Twin {
    sqlite: "update customers set revision = j.value ->> 1 from json_each($1) as j \
        where customers.id = unhex(j.value ->> 0)",
    postgres: "update customers set revision = t.revision \
        from unnest(cast($1 as uuid[]), cast($2 as bigint[])) as t (id, revision) \
        where customers.id = t.id",
};

/// Customers without their identifiers. $1: ids.
pub const CUSTOMERS_BY_ID: Twin = Twin {
    sqlite: "select id, revision, created_at, profile from customers \
        where id in (select unhex(value ->> 0) from json_each($1))",
    postgres: "select id, revision, created_at, profile from customers where id = any($1)",
};

/// The identifiers of a page of customers: MAX_IDENTIFIERS of each of MAX_PAGE. $1: ids.
pub const IDENTIFIERS_BY_CUSTOMER: Twin = Twin {
    sqlite: "select customer_id, key, raw_value, mixed_script, first_seen_at from identifiers \
        where customer_id in (select unhex(value ->> 0) from json_each($1)) \
        order by customer_id, first_seen_at, key limit 40000",
    postgres: "select customer_id, key, raw_value, mixed_script, first_seen_at from identifiers \
        where customer_id = any($1) order by customer_id, first_seen_at, key limit 40000",
};

/// The words of names that are known. $1: words.
pub const KNOWN_WORDS: Twin = Twin {
    sqlite: "select word from name_words \
        where word in (select value ->> 0 from json_each($1))",
    postgres: "select word from name_words where word = any($1)",
};

/// The words that are kept under some variants. $1: variants.
pub const WORDS_BY_VARIANT: Twin = Twin {
    sqlite: "select variant, word from name_variants \
        where variant in (select value ->> 0 from json_each($1)) \
        order by variant, word limit 2000",
    postgres: "select variant, word from name_variants \
        where variant = any($1) order by variant, word limit 2000",
};

/// How a search compares the words of an entry with a query.
pub const WORDS_MATCH: Twin = Twin {
    sqlite: "w.entry_words match $1",
    postgres: "array_to_tsvector(string_to_array(w.words, ' ')) @@ cast($1 as tsquery)",
};

/// All of the above that are whole statements, with a name, for the test that prepares them.
pub const STATEMENTS: [(&str, Twin); 11] = [
    ("owners_by_key", OWNERS_BY_KEY),
    ("lock_customers", LOCK_CUSTOMERS),
    ("ledger_by_name", LEDGER_BY_NAME),
    ("purchases_by_key", PURCHASES_BY_KEY),
    ("entries_by_id", ENTRIES_BY_ID),
    ("count_identifiers", COUNT_IDENTIFIERS),
    ("set_revisions", SET_REVISIONS),
    ("customers_by_id", CUSTOMERS_BY_ID),
    ("identifiers_by_customer", IDENTIFIERS_BY_CUSTOMER),
    ("known_words", KNOWN_WORDS),
    ("words_by_variant", WORDS_BY_VARIANT),
];
