//! Each call leaves an audit entry, whatever its answer.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use throughline::{clock::Clock, store::Store};
use tonic::Code;

use crate::support::{Database, Life, NOW, Server, Services, dynamic, on_both};

/// Only ends a test that would never end.
const HUNG: Duration = Duration::from_secs(120);

/// All rows of a database: caller, actor, purpose, call and code, in order.
pub async fn rows(database: &Database) -> Vec<(String, String, String, String, i64)> {
    let text = "select access from audit_log order by log, number";
    let rows: Vec<String> = if database.url.starts_with("sqlite:") {
        let mut db = SqliteConnection::connect(&database.audit_url()).await.unwrap();
        sqlx::query_scalar(text).fetch_all(&mut db).await.unwrap()
    } else {
        let mut db = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query_scalar(text).fetch_all(&mut db).await.unwrap()
    };
    let read = |row: String| {
        let row: Value = serde_json::from_str(&row).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        (
            text("caller"),
            text("actor"),
            text("purpose"),
            text("call"),
            row["code"].as_i64().unwrap(),
        )
    };
    rows.into_iter().map(read).collect()
}

/// Every call of a life discloses or changes something about the customer, and the audit log shows
/// it.
#[tokio::test]
async fn a_customer_sees_every_call_that_was_about_her() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let services = server.connect().await;
        let metadata = [("throughline-actor", "bo"), ("throughline-purpose", "sales")];
        let life = Life::live(services.clone(), &metadata).await;

        let made: BTreeSet<&str> = life.calls.iter().map(|(name, _)| *name).collect();
        let all: Vec<_> = dynamic::methods();
        for method in &all {
            assert!(made.contains(method.name()), "{} is not in a life", method.name());
        }
        let seen = audit_entries(&services, &life.anna).await;
        let names: BTreeSet<&str> =
            seen.iter().map(|access| access["call"].as_str().unwrap()).collect();
        let missing: Vec<_> = made.difference(&names).collect();
        assert_eq!(missing, [&"GetReaskRate"], "counts are of nobody");
        for access in &seen {
            let said = [&access["caller"], &access["actor"], &access["purpose"]];
            let listing = access["call"] == "ListAuditEntries" && access["actor"] == "local";
            assert!(listing || said == ["local", "bo", "PURPOSE_SALES"], "{access}");
            let is_refused = access["call"] == "DismissMergeSuggestion";
            assert_eq!(access.get("code").is_some(), is_refused, "{access}");
        }
        // The case is named if the call was about one.
        let of_case: BTreeSet<&str> = seen
            .iter()
            .filter(|access| access.get("caseId").is_some())
            .map(|access| access["call"].as_str().unwrap())
            .collect();
        for name in ["OpenCase", "GetCase", "TellFact", "IssueCasePass", "RedeemCasePass"] {
            assert!(of_case.contains(name), "{name}: {of_case:?}");
        }
        // The other customer's log has only what was about her.
        let other = audit_entries(&services, &life.other).await;
        let names: BTreeSet<&str> =
            other.iter().map(|access| access["call"].as_str().unwrap()).collect();
        assert!(names.contains("MergeCustomers") && !names.contains("GetBriefing"), "{names:?}");
        server.stop().await;
    })
    .await;
}

async fn audit_entries(services: &Services, customer: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut token = json!("");
    loop {
        let request = json!({"customer_id": customer, "page_size": 7, "page_token": token});
        let page = dynamic::call(services, "ListAuditEntries", request, &[]).await.unwrap();
        let audit_entries = page.get("entries").and_then(Value::as_array).cloned();
        all.extend(audit_entries.unwrap_or_default());
        match page.get("nextPageToken") {
            Some(next) => token = next.clone(),
            None => return all,
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_kept_too() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let services = server.connect().await;
        let ours = [("authorization", "Bearer recorder"), ("throughline-actor", "till-3")];
        let strangers = [("authorization", "Bearer stranger")];
        let late = [("grpc-timeout", "0n")];
        let mut wanted = Vec::new();
        let mut refused = async |name: &str, message, metadata: &[(&'static str, &str)], row| {
            let answer = dynamic::call(&services, name, message, metadata).await;
            assert!(answer.is_err(), "{name}");
            wanted.push(row);
        };
        let row = |caller: &str, actor: &str, purpose: &str, call: &str, code: Code| {
            let [caller, actor, purpose, call] = [caller, actor, purpose, call].map(str::to_owned);
            (caller, actor, purpose, call, i64::from(i32::from(code)))
        };
        let nobody = json!({"customer_id": "018f0000-0000-7000-8000-000000000001"});
        for method in dynamic::methods() {
            if method.name() == "GetReaskRate" {
                continue;
            }
            let denied = row("", "", "", method.name(), Code::Unauthenticated);
            refused(method.name(), json!({}), &strangers, denied).await;
        }
        let role = row("recorder", "till-3", "service", "GetCustomer", Code::PermissionDenied);
        refused("GetCustomer", nobody.clone(), &ours, role).await;
        let found = row("local", "local", "service", "GetCustomer", Code::NotFound);
        refused("GetCustomer", nobody.clone(), &[], found).await;
        let bad = row("local", "local", "service", "GetBriefing", Code::InvalidArgument);
        refused("GetBriefing", json!({}), &[], bad).await;
        let passed = row("local", "local", "service", "GetBriefing", Code::DeadlineExceeded);
        refused("GetBriefing", nobody.clone(), &late, passed).await;
        // Counts are about nobody.
        let everybody = json!({"everybody": true});
        let _ = dynamic::call(&services, "GetReaskRate", everybody, &strangers).await;

        // The call whose deadline had passed did not wait.
        let all = async {
            while rows(database).await.len() < wanted.len() {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(HUNG, all).await;
        assert_eq!(rows(database).await, wanted);
        server.stop().await;
    })
    .await;
}

/// Each process has its own log, and a log is sealed once it has ended.
#[tokio::test]
async fn what_is_kept_is_sealed_when_a_server_stops() {
    on_both(async |database| {
        for _ in 0..3 {
            let server = Server::start(database).await;
            let services = server.connect().await;
            let request = json!({"text": "nobody"});
            dynamic::call(&services, "SearchCustomers", request, &[]).await.unwrap();
            server.stop().await;
        }
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let found = store.verify_audit(&[]).await.unwrap();
        assert_eq!(found.problems, [""; 0]);
        assert_eq!((found.audit_entries, found.logs, found.unsealed), (3, 3, 0));
        // Each log has a seal at its beginning and at its end; the first minute may have added one.
        assert!((6..=9).contains(&found.seals), "{} seals", found.seals);
        store.close().await;
    })
    .await;
}
