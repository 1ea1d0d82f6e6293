-- Twin of migrations/postgres/0012_rights.sql. Restrictions and legal holds.

-- Whether a record is restricted, or on legal hold: on the row that every write locks. All records
-- of a person have the same values.
alter table customers add column restricted boolean not null default false;
alter table customers add column held boolean not null default false;

-- Read twice a second by every server; it has almost no rows.
create index customers_restricted on customers (id) where restricted;

-- Restrictions, one row for each record of the person. In force while `lifted_at` is null; the
-- columns after it are empty until then.
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
