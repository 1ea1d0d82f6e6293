-- SQLite only: PostgreSQL keeps its files consistent itself.

-- One row, which counts the transactions that write to this file. A write-ahead log (-wal) next to
-- the file is replayed into it only if it continues from this number. It starts at a random number
-- that is large enough to always take eight bytes: it is read without SQLite.
create table write_count (count integer not null);

insert into write_count (count) values (random() & 0x0fffffffffffffff | 0x1000000000000000);
