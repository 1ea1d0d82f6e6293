//! Removes unused words from the dictionary after an erasure, since former names of the customer
//! may be among them.

use std::collections::BTreeSet;

use crate::{
    domain::customer_search::index_keys,
    error::Error,
    store::{
        Store,
        sql::{
            attempt::attempt,
            bulk::Column,
            db::{Tx, on, on_db},
            statement::{Twin, list_of},
        },
    },
};

/// A page of words after one, each with whether it is in use. $1: the word.
const LIST_WORDS: &str = "select w.word, \
    exists (select 1 from customer_names n where n.word = w.word) \
    from (select word from name_words where word > $1 order by word limit 1000) w order by w.word";
/// Waits for transactions that have read the dictionary, and blocks new readers: a writer who finds
/// a word there does not add it. The lock is held for one short transaction and not waited for
/// long, since others wait behind it.
const LOCK_WORDS: [&str; 2] =
    ["set local lock_timeout = '2s'", "lock table name_words in access exclusive mode"];
/// $1: words.
const REMOVE_UNUSED: Twin = list_of!(
    values:
    "delete from name_words where word",
    " and not exists (select 1 from customer_names n where n.word = name_words.word) \
        returning word"
);
/// Columns: variants and words.
const REMOVE_VARIANTS: Twin = Twin {
    sqlite: "delete from name_variants where (variant, word) in \
        (select value ->> 0, value ->> 1 from json_each($1))",
    postgres: "delete from name_variants where (variant, word) in \
        (select * from unnest(cast($1 as text[]), cast($2 as text[])))",
};

pub(super) const STATEMENTS: [(&str, &str); 1] = [("customer_search.list_words", LIST_WORDS)];
pub(super) const TWINS: [(&str, Twin); 2] = [
    ("customer_search.remove_unused", REMOVE_UNUSED),
    ("customer_search.remove_variants", REMOVE_VARIANTS),
];

/// The progress of the sweep.
#[derive(Debug, Default)]
pub(in crate::store) struct Unused {
    after: String,
}

impl Unused {
    /// Removes the unused ones among the next 1,000 words. False if there are no more words.
    pub async fn remove_next(&mut self, store: &Store) -> Result<bool, Error> {
        let page: Vec<(String, bool)> = on_db!(&store.db, |c| {
            sqlx::query_as(LIST_WORDS).bind(&self.after).fetch_all(c).await?
        });
        let Some((last, _)) = page.last() else { return Ok(false) };
        self.after.clone_from(last);
        let unused = page.into_iter().filter(|(_, used)| !used);
        let unused: Vec<String> = unused.map(|(word, _)| word).collect();
        if !unused.is_empty() {
            let store = store.clone();
            attempt(move || {
                let (store, unused) = (store.clone(), unused.clone());
                async move { remove(&store, &unused).await }
            })
            .await?;
        }
        Ok(true)
    }
}

async fn remove(store: &Store, words: &[String]) -> Result<(), Error> {
    let mut tx = store.db.begin().await?;
    if let Tx::Postgres(tx) = &mut tx {
        for text in LOCK_WORDS {
            on!(*tx, |c| sqlx::query(text).execute(c).await?);
        }
    }
    let removed: Vec<(String,)> = tx.by_texts(REMOVE_UNUSED, words).await?;
    let variants: BTreeSet<(String, String)> = removed
        .into_iter()
        .flat_map(|(word,)| index_keys(&word).into_iter().map(move |key| (key, word.clone())))
        .collect();
    let (variants, words): (Vec<String>, Vec<String>) = variants.into_iter().unzip();
    tx.apply(REMOVE_VARIANTS, vec![Column::Texts(variants), Column::Texts(words)]).await?;
    tx.commit().await
}
