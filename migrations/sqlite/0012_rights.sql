-- Twin of migrations/postgres/0012_rights.sql. What is not to be done with the data of customers.

-- Whether a restriction of the use, or of the erasure, holds for a record: on the row that every
-- write locks. All records of a person have the same.
alter table customers add column restricted boolean not null default false;
alter table customers add column held boolean not null default false;

-- Read twice a second by every server; almost nobody is in it.
create index customers_restricted on customers (id) where restricted;

-- A restriction, under each record of the person. It holds while `lifted_at` is null; the columns
-- behind that are empty until then.
create table restrictions (
    customer_id blob not null,
    id blob not null,
    kind text not null check (kind in ('use', 'erasure')),
    placed_at integer not null,
    actor text not null,
    ticket text not null,
    reason text not null,
    lifted_at integer,
    lifted_by text not null,
    lift_ticket text not null,
    lift_reason text not null,
    primary key (customer_id, id)
) without rowid;
