-- Twin of migrations/postgres/0010_briefing.sql. What an entry's case and a briefing are found by.

-- How many of the cases that were opened with a record are not resolved: almost always none, and
-- then a write need not look for them.
alter table customers add column open_cases integer not null default 0;

update customers set open_cases =
    (select count(*) from cases where cases.customer_id = customers.id and cases.is_open)
    where id in (select customer_id from cases where is_open);

-- What an entry is found by without a search through the timeline: a complaint, a feedback, a
-- change of a promise or of a quote.
alter table entries add column mark text not null default '';

update entries set mark = case kind when 'promise_change' then 'promise' else kind end
    where kind in ('feedback', 'promise_change', 'quote');

create index entries_by_mark on entries (customer_id, mark, occurred_at, entry_id)
    where mark <> '';

-- The last entry of each channel.
create index entries_by_channel on entries (customer_id, channel, occurred_at, entry_id);
