-- Twin of migrations/sqlite/0002_identity.sql. Identity: identifiers become claims, whose ends are
-- recorded; customer records are merged into persons and unmerged.

alter table customers add column person_id uuid;
alter table customers add column records bigint not null default 1;
alter table customers add column identity_revision bigint not null default 0;
update customers set person_id = id;
alter table customers alter column person_id set not null;

-- `person_id` is the canonical record of the person. Its `records` is the number of the person's
-- records; that of the others is 0. `identity_revision` grows with each change of the record's
-- identifiers. Almost all records are the only one of their person, and are not in this index.
create index customers_by_person on customers (person_id, id) where person_id <> id;

-- Claimed identifiers. `key` is kind:namespace/value. Several records may claim a key, each in its
-- own slot: two servers that add a claim at the same time choose the same slot, and one of them
-- retries.
alter table identifiers
    add column slot bigint not null default 0,
    add column claim_id uuid not null default gen_random_uuid(),
    add column verification text collate "C" not null default 'claimed'
        check (verification in ('claimed', 'verified', 'shared')),
    add column source text not null default '',
    add column last_seen_at bigint;
alter table identifiers rename column first_seen_at to valid_from;
update identifiers set last_seen_at = valid_from;
alter table identifiers
    alter column slot drop default,
    alter column claim_id drop default,
    alter column verification drop default,
    alter column source drop default,
    alter column last_seen_at set not null,
    drop constraint identifiers_pkey,
    add primary key (key, slot);

drop index identifiers_by_customer;
create unique index identifiers_by_customer on identifiers (customer_id, key);
create unique index identifiers_verified on identifiers (key) where verification = 'verified';

-- Claims on an identifier that another customer has verified: kept apart from the claims, as
-- evidence that the two are one person.
create table refused_claims (
    customer_id uuid not null,
    key text collate "C" not null,
    verified boolean not null,
    seen_at bigint not null,
    primary key (customer_id, key)
);

create index refused_claims_by_key on refused_claims (key, customer_id);

-- Ended claims.
create table ended_identifiers (
    customer_id uuid not null,
    claim_id uuid not null,
    key text collate "C" not null,
    verification text collate "C" not null
        check (verification in ('claimed', 'verified', 'shared')),
    source text not null,
    raw_value text not null,
    mixed_script boolean not null,
    valid_from bigint not null,
    last_seen_at bigint not null,
    valid_to bigint not null,
    primary key (customer_id, claim_id)
);

create index ended_identifiers_by_key on ended_identifiers (key, customer_id);

-- Merges of records, never changed. `from_id` and `into_id` were canonical when they were merged,
-- `asked_from_id` and `asked_into_id` are the records of the request. `choices` is JSON: for each
-- field, the record whose value is shown.
create table merges (
    id uuid not null primary key,
    into_id uuid not null,
    from_id uuid not null,
    asked_into_id uuid not null,
    asked_from_id uuid not null,
    merged_at bigint not null,
    actor text not null,
    reason text not null,
    evidence text not null,
    choices text not null,
    approved_by text not null
);

create index merges_by_from on merges (from_id, id);

-- Merges that were undone.
create table unmerges (
    merge_id uuid not null primary key,
    unmerged_at bigint not null,
    actor text not null,
    reason text not null
);

-- Merge exclusions: pairs of records that must not be merged, the smaller id first.
create table merge_exclusions (
    one_id uuid not null,
    other_id uuid not null,
    marked_at bigint not null,
    actor text not null,
    reason text not null,
    primary key (one_id, other_id)
);

create index merge_exclusions_by_other on merge_exclusions (other_id, one_id);

-- Approvals of merges by a second person, the smaller canonical id first.
create table merge_approvals (
    one_id uuid not null,
    other_id uuid not null,
    actor text collate "C" not null,
    reason text not null,
    expires_at bigint not null,
    primary key (one_id, other_id, actor)
);

-- Records whose identity has changed since they were last compared with others. A queue rather than
-- a flag, so that a change that commits while an earlier one is being processed is not lost.
create table match_queue (
    customer_id uuid not null,
    revision bigint not null,
    primary key (customer_id, revision)
);

-- Entries of the server itself have no channel. The codes grow with the contract: no check.
alter table entries
    drop constraint entries_kind_check,
    drop constraint entries_channel_check;
