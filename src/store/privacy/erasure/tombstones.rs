//! Tombstones: keyed hashes of erased idempotency keys and identifiers, stored among the
//! idempotency keys, so that the look-up of every write finds them. As long as nothing was erased,
//! a write looks up only one additional name and computes no hash.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Clock,
    error::Error,
    model::Micros,
    store::{
        sql::{
            bulk::Column,
            db::{Db, Tx, on_db, on_tx},
            settings,
            statement::Twin,
        },
        write::{
            idempotency::find_writes,
            writes::{Erased, IdempotencyRow},
        },
    },
};

/// The setting that holds the key. It is created before anything is erased, so that every backup
/// has it.
const KEY: &str = "erasure_key";
/// The scopes of the hashes. No source can have such a name, since surrounding spaces are removed.
const NAMES: &str = " erased";
const IDENTIFIERS: &str = " erased identifier";

/// Columns: scopes, hashes, ids of erasures and times.
pub(super) const SET_TOMBSTONES: Twin = Twin {
    sqlite: "insert into idempotency_keys (scope, name, body, customer_id, entry_id, revision, \
            recorded_at, customer_created) \
        select value ->> 0, value ->> 1, x'', zeroblob(16), unhex(value ->> 2), 0, \
            value ->> 3, false from json_each($1) where true \
        on conflict (scope, name) do update set entry_id = excluded.entry_id, \
            recorded_at = excluded.recorded_at",
    postgres: "insert into idempotency_keys (scope, name, body, customer_id, entry_id, revision, \
            recorded_at, customer_created) \
        select a, b, '', cast('00000000-0000-0000-0000-000000000000' as uuid), c, 0, d, false \
        from unnest(cast($1 as text[]), cast($2 as text[]), cast($3 as uuid[]), \
            cast($4 as bigint[])) as t (a, b, c, d) \
        on conflict (scope, name) do update set entry_id = excluded.entry_id, \
            recorded_at = excluded.recorded_at",
};

/// The hashes of an erasure. Read at the start if a file lacks them. $1: the id.
pub(super) const OF_ERASURE: &str = "select scope, name from idempotency_keys \
    where scope in (' erased', ' erased identifier') and entry_id = $1 order by scope, name";

/// The keyed hashes of an erasure, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// Of idempotency keys.
    pub names: BTreeSet<String>,
    /// Of the keys of identifiers.
    pub identifiers: BTreeSet<String>,
}

/// The key, and whether anything is known to have been erased.
#[derive(Clone)]
pub struct Tombstones {
    key: Arc<[u8]>,
    any: Arc<AtomicBool>,
}

/// Prints no key.
impl fmt::Debug for Tombstones {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tombstones").field("any", &self.any).finish_non_exhaustive()
    }
}

/// The name that exists as soon as anything was erased.
fn mark() -> (String, String) {
    (NAMES.to_owned(), String::new())
}

impl Tombstones {
    /// Loads the key of a database, which is created once.
    pub async fn load(db: &Db, clock: Clock) -> Result<Self, Error> {
        let read = || async {
            Ok::<Option<Vec<u8>>, Error>(on_db!(db, |c| {
                sqlx::query_scalar(settings::GET).bind(KEY).fetch_optional(c).await?
            }))
        };
        let key = match read().await? {
            Some(key) => key,
            None => {
                let mut tx = db.begin().await?;
                let new = clock.new_key().to_vec();
                on_tx!(&mut tx, |c| {
                    sqlx::query(settings::ADD).bind(KEY).bind(new).execute(c).await?;
                });
                tx.commit().await?;
                read().await?.ok_or(Error::Internal("no key for what is erased".to_owned()))?
            }
        };
        Ok(Self { key: key.into(), any: Arc::default() })
    }

    /// Identifies the key without revealing it.
    pub fn key_id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"the id of a key");
        hash.update(&self.key);
        hexadecimal(&hash.finalize()[..8])
    }

    /// The hash of an idempotency key.
    pub fn of_name(&self, (scope, name): &(String, String)) -> String {
        self.hash(NAMES, scope, name)
    }

    /// The hash of the key of an identifier.
    pub fn of_identifier(&self, key: &str) -> String {
        self.hash(IDENTIFIERS, "", key)
    }

    fn hash(&self, kind: &str, scope: &str, name: &str) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length");
        for part in [kind, scope, name] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        hexadecimal(&mac.finalize().into_bytes())
    }

    /// The earlier writes with some names, and which of the names and identifier keys were erased:
    /// one statement, unless it finds for the first time that anything was erased.
    pub async fn find(
        &self,
        tx: &mut Tx,
        names: &[(String, String)],
        keys: &BTreeSet<String>,
    ) -> Result<(HashMap<(String, String), IdempotencyRow>, Erased), Error> {
        let mut asked = names.to_vec();
        if !self.any.load(Ordering::Relaxed) {
            asked.push(mark());
            let mut found = find_writes(tx, &asked).await?;
            if found.remove(&mark()).is_none() {
                return Ok((found, Erased::default()));
            }
            self.any.store(true, Ordering::Relaxed);
            asked.pop();
        }
        let name_of = |hash: String| (NAMES.to_owned(), hash);
        let key_of = |hash: String| (IDENTIFIERS.to_owned(), hash);
        let hashed: Vec<_> = names.iter().map(|it| (it, name_of(self.of_name(it)))).collect();
        let hashed_keys: Vec<_> =
            keys.iter().map(|it| (it, key_of(self.of_identifier(it)))).collect();
        asked.extend(hashed.iter().map(|(_, hash)| hash.clone()));
        asked.extend(hashed_keys.iter().map(|(_, hash)| hash.clone()));
        let mut found = find_writes(tx, &asked).await?;
        let mut erased = Erased::default();
        for (name, hash) in hashed {
            if found.remove(&hash).is_some() {
                erased.names.insert(name.clone());
            }
        }
        for (key, hash) in hashed_keys {
            if let Some(row) = found.remove(&hash) {
                erased.identifiers.insert(key.clone(), row.recorded_at);
            }
        }
        Ok((found, erased))
    }

    /// Stores the hashes of an erasure, sorted, so that two servers that add the same ones never
    /// deadlock.
    pub async fn add(
        &self,
        tx: &mut Tx,
        (erasure_id, erased_at): (uuid::Uuid, Micros),
        hashes: &Hashes,
    ) -> Result<(), Error> {
        let names = hashes.names.iter().map(|hash| (NAMES.to_owned(), hash.clone()));
        let keys = hashes.identifiers.iter().map(|hash| (IDENTIFIERS.to_owned(), hash.clone()));
        let (scopes, names): (Vec<_>, Vec<_>) =
            std::iter::once(mark()).chain(names).chain(keys).unzip();
        let rows = names.len();
        let columns = vec![
            Column::Texts(scopes),
            Column::Texts(names),
            Column::Ids(vec![erasure_id; rows]),
            Column::Integers(vec![erased_at; rows]),
        ];
        tx.apply(SET_TOMBSTONES, columns).await.map(drop)
    }

    /// The stored hashes of an erasure.
    pub async fn of_erasure(&self, db: &Db, erasure_id: uuid::Uuid) -> Result<Hashes, Error> {
        let rows: Vec<(String, String)> =
            on_db!(db, |c| { sqlx::query_as(OF_ERASURE).bind(erasure_id).fetch_all(c).await? });
        let mut hashes = Hashes::default();
        for (scope, hash) in rows.into_iter().filter(|(_, hash)| !hash.is_empty()) {
            let kind = if scope == NAMES { &mut hashes.names } else { &mut hashes.identifiers };
            kind.insert(hash);
        }
        Ok(hashes)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
