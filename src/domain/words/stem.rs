//! Stems of words in each language.

use rust_stemmers::{Algorithm, Stemmer};

/// Groups of languages that are distinguished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Dutch,
    /// Norwegian and Danish, which share most of their function words.
    Nordic,
    English,
}

impl Language {
    pub const COUNT: usize = 3;
    pub const ALL: [Self; Self::COUNT] = [Self::Dutch, Self::Nordic, Self::English];

    /// The suffix that tags a stem. No word or number of these languages ends with it.
    fn tag(self) -> &'static str {
        match self {
            Self::Dutch => "qn",
            Self::Nordic => "qs",
            Self::English => "qe",
        }
    }
}

pub(super) const TAG_BYTES: usize = 2;

/// The shortest stem. A shorter one is meaningless.
const MIN_STEM_BYTES: usize = 3;

/// Words that the rules of another language would truncate because of their ending: the rest would
/// be another common word, or a meaningless one that several of them share.
const WHOLE: &str = "after battery better budget center computer customer each ever even hand her \
    here host internet late later letter listen market meter never number offer open order other \
    over paper power printer router server seven summer table tablet ticket under user water \
    weather winter";

/// The index words of one folded word.
#[derive(Debug)]
pub(super) enum Stems {
    /// Not inflected: the word itself in every language.
    Plain(Box<str>),
    Tagged {
        dutch: Pair,
        nordic: Pair,
        english: Box<str>,
    },
}

/// A stem, and a second one where it differs.
type Pair = (Box<str>, Option<Box<str>>);

impl Stems {
    /// The stems of a word of a-z and 0-9.
    pub fn of(word: &str) -> Self {
        if word.bytes().any(|b| b.is_ascii_digit()) {
            return Self::Plain(word.into());
        }
        let nordic = |algorithm| tagged(word, stem(algorithm, word), Language::Nordic);
        Self::Tagged {
            dutch: dutch(word),
            nordic: pair(nordic(Algorithm::Norwegian), nordic(Algorithm::Danish)),
            english: tagged(word, stem(Algorithm::English, word), Language::English),
        }
    }

    /// The index words of one language, one or two.
    pub fn of_language(&self, language: Language) -> impl Iterator<Item = &str> {
        let (first, second) = match (self, language) {
            (Self::Plain(word), _) => (word, None),
            (Self::Tagged { dutch, .. }, Language::Dutch) => (&dutch.0, dutch.1.as_ref()),
            (Self::Tagged { nordic, .. }, Language::Nordic) => (&nordic.0, nordic.1.as_ref()),
            (Self::Tagged { english, .. }, Language::English) => (english, None),
        };
        [Some(first), second].into_iter().flatten().map(AsRef::as_ref)
    }
}

/// The stemmer does not handle plurals of words that end in -e (machines, televisies), because
/// other words end in -es themselves (adres): such a word gets both stems. Nor does it handle the
/// voiced and doubled consonants of plurals (prijzen, brieven, adressen).
fn dutch(word: &str) -> Pair {
    let devoiced = |word: &str| {
        let mut stem = stem(Algorithm::Dutch, word);
        match stem.pop() {
            Some('z') => stem.push('s'),
            Some('v') => stem.push('f'),
            Some(last) if stem.ends_with(last) && !"aeiou".contains(last) => {}
            last => stem.extend(last),
        }
        tagged(word, stem, Language::Dutch)
    };
    match word.strip_suffix('s').filter(|singular| singular.ends_with('e')) {
        Some(singular) => pair(devoiced(word), devoiced(singular)),
        None => (devoiced(word), None),
    }
}

fn pair(first: Box<str>, second: Box<str>) -> Pair {
    let second = (second != first).then_some(second);
    (first, second)
}

fn stem(algorithm: Algorithm, word: &str) -> String {
    let mut stem = Stemmer::create(algorithm).stem(word).into_owned();
    // The rules of a language may reintroduce characters that folding removed.
    stem.retain(|c| c.is_ascii_alphanumeric());
    stem
}

fn tagged(word: &str, stem: String, language: Language) -> Box<str> {
    let is_foreign = language != Language::English && WHOLE.split_whitespace().any(|w| w == word);
    let mut tagged = if stem.len() < MIN_STEM_BYTES || is_foreign { word.to_owned() } else { stem };
    tagged.push_str(language.tag());
    tagged.into()
}
