//! Personal data that the tests of this process have sent must not occur in log lines and errors.
//!
//! A canary is a text of a request, in lower case, of at least six characters. Excluded are
//!
//! - ids, page tokens, names of sources, systems and queues, days, and codes such as a currency:
//!   the fields that `is_personal` excludes, and the keys of maps,
//! - words that occur in the product's texts, such as `customer` or `the last`, which tests send as
//!   values too; texts with a digit or punctuation are always canaries,
//! - one character repeated.
//!
//! It is found in a text if no letter or digit is next to it. Of a long value the beginning is
//! searched for, so that a truncated one is found, and of a phone number the last digits, in any
//! notation. What is sent without gRPC (imports, the store itself), and what other processes log,
//! is not covered.

mod log;
mod services;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use prost_reflect::{DynamicMessage, Kind, ReflectMessage as _, Value};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::dynamic;
use crate::architecture::source::Source;

pub use log::{LogScan, start as start_log};
pub use services::Services;

const MIN_CHARS: usize = 6;
/// How much of a long value is searched for, in bytes.
const MOST_BYTES: usize = 32;
/// A number with this many digits is personal, not a count.
const MIN_DIGITS: usize = 9;
/// Canaries are indexed by this many first bytes.
const START: usize = MIN_CHARS;

/// What is searched for, and what was found.
#[derive(Default)]
pub struct Scan {
    canaries: Mutex<HashMap<[u8; START], Vec<Canary>>>,
    values: AtomicUsize,
    /// Log lines and spans that were scanned.
    events: AtomicUsize,
    /// Statuses of calls that were scanned.
    statuses: AtomicUsize,
    /// Fields whose values are in the log, and where.
    leaks: Mutex<Vec<String>>,
}

#[derive(PartialEq, Eq)]
struct Canary {
    text: String,
    /// Of the contract, such as `Identifier.value`.
    field: String,
    /// Whether a value begins and ends with it.
    is_whole: (bool, bool),
}

/// The scan of this process.
pub fn scan() -> &'static Arc<Scan> {
    static SCAN: LazyLock<Arc<Scan>> = LazyLock::new(Arc::default);
    &SCAN
}

impl Scan {
    /// Records the values of a request, by the path of its call.
    pub fn sent(&self, path: &str, message: &[u8]) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(method) = dynamic::methods().into_iter().find(|it| it.name() == name) else {
            return;
        };
        // A malformed message gives the server no values either.
        if let Ok(message) = DynamicMessage::decode(method.input(), message) {
            self.walk(&message);
        }
    }

    fn walk(&self, message: &DynamicMessage) {
        let descriptor = message.descriptor();
        for (field, value) in message.fields() {
            let name = format!("{}.{}", descriptor.name(), field.name());
            let is_text = field.kind() == Kind::String || field.is_map();
            self.value(value, &name, is_text && is_personal(field.name()));
        }
    }

    fn value(&self, value: &Value, field: &str, is_personal: bool) {
        match value {
            Value::Message(message) => self.walk(message),
            Value::List(values) => values.iter().for_each(|it| self.value(it, field, is_personal)),
            Value::Map(values) => values.values().for_each(|it| self.value(it, field, is_personal)),
            Value::String(text) if is_personal => self.add(text, field),
            _ => {}
        }
    }

    /// Records a value of a field.
    pub fn add(&self, value: &str, field: &str) {
        let value = value.trim().to_lowercase();
        // Values of maximum length consist of one repeated character.
        let is_filling = value.chars().all(|it| value.starts_with(it));
        if value.chars().count() < MIN_CHARS || is_filling || OWN_TEXTS.have(&value) {
            return;
        }
        self.values.fetch_add(1, Ordering::Relaxed);
        let is_number = field == "Identifier.value"
            && value.chars().all(|it| it.is_ascii_digit() || " +-().".contains(it));
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.trim_start_matches('0');
        if is_number && digits.len() >= MIN_DIGITS {
            let last = digits[digits.len() - MIN_DIGITS..].to_owned();
            self.put(Canary { text: last, field: field.to_owned(), is_whole: (false, true) });
        }
        let end = value.floor_char_boundary(MOST_BYTES);
        let is_whole = (true, end == value.len());
        self.put(Canary { text: value[..end].to_owned(), field: field.to_owned(), is_whole });
    }

    fn put(&self, canary: Canary) {
        let Some(start) = canary.text.as_bytes().first_chunk() else { return };
        let mut canaries = lock(&self.canaries);
        let alike = canaries.entry(*start).or_default();
        if !alike.iter().any(|it| it.text == canary.text) {
            alike.push(canary);
        }
    }

    /// The field whose value occurs in a text.
    pub fn find(&self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        let canaries = lock(&self.canaries);
        text.as_bytes().windows(START).enumerate().find_map(|(at, start)| {
            let start: &[u8; START] = start.try_into().unwrap();
            let alike = canaries.get(start)?;
            alike.iter().find(|it| it.stands_at(&text, at)).map(|it| it.field.clone())
        })
    }

    /// Scans a line of the log.
    fn logged(&self, target: &str, text: &str) {
        self.events.fetch_add(1, Ordering::Relaxed);
        if let Some(field) = self.find(text) {
            lock(&self.leaks).push(format!("a {field} is in the log of {target}"));
        }
    }

    /// Scans the status of a call.
    #[track_caller]
    pub fn answered(&self, path: &str, status: &Status) {
        if status.code() == Code::Ok {
            return;
        }
        self.statuses.fetch_add(1, Ordering::Relaxed);
        let details = status.get_error_details();
        let mut text = status.message().to_owned();
        for violation in details.bad_request().map(|it| &it.field_violations).into_iter().flatten()
        {
            text += &format!("\n{}\n{}", violation.field, violation.description);
        }
        for value in details.error_info().map(|it| it.metadata.values()).into_iter().flatten() {
            text += &format!("\n{value}");
        }
        if let Some(field) = self.find(&text) {
            panic!("a {field} is in the error of {path}");
        }
    }

    /// Fails if the log contains personal data, of this test or of a concurrent one.
    #[track_caller]
    pub fn assert_no_leak(&self) {
        let leaks = lock(&self.leaks);
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
        let [values, events, statuses] =
            [&self.values, &self.events, &self.statuses].map(|it| it.load(Ordering::Relaxed));
        let canaries: usize = lock(&self.canaries).values().map(Vec::len).sum();
        println!(
            "{values} values sent, {canaries} canaries; {events} log lines and spans, \
             {statuses} errors: none of them in any"
        );
    }
}

impl Canary {
    fn stands_at(&self, text: &str, at: usize) -> bool {
        let end = at + self.text.len();
        let is_beside = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
        text.as_bytes()[at..].starts_with(self.text.as_bytes())
            && !(self.is_whole.0 && is_beside(text[..at].chars().next_back()))
            && !(self.is_whole.1 && is_beside(text[end..].chars().next()))
    }
}

/// Whether the texts of a field can be personal data.
fn is_personal(field: &str) -> bool {
    const ENDS: [&str; 7] = ["id", "_ids", "etag", "token", "_day", "region", "_code"];
    const NAMES: [&str; 17] = [
        "source",
        "source_ref",
        "namespace",
        "language",
        "time",
        "time_zone",
        "media_type",
        "key",
        "sku",
        "sha256",
        "queue",
        "to_queue",
        "disposition",
        "field",
        "call",
        "caller",
        "conflicts_with",
    ];
    !ENDS.iter().any(|end| field.ends_with(end)) && !NAMES.contains(&field)
}

/// The product's own texts: its code and its contract.
struct OwnTexts {
    /// In lower case, with one space for everything between letters.
    text: String,
    words: HashSet<String>,
}

static OWN_TEXTS: LazyLock<OwnTexts> = LazyLock::new(|| {
    // Without those that have names of people: the demo, and the tables of nicknames.
    let folders = ["proto", "src/error.rs", "src/api", "src/store"];
    let files = folders.iter().flat_map(|folder| Source::all_below(folder));
    let text: Vec<String> = files.map(|file| parted(&file.text)).collect();
    let text = format!(" {} ", text.join(" "));
    let words = text.split(' ').map(str::to_owned).collect();
    OwnTexts { text, words }
});

impl OwnTexts {
    fn have(&self, value: &str) -> bool {
        value.chars().all(|it| it.is_alphabetic() || it == ' ' || it == '_')
            && parted(value).split(' ').all(|word| self.words.contains(word))
            && self.text.contains(&format!(" {} ", parted(value)))
    }
}

/// The words of a text in lower case, separated by one space.
fn parted(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|it: char| !it.is_alphabetic()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

mod tests {
    use prost::Message as _;
    use tracing::{debug, info_span, subscriber::with_default};
    use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt as _};

    use super::{Arc, LogScan, Scan, lock, scan};
    use crate::{
        calls::{by, email, identifier, list, note, refusal},
        support::{Database, Server},
    };
    use throughline::pb::IdentifierKind;

    #[test]
    fn a_value_is_found_however_it_is_written_and_no_other_word_is() {
        let scan = Scan::default();
        scan.add("Sørensen", "Profile.family_name");
        scan.add("06 1234 5678", "Identifier.value");
        scan.add("the lamp of the hall went out and nobody knows why", "Note.text");
        for (text, field) in [
            ("SØRENSEN", Some("Profile.family_name")),
            ("value: \"sørensen\",", Some("Profile.family_name")),
            ("key=phone:+31612345678", Some("Identifier.value")),
            ("said the lamp of the hall went out an...", Some("Note.text")),
            ("sørensens", None),
            ("31612345679", None),
            ("the lamp of the hall", None),
            ("", None),
        ] {
            assert_eq!(scan.find(text).as_deref(), field, "{text}");
        }
    }

    #[test]
    fn values_of_people_are_canaries_and_ids_and_own_words_are_not() {
        let scan = Scan::default();
        let mut call = by(vec![email("Anna.Larsen@example.net")], note("a red lamp"));
        call.request_id = "018f0000-0000-7000-8000-000000000001".to_owned();
        call.identifiers.push(identifier(IdentifierKind::Account, "customer"));
        let entry = call.entry.as_mut().unwrap();
        entry.source = "the-source".to_owned();
        entry.attributes = [("colour".to_owned(), "vermilion".to_owned())].into();
        scan.sent("/throughline.v1.TimelineService/RecordEntry", &call.encode_to_vec());
        for found in ["anna.larsen@example.net", "a red lamp", "vermilion"] {
            assert!(scan.find(found).is_some(), "{found}");
        }
        for not in [&call.request_id, "the-source", "colour", "customer"] {
            assert_eq!(scan.find(not), None, "{not}");
        }
    }

    #[test]
    fn a_value_in_the_log_is_a_leak_at_each_level_and_in_each_place() {
        let scan = Arc::new(Scan::default());
        scan.add("Sanne Bakker", "Profile.given_name");
        let layer = LogScan::new(Arc::clone(&scan)).with_filter(LevelFilter::TRACE);
        let log = tracing_subscriber::registry().with(layer);
        with_default(log, || {
            debug!("sanne de bakker");
            assert_eq!(*lock(&scan.leaks), [""; 0]);
            debug!("found sanne bakker");
            tracing::trace!(name = "Sanne Bakker");
            tracing::warn!(name = ?Some("Sanne Bakker"), "x");
            let span = info_span!("call", name = "Sanne Bakker", later = tracing::field::Empty);
            span.record("later", "Sanne Bakker");
        });
        assert_eq!(lock(&scan.leaks).len(), 5);
    }

    /// The calls of every test pass through this.
    #[tokio::test]
    async fn what_tests_send_is_looked_for_in_what_servers_say() {
        let database = Database::sqlite();
        let server = Server::start(&database).await;
        let value = "look-for-me@example.net";
        server.recorded(by(vec![email(value)], note("x"))).await;
        assert_eq!(scan().find(value).as_deref(), Some("Identifier.value"));
        let count = |of: &std::sync::atomic::AtomicUsize| of.load(super::Ordering::Relaxed);
        let before = (count(&scan().events), count(&scan().statuses));
        refusal(server.timeline.clone().list_timeline(list("nobody")).await);
        assert!(count(&scan().events) > before.0);
        assert!(count(&scan().statuses) > before.1);
        server.stop().await;
    }
}
