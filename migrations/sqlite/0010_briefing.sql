-- Twin of migrations/postgres/0010_briefing.sql. What an entry's case and a briefing are found by.

-- How many of the cases that were opened with a record are not resolved: almost always none, and
-- then a write need not look for them.
alter table customers add column open_cases integer not null default 0;

update customers set open_cases =
    (select count(*) from cases where cases.customer_id = customers.id and cases.is_open)
    where id in (select customer_id from cases where is_open);
