//! The stems of a word in each language.

use rust_stemmers::{Algorithm, Stemmer};

/// Groups of languages whose texts are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Dutch,
    /// Norwegian and Danish, which share most of their small words.
    Nordic,
    English,
}

impl Language {
    pub const COUNT: usize = 3;
    pub const ALL: [Self; Self::COUNT] = [Self::Dutch, Self::Nordic, Self::English];

    /// What stands behind a stem. No word of these languages ends so, nor does a number.
    fn tag(self) -> &'static str {
        match self {
            Self::Dutch => "qn",
            Self::Nordic => "qs",
            Self::English => "qe",
        }
    }
}

pub(super) const TAG_BYTES: usize = 2;

/// The shortest stem. A shorter rest of a word says nothing.
const MIN_STEM_BYTES: usize = 3;

/// Words that the rules of another language would cut, as their ending looks like one of its: the
/// rest is another common word, or one of no meaning that several of them share.
const WHOLE: &str = "after battery better budget center computer customer each ever even hand her \
    here host internet late later letter listen market never number offer open order other over \
    paper power printer router server seven summer table tablet ticket under user water weather \
    winter";

/// The index words of one folded word.
#[derive(Debug)]
pub(super) enum Stems {
    /// The same in every language.
    Plain(Box<str>),
    Tagged {
        dutch: Box<str>,
        /// Norwegian, and Danish where it differs.
        nordic: (Box<str>, Option<Box<str>>),
        english: Box<str>,
    },
}

impl Stems {
    /// The stems of a word of a-z and 0-9.
    pub fn of(word: &str) -> Self {
        if word.bytes().any(|b| b.is_ascii_digit()) {
            return Self::Plain(word.into());
        }
        let norwegian = stem(Algorithm::Norwegian, word, Language::Nordic);
        let danish = stem(Algorithm::Danish, word, Language::Nordic);
        Self::Tagged {
            dutch: stem(Algorithm::Dutch, word, Language::Dutch),
            nordic: (norwegian.clone(), (danish != norwegian).then_some(danish)),
            english: stem(Algorithm::English, word, Language::English),
        }
    }

    /// The index words of one language, one or two.
    pub fn of_language(&self, language: Language) -> impl Iterator<Item = &str> {
        let (first, second) = match (self, language) {
            (Self::Plain(word), _) => (word, None),
            (Self::Tagged { dutch, .. }, Language::Dutch) => (dutch, None),
            (Self::Tagged { nordic, .. }, Language::Nordic) => (&nordic.0, nordic.1.as_ref()),
            (Self::Tagged { english, .. }, Language::English) => (english, None),
        };
        [Some(first), second].into_iter().flatten().map(AsRef::as_ref)
    }
}

fn stem(algorithm: Algorithm, word: &str, language: Language) -> Box<str> {
    let stem = Stemmer::create(algorithm).stem(word);
    let is_foreign = !matches!(language, Language::English) && WHOLE.split(' ').any(|w| w == word);
    let stem = if stem.len() < MIN_STEM_BYTES || is_foreign { word } else { &stem };
    let mut tagged = String::with_capacity(stem.len() + TAG_BYTES);
    // The rules of a language may put letters in that the folding took out.
    tagged.extend(stem.chars().filter(char::is_ascii_alphanumeric));
    tagged.push_str(language.tag());
    tagged.into()
}
