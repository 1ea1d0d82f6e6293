-- Twin of migrations/sqlite/0013_audit.sql. Who looked at what is kept of customers.

-- One row for each call, answered or refused. Each process that answers calls writes a log of its
-- own, which counts its rows from 1 and without a gap. `access` is JSON: who called, for what,
-- which call, the code of its answer, and the ids of the customers that the answer told of.
create table audit_log (
    log bigint not null,
    number bigint not null,
    at bigint not null,
    access text collate "C" not null,
    primary key (log, number)
);

-- The same by customer, of the rows that are sealed or are about to be: all of it follows from
-- `audit_log`. Rows are written with each call, and these many at once and in their order: each
-- goes to another place.
create table audit_looks (
    customer_id uuid not null,
    at bigint not null,
    log bigint not null,
    number bigint not null,
    primary key (customer_id, at, log, number)
);

-- How far each log is sealed, and how far its looks are written: what the work of sealing goes by.
-- The seals prove what it says. A log is closed once nothing more will come.
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
