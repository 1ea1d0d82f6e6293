//! The statements that differ between the two databases. SQLite has no arrays and takes a list as
//! JSON, with hexadecimal ids; PostgreSQL locks the rows that it is going to write.

use super::statement::{Twin, list_of};

/// The claims of identifiers, with the person and the identity revision of each record. $1: keys.
pub const CLAIMS_BY_KEY: Twin = list_of!(
    values:
    "select i.key, i.customer_id, c.person_id, i.slot, i.verification, i.last_seen_at, \
        c.identity_revision from identifiers i join customers c on c.id = i.customer_id \
        where i.key"
);

/// The person of each record. $1: ids.
pub const PERSONS_BY_ID: Twin = list_of!(ids: "select id, person_id from customers where id");

/// The records of persons, except for the canonical ones. $1: canonical ids.
pub const RECORDS_BY_PERSON: Twin = list_of!(
    ids:
    "select person_id, id from customers where person_id <> id and person_id"
);

/// Locks customers in the order of their ids, so that two writers never deadlock. SQLite needs no
/// row locks: `begin immediate` has locked the database. $1: ids.
pub const LOCK_CUSTOMERS: Twin = Twin {
    sqlite: "select id, revision, created_at, profile, person_id, records, identity_revision, \
        open_cases, restricted, held from customers \
        where id in (select unhex(value ->> 0) from json_each($1)) order by id",
    postgres: "select id, revision, created_at, profile, person_id, records, identity_revision, \
        open_cases, restricted, held from customers where id = any($1) order by id for update",
};

/// Reads customers without a lock. $1: ids.
pub const READ_CUSTOMERS: Twin = Twin {
    sqlite: LOCK_CUSTOMERS.sqlite,
    postgres: "select id, revision, created_at, profile, person_id, records, identity_revision, \
        open_cases, restricted, held from customers where id = any($1) order by id",
};

/// The accounts, customer numbers and external ids of customers. $1: ids.
pub const STRONG_KEYS: Twin = list_of!(
    ids:
    "select customer_id, key, verification from identifiers where customer_id",
    " and (key >= 'account:' and key < 'account;' or key >= 'customer_number:' \
        and key < 'customer_number;' or key >= 'external:' and key < 'external;')"
);

/// Refused claims. $1, $2: ids and keys.
pub const REFUSED_BY_KEY: Twin = Twin {
    sqlite: "select customer_id, key, verified from refused_claims \
        where (customer_id, key) in (select unhex(value ->> 0), value ->> 1 from json_each($1))",
    postgres: "select customer_id, key, verified from refused_claims \
        where (customer_id, key) in \
            (select cast(a as uuid), b \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b))",
};

/// The claims of records, the oldest first, including ended ones if $4. A record may have been seen
/// with a value in an earlier claim. $1: ids, $2, $3: the position, $5: the limit.
pub const LIST_CLAIMS: Twin = Twin {
    sqlite: "select claim_id, customer_id, key, verification, source, raw_value, mixed_script, \
        valid_from, last_seen_at, valid_to, first_seen_at from ( \
            select a.*, min(valid_from) over (partition by customer_id, key) as first_seen_at \
            from (select claim_id, customer_id, key, verification, source, raw_value, \
                mixed_script, \
                valid_from, last_seen_at, null as valid_to from identifiers \
                where customer_id in (select unhex(value ->> 0) from json_each($1)) \
                union all \
                select claim_id, customer_id, key, verification, source, raw_value, mixed_script, \
                valid_from, last_seen_at, valid_to from ended_identifiers \
                where customer_id in (select unhex(value ->> 0) from json_each($1))) a) b \
        where (valid_from, claim_id) > ($2, $3) and ($4 or valid_to is null) \
        order by valid_from, claim_id limit $5",
    postgres: "select claim_id, customer_id, key, verification, source, raw_value, mixed_script, \
        valid_from, last_seen_at, valid_to, first_seen_at from ( \
            select a.*, min(valid_from) over (partition by customer_id, key) as first_seen_at \
            from (select claim_id, customer_id, key, verification, source, raw_value, \
                mixed_script, \
                valid_from, last_seen_at, cast(null as bigint) as valid_to from identifiers \
                where customer_id = any($1) \
                union all \
                select claim_id, customer_id, key, verification, source, raw_value, mixed_script, \
                valid_from, last_seen_at, valid_to from ended_identifiers \
                where customer_id = any($1)) a) b \
        where (valid_from, claim_id) > ($2, $3) and ($4 or valid_to is null) \
        order by valid_from, claim_id limit $5",
};

/// Cases of records, the last changed first. $1 ids, $2 open only, $3 and $4 the position, $5 the
/// limit.
pub const CASES_OF_RECORDS: Twin = list_of!(
    ids:
    "select content from cases where customer_id",
    " and (is_open or not $2) and (changed_at, case_id) < ($3, $4) \
        order by changed_at desc, case_id desc limit $5"
);

/// The open cases of records, of each the 20 last changed. $1: ids.
pub const OPEN_CASES: Twin = list_of!(
    ids:
    "select q.customer_id, q.content \
        from (select customer_id, content, row_number() over (partition by customer_id \
        order by changed_at desc, case_id desc) as n from cases where is_open \
        and customer_id",
    ") q where q.n <= 20"
);

/// Which cases of records exist. $1, $2: ids of records and of cases.
pub const CASES_BY_ID: Twin = Twin {
    sqlite: "select customer_id, case_id from cases \
        where (customer_id, case_id) in \
            (select unhex(value ->> 0), unhex(value ->> 1) from json_each($1))",
    postgres: "select customer_id, case_id from cases \
        where (customer_id, case_id) in \
            (select cast(a as uuid), cast(b as uuid) \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b))",
};

/// Promises of records, by due time. $1 ids, $2 unsettled only, $3 and $4 the position, $5 the
/// limit.
pub const PROMISES_OF_RECORDS: Twin = list_of!(
    ids:
    "select content from promises where customer_id",
    " and (state in ('open', 'broken') or not $2) and (due_at, promise_id) > ($3, $4) \
        order by due_at, promise_id limit $5"
);

/// Quotes of records, the last given first. $1 ids, $2 only those that end after this, $3 and $4
/// the position, $5 the limit.
pub const QUOTES_OF_RECORDS: Twin = list_of!(
    ids:
    "select content from quotes where customer_id",
    " and ends_at > $2 and (given_at, quote_id) < ($3, $4) \
        order by given_at desc, quote_id desc limit $5"
);

/// Quotes of records and skus that end after $2. $1 (SQLite): pairs of both; $1, $3 (PostgreSQL):
/// ids and skus.
pub const QUOTES_OF_SKUS: Twin = Twin {
    sqlite: "select content from quotes where (customer_id, sku_key) in \
        (select unhex(value ->> 0), value ->> 1 from json_each($1)) \
        and sku_key <> '' and ends_at > $2 order by given_at desc, quote_id desc limit 1000",
    postgres: "select content from quotes where (customer_id, sku_key) in \
        (select * from unnest(cast($1 as uuid[]), cast($3 as text[]))) \
        and sku_key <> '' and ends_at > $2 order by given_at desc, quote_id desc limit 1000",
};

/// The numbers of facts and re-asks of records, by channel. $1 ids, $2 from, $3 before.
pub const REASKS_OF_RECORDS: Twin = list_of!(
    ids:
    "select channel, count(*) filter (where not reasked), count(*) filter (where reasked) \
        from told_facts where customer_id",
    " and told_at >= $2 and told_at < $3 group by channel order by channel"
);

/// The merges in force between records, the oldest first. $1: ids.
pub const MERGES_IN_FORCE: Twin = list_of!(
    ids:
    "select id, into_id, from_id, asked_into_id, asked_from_id, merged_at, actor, reason, \
        evidence, choices, approved_by from merges m where from_id",
    " and not exists (select 1 from unmerges u where u.merge_id = m.id) \
        order by merged_at, id"
);

/// The merge exclusions of records. $1: ids.
pub const EXCLUSIONS_OF: Twin = list_of!(
    ids:
    "select one_id, other_id from merge_exclusions where one_id",
    " union select one_id, other_id from merge_exclusions where other_id",
    ""
);

/// The order numbers of customers, up to a limit. $1: ids.
pub const ORDERS_OF: Twin = list_of!(
    ids:
    "select customer_id, order_key from purchases where customer_id",
    " order by customer_id, order_key limit 10000"
);

/// Earlier writes by idempotency key. $1, $2: scopes and names.
pub const IDEMPOTENCY_ROWS: Twin = Twin {
    sqlite: "select scope, name, body, customer_id, entry_id, revision, recorded_at, \
        customer_created from idempotency_keys \
        where (scope, name) in (select value ->> 0, value ->> 1 from json_each($1))",
    postgres: "select scope, name, body, customer_id, entry_id, revision, recorded_at, \
        customer_created from idempotency_keys \
        where (scope, name) in (select * from unnest(cast($1 as text[]), cast($2 as text[])))",
};

/// Which orders of customers exist. $1, $2: ids and order keys.
pub const PURCHASES_BY_KEY: Twin = Twin {
    sqlite: "select customer_id, order_key from purchases \
        where (customer_id, order_key) in \
            (select unhex(value ->> 0), value ->> 1 from json_each($1))",
    postgres: "select customer_id, order_key from purchases \
        where (customer_id, order_key) in \
            (select cast(a as uuid), b \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b))",
};

/// The order histories of records. $1, $2: ids and order keys.
pub const ORDERS_BY_KEY: Twin = Twin {
    sqlite: "select customer_id, order_key, content from orders \
        where (customer_id, order_key) in \
            (select unhex(value ->> 0), value ->> 1 from json_each($1))",
    postgres: "select customer_id, order_key, content from orders \
        where (customer_id, order_key) in \
            (select cast(a as uuid), b \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b))",
};

/// Removes the order histories of records, to write them anew. $1, $2: ids and order keys.
pub const REMOVE_ORDERS: Twin = Twin {
    sqlite: "delete from orders where (customer_id, order_key) in \
            (select unhex(value ->> 0), value ->> 1 from json_each($1)) returning customer_id",
    postgres: "delete from orders where (customer_id, order_key) in \
            (select cast(a as uuid), b \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b)) \
        returning customer_id",
};

/// The orders of records that have a serial or tracking number. $1 ids, $2 the kind of the number,
/// $3 its key, $4 the limit.
pub const PURCHASES_OF_RECORDS: Twin = list_of!(
    ids:
    "select customer_id, order_key from purchase_keys where kind = $2 and key = $3 \
        and customer_id",
    " order by customer_id, order_key limit $4"
);

/// Which entries of customers exist. $1, $2: ids of customers and of entries.
pub const ENTRIES_BY_ID: Twin = Twin {
    sqlite: "select customer_id, entry_id from entries \
        where (customer_id, entry_id) in \
            (select unhex(value ->> 0), unhex(value ->> 1) from json_each($1))",
    postgres: "select customer_id, entry_id from entries \
        where (customer_id, entry_id) in \
            (select cast(a as uuid), cast(b as uuid) \
            from unnest(cast($1 as text[]), cast($2 as text[])) as t (a, b))",
};

/// The numbers of identifiers of customers. $1: ids.
pub const COUNT_IDENTIFIERS: Twin = list_of!(
    ids:
    "select customer_id, count(*) from identifiers where customer_id",
    " group by customer_id"
);

/// Sets the revisions of locked customers. $1 (SQLite): pairs of id and revision; $1, $2
/// (PostgreSQL): ids and revisions.
pub const SET_REVISIONS: Twin = Twin {
    sqlite: "update customers set revision = j.value ->> 1 from json_each($1) as j \
        where customers.id = unhex(j.value ->> 0)",
    postgres: "update customers set revision = t.revision \
        from unnest(cast($1 as uuid[]), cast($2 as bigint[])) as t (id, revision) \
        where customers.id = t.id",
};

/// Updates when identifiers were last seen. $1, $2 (SQLite): pairs of key and customer, and the
/// time; $1, $2, $3 (PostgreSQL): keys, customers, and the time.
pub const SET_LAST_SEEN: Twin = Twin {
    sqlite: "update identifiers set last_seen_at = $2 where (key, customer_id) in \
        (select value ->> 0, unhex(value ->> 1) from json_each($1))",
    postgres: "update identifiers set last_seen_at = $3 where (key, customer_id) in \
        (select a, cast(b as uuid) from unnest(cast($1 as text[]), cast($2 as text[])) \
            as t (a, b))",
};

/// Makes records part of a person. $1: ids, $2: the canonical id.
pub const SET_PERSON: Twin = list_of!(
    ids:
    "update customers \
        set person_id = $2, records = 0, identity_revision = identity_revision + 1 where id"
);

/// Increments the identity revision of records. $1: ids.
pub const CHANGED_IDENTITY: Twin = list_of!(
    ids:
    "update customers set identity_revision = identity_revision + 1 where id"
);

/// An id, in place of {}, as 16 bytes.
pub const UUID_BYTES: Twin = Twin { sqlite: "{}", postgres: "uuid_send({})" };

/// How a search matches the words of an entry.
pub const WORDS_MATCH: Twin = Twin {
    sqlite: "w.entry_words match $1",
    postgres: "array_to_tsvector(string_to_array(w.words, ' ')) @@ cast($1 as tsquery)",
};

/// All complete statements above by name, for the test that prepares them.
pub const STATEMENTS: [(&str, Twin); 29] = [
    ("claims_by_key", CLAIMS_BY_KEY),
    ("persons_by_id", PERSONS_BY_ID),
    ("records_by_person", RECORDS_BY_PERSON),
    ("lock_customers", LOCK_CUSTOMERS),
    ("read_customers", READ_CUSTOMERS),
    ("strong_keys", STRONG_KEYS),
    ("refused_by_key", REFUSED_BY_KEY),
    ("list_claims", LIST_CLAIMS),
    ("cases_of_records", CASES_OF_RECORDS),
    ("open_cases", OPEN_CASES),
    ("cases_by_id", CASES_BY_ID),
    ("promises_of_records", PROMISES_OF_RECORDS),
    ("quotes_of_records", QUOTES_OF_RECORDS),
    ("quotes_of_skus", QUOTES_OF_SKUS),
    ("reasks_of_records", REASKS_OF_RECORDS),
    ("merges_in_force", MERGES_IN_FORCE),
    ("exclusions_of", EXCLUSIONS_OF),
    ("orders_of", ORDERS_OF),
    ("idempotency_rows", IDEMPOTENCY_ROWS),
    ("purchases_by_key", PURCHASES_BY_KEY),
    ("orders_by_key", ORDERS_BY_KEY),
    ("remove_orders", REMOVE_ORDERS),
    ("purchases_of_records", PURCHASES_OF_RECORDS),
    ("entries_by_id", ENTRIES_BY_ID),
    ("count_identifiers", COUNT_IDENTIFIERS),
    ("set_revisions", SET_REVISIONS),
    ("set_last_seen", SET_LAST_SEEN),
    ("set_person", SET_PERSON),
    ("changed_identity", CHANGED_IDENTITY),
];

pub const HAS_TABLE: Twin = Twin {
    sqlite: "select exists (select 1 from sqlite_master where type = 'table' and name = $1)",
    postgres: "select to_regclass($1) is not null",
};
