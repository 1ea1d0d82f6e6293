//! Finds records by words of a name. `customer_names` has a row for each pair of words of a name,
//! so that a search for two common words costs no more than one for two rare words.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::LazyLock,
};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{
    dialect::{NAMES_BY_BEGINNINGS, NAMES_IN_RANGES, WORDS_BY_VARIANT},
    packed::{self, Packed},
    search::{BEST, MAX_CANDIDATES, Search},
};
use crate::{
    domain::customer_search::{nearest, query_keys},
    error::Error,
    model::{Match, Reading},
    store::{
        Store,
        sql::db::{Db, on, on_db, rows::json},
    },
};

static FIND_BY_BEGINNING: LazyLock<Packed> = LazyLock::new(|| {
    Packed::ids(
        "select customer_id as id from customer_names \
        where word >= $1 and word < $2 order by word, other, customer_id limit 600",
    )
});
static FIND_BY_BEGINNINGS: LazyLock<Packed> =
    LazyLock::new(|| Packed::bounded(NAMES_BY_BEGINNINGS, 300));

/// Many ranges of `customer_names` in one statement, with the number of rows of each.
struct Ranges {
    rows: usize,
    text: LazyLock<Packed>,
}

/// For the typed words, and the most similar dictionary words.
static TYPED: Ranges = Ranges::of::<200>();
/// For the many other similar words.
static MEANT: Ranges = Ranges::of::<24>();
/// How many ranges of similar words use the larger size.
const NEAREST: usize = 16;

impl Ranges {
    const fn of<const ROWS: usize>() -> Self {
        let text: LazyLock<Packed> = LazyLock::new(|| Packed::bounded(NAMES_IN_RANGES, ROWS));
        Self { rows: ROWS, text }
    }
}

/// How many words of a query are looked up; the others only filter the results.
const MAX_LEADING: usize = 4;
/// How many similar words are looked up together with other words of the query.
const MAX_MEANT: usize = 128;
/// How many are looked up if both of two words are misspelt.
const MAX_MEANT_BOTH: usize = 6;
/// How many similar words are looked up for a single word.
const MAX_NEAREST: usize = 48;

pub(super) fn statements() -> [(&'static str, &'static Packed); 4] {
    [
        ("customer_search.find_by_beginning", &FIND_BY_BEGINNING),
        ("customer_search.find_by_beginnings", &FIND_BY_BEGINNINGS),
        ("customer_search.find_typed", &TYPED.text),
        ("customer_search.find_meant", &MEANT.text),
    ]
}

/// A word, and the range of the words beside it.
type Range = (String, String, String);

/// The upper bound of all texts that begin with an ASCII text.
fn behind(text: &str) -> String {
    format!("{text}\u{7f}")
}

/// The words, the longest first.
fn longest(words: &[String]) -> Vec<&String> {
    let mut longest: Vec<&String> = words.iter().collect();
    longest.sort_by_key(|word| std::cmp::Reverse(word.len()));
    longest
}

/// The range of a word beside words with a given beginning.
fn beside(word: &str, other: &str) -> Range {
    (word.to_owned(), other.to_owned(), behind(other))
}

/// The range of a word beside places with a given beginning.
fn beside_place(word: &str, place: &str) -> Range {
    beside(word, &format!("@{place}"))
}

impl Search<'_> {
    /// Adds the records that the words of a reading find: as typed, and misspelt if these are few.
    pub(super) async fn by_name(&mut self, reading: &Reading, places: bool) -> Result<(), Error> {
        let words = &reading.words;
        let typed = match words.as_slice() {
            [word] => self.store.find_by_beginning(word).await?,
            _ => self.store.find_together(words, places).await?,
        };
        if self.weigh(reading, candidates(typed)).await? < BEST {
            let meant = self.store.find_misspelt(words, places).await?;
            self.weigh(reading, candidates(meant)).await?;
        }
        Ok(())
    }
}

/// Each record once, without a match of the clue, since the words decide.
fn candidates(ids: Vec<Uuid>) -> Vec<(Uuid, Option<Match>)> {
    let mut seen = HashSet::new();
    let mut candidates: Vec<_> =
        ids.into_iter().filter(|id| seen.insert(*id)).map(|id| (id, None)).collect();
    candidates.truncate(MAX_CANDIDATES);
    candidates
}

impl Store {
    async fn find_by_beginning(&self, word: &str) -> Result<Vec<Uuid>, Error> {
        let text = AssertSqlSafe(FIND_BY_BEGINNING.on(&self.db));
        let found = on_db!(&self.db, |c| {
            sqlx::query_scalar(text).bind(word).bind(behind(word)).fetch_one(c).await?
        });
        Ok(packed::ids(found))
    }

    /// Records with two of the words: first the pair with the fewest records, then the pairs of the
    /// longest words, which are the most selective. The records with all words are among those of
    /// any pair.
    async fn find_together(&self, words: &[String], places: bool) -> Result<Vec<Uuid>, Error> {
        let words = longest(words);
        let words: Vec<&String> = words.into_iter().take(MAX_LEADING).collect();
        let mut ranges = Vec::new();
        let mut pair_of = Vec::new();
        let pairs = (0..words.len()).flat_map(|a| (a + 1..words.len()).map(move |b| (a, b)));
        for (pair, (a, b)) in pairs.enumerate() {
            for (word, other) in [(words[a], words[b]), (words[b], words[a])] {
                ranges.push(beside(word, other));
                pair_of.push(pair);
                if places {
                    ranges.push(beside_place(word, other));
                    pair_of.push(pair);
                }
            }
        }
        let mut pairs: BTreeMap<usize, (bool, Vec<Uuid>)> = BTreeMap::new();
        for (range, ids) in self.find_ranges(&TYPED, ranges).await?.into_iter().enumerate() {
            let (is_cut, all) = pairs.entry(pair_of[range]).or_default();
            *is_cut |= ids.len() == TYPED.rows;
            all.extend(ids);
        }
        let mut pairs: Vec<_> = pairs.into_values().collect();
        // The sort is stable: truncated pairs stay in the order of their words.
        pairs.sort_by_key(|(is_cut, ids)| (*is_cut, if *is_cut { 0 } else { ids.len() }));
        Ok(pairs.into_iter().flat_map(|(_, ids)| ids).collect())
    }

    /// Records with words similar to the typed ones; if there are several words, two at a time.
    async fn find_misspelt(&self, words: &[String], places: bool) -> Result<Vec<Uuid>, Error> {
        let meant = self.find_meant(words).await?;
        let mut ids = Vec::new();
        let mut ranges = Vec::new();
        if words.len() == 1 {
            ranges.extend(meant.iter().flatten().map(|near| beside(near, "")));
        } else {
            // Two beginnings, starting with the longer one, which fewer words have.
            let longest = longest(words);
            let (one, other) = (longest[0], longest[1]);
            let text = AssertSqlSafe(FIND_BY_BEGINNINGS.on(&self.db));
            ids = packed::ids(on_db!(&self.db, |c| {
                let query = sqlx::query_scalar(text).bind(one).bind(behind(one));
                query.bind(other).bind(behind(other)).fetch_one(c).await?
            }));
            let each = MAX_MEANT / (2 * words.len() * (words.len() - 1));
            // The most similar dictionary word of each word before the next of any.
            for rank in 0..each {
                for (at, near) in meant.iter().enumerate() {
                    let Some(near) = near.get(rank) else { continue };
                    for (_, other) in words.iter().enumerate().filter(|(it, _)| *it != at) {
                        ranges.push(beside(near, other));
                        ranges.extend(places.then(|| beside_place(near, other)));
                    }
                }
            }
        }
        if let [one, other] = meant.as_slice() {
            for one in one.iter().take(MAX_MEANT_BOTH) {
                let others = other.iter().take(MAX_MEANT_BOTH);
                ranges.extend(others.map(|it| (one.clone(), it.clone(), format!("{it}\u{1}"))));
            }
        }
        let further = ranges.split_off(NEAREST.min(ranges.len()));
        ids.extend(self.find_ranges(&TYPED, ranges).await?.into_iter().flatten());
        ids.extend(self.find_ranges(&MEANT, further).await?.into_iter().flatten());
        Ok(ids)
    }

    /// For each word, the similar words of the dictionary.
    async fn find_meant(&self, words: &[String]) -> Result<Vec<Vec<String>>, Error> {
        let keys: BTreeSet<String> = words.iter().flat_map(|word| query_keys(word)).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let rows: Vec<(Option<String>,)> = self.db.by_texts(WORDS_BY_VARIANT, &keys).await?;
        let known: BTreeSet<String> = rows
            .iter()
            .filter_map(|(words,)| words.as_deref())
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect();
        let known: Vec<String> = known.into_iter().collect();
        Ok(words.iter().map(|word| nearest(word, known.clone(), MAX_NEAREST)).collect())
    }

    /// The records of each range.
    async fn find_ranges(
        &self,
        kind: &Ranges,
        ranges: Vec<Range>,
    ) -> Result<Vec<Vec<Uuid>>, Error> {
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let text = AssertSqlSafe(kind.text.on(&self.db));
        let found: Vec<Option<Vec<u8>>> = match &self.db {
            Db::Sqlite { read, .. } => {
                let list = json(ranges.into_iter().map(|(word, from, to)| [word, from, to]));
                let query = sqlx::query_scalar(text).bind(list);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Db::Postgres(pool) => {
                let mut columns: [Vec<String>; 3] = Default::default();
                for (word, from, to) in ranges {
                    columns[0].push(word);
                    columns[1].push(from);
                    columns[2].push(to);
                }
                let [words, from, to] = columns;
                let query = sqlx::query_scalar(text).bind(words).bind(from).bind(to);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        };
        Ok(found.into_iter().map(packed::ids).collect())
    }
}
