//! Calls by name, with messages as JSON: for tests of the whole contract.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use serde_json::Value;
use throughline::pb;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

use super::Services;
use prost::{
    Message as _,
    bytes::{Buf as _, BufMut as _},
};

static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(pb::DESCRIPTORS).unwrap());

/// All calls of the contract.
pub fn methods() -> Vec<MethodDescriptor> {
    let ours = CONTRACT.services().filter(|it| it.full_name().starts_with("throughline."));
    ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

/// The call with a name, such as `GetCase`.
pub fn method(name: &str) -> MethodDescriptor {
    methods().into_iter().find(|method| method.name() == name).unwrap()
}

/// Makes a call; for a stream, the first message is the answer. `metadata` are names and values.
pub async fn call(
    services: &Services,
    name: &str,
    message: Value,
    metadata: &[(&'static str, &str)],
) -> Result<Value, Status> {
    let method = method(name);
    let sent = DynamicMessage::deserialize(method.input(), message).unwrap();
    let mut request = Request::new(sent.encode_to_vec());
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut grpc = Grpc::new(services.clone());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(path).unwrap();
    let mut answer = grpc.server_streaming(request, path, Bytes).await?.into_inner();
    let bytes = answer.message().await?.unwrap_or_default();
    let answer = DynamicMessage::decode(method.output(), bytes.as_slice()).unwrap();
    Ok(serde_json::to_value(answer).unwrap())
}

/// Passes encoded messages through.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
