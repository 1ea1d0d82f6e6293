//! The product's own format: each line is the JSON of a `throughline.v1.ImportRecord`. Field names
//! may be in snake_case or camelCase, as in the JSON of every protobuf message.

use anyhow::Context as _;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};

use super::convert::{Command, EntryCommand};
use crate::pb::{self, import_record::Record};

/// Reads lines of the product's own format.
#[derive(Clone, Debug)]
pub struct Reader {
    record: MessageDescriptor,
}

impl Reader {
    pub fn new() -> anyhow::Result<Self> {
        let pool =
            DescriptorPool::decode(pb::DESCRIPTORS).context("the contract cannot be read")?;
        let record = pool.get_message_by_name("throughline.v1.ImportRecord");
        Ok(Self { record: record.context("the contract has no ImportRecord")? })
    }

    /// The call of a line. Fails with the reason.
    pub fn read(&self, line: &str) -> Result<Command, String> {
        let mut json = serde_json::Deserializer::from_str(line);
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let message =
            DynamicMessage::deserialize_with_options(self.record.clone(), &mut json, &options)
                .map_err(|error| reason(&error))?;
        json.end().map_err(|error| reason(&error))?;
        let record: pb::ImportRecord =
            message.transcode_to().map_err(|_| "is not an ImportRecord".to_owned())?;
        match record.record {
            Some(Record::Customer(customer)) => Ok(Command::Customer(Box::new(customer))),
            Some(Record::Entry(request)) => {
                Ok(Command::Entry(Box::new(EntryCommand { request, unknown_orders: false })))
            }
            None => Err("holds neither \"customer\" nor \"entry\"".to_owned()),
        }
    }
}

/// serde's message, which may name a field but not its value.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let field =
        text.strip_prefix("unrecognized field name ").and_then(|rest| rest.split('\'').nth(1));
    match (error.classify(), field) {
        (serde_json::error::Category::Eof, _) => "ends in the middle of its JSON".to_owned(),
        (serde_json::error::Category::Syntax, _) => {
            format!("is not JSON from column {} on", error.column())
        }
        (_, Some(field)) => format!("has the field \"{field}\", which the format does not know"),
        _ => format!("does not fit throughline.v1.ImportRecord at column {}", error.column()),
    }
}
