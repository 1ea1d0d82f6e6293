-- SQLite alone: PostgreSQL keeps its files together itself.

-- One row, which counts the transactions that write to this file. A log (-wal) that stands beside
-- the file is played into it only where it goes on from this number. It begins where no other file
-- does, and so high that it always takes eight bytes: it is read without SQLite.
create table write_count (count integer not null);

insert into write_count (count) values (random() & 0x0fffffffffffffff | 0x1000000000000000);
