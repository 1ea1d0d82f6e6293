//! Rules for the documents: what they name exists, links are valid, and the example of the README
//! is what the demo shows.

use std::{collections::BTreeSet, fs, path::Path};

use crate::architecture::source::Source;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const MAX_README_LINES: usize = 150;
/// What the demo shows in a terminal of 80 columns.
const TRANSCRIPT: &str = include_str!("television.txt");

/// A document of the repository.
struct Document {
    /// From the root of the repository, such as `docs/import.md`.
    path: String,
    text: String,
}

impl Document {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn all() -> Vec<Self> {
        let mut paths = vec!["tests/it/bad_inputs.md".to_owned()];
        paths.extend(files(""));
        paths.extend(files("docs/"));
        paths.retain(|path| path.ends_with(".md"));
        paths.iter().map(|path| Self::new(path, &read(path))).collect()
    }

    /// The lines outside of code blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut inside = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            inside ^= is_fence;
            !inside && !is_fence
        })
    }

    /// Inline code, without its backticks.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// The targets of links.
    fn links(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|line| line.split("](").skip(1)).filter_map(|it| it.split(')').next())
    }

    fn fault(&self, what: &str) -> String {
        format!("{}: {what}", self.path)
    }
}

/// The names of the files of a folder, with the folder.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| format!("{folder}{name}")).collect()
}

fn read(path: &str) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_there(path: &str) -> bool {
    Path::new(ROOT).join(path).exists()
}

/// The anchors of the headings of a document, as the usual viewers generate them.
pub fn anchors(text: &str) -> BTreeSet<String> {
    let headings = Document::new("", text);
    let headings = headings.prose().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let letters = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        letters.chars().filter(|it| it.is_alphanumeric() || "-_".contains(*it)).collect()
    };
    headings.map(anchor).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    assert_none(&Document::all().iter().flat_map(dead_links).collect::<Vec<_>>());
}

fn dead_links(document: &Document) -> Vec<String> {
    let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let leads_somewhere = |link: &str| {
        if link.contains("://") {
            return true;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let path = match path {
            "" => document.path.clone(),
            path => format!("{folder}/{path}").trim_start_matches('/').to_owned(),
        };
        is_there(&path) && (anchor.is_empty() || anchors(&read(&path)).contains(anchor))
    };
    document.links().filter(|link| !leads_somewhere(link)).map(|it| document.fault(it)).collect()
}

#[test]
fn paths_that_are_named_exist() {
    assert_none(&Document::all().iter().flat_map(missing_paths).collect::<Vec<_>>());
}

/// Paths relative to the root of the repository, or to `src`.
fn missing_paths(document: &Document) -> Vec<String> {
    let is_missing = |code: &&str| {
        let Some((folder, _)) = code.split_once('/') else { return false };
        let is_path = code.chars().all(|it| it.is_ascii_alphanumeric() || "/._-".contains(it));
        let begins_in =
            |root: &str| !["", ".."].contains(&folder) && is_there(&format!("{root}{folder}"));
        let exists = |root: &str| is_there(&format!("{root}{code}"));
        is_path && (begins_in("") || begins_in("src/")) && !exists("") && !exists("src/")
    };
    document.code().filter(is_missing).map(|it| document.fault(it)).collect()
}

#[test]
fn sources_name_documents_that_exist() {
    let folders = ["src", "proto", "ops", "benches", "examples", "build.rs", "Cargo.toml"];
    let sources = folders.into_iter().flat_map(Source::all_below);
    assert_none(&sources.flat_map(|source| missing_documents(&source)).collect::<Vec<_>>());
}

fn missing_documents(source: &Source) -> Vec<String> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || "/._-".contains(it);
    let paths = source.text.split(|it| !is_name(it)).map(|it| it.trim_end_matches('.'));
    let documents = paths.filter(|it| it.starts_with("docs/"));
    let missing = documents.filter(|it| !is_there(it));
    missing.map(|it| format!("{}: {it}", source.path)).collect()
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= MAX_README_LINES, "README.md has {lines} lines");
}

#[test]
fn the_readme_shows_a_briefing_of_the_demo() {
    let readme = read("README.md");
    let picture = readme.split("```text\n").nth(1).expect("a picture").split("```").next();
    let lines = picture.expect("its end").lines().map(|line| format!("  | {line}"));
    let picture = lines.map(|line| format!("{}\n", line.trim_end())).collect::<String>();
    assert!(TRANSCRIPT.contains(&picture), "tests/it/television.txt has no such lines:\n{picture}");
}

/// Each rule, applied to a violation.
mod the_rules_can_fail {
    use super::{Document, Source, anchors, dead_links, missing_documents, missing_paths};

    #[test]
    fn links() {
        let check = |path, text, faults: usize| {
            assert_eq!(dead_links(&Document::new(path, text)).len(), faults, "{path}: {text}");
        };
        check("docs/x.md", "[a](import.md), [b](../README.md#throughline)", 0);
        check("docs/x.md", "[a](imports.md), [b](../README.md#nowhere)", 2);
        check("README.md", "[a](docs/import.md#the-map) [b](https://example.com/#x)", 0);
        check("README.md", "[a](import.md)\n```\n[b](nothing)\n```", 1);
    }

    #[test]
    fn paths() {
        let check = |text, faults: usize| {
            assert_eq!(missing_paths(&Document::new("x.md", text)).len(), faults, "{text}");
        };
        check("`src/main.rs`, `store`, `cli/mod.rs`, `and/or`, `--phone X/Y`, `../x`", 0);
        check("`src/nothing.rs`, `cli/nothing.rs` `docs/nothing.md`", 3);
        check("```\n`src/nothing.rs`\n```", 0);
    }

    #[test]
    fn documents() {
        let check = |text, faults: usize| {
            assert_eq!(missing_documents(&Source::new("src/x.rs", text)).len(), faults, "{text}");
        };
        check("// See docs/import.md. And `docs/audit.md#seals`", 0);
        check("\"docs/nothing.md\"", 1);
    }

    #[test]
    fn headings() {
        let text = "# A\n## I/O error\n### Not ready\n```\n# no heading\n```\n";
        let found = ["a", "io-error", "not-ready"].map(str::to_owned);
        assert_eq!(anchors(text), found.into());
    }
}
