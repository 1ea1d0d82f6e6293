//! Parses Rust source well enough for rules: code without comments and texts, and its paths.

use std::{fs, path::Path};

/// A file of the repository.
#[derive(Clone, Debug)]
pub struct Source {
    /// From the root of the repository, such as `src/store/mod.rs`.
    pub path: String,
    pub text: String,
    /// The text with comments and the contents of literals blanked, with the same lines. For files
    /// other than Rust, the text itself.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { blank(text) } else { text.to_owned() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Every file below a folder of the repository, or the file itself. Empty if there is none.
    pub fn all_below(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = root.join(folder);
        if path.is_dir() {
            let files = fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name());
            let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
            files.sort();
            return files
                .iter()
                .flat_map(|it| Self::all_below(&format!("{folder}/{it}")))
                .collect();
        }
        match fs::read_to_string(&path) {
            Ok(text) => vec![Self::new(folder, &text)],
            Err(_) => Vec::new(),
        }
    }

    /// The module of `src` that the file belongs to: `store` for `src/store.rs` and `src/store/`.
    pub fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        below.split('/').next()?.split('.').next()
    }

    /// Whether the code names this crate or macro.
    pub fn names(&self, word: &str) -> bool {
        words(&self.code).any(|(_, found)| found == word)
    }

    /// Every path of the code that begins with a name, with `use` trees expanded, without that
    /// name: `use crate::{a::B, c}` is `a::B` and `c` for the name `crate`.
    pub fn paths(&self, root: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (at, word) in words(&self.code) {
            let inside_a_path = self.code[..at].trim_end().ends_with("::");
            if word == root && !inside_a_path {
                let mut rest = self.code[at + word.len()..].trim_start();
                if let Some(tree) = rest.strip_prefix("::") {
                    rest = tree;
                    read_tree(&mut rest, "", &mut found);
                }
            }
        }
        found
    }
}

/// Reads one tree of a `use`, or the path of an expression.
fn read_tree(rest: &mut &str, prefix: &str, found: &mut Vec<String>) {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        loop {
            read_tree(rest, prefix, found);
            // Skip `as Name` up to the separator of the next tree.
            let end = rest.find([',', '}']).unwrap_or(rest.len());
            let closed = rest[end..].starts_with('}');
            *rest = rest.get(end + 1..).unwrap_or_default();
            if closed || rest.is_empty() {
                return;
            }
            if let Some(after) = rest.trim_start().strip_prefix('}') {
                *rest = after;
                return;
            }
        }
    }
    let end = rest.find(|it: char| !is_word(it)).unwrap_or(rest.len());
    let path = if prefix.is_empty() {
        rest[..end].to_owned()
    } else {
        format!("{prefix}::{}", &rest[..end])
    };
    *rest = &rest[end..];
    match rest.trim_start().strip_prefix("::") {
        Some(tree) => {
            *rest = tree;
            read_tree(rest, &path, found);
        }
        None => found.push(path),
    }
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// The words of code and their positions.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let pieces = code.split(|it: char| !is_word(it)).filter(|word| !word.is_empty());
    pieces.map(|word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// Rust without comments and the contents of literals.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let before = code.chars().next_back().unwrap_or(' ');
        let length = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => quoted(rest, '"'),
            'r' if (before == 'b' || !is_word(before)) && is_raw(rest) => raw(rest),
            // A lifetime has no second quote after its first letter.
            '\'' if rest[1..].starts_with('\\') => quoted(rest, '\''),
            '\'' if rest.chars().nth(2) == Some('\'') => quoted(rest, '\''),
            _ => {
                code.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            }
        };
        code.extend(rest[..length].chars().map(|it| if it == '\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    code
}

/// The length of a literal between two quotes.
fn quoted(rest: &str, sign: char) -> usize {
    let mut escaped = false;
    for (at, it) in rest.char_indices().skip(1) {
        match it {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if it == sign => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn is_raw(rest: &str) -> bool {
    rest[1..].trim_start_matches('#').starts_with('"')
}

/// The length of a raw literal such as `r#"..."#`.
fn raw(rest: &str) -> usize {
    let hashes = rest[1..].bytes().take_while(|it| *it == b'#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let start = 1 + hashes + 1;
    rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
}

mod tests {
    use super::Source;

    #[test]
    fn paths_are_read_from_uses_and_expressions() {
        let text = "use crate::{\n    a::{B, C as D},\n    e, f::*,\n};\nuse std::fs;\n\
                    fn x() { crate::g::h::<u8>(); other::crate_::i() } // crate::no";
        let source = Source::new("src/x.rs", text);
        assert_eq!(source.paths("crate"), ["a::B", "a::C", "e", "f::", "g::h::"]);
        assert_eq!(source.paths("std"), ["fs"]);
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "a /* b */ 'c' \"d \\\" e\" r#\"f \" g\"# <'h> // i\nj '\\'' \"k\" l";
        let code = Source::new("src/x.rs", text).code;
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "<'h>", "j", "l"]);
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn the_module_of_a_file() {
        let module = |path| Source::new(path, "").module().map(str::to_owned);
        assert_eq!(module("src/store/mod.rs").as_deref(), Some("store"));
        assert_eq!(module("src/clock.rs").as_deref(), Some("clock"));
        assert_eq!(module("build.rs"), None);
    }
}
