//! Splits the names of people and organisations.

use crate::domain::{fold, name::fold_name};

/// Words before a family name that people write, omit or attach in different ways.
const PARTICLES: &str = "van|von|vom|der|den|de|het|het|t|ten|ter|te|op|in|aan|af|av|la|le|les|du|\
    des|del|della|di|da|do|dos|das|zu|zum|zur|el|al|bin|ibn|ben|st|y|e|auf|s";

/// Words before or after a name that are not part of it.
const TITLES: &str = "mr|mrs|ms|miss|mister|dr|drs|prof|ir|ing|mw|mevr|mevrouw|dhr|meneer|heer|\
    herr|frau|fru|hr|frk|sir|madam|mme|mlle|bsc|msc|phd|mba|esq";

/// The legal forms of companies, which are often left out.
const LEGAL_FORMS: &str = "bv|nv|vof|cv|as|asa|aps|ab|oy|gmbh|ag|kg|ug|ltd|limited|llc|inc|plc|\
    corp|corporation|co|company|sa|sarl|srl|spa|ks|ans|da|ivs|holding|group|pty";

pub(super) fn is_listed(list: &str, word: &str) -> bool {
    list.split('|').any(|listed| listed == word)
}

/// The folded words of the given and the family name in a full name. The family name is the last
/// word with the particles before it, or what precedes a comma.
pub(super) fn split_whole(name: &str) -> (Vec<String>, Vec<String>) {
    if let Some((family, given)) = name.split_once(',') {
        return (fold_name(given), fold_name(family));
    }
    let mut given = without_titles(fold_name(name));
    if given.len() < 2 {
        return (Vec::new(), given);
    }
    let is_particle = |word: &String| is_listed(PARTICLES, word);
    // A particle begins the family name, unless it is the first or the last word.
    let inner = given.iter().take(given.len() - 1).skip(1).position(is_particle);
    let at = inner.map_or(given.len() - 1, |at| at + 1);
    let family = given.split_off(at);
    (given, family)
}

/// The words without titles, unless nothing else is left.
pub(super) fn without_titles(words: Vec<String>) -> Vec<String> {
    let kept: Vec<String> = words.iter().filter(|word| !is_listed(TITLES, word)).cloned().collect();
    if kept.is_empty() { words } else { kept }
}

/// The words of a family name without particles, or all words if there are no others.
pub(super) fn without_particles(family: &str) -> impl Iterator<Item = &str> + Clone {
    let all = family.split(' ').all(|word| is_listed(PARTICLES, word));
    family.split(' ').filter(move |word| all || !is_listed(PARTICLES, word))
}

/// A family name without particles and spaces.
pub(super) fn family_key(family: &str) -> String {
    without_particles(family).collect()
}

/// A name with the two-letter spellings of Nordic letters reduced to one: "Moeller", "Møller" and
/// "Moller", "Aase" and "Åse".
pub(super) fn single_letters(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ' ' {
            continue;
        }
        key.push(c);
        let pair = match c {
            'a' => chars.peek().is_some_and(|next| matches!(next, 'a' | 'e')),
            'o' | 'u' => chars.peek() == Some(&'e'),
            _ => false,
        };
        if pair {
            chars.next();
        }
    }
    key
}

/// The folded words of the name of an organisation, without its legal form.
pub(super) fn organisation_key(name: &str) -> String {
    let glued: String = name.chars().filter(|c| !matches!(c, '.' | '\'' | '’')).collect();
    let words: Vec<String> = fold::tokens(&glued).flat_map(fold::words).collect();
    let kept: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !is_listed(LEGAL_FORMS, word)).collect();
    if kept.is_empty() { words.join(" ") } else { kept.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_name_is_split() {
        let cases = [
            ("Anna van der Berg", "anna", "van der berg"),
            ("Berg, Anna van der", "anna van der", "berg"),
            ("Dr. Anna Maria Jansen", "anna maria", "jansen"),
            ("Jansen", "", "jansen"),
            ("Van Dijk", "van", "dijk"),
            ("Åse Bjørnæs", "ase", "bjornaes"),
            ("", "", ""),
        ];
        for (name, given, family) in cases {
            let (g, f) = split_whole(name);
            assert_eq!((g.join(" ").as_str(), f.join(" ").as_str()), (given, family), "{name}");
        }
    }

    #[test]
    fn writings_of_one_name_have_one_key() {
        for (one, other) in [("moeller", "moller"), ("aase", "ase"), ("mueller", "muller")] {
            assert_eq!(single_letters(one), single_letters(other));
        }
        assert_eq!(family_key("van den berg"), "berg");
        assert_eq!(family_key("de"), "de");
        assert_eq!(organisation_key("Bakkerij Jansen B.V."), "bakkerij jansen");
        assert_eq!(organisation_key("Group"), "group");
    }
}
