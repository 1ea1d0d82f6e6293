//! A customer who is not disclosed to a caller is looked up like one who does not exist: by the
//! same statements, so that the time of an answer reveals nothing. The benchmark `undisclosed`
//! compares the times.

use serde_json::{Value, json};

use super::{
    masked::{As, with_callers},
    unverified::{email, reads, world},
};
use crate::{
    calls::request_id,
    support::{Log, Server, dynamic, on_both},
};

/// The statements of calls since the last time, without those of background jobs.
fn statements(log: &Log) -> Vec<String> {
    let text = log.take();
    let of_calls = text.lines().filter(|line| line.contains("call{method="));
    let summary = |line: &str| {
        let statement = line.split("sqlx::query: summary=\"").nth(1)?;
        Some(statement.split('"').next()?.to_owned())
    };
    of_calls.filter_map(summary).collect()
}

#[tokio::test]
async fn whom_a_caller_is_not_shown_is_looked_for_as_nobody_is() {
    on_both(async |database| {
        let settings = with_callers(&[
            ("desk", "unverified = 'everything'"),
            ("bot", ""),
            ("silent", "unverified = 'nothing'"),
        ]);
        let (log, _logging) = Log::of_this_thread();
        let server = Server::start_with(database, settings).await;
        let services = server.connect().await;
        let of = |token| As { services: &services, token };
        let desk = of("desk");
        let claimed = &world(&desk).await[0];
        let open = desk.call("ListCases", json!({"customer_id": claimed.1})).await.unwrap();
        let resolve = json!({"case_id": open["cases"][0]["id"], "disposition": "repaired",
            "reason": "done", "channel": "CHANNEL_PHONE", "request_id": request_id()});
        desk.call("ResolveCase", resolve).await.unwrap();
        // Two records of one person.
        let merged = known(&desk, "merged@example.net", false).await;
        let other = known(&desk, "other@example.net", true).await;
        let merge = json!({"customer_id": merged, "other_customer_id": other,
            "reason": "same card", "evidence": ["shown"], "request_id": request_id()});
        desk.call("MergeCustomers", merge).await.unwrap();

        for token in ["silent", "bot"] {
            let caller = of(token);
            for address in ["claimed@example.net", "merged@example.net"] {
                let there = reads(&email(address));
                let absent = reads(&email("absent@example.net"));
                for ((name, there), (_, absent)) in there.into_iter().zip(absent) {
                    let mut made = Vec::new();
                    for call in [there, absent] {
                        log.take();
                        let status = caller.call(name, call).await.unwrap_err();
                        assert_eq!(status.code(), tonic::Code::NotFound, "{name}");
                        made.push((statements(&log), status.message().to_owned()));
                    }
                    // SQLite's run on separate threads, which this log does not capture.
                    let is_logged = database.name == "PostgreSQL";
                    assert_eq!(!made[0].0.is_empty(), is_logged, "{name}");
                    assert_eq!(made[0], made[1], "{name} {token} {address}");
                }
            }
        }
        server.stop().await;
    })
    .await;
}

/// A lookup of a customer by an unverified identifier is audited.
#[tokio::test]
async fn whom_a_caller_was_not_shown_is_kept() {
    on_both(async |database| {
        let settings = with_callers(&[
            ("desk", "unverified = 'everything'"),
            ("silent", "unverified = 'nothing'"),
        ]);
        let server = Server::start_with(database, settings).await;
        let services = server.connect().await;
        let of = |token| As { services: &services, token };
        let (claimed, claimed_id) = &world(&of("desk")).await[0];
        let mut calls = reads(claimed);
        // Counts are about nobody.
        calls.retain(|(name, _)| *name != "GetReaskRate");
        for (name, call) in calls.clone() {
            of("silent").call(name, call).await.unwrap_err();
        }
        let request = json!({"customer_id": claimed_id, "page_size": 200});
        let page = dynamic::call(&services, "ListAuditEntries", request, &[]).await.unwrap();
        let entries = page["entries"].as_array().unwrap().iter();
        let refused = entries.filter(|it| it["caller"] == "silent" && it["code"] == json!(5));
        let mut refused: Vec<&str> = refused.map(|it| it["call"].as_str().unwrap()).collect();
        refused.reverse();
        assert_eq!(refused, calls.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        server.stop().await;
    })
    .await;
}

async fn known(desk: &As<'_>, address: &str, verified: bool) -> Value {
    let mut identifier = email(address);
    identifier["verified"] = json!(verified);
    let call = json!({"identifiers": [identifier]});
    desk.call("IdentifyCustomer", call).await.unwrap()["customer"]["id"].clone()
}
