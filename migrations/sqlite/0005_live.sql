-- Twin of migrations/postgres/0005_live.sql. The order in which the entries of a record were
-- recorded, so that a watch knows what is new. Filled at the next start.
create table entry_revisions (
    customer_id blob not null,
    revision integer not null,
    occurred_at integer not null,
    entry_id blob not null,
    primary key (customer_id, revision)
) without rowid;
