-- Twin of migrations/sqlite/0006_cases.sql. Cases and promises: their current state, derived from
-- their entries.

-- A case, with the record that it was opened with. `content` is JSON; the other columns are the
-- keys of lists. A resolved case has no queue and no owner.
create table cases (
    customer_id uuid not null,
    case_id uuid not null,
    is_open boolean not null,
    queue text collate "C" not null,
    owner text collate "C" not null,
    changed_at bigint not null,
    content text not null,
    primary key (customer_id, case_id)
);

create index cases_by_id on cases (case_id);
create index cases_by_queue on cases (queue, changed_at, case_id) where queue <> '';
create index cases_by_owner on cases (owner, changed_at, case_id) where owner <> '';

-- The entries of a case.
create table case_entries (
    customer_id uuid not null,
    case_id uuid not null,
    occurred_at bigint not null,
    entry_id uuid not null,
    primary key (customer_id, case_id, occurred_at, entry_id)
);

-- A promise, with the record that it was made to. `content` is JSON.
create table promises (
    customer_id uuid not null,
    promise_id uuid not null,
    state text collate "C" not null check (state in ('open', 'kept', 'broken', 'withdrawn')),
    due_at bigint not null,
    content text not null,
    primary key (customer_id, promise_id)
);

create index promises_by_id on promises (promise_id);
create index promises_due on promises (due_at, promise_id) where state = 'open';
