-- Twin of migrations/sqlite/0009_case_passes.sql. Case passes, and what was told and asked again.

-- A case pass that lives, or has ended and leaves its locator to whoever wants it: at most one of a
-- case. `hash` is a keyed one of the whole code, `tries` how often a wrong one was given.
create table case_passes (
    locator text collate "C" not null primary key,
    customer_id uuid not null,
    case_id uuid not null,
    hash bytea not null,
    tries bigint not null,
    issued_at bigint not null,
    expires_at bigint not null
);

create unique index case_passes_by_case on case_passes (customer_id, case_id);
