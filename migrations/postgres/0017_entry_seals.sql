-- Twin of migrations/sqlite/0017_entry_seals.sql. Seals, which prove that entries are as they were
-- recorded.

-- Random bytes that are hashed with the entry. They are removed with it, so that the seals reveal
-- nothing about a removed entry.
alter table entries add column salt bytea not null default '';

-- The entries that each transaction has recorded and removed since the last seal.
create table unsealed_entries (
    id uuid not null primary key,
    items bytea not null
);

-- Seals of entries. `items` has 49 bytes for each entry that was recorded or removed: '+' or '-',
-- its id, and the hash of its row. `chain` is the hash of this seal and all before it.
create table entry_seals (
    number bigint not null primary key,
    items bytea not null,
    sealed_at bigint not null,
    chain bytea not null
);

-- Hashes cannot be compressed.
alter table unsealed_entries alter column items set storage external;
alter table entry_seals alter column items set storage external;
