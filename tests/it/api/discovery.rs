//! What a client can ask the server about itself: health and reflection; and calls of browsers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::TryStreamExt as _;
use prost::Message as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use throughline::{
    clock::Clock,
    pb::{
        self, privacy_service_client::PrivacyServiceClient,
        timeline_service_client::TimelineServiceClient,
    },
    server,
    store::Store,
};
use tokio::{sync::Notify, time::timeout};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    calls::{Refusal, account, by, list, note, refusal},
    support::{CONNECTION_LIMITS, Database, NOW, Server, listen, on_both, settings, wire::browse},
};

/// A server over a store that the test uses too.
async fn serve(store: Store) -> (Channel, Arc<Notify>) {
    let (address, incoming) = listen(CONNECTION_LIMITS).await;
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    tokio::spawn(server::run(incoming, store, settings(Clock::Fixed(NOW)), async move {
        stopped.notified().await;
    }));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    (endpoint.connect().await.unwrap(), stop)
}

/// The health of a service, from now on.
struct Watch(tonic::Streaming<tonic_health::pb::HealthCheckResponse>);

impl Watch {
    async fn of(channel: &Channel, service: &str) -> Self {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut health = HealthClient::new(channel.clone());
        Self(health.watch(request).await.unwrap().into_inner())
    }

    /// Waits until health reports it, or for a time after which it never will.
    async fn until(&mut self, wanted: ServingStatus) {
        let told = async { while self.0.message().await.unwrap().unwrap().status() != wanted {} };
        timeout(NEVER, told).await.expect("health tells what is true");
    }
}

const NEVER: Duration = Duration::from_secs(30);

const SERVICES: [&str; 6] = [
    "",
    "throughline.v1.CaseService",
    "throughline.v1.CustomerService",
    "throughline.v1.PrivacyService",
    "throughline.v1.PurchaseService",
    "throughline.v1.TimelineService",
];

#[tokio::test]
async fn health_tells_when_the_store_is_closed() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let (channel, stop) = serve(store.clone()).await;
        let mut watches = Vec::new();
        for service in SERVICES {
            let mut watch = Watch::of(&channel, service).await;
            watch.until(ServingStatus::Serving).await;
            watches.push(watch);
        }
        store.close().await;
        for watch in &mut watches {
            watch.until(ServingStatus::NotServing).await;
        }
        let mut timeline = TimelineServiceClient::new(channel.clone());
        let status = timeline.record_entry(by(vec![account("anna")], note("x"))).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        let mut health = HealthClient::new(channel);
        let unknown = HealthCheckRequest { service: "throughline.v1.Nothing".to_owned() };
        assert_eq!(health.check(unknown).await.unwrap_err().code(), Code::NotFound);
        stop.notify_one();
    })
    .await;
}

#[tokio::test]
async fn health_tells_when_postgres_is_gone_and_when_it_is_back() {
    let Some(database) = Database::postgres().await else { return };
    let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
    let (channel, stop) = serve(store).await;
    let mut watch = Watch::of(&channel, "").await;
    watch.until(ServingStatus::Serving).await;

    // Nobody can connect, and existing connections are closed.
    let (before, query) = database.url.split_once('?').unwrap();
    let (server, name) = before.rsplit_once('/').unwrap();
    let admin = format!("{server}/postgres?{query}");
    let mut admin = PgConnection::connect(&admin).await.unwrap();
    let allow =
        |allow: bool| AssertSqlSafe(format!("alter database {name} allow_connections {allow}"));
    admin.execute(allow(false)).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    sqlx::query(end).bind(name).execute(&mut admin).await.unwrap();
    watch.until(ServingStatus::NotServing).await;
    let call = by(vec![account("anna")], note("x"));
    let mut timeline = TimelineServiceClient::new(channel.clone());
    // The first calls meet closed connections, the others get none.
    let unavailable = Refusal::new(Code::Unavailable, "STORE_UNAVAILABLE", []);
    for _ in 0..5 {
        assert_eq!(refusal(timeline.record_entry(call.clone()).await), unavailable);
        let made = timeline.list_timeline(list("0190f3c4-7b1a-7cc0-8000-00000000beef")).await;
        assert_eq!(refusal(made), unavailable);
    }

    admin.execute(allow(true)).await.unwrap();
    watch.until(ServingStatus::Serving).await;
    timeline.record_entry(call).await.unwrap();
    stop.notify_one();
}

async fn reflected(channel: &Channel, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut client = ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    answers.into_inner().message().await.unwrap().unwrap().message_response.unwrap()
}

#[tokio::test]
async fn reflection_lists_the_public_services_and_knows_their_messages() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let channel = server.channel().await;
        let answer = reflected(&channel, MessageRequest::ListServices(String::new())).await;
        let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
        let names: BTreeSet<_> = list.service.iter().map(|it| it.name.as_str()).collect();
        let wanted = [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "throughline.v1.CaseService",
            "throughline.v1.CustomerService",
            "throughline.v1.PrivacyService",
            "throughline.v1.PurchaseService",
            "throughline.v1.TimelineService",
        ];
        assert_eq!(names, wanted.into());
        for symbol in ["throughline.v1.TimelineService", "throughline.v1.Entry"] {
            let request = MessageRequest::FileContainingSymbol(symbol.to_owned());
            let answer = reflected(&channel, request).await;
            let MessageResponse::FileDescriptorResponse(files) = answer else {
                panic!("{symbol}: {answer:?}")
            };
            assert!(!files.file_descriptor_proto.is_empty());
        }
        server.stop().await;
    })
    .await;
}

/// As a browser sends it: over HTTP/1.1, the status at the end of the body.
#[tokio::test]
async fn a_browser_calls_over_grpc_web() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let call = pb::IdentifyCustomerRequest {
            identifiers: vec![account("anna")],
            ..Default::default()
        };
        let path = "/throughline.v1.CustomerService/IdentifyCustomer";
        let text = browse(server.address, path, "", &call.encode_to_vec()).await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        assert!(text.contains("content-type: application/grpc-web+proto"), "{text}");
        assert!(text.contains("grpc-status:0"), "{text}");

        let customer = server.identified(vec![account("anna")]).await;
        assert!(!customer.created, "the browser's call made the customer");
        assert!(text.contains(&customer.customer.unwrap().id), "{text}");
        server.stop().await;
    })
    .await;
}

/// gzip, which a client may use both ways. A small answer is not worth it.
#[tokio::test]
async fn large_messages_may_be_compressed() {
    use tonic::codec::CompressionEncoding::Gzip;
    on_both(async |database| {
        let server = Server::start(database).await;
        let channel = server.channel().await;
        let mut timeline = TimelineServiceClient::new(channel.clone())
            .send_compressed(Gzip)
            .accept_compressed(Gzip);
        let call = by(vec![account("anna")], note("x ".repeat(10_000)));
        let recorded = timeline.record_entry(call.clone()).await.unwrap();
        assert_eq!(encoding(&recorded), None, "a small answer to one who takes gzip");
        let recorded = recorded.into_inner();
        let page = timeline.list_timeline(list(&recorded.customer_id)).await.unwrap();
        assert_eq!(encoding(&page), Some("gzip"));
        assert_eq!(page.into_inner().entries[0].content, call.entry.unwrap().content);

        // The same page for a client that does not accept it.
        let mut timeline = TimelineServiceClient::new(channel.clone());
        let page = timeline.list_timeline(list(&recorded.customer_id)).await.unwrap();
        assert_eq!(encoding(&page), None);
        server.stop().await;
    })
    .await;
}

/// A stream says that its messages may be compressed, and each says whether it is.
#[tokio::test]
async fn messages_of_a_stream_may_be_compressed() {
    use tonic::codec::CompressionEncoding::Gzip;
    on_both(async |database| {
        let server = Server::start(database).await;
        let texts = ["short".to_owned(), "long ".repeat(2_000), "short".to_owned()];
        let mut customer_id = String::new();
        for text in &texts {
            let recorded = server.recorded(by(vec![account("anna")], note(text))).await;
            customer_id = recorded.customer_id;
        }
        let call = pb::ExportCustomerRequest { customer_id };
        for accepts_gzip in [true, false] {
            let mut privacy = PrivacyServiceClient::new(server.channel().await);
            if accepts_gzip {
                privacy = privacy.accept_compressed(Gzip);
            }
            let answer = privacy.export_customer(call.clone()).await.unwrap();
            assert_eq!(encoding(&answer).is_some(), accepts_gzip);
            let messages: Vec<_> = answer.into_inner().try_collect().await.unwrap();
            let lines: String = messages.into_iter().map(|message| message.lines).collect();
            for text in &texts {
                assert!(lines.contains(text.trim()), "{accepts_gzip}");
            }
        }
        server.stop().await;
    })
    .await;
}

fn encoding<T>(answer: &tonic::Response<T>) -> Option<&str> {
    answer.metadata().get("grpc-encoding").map(|encoding| encoding.to_str().unwrap())
}
