-- Twin of migrations/postgres/0002_identity.sql. Who is who: identifiers become claims that end and
-- leave a trace, customer records become parts of one person and separate again.

alter table customers add column person_id blob not null default x'';
alter table customers add column records integer not null default 1;
alter table customers add column identity_revision integer not null default 0;
update customers set person_id = id;

-- `person_id` is the canonical record of the person, whose `records` counts all of the person's;
-- of the others it is 0. `identity_revision` grows with each change of what names the record.
-- Almost all records are a person by themselves, and are not in this index.
create index customers_by_person on customers (person_id, id) where person_id <> id;

-- Values that name a customer. `key` is kind:namespace/value. Several records may claim a key,
-- each in a slot of its own: two servers that add a claim at the same time meet in the same slot,
-- and one of them looks again.
create table claims (
    key text not null,
    slot integer not null,
    customer_id blob not null,
    claim_id blob not null,
    proof text not null check (proof in ('claimed', 'verified', 'shared')),
    source text not null,
    raw_value text not null,
    mixed_script boolean not null,
    valid_from integer not null,
    last_seen_at integer not null,
    primary key (key, slot)
) without rowid;

insert into claims (key, slot, customer_id, claim_id, proof, source, raw_value, mixed_script,
    valid_from, last_seen_at)
select key, 0, customer_id, randomblob(16), 'claimed', '', raw_value, mixed_script,
    first_seen_at, first_seen_at
from identifiers;

drop table identifiers;
alter table claims rename to identifiers;

create unique index identifiers_by_customer on identifiers (customer_id, key);
create unique index identifiers_verified on identifiers (key) where proof = 'verified';

-- What a caller said of an identifier that another customer has verified: kept beside the claims,
-- since it speaks for the two being one person.
create table refused_claims (
    customer_id blob not null,
    key text not null,
    verified boolean not null,
    seen_at integer not null,
    primary key (customer_id, key)
) without rowid;

create index refused_claims_by_key on refused_claims (key, customer_id);

-- Claims that have ended.
create table ended_identifiers (
    customer_id blob not null,
    claim_id blob not null,
    key text not null,
    proof text not null check (proof in ('claimed', 'verified', 'shared')),
    source text not null,
    raw_value text not null,
    mixed_script boolean not null,
    valid_from integer not null,
    last_seen_at integer not null,
    valid_to integer not null,
    primary key (customer_id, claim_id)
) without rowid;

create index ended_identifiers_by_key on ended_identifiers (key, customer_id);

-- Links between records, never changed. `from_id` and `into_id` were canonical when they were
-- joined, `asked_from_id` and `asked_into_id` are the records that the merge was asked for.
-- `choices` is JSON: the record whose value of a field is shown.
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

-- Links that were taken back.
create table unmerges (
    merge_id blob not null primary key,
    unmerged_at integer not null,
    actor text not null,
    reason text not null
) without rowid;

-- Records never to be merged, the smaller id first.
create table kept_apart (
    one_id blob not null,
    other_id blob not null,
    marked_at integer not null,
    actor text not null,
    reason text not null,
    primary key (one_id, other_id)
) without rowid;

create index kept_apart_by_other on kept_apart (other_id, one_id);

-- Second persons' words on merges that need one, the smaller canonical id first.
create table merge_approvals (
    one_id blob not null,
    other_id blob not null,
    actor text not null,
    reason text not null,
    expires_at integer not null,
    primary key (one_id, other_id, actor)
) without rowid;

-- Records whose identity has changed since they were last compared with others. A log, so that a
-- change that commits while another one is being worked on is not lost.
create table match_queue (
    customer_id blob not null,
    revision integer not null,
    primary key (customer_id, revision)
) without rowid;

-- What the server itself tells has no channel. The codes are made in one place and grow with the
-- contract, and a check cannot be changed, so the table is made anew without any.
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
