//! Files that become entries.

mod bad_files;
mod blocked;
mod complaints;
mod join;
mod map;
mod native;
mod rejects;
mod resume;
mod retail;
mod shops;
mod values;

use throughline::{
    api::validate::Rules,
    clock::Clock,
    ingest::{
        convert::Command,
        map::Map,
        rejects::Reject,
        source::{Input, Source},
    },
    pb,
};

use crate::support::TempFolder;

/// The calls of a file.
#[derive(Debug, Default)]
pub struct Given {
    pub entries: Vec<pb::RecordEntryRequest>,
    pub customers: Vec<pb::IdentifyCustomerRequest>,
    pub rejects: Vec<Reject>,
}

impl Given {
    /// The only entry, with nothing rejected.
    pub fn entry(&self) -> &pb::Entry {
        assert_eq!((self.entries.len(), &self.rejects), (1, &Vec::new()));
        entry(&self.entries[0])
    }

    /// Line, field and reason of each reject.
    pub fn reasons(&self) -> Vec<String> {
        let text = |r: &Reject| format!("{} {}: {}", r.line, r.field, r.reason);
        self.rejects.iter().map(text).collect()
    }
}

pub fn entry(request: &pb::RecordEntryRequest) -> &pb::Entry {
    request.entry.as_ref().unwrap()
}

/// The input for a file of that content.
pub fn input(folder: &TempFolder, name: &str, content: impl AsRef<[u8]>, map: &str) -> Input {
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    let map = (!map.is_empty()).then(|| Map::parse(map).unwrap());
    Input { file, map, lines: None, replay: None }
}

/// The calls of an input, without the rules of the API.
pub fn read(input: &Input) -> anyhow::Result<Given> {
    let rules = Rules { phone_region: Some("NL".to_owned()), ..Rules::new(Clock::System) };
    let mut source = Source::open(input, &rules, |_, _| {})?;
    let mut given = Given::default();
    while let Some(step) = source.next_step()? {
        given.rejects.extend(step.rejects);
        for command in step.commands {
            match command {
                Command::Customer(customer) => given.customers.push(*customer),
                Command::Entry(entry) => given.entries.push(entry.request),
            }
        }
    }
    Ok(given)
}

/// The calls of a file of that content.
pub fn given(name: &str, content: impl AsRef<[u8]>, map: &str) -> Given {
    let folder = TempFolder::new();
    read(&input(&folder, name, content, map)).unwrap()
}

/// Why a file of that content cannot be imported at all.
pub fn refused(name: &str, content: impl AsRef<[u8]>, map: &str) -> String {
    let folder = TempFolder::new();
    format!("{:#}", read(&input(&folder, name, content, map)).unwrap_err())
}

/// A map of notes with the columns `id`, `at` and `text`; `more` comes at its beginning.
pub fn notes_map(more: &str) -> String {
    let rest = r#"
        [[customer.identifier]]
        kind = "customer_number"
        value = "id"
        [[entry]]
        source = "test"
        kind = "note"
        channel = "store"
        source_ref = "id"
        occurred_at = "at"
        text = "text"
    "#;
    format!("{more}{rest}")
}

/// A map of `tests/maps`.
pub fn example_map(name: &str) -> Map {
    let path = format!("{}/tests/maps/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Map::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}
