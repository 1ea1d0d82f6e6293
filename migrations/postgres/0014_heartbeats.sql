-- Twin of migrations/sqlite/0014_heartbeats.sql. What each server writes to see whether it can.

-- One row. `padding` is long where the last heartbeat was to find out whether there is room.
create table heartbeats (
    id bigint not null primary key check (id = 1),
    at bigint not null,
    padding bytea not null
);

-- Not compressed, so that it takes the room that it seems to.
alter table heartbeats alter column padding set storage external;
