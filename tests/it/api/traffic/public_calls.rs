//! Public calls: each connection has a few of them, which do not count against others.

use futures_util::StreamExt as _;
use throughline::api::budget::BudgetLimits;
use tonic::{Code, Request, Streaming, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};
use tonic_types::StatusExt as _;

use super::bounded;
use crate::{
    calls::{Refusal, refusal},
    support::{Server, on_both},
};

async fn watch(channel: &Channel) -> Result<Streaming<HealthCheckResponse>, tonic::Status> {
    let request = HealthCheckRequest { service: String::new() };
    HealthClient::new(channel.clone()).watch(request).await.map(tonic::Response::into_inner)
}

/// An open stream of reflection.
async fn reflect(channel: &Channel) -> Result<(), tonic::Status> {
    let list = MessageRequest::ListServices(String::new());
    let list = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let requests = futures_util::stream::iter([list]).chain(futures_util::stream::pending());
    let mut client = ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(Request::new(requests)).await?.into_inner();
    // It stays open as long as the channel does.
    tokio::spawn(async move { answers.collect::<Vec<_>>().await });
    Ok(())
}

#[tokio::test]
async fn a_connection_has_few_calls_that_are_anybodys() {
    let too_many = Refusal::new(Code::ResourceExhausted, "TOO_MANY_CALLS_OF_CONNECTION", []);
    on_both(async |database| {
        let server = Server::start_with(database, bounded(BudgetLimits::NONE)).await;
        let channel = server.channel().await;
        let mut watches = Vec::new();
        for _ in 0..16 {
            watches.push(watch(&channel).await.unwrap());
        }
        let again = watch(&channel).await;
        assert!(again.as_ref().unwrap_err().get_error_details().retry_info().is_some());
        assert_eq!(refusal(again.map(tonic::Response::new)), too_many);
        for _ in 0..4 {
            reflect(&channel).await.unwrap();
        }
        assert_eq!(refusal(reflect(&channel).await.map(tonic::Response::new)), too_many);
        // Another connection has its own limit, which excludes the calls of the contract.
        let other = server.channel().await;
        watch(&other).await.unwrap();
        reflect(&other).await.unwrap();
        server.identified(vec![crate::calls::account("anna")]).await;
        watches.pop();
        while watch(&channel).await.is_err() {}
        drop((watches, channel, other));
        server.stop().await;
    })
    .await;
}
