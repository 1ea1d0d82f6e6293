//! Turns a text into index words, so that a word finds its inflected forms.
//!
//! A word is indexed as its stem with a tag for the language whose rules produced it: a Danish
//! stemmer takes "tablet" and "table" for forms of one word, and without the tag an English text
//! would match by that. A text is stemmed by the rules of the languages that its function words
//! (the, het, og) indicate, or of all languages if it has none; a query is too short to tell and is
//! stemmed by all. Words with digits, such as serial numbers, are indexed as they are.

mod evidence;
mod stem;

use std::{cell::RefCell, collections::HashMap, collections::HashSet, rc::Rc};

use stem::{Language, Stems};

use super::fold;

/// The maximum number of index words of a text; the first ones count.
pub const MAX_WORDS: usize = 4000;

/// The longest word, in bytes.
pub const MAX_WORD_BYTES: usize = fold::MAX_WORD_BYTES + stem::TAG_BYTES;

/// The maximum number of words of a query.
pub const MAX_QUERY_WORDS: usize = 32;

/// The longest list of words, in bytes.
const MAX_TOTAL_BYTES: usize = 64 * 1024 - 1;

/// How many tokens each thread caches the stems of.
const MAX_CACHED: usize = 20_000;

/// A longer token is unlikely to recur.
const MAX_CACHED_BYTES: usize = 32;

/// The distinct index words of some texts, sorted and separated by spaces. Each consists of a-z and
/// 0-9.
pub fn index_words<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut tokens: Vec<Rc<Token>> = Vec::new();
    let mut evidence = [0_u32; Language::COUNT];
    let mut cache = Cache::take();
    for text in texts {
        for token in fold::tokens(text) {
            let token = cache.get(token);
            for (language, count) in evidence.iter_mut().enumerate() {
                *count += u32::from(token.evidence & (1 << language) != 0);
            }
            tokens.push(token);
        }
    }
    cache.give_back();

    let languages = spoken(evidence);
    let mut words: Vec<&str> = Vec::new();
    for token in &tokens {
        for stems in &token.stems {
            languages.iter().for_each(|language| words.extend(stems.of_language(*language)));
        }
    }
    bound(&mut words);
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

/// For each word of a query, the index words that match it. The error is the rule that the query
/// violates.
pub fn query_words(query: &str) -> Result<Vec<Vec<String>>, &'static str> {
    let mut all = Vec::new();
    for token in fold::tokens(query) {
        add_words(&mut all, &Token::of(token));
        if all.len() > MAX_QUERY_WORDS {
            return Err("must be at most 32 words");
        }
    }
    Ok(all)
}

/// For each content word of some texts, the index words that match it; function words are left out.
/// About the first `max` of them.
pub fn topic_words<'a>(texts: impl IntoIterator<Item = &'a str>, max: usize) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for text in texts.into_iter().flat_map(fold::tokens) {
        let token = Token::of(text);
        // A letter that only one language uses also indicates the language, whatever the length of
        // the word.
        if token.evidence == 0 || !text.is_ascii() {
            add_words(&mut all, &token);
        }
        if all.len() >= max {
            break;
        }
    }
    all
}

/// Adds the index words of a token in all languages.
fn add_words(all: &mut Vec<Vec<String>>, token: &Token) {
    for stems in &token.stems {
        let of_language = |language| stems.of_language(language).map(str::to_owned);
        let mut any: Vec<String> = Language::ALL.into_iter().flat_map(of_language).collect();
        any.sort_unstable();
        any.dedup();
        if !all.contains(&any) {
            all.push(any);
        }
    }
}

/// The languages that the function words of a text indicate: the most frequent one, and those at
/// least a quarter as frequent. All if there are none.
fn spoken(evidence: [u32; Language::COUNT]) -> Vec<Language> {
    let most = evidence.into_iter().max().unwrap_or_default();
    let is_spoken = |language: &Language| evidence[*language as usize] * 4 >= most;
    Language::ALL.into_iter().filter(is_spoken).collect()
}

/// Truncates a list of words to the limits.
fn bound(words: &mut Vec<&str>) {
    let bytes: usize = words.iter().map(|word| word.len() + 1).sum();
    if words.len() <= MAX_WORDS && bytes <= MAX_TOTAL_BYTES {
        return;
    }
    let mut seen = HashSet::new();
    let mut bytes = 0;
    words.retain(|word| {
        let is_new = !seen.contains(word);
        let fits = seen.len() < MAX_WORDS && bytes + word.len() < MAX_TOTAL_BYTES;
        if is_new && fits {
            seen.insert(*word);
            bytes += word.len() + 1;
        }
        is_new && fits
    });
}

/// The cached analysis of a token: usually one folded word.
#[derive(Debug)]
struct Token {
    stems: Vec<Stems>,
    /// A bit for each language that the token indicates.
    evidence: u8,
}

impl Token {
    fn of(token: &str) -> Self {
        let words = fold::words(token);
        let evidence = words.iter().map(|word| evidence::of(token, word)).fold(0, |all, e| all | e);
        Self { stems: words.iter().map(|word| Stems::of(word)).collect(), evidence }
    }
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// A cache of analysed tokens per thread: the texts of an import repeat theirs, and a look-up costs
/// a twentieth of the stemming.
#[derive(Debug, Default)]
struct Cache(HashMap<Box<str>, Rc<Token>>);

impl Cache {
    /// Takes the cache of the thread out while it is in use.
    fn take() -> Self {
        CACHE.take()
    }

    fn give_back(self) {
        CACHE.set(self);
    }

    fn get(&mut self, token: &str) -> Rc<Token> {
        if let Some(known) = self.0.get(token) {
            return Rc::clone(known);
        }
        let made = Rc::new(Token::of(token));
        if token.len() <= MAX_CACHED_BYTES {
            if self.0.len() >= MAX_CACHED {
                self.0.clear();
            }
            self.0.insert(token.into(), Rc::clone(&made));
        }
        made
    }
}
