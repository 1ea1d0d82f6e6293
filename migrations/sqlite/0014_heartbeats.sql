-- Twin of migrations/postgres/0014_heartbeats.sql. What each server writes to test whether it can
-- write.

-- One row. `padding` is long if the last heartbeat tested the free space.
create table heartbeats (
    id integer not null primary key check (id = 1),
    at integer not null,
    padding blob not null
);
