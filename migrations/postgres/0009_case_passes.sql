-- Twin of migrations/sqlite/0009_case_passes.sql. Case passes, and the events of facts.

-- Case passes, at most one per case; the locator of one that has ended may be reused. `hash` is a
-- keyed hash of the whole code, `tries` the number of wrong codes given.
create table case_passes (
    locator text collate "C" not null primary key,
    customer_id uuid not null,
    case_id uuid not null,
    hash bytea not null,
    tries bigint not null,
    issued_at bigint not null,
    expires_at bigint not null
);

create unique index case_passes_by_case on case_passes (customer_id, case_id);

-- Every time a fact of a case was recorded, or asked for again although it was known, with the
-- channel of its entry, empty if there was none.
create table told_facts (
    customer_id uuid not null,
    told_at bigint not null,
    entry_id uuid not null,
    case_id uuid not null,
    channel text collate "C" not null,
    reasked boolean not null,
    primary key (customer_id, told_at, entry_id)
);

-- A covering index for counting a period.
create index told_facts_by_time on told_facts (told_at, entry_id, channel, reasked);

insert into told_facts (customer_id, told_at, entry_id, case_id, channel, reasked)
select c.customer_id, cast(t ->> 'at' as bigint), cast(t ->> 'entry_id' as uuid),
    c.case_id, coalesce(t ->> 'channel', ''), false
from cases c, jsonb_array_elements(cast(c.content as jsonb) -> 'facts') f,
    jsonb_array_elements(f -> 'values') t;

insert into told_facts (customer_id, told_at, entry_id, case_id, channel, reasked)
select c.customer_id, cast(t ->> 'at' as bigint), cast(t ->> 'entry_id' as uuid),
    c.case_id, coalesce(t ->> 'channel', ''), true
from cases c, jsonb_array_elements(cast(c.content as jsonb) -> 'facts') f,
    jsonb_array_elements(f -> 'reasks') t;
