-- Twin of migrations/postgres/0002_identity.sql. Identity: identifiers become claims, whose ends
-- are recorded; customer records are merged into persons and unmerged.

alter table customers add column person_id blob not null default x'';
alter table customers add column records integer not null default 1;
alter table customers add column identity_revision integer not null default 0;
update customers set person_id = id;

-- `person_id` is the canonical record of the person. Its `records` is the number of the person's
-- records; that of the others is 0. `identity_revision` grows with each change of the record's
-- identifiers. Almost all records are the only one of their person, and are not in this index.
create index customers_by_person on customers (person_id, id) where person_id <> id;

-- Claimed identifiers. `key` is kind:namespace/value. Several records may claim a key, each in its
-- own slot: two servers that add a claim at the same time choose the same slot, and one of them
-- retries.
create table claims (
    key text not null,
    slot integer not null,
    customer_id blob not null,
    claim_id blob not null,
    verification text not null check (verification in ('claimed', 'verified', 'shared')),
    source text not null,
    raw_value text not null,
    mixed_script boolean not null,
    valid_from integer not null,
    last_seen_at integer not null,
    primary key (key, slot)
) without rowid;

insert into claims (key, slot, customer_id, claim_id, verification, source, raw_value, mixed_script,
    valid_from, last_seen_at)
select key, 0, customer_id, randomblob(16), 'claimed', '', raw_value, mixed_script,
    first_seen_at, first_seen_at
from identifiers;

drop table identifiers;
alter table claims rename to identifiers;

create unique index identifiers_by_customer on identifiers (customer_id, key);
create unique index identifiers_verified on identifiers (key) where verification = 'verified';

-- Claims on an identifier that another customer has verified: kept apart from the claims, as
-- evidence that the two are one person.
create table refused_claims (
    customer_id blob not null,
    key text not null,
    verified boolean not null,
    seen_at integer not null,
    primary key (customer_id, key)
) without rowid;

create index refused_claims_by_key on refused_claims (key, customer_id);

-- Ended claims.
create table ended_identifiers (
    customer_id blob not null,
    claim_id blob not null,
    key text not null,
    verification text not null check (verification in ('claimed', 'verified', 'shared')),
    source text not null,
    raw_value text not null,
    mixed_script boolean not null,
    valid_from integer not null,
    last_seen_at integer not null,
    valid_to integer not null,
    primary key (customer_id, claim_id)
) without rowid;

create index ended_identifiers_by_key on ended_identifiers (key, customer_id);

-- Merges of records, never changed. `from_id` and `into_id` were canonical when they were merged,
-- `asked_from_id` and `asked_into_id` are the records of the request. `choices` is JSON: for each
-- field, the record whose value is shown.
create table merges (
    id blob not null primary key,
    into_id blob not null,
    from_id blob not null,
    asked_into_id blob not null,
    asked_from_id blob not null,
    merged_at integer not null,
    actor text not null,
    reason text not null,
    evidence text not null,
    choices text not null,
    approved_by text not null
) without rowid;

create index merges_by_from on merges (from_id, id);

-- Merges that were undone.
create table unmerges (
    merge_id blob not null primary key,
    unmerged_at integer not null,
    actor text not null,
    reason text not null
) without rowid;

-- Merge exclusions: pairs of records that must not be merged, the smaller id first.
create table merge_exclusions (
    one_id blob not null,
    other_id blob not null,
    marked_at integer not null,
    actor text not null,
    reason text not null,
    primary key (one_id, other_id)
) without rowid;

create index merge_exclusions_by_other on merge_exclusions (other_id, one_id);

-- Approvals of merges by a second person, the smaller canonical id first.
create table merge_approvals (
    one_id blob not null,
    other_id blob not null,
    actor text not null,
    reason text not null,
    expires_at integer not null,
    primary key (one_id, other_id, actor)
) without rowid;

-- Records whose identity has changed since they were last compared with others. A queue rather than
-- a flag, so that a change that commits while an earlier one is being processed is not lost.
create table match_queue (
    customer_id blob not null,
    revision integer not null,
    primary key (customer_id, revision)
) without rowid;

-- Entries of the server itself have no channel. The codes grow with the contract, and a check
-- cannot be changed, so the table is rebuilt without any.
create table entries_2 (
    customer_id blob not null,
    occurred_at integer not null,
    entry_id blob not null,
    kind text not null,
    channel text not null,
    payload blob not null,
    primary key (customer_id, occurred_at, entry_id)
) without rowid;

insert into entries_2 (customer_id, occurred_at, entry_id, kind, channel, payload)
select customer_id, occurred_at, entry_id, kind, channel, payload from entries
order by customer_id, occurred_at, entry_id;

drop table entries;
alter table entries_2 rename to entries;

create index entries_by_id on entries (customer_id, entry_id);
