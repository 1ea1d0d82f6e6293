-- Twin of migrations/sqlite/0011_erasure.sql. Erased customers: only the fact of the erasure, no
-- personal data.

-- Erasures. `records` is JSON: the ids of the customer's records; `removed` is JSON: the number of
-- rows removed from each table. `is_finished` means that nothing is left of words that only this
-- customer's name had, nor in the search index.
create table erasures (
    erasure_id uuid not null primary key,
    erased_at bigint not null,
    records text not null,
    removed text not null,
    is_finished boolean not null
);

create index erasures_unfinished on erasures (erasure_id) where not is_finished;

-- Erased records: their ids are never used again.
create table erased_customers (
    customer_id uuid not null primary key,
    erasure_id uuid not null,
    erased_at bigint not null
);

-- Indexes by record id that did not exist before. In `idempotency_keys` the keys of erased writes
-- stay as keyed hashes, in scopes that begin with a space.
create index idempotency_keys_by_customer on idempotency_keys (customer_id);
create index purchase_keys_by_customer on purchase_keys (customer_id);
create index merges_by_into on merges (into_id);
create index merges_by_asked_into on merges (asked_into_id);
create index merges_by_asked_from on merges (asked_from_id);
create index merge_approvals_by_other on merge_approvals (other_id);
