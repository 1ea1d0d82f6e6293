//! How a text becomes the words it is found by.
pub fn index_words(texts: &[&str]) -> String {
    texts
        .join(" ")
        .to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
        .join(" ")
}
pub fn query_words(q: &str) -> Result<Vec<Vec<String>>, &'static str> {
    Ok(q.to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(|w| vec![w.to_owned()])
        .collect())
}
