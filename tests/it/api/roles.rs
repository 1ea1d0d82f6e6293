//! Which role may make which call: each cell is a call over real gRPC.

use std::fmt::Write as _;

use prost_reflect::DescriptorPool;
use throughline::pb;
use tonic::{Code, Request, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::support::{ROLES, Server, Services, on_both};

/// The expected matrix.
const MATRIX: &str = include_str!("roles.txt");

/// Whether a caller with this token, or none, may make a call. The request itself is invalid.
async fn may(services: &Services, path: &str, token: Option<&str>) -> bool {
    let mut request = Request::new(());
    if let Some(token) = token {
        let token = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
    }
    let mut grpc = Grpc::new(services.clone());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(path).unwrap();
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let answer = match grpc.server_streaming(request, path, codec).await {
        Err(status) => Err(status),
        Ok(stream) => stream.into_inner().message().await,
    };
    let Err(status) = answer else { return true };
    let details = status.get_error_details();
    let reason = details.error_info().unwrap().reason.as_str();
    assert_eq!(
        status.code() == Code::PermissionDenied,
        reason == "ROLE_NOT_PERMITTED",
        "{status:?}"
    );
    reason != "ROLE_NOT_PERMITTED"
}

#[tokio::test]
async fn each_role_may_make_its_calls_and_no_other() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let services = server.connect().await;
        let contract = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
        let ours = contract.services().filter(|it| it.full_name().starts_with("throughline."));
        let mut matrix = format!("{:<24}", "");
        ROLES.iter().for_each(|(name, _)| write!(matrix, "  {name:<10}").unwrap());
        for call in ours.flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let path = format!("/{}/{}", call.parent_service().full_name(), call.name());
            write!(matrix, "\n{:<24}", call.name()).unwrap();
            for (name, _) in ROLES {
                let cell = if may(&services, &path, Some(name)).await { "yes" } else { "-" };
                write!(matrix, "  {cell:<10}").unwrap();
            }
            assert!(may(&services, &path, None).await, "{path}");
        }
        let matrix: String = matrix.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        if matrix != MATRIX {
            println!("{matrix}");
            panic!("the matrix is another one: compare it with tests/it/api/roles.txt");
        }
        server.stop().await;
    })
    .await;
}
