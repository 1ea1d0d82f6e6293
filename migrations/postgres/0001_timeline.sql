-- Twin of migrations/sqlite/0001_timeline.sql. Times are microseconds since 1970 UTC. Keys are
-- compared byte by byte, as SQLite does.

-- Customers. The key of all history. `profile` is JSON; the other columns are the keys of searches.
-- Each write changes the revision: the free space keeps the new version of the row on the same
-- page.
create table customers (
    id uuid not null primary key,
    revision bigint not null,
    created_at bigint not null,
    profile text not null,
    postcode_key text collate "C" not null,
    house_number_key text collate "C" not null
) with (fillfactor = 80);

create index customers_by_postcode on customers (postcode_key, house_number_key, id)
    where postcode_key <> '';

-- Identifiers. `key` is kind:namespace/value, and belongs to one customer.
create table identifiers (
    key text collate "C" not null primary key,
    customer_id uuid not null,
    raw_value text not null,
    mixed_script boolean not null,
    first_seen_at bigint not null
);

create index identifiers_by_customer on identifiers (customer_id, first_seen_at, key);

-- The folded words of names, for prefix searches.
create table customer_words (
    word text collate "C" not null,
    customer_id uuid not null,
    primary key (word, customer_id)
);

create index customer_words_by_customer on customer_words (customer_id);

-- The timeline. `payload` is the entry as it is sent in a page: a field 1 of ListTimelineResponse.
create table entries (
    customer_id uuid not null,
    occurred_at bigint not null,
    entry_id uuid not null,
    kind text collate "C" not null
        check (kind in ('interaction', 'purchase', 'return', 'feedback', 'note')),
    channel text collate "C" not null
        check (channel in ('phone', 'web', 'email', 'chat', 'messaging', 'social', 'store', 'app',
            'letter')),
    payload bytea not null,
    primary key (customer_id, occurred_at, entry_id)
);

create index entries_by_id on entries (customer_id, entry_id);

-- Idempotency keys of writes: for an entry its source and source_ref or its request_id, for another
-- write its request_id. `body` is a hash that distinguishes a retry from a different call with the
-- same key.
create table idempotency_keys (
    scope text collate "C" not null,
    name text collate "C" not null,
    body bytea not null,
    customer_id uuid not null,
    entry_id uuid,
    revision bigint not null,
    recorded_at bigint not null,
    customer_created boolean not null,
    primary key (scope, name)
);

-- The orders of a customer.
create table purchases (
    customer_id uuid not null,
    order_key text collate "C" not null,
    entry_id uuid not null,
    primary key (customer_id, order_key)
);

-- The entries that are, or are about, an order.
create table order_entries (
    customer_id uuid not null,
    order_key text collate "C" not null,
    occurred_at bigint not null,
    entry_id uuid not null,
    primary key (customer_id, order_key, occurred_at, entry_id)
);

-- The search words of entries: folded, stemmed, separated by spaces. The customer's id is one of
-- them, so that one index also finds all rows of a customer.
create table entry_words (
    customer_id uuid not null,
    occurred_at bigint not null,
    entry_id uuid not null,
    words text not null
);

create index entry_words_by_word on entry_words
    using gin (array_to_tsvector(string_to_array(words, ' ')));

-- Values that all servers of a database share.
create table settings (
    name text collate "C" not null primary key,
    value bytea not null
);
