//! Direct access to the tables of entries.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use throughline::domain::entry_seal::{self, Fate, Item, StoredEntry};
use uuid::Uuid;

use crate::{audit::owner, random::Random, support::Database};

const TABLES: [&str; 3] = ["entries", "unsealed_entries", "entry_seals"];
const ROW: &str = "select customer_id, occurred_at, entry_id, kind, channel, index_tag, payload, \
    salt from entries order by entry_id";

type Row = (Uuid, i64, Uuid, String, String, String, Vec<u8>, Vec<u8>);

/// Connections to the database, and to the audit log.
pub struct Owner {
    entries: Connection,
    audit: owner::Owner,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs the same code on either database.
macro_rules! on {
    ($owner:expr, |$c:ident| $run:expr) => {
        match &mut $owner.entries {
            Connection::Sqlite($c) => $run,
            Connection::Postgres($c) => $run,
        }
    };
}

impl Owner {
    pub async fn of(database: &Database) -> Self {
        let url = &database.url;
        let entries = match url.starts_with("sqlite:") {
            true => Connection::Sqlite(SqliteConnection::connect(url).await.unwrap()),
            false => Connection::Postgres(PgConnection::connect(url).await.unwrap()),
        };
        Self { entries, audit: owner::Owner::of(database).await }
    }

    async fn run(&mut self, text: impl Into<String>) {
        let text = AssertSqlSafe(text.into());
        on!(self, |c| drop(c.execute(sqlx::raw_sql(text)).await.unwrap()));
    }

    /// Saves the current contents of all tables.
    pub async fn save(&mut self) {
        for table in TABLES {
            self.run(format!("create table kept_{table} as select * from {table}")).await;
        }
        self.audit.save().await;
    }

    pub async fn restore(&mut self) {
        for table in TABLES {
            let text =
                format!("delete from {table}; insert into {table} select * from kept_{table}");
            self.run(text).await;
        }
        self.audit.restore().await;
    }

    async fn rows(&mut self) -> Vec<Row> {
        on!(self, |c| sqlx::query_as(ROW).fetch_all(c).await.unwrap())
    }

    async fn row(&mut self, number: usize) -> Row {
        self.rows().await.swap_remove(number)
    }

    /// Replaces a row.
    async fn replace(&mut self, entry_id: Uuid, row: &Row) {
        on!(self, |c| {
            let remove = sqlx::query("delete from entries where entry_id = $1").bind(entry_id);
            remove.execute(c).await.map(drop).unwrap();
        });
        self.insert(row).await;
    }

    async fn insert(&mut self, row: &Row) {
        let (customer, at, id, kind, channel, index_tag, payload, salt) = row.clone();
        let text = "insert into entries (customer_id, occurred_at, entry_id, kind, channel, \
            index_tag, payload, salt) values ($1, $2, $3, $4, $5, $6, $7, $8)";
        on!(self, |c| {
            let query = sqlx::query(text).bind(customer).bind(at).bind(id).bind(kind);
            let query = query.bind(channel).bind(index_tag).bind(payload).bind(salt);
            query.execute(c).await.map(drop).unwrap();
        });
    }

    /// Changes an entry at random. Returns a description, and the id of the entry.
    pub async fn change_entry(&mut self, random: &mut Random) -> (&'static str, Uuid) {
        let rows = self.rows().await;
        let (one, other) = (random.below(rows.len()), random.below(rows.len()));
        let mut row = rows[one].clone();
        let id = row.2;
        let what = match random.below(8) {
            0 => {
                row.0 = rows.iter().find(|other| other.0 != row.0).unwrap().0;
                "another customer"
            }
            1 => {
                row.1 += 1;
                "another time"
            }
            2 => {
                row.3 = "feedback".to_owned();
                "another kind"
            }
            3 => {
                row.4 = "letter".to_owned();
                "another channel"
            }
            4 => {
                row.5 = "complaint".to_owned();
                "another tag"
            }
            5 => {
                row.7[random.below(16)] ^= 1;
                "another salt"
            }
            6 if one != other => {
                (row.6, row.7) = (rows[other].6.clone(), rows[other].7.clone());
                "the text of another entry"
            }
            _ => {
                let place = random.below(row.6.len());
                row.6[place] ^= 1 << random.below(8);
                "one bit"
            }
        };
        self.replace(id, &row).await;
        (what, id)
    }

    /// Changes the text of an entry. Returns the changed row.
    pub async fn change_payload(&mut self, number: usize) -> Row {
        let mut row = self.row(number).await;
        replace(&mut row.6, "euro", "yen!");
        self.replace(row.2, &row).await;
        row
    }

    pub async fn change_payload_of(&mut self, id: Uuid, from: &str, into: &str) {
        let mut row = self.rows().await.into_iter().find(|row| row.2 == id).unwrap();
        replace(&mut row.6, from, into);
        self.replace(id, &row).await;
    }

    /// Deletes an entry.
    pub async fn take_out(&mut self, number: usize) -> Uuid {
        let id = self.row(number).await.2;
        on!(self, |c| {
            let remove = sqlx::query("delete from entries where entry_id = $1").bind(id);
            remove.execute(c).await.map(drop).unwrap();
        });
        id
    }

    /// Deletes an entry, and records that as retention does.
    pub async fn remove_as_retention(&mut self, number: usize) {
        let row = self.row(number).await;
        self.take_out(number).await;
        let mut items = Vec::new();
        let item = Item { fate: Fate::Removed, entry_id: row.2, hash: hash(&row) };
        item.write(&mut items);
        let text = "insert into unsealed_entries (id, items) values ($1, $2)";
        on!(self, |c| {
            sqlx::query(text)
                .bind(Uuid::from_u128(7))
                .bind(items)
                .execute(c)
                .await
                .map(drop)
                .unwrap();
        });
    }

    /// Inserts a copy of an entry.
    pub async fn put_in(&mut self, number: usize) -> Uuid {
        let mut row = self.row(number).await;
        row.2 = Uuid::from_u128(row.2.as_u128() ^ 1);
        self.insert(&row).await;
        row.2
    }

    /// Inserts a copy of an entry, as if from before sealing existed.
    pub async fn put_in_without_salt(&mut self, number: usize) -> Uuid {
        let mut row = self.row(number).await;
        row.2 = Uuid::from_u128(row.2.as_u128() ^ 1);
        row.7.clear();
        self.insert(&row).await;
        row.2
    }

    /// Restores the state from before sealing existed.
    pub async fn forget_seals(&mut self) {
        for mut row in self.rows().await {
            row.7.clear();
            self.replace(row.2, &row).await;
        }
        self.run("delete from unsealed_entries").await;
        self.run("delete from settings where name = 'entry_seals_filled'").await;
    }

    async fn seals(&mut self) -> Vec<(i64, Vec<u8>, i64)> {
        let text = "select number, items, sealed_at from entry_seals order by number";
        on!(self, |c| sqlx::query_as(text).fetch_all(c).await.unwrap())
    }

    /// Recomputes the hash of an entry in its seal.
    pub async fn reseal(&mut self, row: &Row) {
        for (number, bytes, _) in self.seals().await {
            let mut items = entry_seal::read_items(&bytes).unwrap();
            for item in items.iter_mut().filter(|item| item.entry_id == row.2) {
                item.hash = hash(row);
            }
            let mut bytes = Vec::new();
            items.iter().for_each(|item| item.write(&mut bytes));
            let text = "update entry_seals set items = $2 where number = $1";
            on!(self, |c| {
                sqlx::query(text).bind(number).bind(bytes).execute(c).await.map(drop).unwrap();
            });
        }
    }

    /// Recomputes the chain of the seals of entries.
    pub async fn rechain_entries(&mut self) {
        let mut chain = entry_seal::FIRST_CHAIN;
        for (number, items, sealed_at) in self.seals().await {
            chain = entry_seal::chain(&chain, number, sealed_at, &items);
            let text = "update entry_seals set chain = $2 where number = $1";
            on!(self, |c| {
                sqlx::query(text)
                    .bind(number)
                    .bind(chain.to_vec())
                    .execute(c)
                    .await
                    .map(drop)
                    .unwrap();
            });
        }
    }

    /// Makes the audit log match the seals of entries.
    pub async fn rechain_audit(&mut self) {
        let text = "select number, chain from entry_seals order by number";
        let chains: Vec<(i64, Vec<u8>)> =
            on!(self, |c| sqlx::query_as(text).fetch_all(c).await.unwrap());
        self.audit.make_entries_anew(&chains).await;
    }

    /// Removes the last seal of entries, and its contents.
    pub async fn cut_seals(&mut self) {
        let (number, items, _) = self.seals().await.pop().unwrap();
        for item in entry_seal::read_items(&items).unwrap() {
            on!(self, |c| {
                let text = "delete from entries where entry_id = $1";
                sqlx::query(text).bind(item.entry_id).execute(c).await.map(drop).unwrap();
            });
        }
        self.run(format!("delete from entry_seals where number = {number}")).await;
    }
}

fn replace(bytes: &mut [u8], from: &str, into: &str) {
    let place = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
    bytes[place..place + into.len()].copy_from_slice(into.as_bytes());
}

fn hash(row: &Row) -> [u8; 32] {
    let (customer_id, occurred_at, entry_id, kind, channel, index_tag, payload, salt) = row;
    let entry = StoredEntry {
        customer_id: *customer_id,
        occurred_at: *occurred_at,
        entry_id: *entry_id,
        kind,
        channel,
        index_tag,
        payload,
        salt,
    };
    entry.hash()
}
