//! The rooms of the store, which are its top-level modules: no room takes from one that takes from
//! it, and no file of a room from one that takes from it.
//!
//! A path counts where it leads: through a re-export to the file with the item. `Store` itself does
//! not count, nor what `store/mod.rs` takes: it stands above the rooms, and its methods are in
//! them. Calls of its methods have no path, and are not seen.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// A module below `store`: `["sql", "db"]`. The store itself is the empty list.
type Module = Vec<String>;
/// Each name with the names that it takes from.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn rooms_of_the_store_do_not_take_in_circles() {
    let modules = modules(&Source::all_below("src/store"));
    assert_eq!(cycle(&rooms(&modules)), None);
    assert_eq!(cycle(&files(&modules)), None);
}

/// The code of a module, without its tests.
struct Code {
    source: Source,
    /// The names that it re-exports, with their full paths.
    exports: BTreeMap<String, Module>,
}

fn modules(sources: &[Source]) -> BTreeMap<Module, Code> {
    let read = |source: &Source| Some((module(&source.path)?, code(source)));
    let mut modules: BTreeMap<Module, Code> = sources.iter().filter_map(read).collect();
    let names: BTreeSet<Module> = modules.keys().cloned().collect();
    for (module, code) in &mut modules {
        let exported = exports(&code.source.code).concat();
        let exported = paths(&names, module, &Source::new("exports.rs", &exported));
        code.exports =
            exported.into_iter().filter_map(|it| Some((it.last()?.clone(), it))).collect();
    }
    modules
}

fn module(path: &str) -> Option<Module> {
    let path = path.strip_prefix("src/store/")?.strip_suffix(".rs")?;
    Some(path.split('/').map(str::to_owned).filter(|name| name != "mod").collect())
}

fn code(source: &Source) -> Code {
    let product = source.code.split("#[cfg(test)]").next().unwrap_or_default();
    Code { source: Source::new("product.rs", product), exports: BTreeMap::new() }
}

/// The statements that re-export names, such as `pub(super) use a::{b, c};`.
fn exports(code: &str) -> Vec<&str> {
    let begins = code.match_indices("pub").map(|(at, _)| at);
    let begins = begins.filter(|at| *at == 0 || code[..*at].ends_with('\n'));
    let export = |at: usize| {
        let statement = &code[at..];
        let behind = statement.strip_prefix("pub")?;
        let behind = match behind.strip_prefix('(') {
            Some(inside) => inside.split_once(')')?.1,
            None => behind,
        };
        behind.trim_start().strip_prefix("use ")?;
        Some(&statement[..=statement.find(';')?])
    };
    begins.filter_map(export).collect()
}

/// The paths in the code of a module that lead into the store.
fn paths(modules: &BTreeSet<Module>, module: &[String], source: &Source) -> Vec<Module> {
    let split = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    let mut found = Vec::new();
    for path in source.paths("crate").iter().filter_map(|it| it.strip_prefix("store::")) {
        found.push(split(path));
    }
    for path in source.paths("super") {
        let path = split(&path);
        let up = path.iter().take_while(|it| *it == "super").count();
        let base = module.len().saturating_sub(up + 1);
        found.push([&module[..base], &path[up..]].concat());
    }
    let is_child = |it: &&Module| it.len() == module.len() + 1 && it.starts_with(module);
    for child in modules.iter().filter(is_child) {
        let name = child.last().map_or("", String::as_str);
        found.extend(source.paths(name).iter().map(|path| [&child[..], &split(path)].concat()));
    }
    found
}

/// The module that a path leads to.
fn target(modules: &BTreeMap<Module, Code>, path: &[String]) -> Module {
    let mut path = path.to_vec();
    loop {
        let length = (0..=path.len()).rev().find(|it| modules.contains_key(&path[..*it]));
        let length = length.unwrap_or(0);
        let exports = modules.get(&path[..length]).map(|code| &code.exports);
        match path.get(length).and_then(|name| exports?.get(name)) {
            Some(exported) => path = [&exported[..], &path[length + 1..]].concat(),
            None => return path[..length].to_vec(),
        }
    }
}

/// Who takes from whom, without the store itself.
fn edges(modules: &BTreeMap<Module, Code>) -> Vec<(Module, Module)> {
    let names = modules.keys().cloned().collect();
    let mut edges = Vec::new();
    for (module, code) in modules.iter().filter(|(module, _)| !module.is_empty()) {
        let own = exports(&code.source.code);
        let own = own.iter().fold(code.source.code.clone(), |code, it| code.replace(it, ""));
        for path in paths(&names, module, &Source::new("own.rs", &own)) {
            let target = target(modules, &path);
            if !target.is_empty() && target != *module {
                edges.push((module.clone(), target));
            }
        }
    }
    edges
}

fn rooms(modules: &BTreeMap<Module, Code>) -> Graph {
    let mut graph = Graph::new();
    for (from, to) in edges(modules).iter().filter(|(from, to)| from[0] != to[0]) {
        graph.entry(from[0].clone()).or_default().insert(to[0].clone());
    }
    graph
}

fn files(modules: &BTreeMap<Module, Code>) -> Graph {
    let mut graph = Graph::new();
    for (from, to) in edges(modules).iter().filter(|(from, to)| from[0] == to[0]) {
        graph.entry(from.join("/")).or_default().insert(to.join("/"));
    }
    graph
}

/// A circle, with the first name again at its end.
fn cycle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|name| walk(graph, name, &mut Vec::new(), &mut done))
}

fn walk<'a>(
    graph: &'a Graph,
    name: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(begin) = way.iter().position(|it| *it == name) {
        way.push(name);
        return Some(way[begin..].iter().map(|it| (*it).to_owned()).collect());
    }
    if !done.insert(name) {
        return None;
    }
    way.push(name);
    let found = graph.get(name).into_iter().flatten().find_map(|it| walk(graph, it, way, done));
    way.pop();
    found
}

mod the_rule_can_fail {
    use super::{Source, cycle, files, modules, rooms};

    const FACE: &str = "mod b;\npub(super) use b::{B, one};\npub struct Shared;\n";

    #[track_caller]
    fn check(sources: &[(&str, &str)], of_rooms: &[&str], of_files: &[&str]) {
        let sources =
            sources.iter().map(|(path, text)| Source::new(&format!("src/store/{path}.rs"), text));
        let modules = modules(&sources.collect::<Vec<_>>());
        assert_eq!(cycle(&rooms(&modules)).unwrap_or_default(), of_rooms, "rooms");
        assert_eq!(cycle(&files(&modules)).unwrap_or_default(), of_files, "files");
    }

    #[test]
    fn of_rooms() {
        let facade = ("mod", "mod x;\npub use x::X;\npub struct Store;");
        let y = ("y", "use crate::store::{Store, z};");
        let z = ("z", "fn f() { crate::store::x::g() }");
        let above =
            ("x", "use crate::store::Store;\n#[cfg(test)]\nmod tests { use crate::store::y; }");
        check(&[facade, above, y, z], &[], &[]);
        let around = ("x", "use crate::{error::Error, store::{Store, y::Y}};");
        check(&[facade, around, y, z], &["x", "y", "z", "x"], &[]);
        let by_export = ("z", "use crate::store::X;");
        check(&[facade, around, y, by_export], &["x", "y", "z", "x"], &[]);
    }

    #[test]
    fn of_files() {
        let (face, b) = (("a/mod", FACE), ("a/b", "use super::Shared;"));
        check(&[face, b, ("a/c", "use super::{Shared, one};")], &[], &[]);
        check(
            &[face, ("a/b", "use super::c;"), ("a/c", "use super::B;")],
            &[],
            &["a/b", "a/c", "a/b"],
        );
        let calling = format!("{FACE}fn f() {{ b::one() }}");
        check(&[("a/mod", &calling), b], &[], &["a", "a/b", "a"]);
    }
}
