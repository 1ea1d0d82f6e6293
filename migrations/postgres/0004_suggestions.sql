-- Twin of migrations/sqlite/0004_suggestions.sql. Which customers may be one person. Everything but
-- `dismissals` is derived from the customers, and can be rebuilt by comparing them all.

-- The progress of comparing: one row. `generation` grows with each transaction that writes the
-- tables below: a reader of an older one has stale data, and starts again. `people` is the number
-- of records in `match_records`. Until `held_until` only `held_by` may write, which compares all
-- customers.
create table match_state (
    id bigint not null primary key check (id = 1),
    generation bigint not null,
    people bigint not null,
    held_by uuid,
    held_until bigint not null
);

insert into match_state (id, generation, people, held_until) values (1, 0, 0, 0);

-- What each record contributed: its rows of `match_keys`, and its terms in `match_terms`, as
-- consecutive 8-byte numbers. Stored so that they can be subtracted exactly, even by a later
-- version that derives others from the same record.
create table match_records (
    customer_id uuid not null primary key,
    keys bytea not null,
    terms bytea not null
);

-- Records that share a key are compared.
create table match_keys (
    block_key bigint not null,
    customer_id uuid not null,
    primary key (block_key, customer_id)
);

-- The number of records with a value, by its hash.
create table match_terms (
    term bigint not null primary key,
    records bigint not null
);

-- Suggestions: pairs of records that may be of one person, the smaller id first. `rank` orders
-- them: the base-2 logarithm of the odds, in millionths. `reasons` is JSON and holds no value of a
-- customer. `listed` is false for a pair that has been merged, dismissed or excluded from being
-- merged, or that is not the most probable pair of the same two people. It is updated later, and
-- makes lists cheap.
create table suggestions (
    one_id uuid not null,
    other_id uuid not null,
    id uuid not null,
    rank bigint not null,
    reasons text not null,
    found_at bigint not null,
    listed boolean not null,
    primary key (one_id, other_id)
);

create index suggestions_by_other on suggestions (other_id, one_id);
create index suggestions_by_rank on suggestions (rank, id) where listed;

-- Dismissed suggestions: pairs of records that are not of one person, the smaller id first.
create table dismissals (
    one_id uuid not null,
    other_id uuid not null,
    dismissed_at bigint not null,
    actor text collate "C" not null,
    reason text not null,
    primary key (one_id, other_id)
);

create index dismissals_by_other on dismissals (other_id, one_id);

-- Customers that have not been compared yet.
insert into match_queue (customer_id, revision) select id, revision from customers
on conflict do nothing;
