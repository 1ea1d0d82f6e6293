-- Twin of migrations/sqlite/0013_audit.sql. Who looked at what is kept of customers.

-- One row for each call, answered or refused. Each process that answers calls writes a log of its
-- own: the first 8 bytes of `access_id` name it, the last 8 count its rows, from 1 and without a
-- gap. `customers` holds the ids of those whom the answer told of, 16 bytes each.
create table audit_log (
    access_id uuid not null primary key,
    at bigint not null,
    caller text collate "C" not null,
    actor text collate "C" not null,
    purpose text collate "C" not null,
    call text collate "C" not null,
    data text collate "C" not null,
    code bigint not null,
    customers bytea not null,
    case_id uuid
);

-- The same by customer: all of it follows from `audit_log`.
create table audit_looks (
    customer_id uuid not null,
    at bigint not null,
    access_id uuid not null,
    primary key (customer_id, at, access_id)
);

-- How far each log is sealed: what the work of sealing goes by. The seals prove what it says.
create table audit_heads (
    log bigint not null primary key,
    sealed bigint not null,
    hash bytea not null,
    sealed_at bigint not null,
    is_closed boolean not null
);

create index audit_heads_open on audit_heads (sealed_at) where not is_closed;

-- Seals: `hash` is of all rows of a log up to the one that `sealed` counts, `chain` of this seal
-- and all before it.
create table audit_seals (
    number bigint not null primary key,
    log bigint not null,
    sealed bigint not null,
    hash bytea not null,
    sealed_at bigint not null,
    chain bytea not null
);
