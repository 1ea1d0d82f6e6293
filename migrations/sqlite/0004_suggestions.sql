-- Twin of migrations/postgres/0004_suggestions.sql. Which customers may be one person. Apart from
-- `dismissals` all of it follows from the customers and can be made anew by comparing them all.

-- How far comparing has come: one row. `generation` grows with each transaction that writes the
-- tables below: whoever has read an older one has read what is gone, and begins anew. `people`
-- counts the records in `match_records`. Until `held_until` none but `held_by` may write, which
-- compares all customers.
create table match_state (
    id integer not null primary key check (id = 1),
    generation integer not null,
    people integer not null,
    held_by blob,
    held_until integer not null
);

insert into match_state (id, generation, people, held_until) values (1, 0, 0, 0);

-- What each record counts for: its rows of `match_keys`, and the terms that it was counted for in
-- `match_terms`, as numbers of 8 bytes one behind the other. Kept so that they can be taken back
-- exactly, by a program too that makes others of the same record.
create table match_records (
    customer_id blob not null primary key,
    keys blob not null,
    terms blob not null
) without rowid;

-- Records that share a key are compared.
create table match_keys (
    block_key integer not null,
    customer_id blob not null,
    primary key (block_key, customer_id)
) without rowid;

-- How many records have a value, by the hash of it.
create table match_terms (
    term integer not null primary key,
    records integer not null
);

-- Pairs of records that may be one person's, the smaller id first. `rank` orders them: the base-2
-- logarithm of the odds, in millionths. `reasons` is JSON and holds no value of a customer.
-- `listed` is false of a pair that is one person by now, was dismissed or kept apart, or is not the
-- likeliest of the same two people; it lags behind and spares a list the search.
create table suggestions (
    one_id blob not null,
    other_id blob not null,
    id blob not null,
    rank integer not null,
    reasons text not null,
    found_at integer not null,
    listed boolean not null,
    primary key (one_id, other_id)
) without rowid;

create index suggestions_by_other on suggestions (other_id, one_id);
create index suggestions_by_rank on suggestions (rank, id) where listed;

-- Pairs of records that somebody has said are not one person's, the smaller id first.
create table dismissals (
    one_id blob not null,
    other_id blob not null,
    dismissed_at integer not null,
    actor text not null,
    reason text not null,
    primary key (one_id, other_id)
) without rowid;

create index dismissals_by_other on dismissals (other_id, one_id);

-- Whom nobody has compared yet.
insert or ignore into match_queue (customer_id, revision) select id, revision from customers;
