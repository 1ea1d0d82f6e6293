-- Twin of migrations/postgres/0013_audit.sql. Who looked at what is kept of customers.

-- One row for each call, answered or refused. Each process that answers calls writes a log of its
-- own: the first 8 bytes of `access_id` name it, the last 8 count its rows, from 1 and without a
-- gap. `customers` holds the ids of those whom the answer told of, 16 bytes each.
create table audit_log (
    access_id blob not null primary key,
    at integer not null,
    caller text not null,
    actor text not null,
    purpose text not null,
    call text not null,
    data text not null,
    code integer not null,
    customers blob not null,
    case_id blob
) without rowid;

-- The same by customer: all of it follows from `audit_log`.
create table audit_looks (
    customer_id blob not null,
    at integer not null,
    access_id blob not null,
    primary key (customer_id, at, access_id)
) without rowid;

-- How far each log is sealed: what the work of sealing goes by. The seals prove what it says.
create table audit_heads (
    log integer not null primary key,
    sealed integer not null,
    hash blob not null,
    sealed_at integer not null,
    is_closed boolean not null
);

create index audit_heads_open on audit_heads (sealed_at) where not is_closed;

-- Seals: `hash` is of all rows of a log up to the one that `sealed` counts, `chain` of this seal
-- and all before it.
create table audit_seals (
    number integer not null primary key,
    log integer not null,
    sealed integer not null,
    hash blob not null,
    sealed_at integer not null,
    chain blob not null
);
