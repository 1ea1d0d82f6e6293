-- Twin of migrations/postgres/0010_briefing.sql. Indexes for the cases of entries and for
-- briefings.

-- The number of unresolved cases of a record: almost always none, so that a write need not look for
-- them.
alter table customers add column open_cases integer not null default 0;

update customers set open_cases =
    (select count(*) from cases where cases.customer_id = customers.id and cases.is_open)
    where id in (select customer_id from cases where is_open);

-- The index tag, by which an entry is found without scanning the timeline: a complaint, feedback,
-- or a change of a promise or quote.
alter table entries add column index_tag text not null default '';

update entries set index_tag = case kind when 'promise_change' then 'promise' else kind end
    where kind in ('feedback', 'promise_change', 'quote');

create index entries_by_tag on entries (customer_id, index_tag, occurred_at, entry_id)
    where index_tag <> '';

-- The last entry of each channel.
create index entries_by_channel on entries (customer_id, channel, occurred_at, entry_id);
