-- Twin of migrations/sqlite/0014_heartbeats.sql. What each server writes to test whether it can
-- write.

-- One row. `padding` is long if the last heartbeat tested the free space.
create table heartbeats (
    id bigint not null primary key check (id = 1),
    at bigint not null,
    padding bytea not null
);

-- Not compressed, so that it takes the space that its length suggests.
alter table heartbeats alter column padding set storage external;
