//! Fills every string of a message with a unique text, whichever strings the contract has.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage as _, Value,
};
use throughline::pb;

/// The length of a needle. Word lists omit the common prefix of consecutive words.
pub const NEEDLE: usize = 10;

/// Strings without free text: ids, idempotency keys, dates, codes of a closed set, and strings that
/// only the server sets.
const SHAPED: [&str; 29] = [
    "customer_id",
    "other_customer_id",
    "case_id",
    "promise_id",
    "quote_id",
    "merge_id",
    "request_id",
    "reply_to_entry_id",
    "told_in_entry_id",
    "etag",
    "other_etag",
    "code",
    "phone_region",
    "language",
    "country_code",
    "currency_code",
    "birth_date",
    "warranty_end",
    "due_day",
    "valid_until_day",
    "media_type",
    "time",
    "date",
    "time_zone",
    "local",
    "zone",
    "id",
    "paths",
    "date_time",
];
/// Stands for a text that is to be empty.
pub const EMPTY: &str = "(empty)";
/// Strings that only the server sets.
const OF_THE_SERVER: [&str; 6] = [
    "IdentityChange",
    "CaseChange",
    "FactChange",
    "PromiseChange",
    "HandoverChange",
    "QuoteChange",
];

/// What was planted where: by the message of the call and the name of the field.
#[derive(Default)]
pub struct Canaries {
    next: u64,
    planted: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Canaries {
    /// A new text: letters and digits, which folding does not change.
    pub fn new_text(&mut self) -> String {
        const SIGNS: &[u8; 24] = b"bcdfghjkmnpqrtvwxz234679";
        self.next += 1;
        let mut mixed = self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mut text = String::from("q");
        for _ in 0..12 {
            text.push(char::from(SIGNS[usize::try_from(mixed % 24).unwrap()]));
            mixed /= 24;
        }
        text + "7"
    }

    /// Ten digits of a phone number, as they are after `+316`.
    pub fn new_digits(&mut self) -> String {
        self.next += 1;
        let mixed = self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
        format!("1{:07}", mixed % 10_000_000)
    }

    /// Records a needle, and where it was planted.
    pub fn note(&mut self, root: &str, field: &str, text: &str) {
        let place = (root.to_owned(), field.to_owned());
        self.planted.entry(place).or_default().insert(text.to_owned());
    }

    /// Fills the empty strings of a message, and records those that are not.
    pub fn fill<M: Message + Default>(&mut self, root: &str, message: M) -> M {
        let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
        let descriptor = pool.get_message_by_name(&format!("throughline.v1.{root}")).unwrap();
        let bytes = message.encode_to_vec();
        let mut dynamic = DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap();
        self.fill_dynamic(root, &mut dynamic);
        M::decode(dynamic.encode_to_vec().as_slice()).unwrap()
    }

    fn fill_dynamic(&mut self, root: &str, message: &mut DynamicMessage) {
        for field in message.descriptor().fields() {
            let is_given = message.get_field(&field).as_str().is_some_and(|text| text == EMPTY);
            if is_given {
                message.clear_field(&field);
            }
            // The kind of an identifier determines its form.
            let is_identifier = message.descriptor().name() == "Identifier";
            if let Some(text) = message.get_field(&field).as_str()
                && is_identifier
                && !text.is_empty()
            {
                self.note(root, field.full_name(), text);
            }
            if is_given || is_identifier || is_shaped(&field) {
                continue;
            }
            // Nor is a message created that the call does not have, or a field of a oneof chosen.
            if field.supports_presence() && !message.has_field(&field) {
                continue;
            }
            let value = message.get_field(&field).into_owned();
            if let Some(value) = self.filled(root, &field, value) {
                message.set_field(&field, value);
            }
        }
    }

    fn filled(&mut self, root: &str, field: &FieldDescriptor, value: Value) -> Option<Value> {
        Some(match value {
            Value::String(text) => Value::String(self.text(root, field, &text)),
            Value::Message(mut message) if is_ours(&message.descriptor()) => {
                self.fill_dynamic(root, &mut message);
                Value::Message(message)
            }
            Value::List(mut list) if field.kind() == Kind::String => {
                if list.is_empty() {
                    list.push(Value::String(String::new()));
                }
                let filled = list.into_iter().map(|it| {
                    let text = it.as_str().unwrap_or_default().to_owned();
                    Value::String(self.text(root, field, &text))
                });
                Value::List(filled.collect())
            }
            Value::List(list) => {
                let filled = list.into_iter().map(|it| {
                    let same = it.clone();
                    self.filled_one(root, field, it).unwrap_or(same)
                });
                Value::List(filled.collect())
            }
            Value::Map(_) => {
                let (key, value) = (self.text(root, field, ""), self.text(root, field, ""));
                Value::Map([(MapKey::String(key), Value::String(value))].into())
            }
            _ => return None,
        })
    }

    fn filled_one(&mut self, root: &str, field: &FieldDescriptor, value: Value) -> Option<Value> {
        match value {
            Value::Message(mut message) if is_ours(&message.descriptor()) => {
                self.fill_dynamic(root, &mut message);
                Some(Value::Message(message))
            }
            _ => {
                let _ = field;
                None
            }
        }
    }

    fn text(&mut self, root: &str, field: &FieldDescriptor, given: &str) -> String {
        if !given.is_empty() {
            self.note(root, field.full_name(), given);
            return given.to_owned();
        }
        let new = self.new_text();
        let text = match field.full_name().trim_start_matches("throughline.v1.") {
            "Attachment.sha256" => {
                let hex: String = new.bytes().map(|byte| format!("{byte:02x}")).collect();
                format!("{hex:0>64}")
            }
            "Attachment.url" => format!("https://{new}.example/"),
            _ => new,
        };
        self.note(root, field.full_name(), &text);
        text
    }

    /// The needles, and where they were planted.
    pub fn needles(&self) -> BTreeMap<Vec<u8>, String> {
        let mut needles = BTreeMap::new();
        for ((root, field), texts) in &self.planted {
            for text in texts {
                let text = text.to_ascii_lowercase();
                for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
                    let bytes = word.as_bytes();
                    let is_phone =
                        bytes.len() == 11 && word.bytes().all(|byte| byte.is_ascii_digit());
                    if bytes.len() < NEEDLE + 1 {
                        continue;
                    }
                    let needle = bytes[bytes.len() - NEEDLE..].to_vec();
                    if is_phone {
                        // Phone numbers are found by their last digits too.
                        needles.insert(needle.iter().rev().copied().collect(), field.clone());
                    }
                    needles.insert(needle, format!("{root}: {field}"));
                }
            }
        }
        needles
    }

    /// The number of planted texts.
    pub fn count(&self) -> usize {
        self.planted.values().map(BTreeSet::len).sum()
    }

    /// The strings of write calls in which nothing was planted.
    pub fn forgotten(&self) -> Vec<String> {
        let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
        let mut roots: Vec<MessageDescriptor> = pool
            .services()
            .filter(|service| service.full_name().starts_with("throughline."))
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .filter(|call| {
                let reads = ["Get", "List", "Search", "Find", "Watch"];
                !reads.iter().any(|verb| call.name().starts_with(verb))
            })
            .map(|call| call.input())
            .collect();
        roots.push(pool.get_message_by_name("throughline.v1.ImportRecord").unwrap());
        let mut forgotten = Vec::new();
        for root in roots {
            let mut fields = BTreeSet::new();
            strings_of(&root, &mut BTreeSet::new(), &mut fields);
            for field in fields {
                if !self.planted.contains_key(&(root.name().to_owned(), field.clone())) {
                    forgotten.push(format!("{}: {field}", root.name()));
                }
            }
        }
        forgotten
    }
}

fn is_shaped(field: &FieldDescriptor) -> bool {
    SHAPED.contains(&field.name())
}

fn is_ours(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("throughline.")
}

/// The full names of all strings within a message.
fn strings_of(
    message: &MessageDescriptor,
    seen: &mut BTreeSet<String>,
    found: &mut BTreeSet<String>,
) {
    if !is_ours(message) || !seen.insert(message.full_name().to_owned()) {
        return;
    }
    for field in message.fields().filter(|field| !is_shaped(field)) {
        match field.kind() {
            Kind::String => {
                found.insert(field.full_name().to_owned());
            }
            Kind::Message(inner) if field.is_map() => {
                let _ = inner;
                found.insert(field.full_name().to_owned());
            }
            Kind::Message(inner) if !OF_THE_SERVER.contains(&inner.name()) => {
                strings_of(&inner, seen, found);
            }
            _ => {}
        }
    }
}
