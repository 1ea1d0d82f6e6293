-- Twin of migrations/postgres/0009_case_passes.sql. Case passes, and the events of facts.

-- Case passes, at most one per case; the locator of one that has ended may be reused. `hash` is a
-- keyed hash of the whole code, `tries` the number of wrong codes given.
create table case_passes (
    locator text not null primary key,
    customer_id blob not null,
    case_id blob not null,
    hash blob not null,
    tries integer not null,
    issued_at integer not null,
    expires_at integer not null
) without rowid;

create unique index case_passes_by_case on case_passes (customer_id, case_id);

-- Every time a fact of a case was recorded, or asked for again although it was known, with the
-- channel of its entry, empty if there was none.
create table told_facts (
    customer_id blob not null,
    told_at integer not null,
    entry_id blob not null,
    case_id blob not null,
    channel text not null,
    reasked boolean not null,
    primary key (customer_id, told_at, entry_id)
) without rowid;

-- A covering index for counting a period.
create index told_facts_by_time on told_facts (told_at, entry_id, channel, reasked);

insert into told_facts (customer_id, told_at, entry_id, case_id, channel, reasked)
select c.customer_id, t.value ->> 'at', unhex(replace(t.value ->> 'entry_id', '-', '')),
    c.case_id, coalesce(t.value ->> 'channel', ''), false
from cases c, json_each(c.content, '$.facts') f, json_each(f.value, '$.values') t;

insert into told_facts (customer_id, told_at, entry_id, case_id, channel, reasked)
select c.customer_id, t.value ->> 'at', unhex(replace(t.value ->> 'entry_id', '-', '')),
    c.case_id, coalesce(t.value ->> 'channel', ''), true
from cases c, json_each(c.content, '$.facts') f, json_each(f.value, '$.reasks') t;
