//! The statements of the search that differ between the two databases.

use crate::store::sql::statement::{Twin, list_of};

/// Which words occur in names. $1: words.
pub const KNOWN_WORDS: Twin = list_of!(values: "select word from name_words where word");

/// The dictionary words of some variants, separated by spaces. $1: variants.
pub const WORDS_BY_VARIANT: Twin = list_of!(
    values:
    "select string_agg(word, ' ') from (select variant, word from name_variants where variant",
    " order by variant, word limit 2000) w"
);

/// The ids of customers in ranges of names, concatenated for each range, in the order of the
/// ranges; {rows} of each. $1: words with the bounds of the range of the word beside them.
pub const NAMES_IN_RANGES: Twin = Twin {
    sqlite: "select (select string_agg(customer_id, '') from (select customer_id \
            from customer_names where word = r.value ->> 0 \
            and other >= r.value ->> 1 and other < r.value ->> 2 \
            order by word, other, customer_id limit {rows}) ids) \
        from json_each($1) r order by r.key",
    postgres: "select (select string_agg(uuid_send(customer_id), '') from (select customer_id \
            from customer_names where word = r.word and other >= r.least and other < r.behind \
            order by word, other, customer_id limit {rows}) ids) \
        from unnest($1::text[], $2::text[], $3::text[]) with ordinality \
        r(word, least, behind, place) order by place",
};

/// The ids of customers whose names have a word with each of two beginnings, {rows} of them; the
/// first 2,000 words with the first beginning count. $1 to $4: both ranges. Without the inner
/// limit, PostgreSQL would sort all words with one beginning.
pub const NAMES_BY_BEGINNINGS: Twin = Twin {
    sqlite: "select string_agg(customer_id, '') from (select n.customer_id from name_words w \
        join customer_names n on n.word = w.word and n.other >= $3 and n.other < $4 \
        where w.word >= $1 and w.word < coalesce((select o.word from name_words o \
            where o.word >= $1 and o.word < $2 order by o.word limit 1 offset 2000), $2) \
        order by w.word, n.other, n.customer_id limit {rows}) ids",
    postgres: "select string_agg(uuid_send(customer_id), '') from (select n.customer_id \
        from (select word from name_words where word >= $1 and word < $2 \
            order by word limit 2000) w \
        cross join lateral (select other, customer_id from customer_names \
            where word = w.word and other >= $3 and other < $4 \
            order by word, other, customer_id limit {rows}) n \
        order by w.word, n.other, n.customer_id limit {rows}) ids",
};

/// The data that a search ranks customers by: the ids of records and persons as bytes, and the
/// profiles separated by line feeds, which JSON does not contain. $1: ids.
pub const PROFILES_BY_ID: Twin = Twin {
    sqlite: "select string_agg(id, ''), string_agg(person_id, ''), string_agg(profile, '\n') \
        from (select id, person_id, profile from customers \
            where id in (select unhex(value ->> 0) from json_each($1)) order by id) c",
    postgres: "select string_agg(uuid_send(id), ''), string_agg(uuid_send(person_id), ''), \
        string_agg(profile, '\n') \
        from (select id, person_id, profile from customers where id = any($1) order by id) c",
};

/// The statements without a placeholder by name, for the test that prepares them.
pub(super) const STATEMENTS: [(&str, Twin); 3] = [
    ("customer_search.known_words", KNOWN_WORDS),
    ("customer_search.words_by_variant", WORDS_BY_VARIANT),
    ("customer_search.profiles_by_id", PROFILES_BY_ID),
];
