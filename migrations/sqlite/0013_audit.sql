-- Twin of migrations/postgres/0013_audit.sql. The audit log.

-- One row per call, answered or refused. Each process that answers calls writes its own log, whose
-- rows are numbered from 1 without gaps. `access` is JSON: the caller, the purpose, the call, the
-- code of its response, and the ids of the customers in the response.
create table audit_log (
    log integer not null,
    number integer not null,
    at integer not null,
    access text not null,
    primary key (log, number)
) without rowid;

-- An index of the audit log by customer, for the rows that are sealed or about to be. It is derived
-- from `audit_log`, and written in sorted batches rather than with each call, because its rows go
-- to random pages.
create table audit_index (
    customer_id blob not null,
    at integer not null,
    log integer not null,
    number integer not null,
    primary key (customer_id, at, log, number)
) without rowid;

-- How far each log is sealed and indexed: the working state of sealing, which the seals prove. A
-- log is closed when it gets no more rows.
create table audit_heads (
    log integer not null primary key,
    sealed integer not null,
    hash blob not null,
    sealed_at integer not null,
    is_closed boolean not null
);

create index audit_heads_open on audit_heads (sealed_at) where not is_closed;

-- Seals: `hash` covers all rows of a log up to number `sealed`, `chain` this seal and all before
-- it.
create table audit_seals (
    number integer not null primary key,
    log integer not null,
    sealed integer not null,
    hash blob not null,
    sealed_at integer not null,
    chain blob not null
);
