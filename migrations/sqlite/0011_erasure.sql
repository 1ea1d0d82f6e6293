-- Twin of migrations/postgres/0011_erasure.sql. Customers who were erased: that they were, and
-- nothing of who they were.

-- An erasure. `records` is JSON: the ids of the customer's records; `removed` too: how many rows of
-- which table went. `is_finished` says that nothing is left either of words that nobody else's name
-- has, and in the index of the search.
create table erasures (
    erasure_id blob not null primary key,
    erased_at integer not null,
    records text not null,
    removed text not null,
    is_finished boolean not null
) without rowid;

create index erasures_unfinished on erasures (erasure_id) where not is_finished;

-- The records that are gone: their ids mean nobody, for ever.
create table erased_customers (
    customer_id blob not null primary key,
    erasure_id blob not null,
    erased_at integer not null
) without rowid;

-- What of a record's is found by its id, where that was not so until now. In `ledger` the names of
-- what was erased stay as keyed hashes, in scopes that begin with a space.
create index ledger_by_customer on ledger (customer_id);
create index purchase_keys_by_customer on purchase_keys (customer_id);
create index merges_by_into on merges (into_id);
create index merges_by_asked_into on merges (asked_into_id);
create index merges_by_asked_from on merges (asked_from_id);
create index merge_approvals_by_other on merge_approvals (other_id);
