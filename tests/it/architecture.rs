//! Rules over the source itself, so that the layers of ARCHITECTURE.md stay true.

mod rooms;
pub mod source;
mod words;

use std::fs;

use source::Source;

/// What each module of `src` may use from the others. `a::b` allows only that part of `a`.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    // The codes that both have.
    ("pb", &["model"]),
    ("clock", &["model"]),
    ("error", &["model"]),
    ("incident", &["clock", "error"]),
    ("summary", &[]),
    ("domain", &["model"]),
    ("metrics", &["model", "clock"]),
    ("store", &["model", "error", "clock", "incident", "domain", "metrics"]),
    ("api", &["pb", "model", "domain", "store", "error", "clock", "incident", "metrics"]),
    (
        "ingest",
        &[
            "pb",
            "model",
            "domain",
            "store",
            "error",
            "clock",
            "api::caller",
            "api::convert",
            "api::validate",
        ],
    ),
    // The configuration defines callers, and blocked values.
    ("config", &["model", "domain", "api::caller", "api::purpose"]),
    ("telemetry", &["config", "incident"]),
    (
        "server",
        &[
            "model",
            "api",
            "store",
            "config",
            "telemetry",
            "clock",
            "error",
            "pb",
            "metrics",
            "summary",
        ],
    ),
    (
        "cli",
        &[
            "pb",
            "model",
            "domain",
            "store",
            "error",
            "clock",
            "api",
            "ingest",
            "config",
            "telemetry",
            "server",
            "metrics",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Files that may use more than their module, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The payload of an entry is stored as the encoded message.
    ("src/store/entry/payload.rs", "pb"),
    // So are the changes of a case or a promise in an entry.
    ("src/store/entry/summary.rs", "pb"),
    ("src/store/entry/codec.rs", "pb"),
    // And the changes of an order.
    ("src/store/aggregate/purchase/event.rs", "pb"),
    // A single entry is decoded to that message.
    ("src/store/entry/timeline.rs", "pb"),
];

/// Restricted crates, or parts of std, and the modules that may use them.
const CONFINED: &[(&[&str], &[&str])] = &[
    (&["sqlx"], &["store"]),
    (
        &["tonic", "tonic_health", "tonic_prost", "tonic_reflection", "tonic_types", "tonic_web"],
        &["api", "server", "cli", "pb"],
    ),
    (&["std::env"], &["config", "cli"]),
];

const LONGEST_FILE_LINES: usize = 450;
const LONGEST_LINE_COLUMNS: usize = 100;

/// What no file may hold, put together here so that this file does not hold it either.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
];

fn sources() -> Vec<Source> {
    let folders = ["src", "tests", "benches", "examples", "proto", "migrations", "build.rs"];
    folders.into_iter().flat_map(Source::all_below).collect()
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn modules_take_only_from_the_layers_below() {
    assert_none(&sources().iter().flat_map(wrong_layers).collect::<Vec<_>>());
}

fn wrong_layers(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else { return Vec::new() };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{}: the module has no line in LAYERS", source.path)];
    };
    let is_allowed = |path: &str| {
        let under = |layer: &str| path == layer || path.starts_with(&format!("{layer}::"));
        under(module)
            || allowed.iter().any(|layer| under(layer))
            || EXCEPTIONS.iter().any(|(file, layer)| *file == source.path && under(layer))
    };
    let mut paths = source.paths("crate");
    paths.extend(source.paths("throughline"));
    paths.retain(|path| !is_allowed(path));
    let mut breaches: Vec<_> =
        paths.iter().map(|path| format!("{}: {module} takes {path}", source.path)).collect();

    let is_root =
        source.path == format!("src/{module}/mod.rs") || source.path == format!("src/{module}.rs");
    let leaves = source.code.lines().any(|line| line.starts_with("use super::") && is_root);
    if leaves || source.code.contains("super::super::") {
        breaches.push(format!("{}: say crate:: where super:: leaves the module", source.path));
    }
    breaches
}

#[test]
fn crates_stay_in_their_modules() {
    assert_none(&sources().iter().flat_map(out_of_place).collect::<Vec<_>>());
}

fn out_of_place(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else { return Vec::new() };
    let mut breaches = Vec::new();
    for (names, modules) in CONFINED {
        for name in names.iter().filter(|_| !modules.contains(&module)) {
            let found = match name.split_once("::") {
                Some((root, part)) => source
                    .paths(root)
                    .iter()
                    .any(|path| path == part || path.starts_with(&format!("{part}::"))),
                None => source.names(name),
            };
            if found {
                breaches.push(format!("{}: {name} is for {modules:?} alone", source.path));
            }
        }
    }
    breaches
}

#[test]
fn files_and_lines_are_short() {
    assert_none(&sources().iter().flat_map(too_long).collect::<Vec<_>>());
}

fn too_long(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE_LINES {
        breaches.push(format!("{}: {lines} lines", source.path));
    }
    let is_data = [".ndjson", ".csv", ".snap"].iter().any(|end| source.path.ends_with(end));
    let lines = source.text.lines().zip(source.code.lines()).enumerate();
    for (number, (line, code)) in lines.filter(|_| !is_data) {
        // The expected outputs of tests are in literals, and are as wide as they are.
        let is_test = source.path.starts_with("tests/") && !line.trim_start().starts_with("//");
        let beside: usize = code.split_whitespace().map(str::len).sum();
        let has_answer = is_test && beside <= LONGEST_LINE_COLUMNS;
        let columns = line.chars().count();
        if !has_answer && columns > LONGEST_LINE_COLUMNS {
            breaches.push(format!("{}:{}: {columns} columns", source.path, number + 1));
        }
    }
    breaches
}

#[test]
fn nothing_is_left_unfinished() {
    assert_none(&sources().iter().flat_map(unfinished).collect::<Vec<_>>());
}

fn unfinished(source: &Source) -> Vec<String> {
    let found = UNFINISHED.iter().filter(|word| source.text.contains(**word));
    found.map(|word| format!("{}: {word}", source.path)).collect()
}

#[test]
fn the_product_does_not_panic_on_purpose() {
    assert_none(&sources().iter().flat_map(panics).collect::<Vec<_>>());
}

/// `expect` with the invariant as its text is allowed; its absence is what a reviewer cannot see.
fn panics(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let product = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    let found = [".unwrap()", "panic!", ".unwrap_err()"].into_iter();
    let found = found.filter(|word| product.contains(word));
    found.map(|word| format!("{}: {word}", source.path)).collect()
}

#[test]
fn tests_do_not_sleep() {
    assert_none(&sources().iter().flat_map(sleeps).collect::<Vec<_>>());
}

fn sleeps(source: &Source) -> Vec<String> {
    let tests = match source.path.starts_with("tests/") {
        true => source.code.as_str(),
        false => source.code.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests),
    };
    let sleeps = Source::new("x.rs", tests).names("sleep");
    if sleeps { vec![format!("{}: sleep", source.path)] } else { Vec::new() }
}

#[test]
fn every_crate_is_used() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let mut sources = sources();
    // The messages and services, as generated, name crates too.
    for file in fs::read_dir(env!("OUT_DIR")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|it| it == "rs") {
            sources.push(Source::new("src/pb.rs", &fs::read_to_string(path).unwrap()));
        }
    }
    assert_none(&unused_crates(&manifest, &sources));
}

fn unused_crates(manifest: &str, sources: &[Source]) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let mut breaches = Vec::new();
    for (table, folders) in [
        ("dependencies", &["src/"][..]),
        ("build-dependencies", &["build.rs"]),
        ("dev-dependencies", &["src/", "tests/", "benches/", "examples/"]),
    ] {
        let crates = manifest.get(table).and_then(toml::Value::as_table);
        for name in crates.into_iter().flat_map(toml::Table::keys) {
            let word = name.replace('-', "_");
            let mut files = sources
                .iter()
                .filter(|source| folders.iter().any(|it| source.path.starts_with(it)));
            if !files.any(|source| source.names(&word)) {
                breaches.push(format!("Cargo.toml: {table}: nothing in {folders:?} uses {name}"));
            }
        }
    }
    breaches
}

/// Each rule, applied to a violation.
mod the_rules_can_fail {
    use super::{
        Source, out_of_place, panics, sleeps, too_long, unfinished, unused_crates, wrong_layers,
    };

    #[track_caller]
    fn check(rule: fn(&Source) -> Vec<String>, path: &str, wrong: &str, right: &str) {
        assert_eq!(rule(&Source::new(path, wrong)).len(), 1, "{path} passes: {wrong}");
        assert_eq!(rule(&Source::new(path, right)), [""; 0], "{path}");
    }

    #[test]
    fn layers() {
        let check = |path, wrong, right| check(wrong_layers, path, wrong, right);
        check("src/domain/x.rs", "use crate::store::Store;", "use crate::model::Micros;");
        check("src/model/x.rs", "fn f() { crate::clock::x() }", "use crate::model::Micros;");
        check("src/store/x.rs", "use crate::{error::Error, pb};", "use crate::error::Error;");
        check("src/store/mod.rs", "use super::api;", "mod tests {\n    use super::*;\n}");
        check("src/store/x.rs", "use super::super::api;", "use super::rows;");
        check("src/ingest/x.rs", "use crate::api::status;", "use crate::api::validate;");
        check("src/main.rs", "use throughline::store;", "use throughline::cli;");
        assert_eq!(wrong_layers(&Source::new("src/unheard_of.rs", "")).len(), 1);
    }

    #[test]
    fn crates() {
        check(out_of_place, "src/api/x.rs", "use sqlx::Row;", "use tonic::Status; // sqlx");
        check(out_of_place, "src/ingest/x.rs", "use tonic::Status;", "use prost::Message;");
        check(out_of_place, "src/store/x.rs", "use std::{env, fs};", "env!(\"X\"); use std::fs;");
    }

    #[test]
    fn lengths() {
        check(too_long, "src/x.rs", &"\n".repeat(451), &"\n".repeat(450));
        check(too_long, "src/x.rs", &"é".repeat(101), &"é".repeat(100));
        let answer = format!("let x = \"\n{}\n\";", "x".repeat(101));
        check(too_long, "src/x.rs", &answer, "");
        check(too_long, "tests/it/x.rs", &format!("f({});", "x".repeat(101)), &answer);
        check(too_long, "tests/it/x.rs", &format!("// {}", "x".repeat(98)), "");
        assert!(too_long(&Source::new("tests/x.ndjson", &"x".repeat(101))).is_empty());
    }

    #[test]
    fn words() {
        check(unfinished, "src/x.rs", concat!("to", "do!()"), "todos");
        check(unfinished, "proto/x.proto", concat!("// FIX", "ME"), "// fix");
        check(panics, "src/x.rs", "x.unwrap()", "x.unwrap_or(1)\n#[cfg(test)]\nx.unwrap()");
        check(sleeps, "tests/it/x.rs", "tokio::time::sleep(x)", "// sleep");
        check(sleeps, "src/x.rs", "#[cfg(test)] mod tests { sleep(x) }", "sleep(x)");
    }

    #[test]
    fn unused() {
        let manifest = "[dependencies]\na-b = '1'\nc = '1'\n[build-dependencies]\nd = '1'\n";
        let sources = [Source::new("src/x.rs", "use a_b::X; use d::Y; // c")];
        let breaches = unused_crates(manifest, &sources);
        assert_eq!(breaches.len(), 2, "{breaches:?}");
        assert!(breaches[0].ends_with("uses c") && breaches[1].ends_with("uses d"));
    }
}
