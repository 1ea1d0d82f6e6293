//! The JSON form of messages, as protobuf defines it.

use std::sync::LazyLock;

use anyhow::Context as _;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::pb;

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(pb::DESCRIPTORS).ok());

fn descriptor(name: &str) -> anyhow::Result<MessageDescriptor> {
    let pool = POOL.as_ref().context("the descriptors of the contract cannot be read")?;
    let name = format!("throughline.v1.{name}");
    pool.get_message_by_name(&name).with_context(|| format!("the contract has no {name}"))
}

/// A message with a given name, such as `Entry`, on one line.
pub fn to_json(name: &str, message: &impl Message) -> anyhow::Result<String> {
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor(name)?, bytes.as_slice())?;
    Ok(serde_json::to_string(&message)?)
}

/// A message as a JSON value, to embed it in another one.
pub fn to_value(name: &str, message: &impl Message) -> anyhow::Result<serde_json::Value> {
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor(name)?, bytes.as_slice())?;
    Ok(serde_json::to_value(&message)?)
}

/// Parses a message with a given name from JSON.
pub fn from_json<M: Message + Default>(name: &str, text: &str) -> anyhow::Result<M> {
    let mut json = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor(name)?, &mut json)?;
    json.end()?;
    Ok(message.transcode_to()?)
}
