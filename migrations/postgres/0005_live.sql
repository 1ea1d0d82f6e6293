-- Twin of migrations/sqlite/0005_live.sql. The order in which the entries of a record were
-- recorded, so that a watch knows what is new. Filled at the next start.
create table entry_revisions (
    customer_id uuid not null,
    revision bigint not null,
    occurred_at bigint not null,
    entry_id uuid not null,
    primary key (customer_id, revision)
);
