//! Folds text: without case, accents and script, only lower case Latin letters and digits remain.

use deunicode::deunicode_char;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::text::is_invisible;

/// The longest folded word; longer ones are truncated, both in the index and in queries.
pub const MAX_WORD_BYTES: usize = 38;

/// How much of a token is read: longer ones are not words of any language.
const MAX_TOKEN_BYTES: usize = 160;

/// The runs of letters and digits of a text. Every ideograph is a token.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { rest: text }
}

/// An iterator over the tokens of a text.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let start = self.rest.find(|c| is_part(c) && !is_invisible(c))?;
        let run = &self.rest[start..];
        let first = run.chars().next()?;
        let end = match is_ideograph(first) {
            true => first.len_utf8(),
            false => run.find(|c| !is_part(c) || is_ideograph(c)).unwrap_or(run.len()),
        };
        self.rest = &run[end..];
        Some(&run[..run.floor_char_boundary(end.min(MAX_TOKEN_BYTES))])
    }
}

/// The folded words of a token: usually one; none if it has no letter that can be transliterated.
pub fn words(token: &str) -> Vec<String> {
    if token.is_ascii() {
        let mut word = token.to_ascii_lowercase();
        word.truncate(MAX_WORD_BYTES);
        return if word.is_empty() { Vec::new() } else { vec![word] };
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let seen = token.chars().filter(|c| !is_invisible(*c));
    for c in seen.nfkc().filter(|c| !is_combining_mark(*c)) {
        for c in deunicode_char(c).unwrap_or_default().chars() {
            if c.is_ascii_alphanumeric() {
                word.push(c.to_ascii_lowercase());
            } else if !is_apostrophe(c) {
                // A transliteration into several words, such as that of "1/2" or of an ideograph.
                finish(&mut word, &mut words);
            }
        }
    }
    finish(&mut word, &mut words);
    words
}

/// Whether a character is an apostrophe, or the transliteration of a soft sign.
pub fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '`' | '\u{2bc}' | '\u{2018}' | '\u{2019}' | '\u{b4}' | '\u{ff07}')
}

fn finish(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        word.truncate(MAX_WORD_BYTES);
        words.push(std::mem::take(word));
    }
}

fn is_part(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    c.is_alphanumeric() || is_combining_mark(c) || is_invisible(c)
}

/// Ideographs and Hangul syllables, which are written without spaces or transliterated one by one.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_tokens() {
        let cases: [(&str, &[&str]); 7] = [
            ("Bestelling #W4923227, a.u.b.!", &["Bestelling", "W4923227", "a", "u", "b"]),
            ("SN-00417", &["SN", "00417"]),
            ("e\u{301}en kjøle\u{ad}skap", &["e\u{301}en", "kjøle\u{ad}skap"]),
            ("日本ab", &["日", "本", "ab"]),
            ("\u{200b} \u{feff}", &[]),
            ("", &[]),
            ("a", &["a"]),
        ];
        for (text, expected) in cases {
            assert_eq!(tokens(text).collect::<Vec<_>>(), expected, "{text}");
        }
        let long = "ø".repeat(1000);
        assert_eq!(tokens(&long).map(str::len).collect::<Vec<_>>(), [MAX_TOKEN_BYTES]);
    }

    #[test]
    fn a_token_is_folded() {
        let cases: [(&str, &[&str]); 12] = [
            ("Åse", &["ase"]),
            ("ø", &["o"]),
            ("æ", &["ae"]),
            ("ß", &["ss"]),
            ("KJØLESKAP", &["kjoleskap"]),
            ("e\u{301}e\u{301}n", &["een"]),
            ("kjøle\u{ad}skap", &["kjoleskap"]),
            ("ﬁets", &["fiets"]),
            ("１２３", &["123"]),
            ("½", &["1", "2"]),
            ("день", &["den"]),
            ("日", &["ri"]),
        ];
        for (token, expected) in cases {
            assert_eq!(words(token), expected, "{token}");
        }
        assert_eq!(words(&"a".repeat(100))[0].len(), MAX_WORD_BYTES);
    }
}
