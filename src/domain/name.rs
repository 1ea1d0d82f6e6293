//! The words of a name.

use super::fold;

/// The folded words of a name, for prefix searches: "Åse O'Brien" becomes `ase` and `obrien`. In
/// the order of the name, without duplicates and without stemming.
pub fn fold_name(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    // An apostrophe is part of a name, and often omitted.
    let joined: String = text.chars().filter(|c| !fold::is_apostrophe(*c)).collect();
    for token in fold::tokens(&joined) {
        for word in fold::words(token) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_folded_into_words() {
        let cases: [(&str, &[&str]); 8] = [
            ("Åse Bjørnæs", &["ase", "bjornaes"]),
            ("O'Brien", &["obrien"]),
            ("O’Brien-Nuñez", &["obrien", "nunez"]),
            ("van der Berg", &["van", "der", "berg"]),
            ("Jan  Jan", &["jan"]),
            ("Groß", &["gross"]),
            ("Иван Петров", &["ivan", "petrov"]),
            (" . ", &[]),
        ];
        for (name, words) in cases {
            assert_eq!(fold_name(name), words, "{name}");
        }
    }
}
