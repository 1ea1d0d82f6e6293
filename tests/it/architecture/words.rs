//! Rules for words: what the glossary replaced does not come back, and doc comments say what a
//! thing is.

use super::{assert_none, source::Source, sources};

/// Words that were replaced, with the word to use. Matched as whole words, in any case if they are
/// phrases of lower case. `docs/glossary.md` defines the words in use.
const RETIRED: &[(&str, &str)] = &[
    ("who looked", "audit log"),
    ("log of calls", "audit log"),
    ("CustomerAccess", "AuditEntry"),
    ("KeptAccess", "StoredAuditEntry"),
    ("ListAccess", "ListAuditEntries"),
    ("audit_looks", "audit_index"),
    ("who is who", "identity resolution"),
    ("golden record", "profile resolution"),
    ("attribution", "identifier resolution"),
    ("sureness", "confidence"),
    ("KeepCustomersApart", "SetMergeExclusion"),
    ("kept_apart", "merge_exclusions"),
    ("keep_apart", "exclude_merge"),
    ("hand-over", "handover"),
    ("hand-overs", "handovers"),
    ("HandOver", "Handover"),
    ("retell", "replay"),
    ("retold", "replayed"),
    ("glimpse", "EntrySummary"),
    ("OrderNews", "OrderEvent"),
    ("WriteName", "IdempotencyKey"),
    ("LedgerRow", "IdempotencyRow"),
    ("LostRace", "Conflict"),
    ("RoleMayNot", "RoleNotPermitted"),
    ("ActorMayNot", "ActorNotPermitted"),
    ("MAY_NOT_VERIFY", "VERIFICATION_NOT_PERMITTED"),
    ("CUSTOMER_HELD", "CUSTOMER_ON_HOLD"),
    ("refuse_held", "ensure_not_on_hold"),
    ("anybodys", "public calls"),
    ("KeptIdentifier", "StoredIdentifier"),
    ("KeptProfile", "StoredProfile"),
    ("parted by", "separated by"),
    ("rules of retention", "retention rules"),
];

/// Where the words are listed themselves.
const THIS_FILE: &str = "tests/it/architecture/words.rs";
const DOCUMENTS: [&str; 7] = [
    "docs",
    "ops",
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
];

#[test]
fn retired_words_do_not_return() {
    let mut sources = sources();
    sources.extend(DOCUMENTS.into_iter().flat_map(Source::all_below));
    sources.retain(|source| source.path != THIS_FILE);
    assert_none(&sources.iter().flat_map(retired).collect::<Vec<_>>());
}

pub(super) fn retired(source: &Source) -> Vec<String> {
    let lower = source.text.to_lowercase();
    let mut breaches = Vec::new();
    for (word, instead) in RETIRED {
        let is_phrase = *word == word.to_lowercase();
        let text = if is_phrase { &lower } else { &source.text };
        for at in whole_words(text, word) {
            let line = text[..at].matches('\n').count() + 1;
            breaches.push(format!("{}: {line}: \"{word}\" is now \"{instead}\"", source.path));
        }
    }
    breaches
}

/// Where a word stands by itself in a text.
fn whole_words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let (before, after) = (&text[..*at], &text[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[test]
fn doc_comments_say_what_a_thing_is() {
    assert_none(&sources().iter().flat_map(riddles).collect::<Vec<_>>());
}

/// Doc comments that only refer to another one.
pub(super) fn riddles(source: &Source) -> Vec<String> {
    let is_doc = |line: &str| line.starts_with("///") || line.starts_with("//!");
    let mut before = "";
    let mut breaches = Vec::new();
    for (number, line) in source.text.lines().map(str::trim).enumerate() {
        let text = line.trim_start_matches(['/', '!']).trim();
        let is_first = is_doc(line) && !is_doc(before);
        if is_first
            && (text == "The same"
                || text.starts_with("The same ")
                || text.starts_with("The same,"))
        {
            breaches.push(format!(
                "{}: {}: says what it is like, not what it is",
                source.path,
                number + 1
            ));
        }
        before = line;
    }
    breaches
}
