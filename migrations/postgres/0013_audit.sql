-- Twin of migrations/sqlite/0013_audit.sql. The audit log.

-- One row per call, answered or refused. Each process that answers calls writes its own log, whose
-- rows are numbered from 1 without gaps. `access` is JSON: the caller, the purpose, the call, the
-- code of its response, and the ids of the customers in the response.
create table audit_log (
    log bigint not null,
    number bigint not null,
    at bigint not null,
    access text collate "C" not null,
    primary key (log, number)
);

-- An index of the audit log by customer, for the rows that are sealed or about to be. It is derived
-- from `audit_log`, and written in sorted batches rather than with each call, because its rows go
-- to random pages.
create table audit_index (
    customer_id uuid not null,
    at bigint not null,
    log bigint not null,
    number bigint not null,
    primary key (customer_id, at, log, number)
);

-- How far each log is sealed and indexed: the working state of sealing, which the seals prove. A
-- log is closed when it gets no more rows.
create table audit_heads (
    log bigint not null primary key,
    sealed bigint not null,
    hash bytea not null,
    sealed_at bigint not null,
    is_closed boolean not null
);

create index audit_heads_open on audit_heads (sealed_at) where not is_closed;

-- Seals: `hash` covers all rows of a log up to number `sealed`, `chain` this seal and all before
-- it.
create table audit_seals (
    number bigint not null primary key,
    log bigint not null,
    sealed bigint not null,
    hash bytea not null,
    sealed_at bigint not null,
    chain bytea not null
);
