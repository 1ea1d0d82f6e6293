-- SQLite only: the counterpart of 0015_files.sql in the file of the audit log.

create table write_count (count integer not null);

insert into write_count (count) values (random() & 0x0fffffffffffffff | 0x1000000000000000);

-- `database_id` is the id of the database that the log belongs to.
create table audit_settings (
    name text not null primary key,
    value blob not null
) without rowid;
