-- Twin of migrations/postgres/0001_timeline.sql. Times are microseconds since 1970 UTC.

-- Whom history is keyed to. `profile` is JSON; the keys beside it are what a search compares.
create table customers (
    id blob not null primary key,
    revision integer not null,
    created_at integer not null,
    profile text not null,
    postcode_key text not null,
    house_number_key text not null
) without rowid;

create index customers_by_postcode on customers (postcode_key, house_number_key, id)
    where postcode_key <> '';

-- Values that name a customer. `key` is kind:namespace/value; one key names one customer.
create table identifiers (
    key text not null primary key,
    customer_id blob not null,
    raw_value text not null,
    mixed_script boolean not null,
    first_seen_at integer not null
) without rowid;

create index identifiers_by_customer on identifiers (customer_id, first_seen_at, key);

-- The folded words of names, for a search by the beginning of a word.
create table customer_words (
    word text not null,
    customer_id blob not null,
    primary key (word, customer_id)
) without rowid;

create index customer_words_by_customer on customer_words (customer_id);

-- The log. `payload` is the entry as it stands in a page: a field 1 of ListTimelineResponse. The
-- table is kept in the order of its key, so that a page is one run of neighbouring rows.
create table entries (
    customer_id blob not null,
    occurred_at integer not null,
    entry_id blob not null,
    kind text not null
        check (kind in ('interaction', 'purchase', 'return', 'feedback', 'note')),
    channel text not null
        check (channel in ('phone', 'web', 'email', 'chat', 'messaging', 'social', 'store', 'app',
            'letter')),
    payload blob not null,
    primary key (customer_id, occurred_at, entry_id)
) without rowid;

create index entries_by_id on entries (customer_id, entry_id);

-- What every write was called by its caller, so that a retry finds it: for an entry its source and
-- source_ref or its request_id, for another write its request_id. `body` tells a retry from another
-- call of the same name.
create table ledger (
    scope text not null,
    name text not null,
    body blob not null,
    customer_id blob not null,
    entry_id blob,
    revision integer not null,
    recorded_at integer not null,
    customer_created boolean not null,
    primary key (scope, name)
) without rowid;

-- The orders of a customer.
create table purchases (
    customer_id blob not null,
    order_key text not null,
    entry_id blob not null,
    primary key (customer_id, order_key)
) without rowid;

-- Which entries are, or are about, an order.
create table order_entries (
    customer_id blob not null,
    order_key text not null,
    occurred_at integer not null,
    entry_id blob not null,
    primary key (customer_id, order_key, occurred_at, entry_id)
) without rowid;

-- The words an entry is found by: folded, stemmed, parted by spaces. The customer's id is one of
-- them, so that the one index also finds all rows of a customer. The words themselves are not kept.
create virtual table entry_words using fts5 (
    customer_id unindexed,
    occurred_at unindexed,
    entry_id unindexed,
    words,
    content = '',
    contentless_delete = 1,
    contentless_unindexed = 1,
    detail = none,
    tokenize = 'ascii'
);

-- What all servers of one database share.
create table settings (
    name text not null primary key,
    value blob not null
) without rowid;
