-- Twin of migrations/postgres/0014_heartbeats.sql. What each server writes to see whether it can.

-- One row. `padding` is long where the last heartbeat was to find out whether there is room.
create table heartbeats (
    id integer not null primary key check (id = 1),
    at integer not null,
    padding blob not null
);
