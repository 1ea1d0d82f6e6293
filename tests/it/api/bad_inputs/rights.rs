//! Numbers 103 and 116: restrictions and legal holds, and exports.

use throughline::pb;
use tonic::Code;

use super::case::wrong_reason;
use crate::{
    calls::{account, note, refusal, to},
    identity::{by_shop, dry_run, merge, unmerge, with_token},
    rights::{by_officer, hold, release, restrict},
    support::{RowCounter, Server, on_both},
};

pub const NUMBERS: &[u16] = &[103, 116];

const NOBODY: &str = "0190f3c4-7b1a-7cc0-8000-00000000beef";

/// Number 103.
#[tokio::test]
async fn a_merge_of_who_is_restricted_or_held_stores_nothing() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut ids = Vec::new();
        for name in ["anna", "an", "bert", "cor"] {
            ids.push(server.made(vec![account(name)]).await.id);
        }
        let merge_id = server.merge_of(&ids[0], &ids[1]).await;
        hold(&server, &ids[1]).await;
        restrict(&server, &ids[2]).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let mut customers = server.customers.clone();
        for (one, other, reason) in
            [(0, 3, "CUSTOMER_ON_HOLD"), (3, 1, "CUSTOMER_ON_HOLD"), (3, 2, "CUSTOMER_RESTRICTED")]
        {
            for call in [merge(&ids[one], &ids[other]), dry_run(&ids[one], &ids[other])] {
                let status = customers.merge_customers(by_shop(call)).await.unwrap_err();
                assert_eq!(status.code(), Code::FailedPrecondition, "{one} and {other}");
                assert_eq!(wrong_reason(&status, reason), None, "{one} and {other}");
            }
        }
        let status = customers.unmerge_customers(by_shop(unmerge(&merge_id))).await.unwrap_err();
        assert_eq!(wrong_reason(&status, "CUSTOMER_ON_HOLD"), None);
        assert_eq!(rows.count().await, before);
        release(&server, &ids[0]).await;
        server.unmerged(&merge_id).await;
        server.stop().await;
    })
    .await;
}

/// Number 116: an export that is larger than any message is split.
#[tokio::test]
async fn an_export_has_no_size_that_is_too_large() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let made = server.made(vec![account("anna")]).await;
        // More than the largest response, 8 MiB.
        let text = "x".repeat(250_000);
        for _ in 0..40 {
            server.recorded(to(&made.id, note(&text))).await;
        }
        let call = pb::ExportCustomerRequest { customer_id: made.id.clone() };
        let answer = server.privacy.clone().export_customer(by_officer(call)).await.unwrap();
        let (mut stream, mut bytes, mut messages) = (answer.into_inner(), 0, 0);
        while let Some(part) = stream.message().await.unwrap() {
            bytes += part.lines.len();
            messages += 1;
            assert!(part.lines.len() < 1 << 20);
        }
        assert!(bytes > 8 << 20 && messages >= 40, "{bytes} bytes in {messages} messages");

        let export = async |token: &str, customer_id: &str| {
            let call = pb::ExportCustomerRequest { customer_id: customer_id.to_owned() };
            refusal(server.privacy.clone().export_customer(with_token(token, call)).await)
        };
        for (token, id, code, reason) in [
            ("agent", &*made.id, Code::PermissionDenied, "ROLE_NOT_PERMITTED"),
            ("privacy_officer", NOBODY, Code::NotFound, "CUSTOMER_NOT_FOUND"),
            ("privacy_officer", "", Code::InvalidArgument, "INVALID_FIELD"),
            ("privacy_officer", "x' or 1=1", Code::InvalidArgument, "INVALID_FIELD"),
        ] {
            let refused = export(token, id).await;
            assert_eq!((refused.code, refused.reason.as_str()), (code, reason), "{token}: {id}");
        }
        server.stop().await;
    })
    .await;
}
