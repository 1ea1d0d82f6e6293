-- Twin of migrations/postgres/0001_timeline.sql. Times are microseconds since 1970 UTC.

-- Customers. The key of all history. `profile` is JSON; the other columns are the keys of searches.
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

-- Identifiers. `key` is kind:namespace/value, and belongs to one customer.
create table identifiers (
    key text not null primary key,
    customer_id blob not null,
    raw_value text not null,
    mixed_script boolean not null,
    first_seen_at integer not null
) without rowid;

create index identifiers_by_customer on identifiers (customer_id, first_seen_at, key);

-- The folded words of names, for prefix searches.
create table customer_words (
    word text not null,
    customer_id blob not null,
    primary key (word, customer_id)
) without rowid;

create index customer_words_by_customer on customer_words (customer_id);

-- The timeline. `payload` is the entry as it is sent in a page: a field 1 of ListTimelineResponse.
-- The table is clustered by its key, so that the rows of a page are adjacent.
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

-- Idempotency keys of writes: for an entry its source and source_ref or its request_id, for another
-- write its request_id. `body` is a hash that distinguishes a retry from a different call with the
-- same key.
create table idempotency_keys (
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

-- The entries that are, or are about, an order.
create table order_entries (
    customer_id blob not null,
    order_key text not null,
    occurred_at integer not null,
    entry_id blob not null,
    primary key (customer_id, order_key, occurred_at, entry_id)
) without rowid;

-- The search words of entries: folded, stemmed, separated by spaces. The customer's id is one of
-- them, so that one index also finds all rows of a customer. The text itself is not stored.
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

-- Values that all servers of a database share.
create table settings (
    name text not null primary key,
    value blob not null
) without rowid;
