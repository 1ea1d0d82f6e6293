-- Twin of migrations/postgres/0017_entry_seals.sql. Seals, which prove that entries are as they
-- were recorded.

-- Random bytes that are hashed with the entry. They are removed with it, so that the seals reveal
-- nothing about a removed entry.
alter table entries add column salt blob not null default x'';

-- The entries that each transaction has recorded and removed since the last seal.
create table unsealed_entries (
    id blob not null primary key,
    items blob not null
) without rowid;

-- Seals of entries. `items` has 49 bytes for each entry that was recorded or removed: '+' or '-',
-- its id, and the hash of its row. `chain` is the hash of this seal and all before it.
create table entry_seals (
    number integer not null primary key,
    items blob not null,
    sealed_at integer not null,
    chain blob not null
);
