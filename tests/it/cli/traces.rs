//! Traces by OTLP, of the program itself: for builds with the feature `otlp`.

use std::{
    convert::Infallible,
    future::Future,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use throughline::pb::{GetCaseRequest, case_service_client::CaseServiceClient};
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{
    Status,
    body::Body,
    server::NamedService,
    transport::{Server, server::TcpIncoming},
};
use tower::Service;

use super::process::{Running, throughline, world};

/// Accepts traces, and passes on the bytes of each call.
#[derive(Clone)]
struct Collector(mpsc::UnboundedSender<Vec<u8>>);

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<Request<Body>> for Collector {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let taken = self.0.clone();
        Box::pin(async move {
            let bytes = request.into_body().collect().await.unwrap().to_bytes();
            taken.send(bytes.to_vec()).unwrap();
            // What is sent is all that is asked for here.
            Ok(Status::unimplemented("").into_http())
        })
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_part_of_its_callers_trace() {
    let (taken, mut traces) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let collecting = Server::builder().add_service(Collector(taken));
    tokio::spawn(collecting.serve_with_incoming(TcpIncoming::from(listener)));

    let folder = world();
    let arguments = ["serve", "--database", "sqlite:demo.db", "--listen", "127.0.0.1:0"];
    let mut command = throughline(&folder, &[&arguments[..], &["--log-format", "json"]].concat());
    let mut server = Running::start(command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector));
    let mut log = BufReader::new(server.log());
    let mut line = String::new();
    let address: SocketAddr = loop {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the server ended");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        if event["message"] == "serving" {
            break event["address"].as_str().unwrap().parse().unwrap();
        }
    };
    let mut cases = CaseServiceClient::connect(format!("http://{address}")).await.unwrap();
    let mut call = tonic::Request::new(GetCaseRequest::default());
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    call.metadata_mut().insert("traceparent", trace.parse().unwrap());
    cases.get_case(call).await.unwrap_err();
    drop(cases);
    // Pending traces are exported at the end.
    tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let sent = traces.recv().await.unwrap();
    let id = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    let parent = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();
    assert!(holds(&sent, &id) && holds(&sent, &parent), "{rest}");
    assert!(holds(&sent, b"/throughline.v1.CaseService/GetCase"));
}
