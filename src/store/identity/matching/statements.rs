//! The statements of matching. Lists are bound as columns: see `rows`.

use crate::store::sql::statement::{Twin, list_of};

/// The queued work after a customer and revision, $1 and $3. $2: the limit.
pub const QUEUE: &str = "select customer_id, revision from match_queue \
    where (customer_id, revision) > ($1, $3) order by customer_id, revision limit $2";

pub const STATE: &str =
    "select generation, people, held_by, held_until from match_state where id = 1";

/// Advances from a generation, $1, to the next, with so many more records, $2.
pub const ADVANCE: &str = "update match_state set generation = generation + 1, \
    people = people + $2 where id = 1 and generation = $1";

/// Advances to the next generation, whichever the current one is, and keeps others from it until
/// the end of the transaction.
pub const TAKE_TURN: &str = "update match_state set generation = generation + 1 where id = 1";

/// Counts so many records less, $1.
pub const COUNT_LESS: &str = "update match_state set people = people - $1 where id = 1";

/// Takes or keeps the sole right to write for $1 until $2. $3: now. Taking it is a generation, so
/// that work in progress starts again.
pub const HOLD: &str = "update match_state set held_by = $1, held_until = $2, \
    generation = generation + case when held_by = $1 then 0 else 1 end \
    where id = 1 and (held_by is null or held_until <= $3 or held_by = $1)";

pub const RELEASE: &str =
    "update match_state set held_by = null, held_until = 0 where id = 1 and held_by = $1";

pub const SET_SETTING: &str = "insert into settings (name, value) values ($1, $2) \
    on conflict (name) do update set value = excluded.value";

/// Ids of customers after one. $2: the limit.
pub const CUSTOMERS: &str = "select id from customers where id > $1 order by id limit $2";

/// Refused claims after a record and key. $3: the limit.
pub const REFUSED: &str = "select customer_id, key from refused_claims \
    where (customer_id, key) > ($1, $2) order by customer_id, key limit $3";

/// Suggestions after a pair. $3: the limit.
pub const SUGGESTIONS: &str = "select one_id, other_id from suggestions \
    where (one_id, other_id) > ($1, $2) order by one_id, other_id limit $3";

/// Takes work off the queue. Columns: ids and revisions.
pub const REMOVE_WORK: Twin = Twin {
    sqlite: "delete from match_queue where (customer_id, revision) in \
        (select unhex(value ->> 0), value ->> 1 from json_each($1))",
    postgres: "delete from match_queue where (customer_id, revision) in \
        (select * from unnest(cast($1 as uuid[]), cast($2 as bigint[])))",
};

/// Queues customers for matching at their current revision. $1: ids.
pub const ADD_WORK: Twin = list_of!(
    ids:
    "insert into match_queue (customer_id, revision) select id, revision from customers \
        where id",
    " on conflict do nothing"
);

/// What records contribute. $1: ids.
pub const RECORDS: Twin = list_of!(
    ids:
    "select customer_id, keys, terms from match_records where customer_id"
);

/// $1: ids.
pub const REMOVE_RECORDS: Twin = list_of!(ids: "delete from match_records where customer_id");

/// Columns: ids, keys and terms.
pub const SET_RECORDS: Twin = Twin {
    sqlite: "insert into match_records (customer_id, keys, terms) \
        select unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2) from json_each($1) \
        where true on conflict (customer_id) do update \
        set keys = excluded.keys, terms = excluded.terms",
    postgres: "insert into match_records (customer_id, keys, terms) \
        select * from unnest(cast($1 as uuid[]), cast($2 as bytea[]), cast($3 as bytea[])) \
        on conflict (customer_id) do update set keys = excluded.keys, terms = excluded.terms",
};

/// Columns: keys and ids.
pub const ADD_KEYS: Twin = Twin {
    sqlite: "insert into match_keys (block_key, customer_id) \
        select value ->> 0, unhex(value ->> 1) from json_each($1)",
    postgres: "insert into match_keys (block_key, customer_id) \
        select * from unnest(cast($1 as bigint[]), cast($2 as uuid[]))",
};

/// Columns: keys and ids.
pub const REMOVE_KEYS: Twin = Twin {
    sqlite: "delete from match_keys where (block_key, customer_id) in \
        (select value ->> 0, unhex(value ->> 1) from json_each($1))",
    postgres: "delete from match_keys where (block_key, customer_id) in \
        (select * from unnest(cast($1 as bigint[]), cast($2 as uuid[])))",
};

/// Columns: terms and the change of their counts.
pub const COUNT_TERMS: Twin = Twin {
    sqlite: "insert into match_terms (term, records) select value ->> 0, value ->> 1 \
        from json_each($1) where true on conflict (term) do update \
        set records = records + excluded.records",
    postgres: "insert into match_terms (term, records) \
        select * from unnest(cast($1 as bigint[]), cast($2 as bigint[])) \
        on conflict (term) do update set records = match_terms.records + excluded.records",
};

/// Removes terms that no record has. $1: terms.
pub const REMOVE_TERMS: Twin = list_of!(
    values:
    "delete from match_terms where records <= 0 and term"
);

/// How many records have terms. $1: terms.
pub const TERMS: Twin = list_of!(values: "select term, records from match_terms where term");

/// The records that share keys. For a key of more than 60 records SQLite returns none, and
/// PostgreSQL 61, which counts as none. $1: keys.
pub const MEMBERS: Twin = Twin {
    sqlite: "select j.value ->> 0, m.customer_id from json_each($1) j \
        cross join match_keys m on m.block_key = j.value ->> 0 \
        where (select count(*) from (select 1 from match_keys b \
            where b.block_key = j.value ->> 0 limit 61)) <= 60",
    postgres: "select k.block_key, m.customer_id \
        from unnest(cast($1 as bigint[])) as k (block_key) \
        cross join lateral (select customer_id from match_keys \
            where block_key = k.block_key limit 61) m",
};
const _: () = assert!(crate::domain::matching::MAX_BLOCK == 60, "the number in MEMBERS");

/// The identifiers of records. $1: ids.
pub const CLAIMS: Twin = list_of!(
    ids:
    "select customer_id, key, verification from identifiers where customer_id"
);

/// The refused claims of records. $1: ids.
pub const REFUSED_OF: Twin = list_of!(
    ids:
    "select customer_id, key, verified from refused_claims where customer_id"
);

/// The records that have identifiers. $1: keys.
pub const HOLDERS: Twin = list_of!(values: "select key, customer_id from identifiers where key");

/// The suggestions that records are part of. $1: ids.
pub const SUGGESTIONS_OF: Twin = list_of!(
    ids:
    "select one_id, other_id, id, rank, listed from suggestions where one_id",
    " union select one_id, other_id, id, rank, listed from suggestions where other_id",
    ""
);

/// Columns: both ids of the pairs.
pub const REASONS_OF: Twin = Twin {
    sqlite: "select id, reasons, found_at from suggestions where (one_id, other_id) in \
        (select unhex(value ->> 0), unhex(value ->> 1) from json_each($1))",
    postgres: "select id, reasons, found_at from suggestions where (one_id, other_id) in \
        (select * from unnest(cast($1 as uuid[]), cast($2 as uuid[])))",
};

/// Columns: both ids of the pair, an id, the rank, the reasons, and the time.
pub const SET_SUGGESTIONS: Twin = Twin {
    sqlite: "insert into suggestions (one_id, other_id, id, rank, reasons, found_at, listed) \
        select unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, \
            value ->> 4, value ->> 5, true from json_each($1) \
        where true on conflict (one_id, other_id) do update \
        set rank = excluded.rank, reasons = excluded.reasons",
    postgres: "insert into suggestions (one_id, other_id, id, rank, reasons, found_at, listed) \
        select t.*, true from unnest(cast($1 as uuid[]), cast($2 as uuid[]), \
            cast($3 as uuid[]), cast($4 as bigint[]), cast($5 as text[]), \
            cast($6 as bigint[])) as t \
        on conflict (one_id, other_id) do update \
        set rank = excluded.rank, reasons = excluded.reasons",
};

/// Columns: both ids of the pairs.
pub const REMOVE_SUGGESTIONS: Twin = Twin {
    sqlite: "delete from suggestions where (one_id, other_id) in \
        (select unhex(value ->> 0), unhex(value ->> 1) from json_each($1))",
    postgres: "delete from suggestions where (one_id, other_id) in \
        (select * from unnest(cast($1 as uuid[]), cast($2 as uuid[])))",
};

/// Columns: both ids of the pairs, and whether each is listed.
pub const SET_LISTED: Twin = Twin {
    sqlite: "update suggestions set listed = j.value ->> 2 from json_each($1) j \
        where one_id = unhex(j.value ->> 0) and other_id = unhex(j.value ->> 1)",
    postgres: "update suggestions set listed = t.listed \
        from unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as boolean[])) \
            as t (one_id, other_id, listed) \
        where suggestions.one_id = t.one_id and suggestions.other_id = t.other_id",
};

/// The dismissals of pairs that records are part of. $1: ids.
pub const DISMISSALS_OF: Twin = list_of!(
    ids:
    "select one_id, other_id from dismissals where one_id",
    " union select one_id, other_id from dismissals where other_id",
    ""
);

/// The reversed merges of records. $1: ids.
pub const UNDONE_MERGES: Twin = list_of!(
    ids:
    "select into_id, from_id from merges m where from_id",
    " and exists (select 1 from unmerges u where u.merge_id = m.id)"
);

/// All of the above that differ, by name, for the test that prepares them.
pub const TWINS: [(&str, Twin); 21] = [
    ("match_records.remove", REMOVE_RECORDS),
    ("match_queue.remove", REMOVE_WORK),
    ("match_queue.add", ADD_WORK),
    ("match_records.list", RECORDS),
    ("match_records.set", SET_RECORDS),
    ("match_keys.add", ADD_KEYS),
    ("match_keys.remove", REMOVE_KEYS),
    ("match_keys.list", MEMBERS),
    ("match_terms.count", COUNT_TERMS),
    ("match_terms.remove", REMOVE_TERMS),
    ("match_terms.list", TERMS),
    ("match_claims.list", CLAIMS),
    ("match_refused.list", REFUSED_OF),
    ("match_holders.list", HOLDERS),
    ("suggestions.of", SUGGESTIONS_OF),
    ("suggestions.reasons", REASONS_OF),
    ("suggestions.set", SET_SUGGESTIONS),
    ("suggestions.remove", REMOVE_SUGGESTIONS),
    ("suggestions.set_listed", SET_LISTED),
    ("dismissals.of", DISMISSALS_OF),
    ("merges.undone", UNDONE_MERGES),
];

/// Those that are the same on both databases.
pub const TEXTS: [(&str, &str); 11] = [
    ("match_state.take_turn", TAKE_TURN),
    ("match_state.count_less", COUNT_LESS),
    ("match_queue.list", QUEUE),
    ("match_state.get", STATE),
    ("match_state.advance", ADVANCE),
    ("match_state.hold", HOLD),
    ("match_state.release", RELEASE),
    ("settings.set", SET_SETTING),
    ("customers.list", CUSTOMERS),
    ("refused_claims.list", REFUSED),
    ("suggestions.list", SUGGESTIONS),
];
