//! Late calls: retries, entries from before the erasure and after it, and files.

use std::path::Path;

use throughline::{
    clock::Clock,
    ingest::{
        rejects::Reject,
        run::{Options, run},
        summary::Summary,
    },
    pb,
    store::Store,
};

use super::{erased, store};
use crate::{
    calls::{account, at, by, by_request_id, email, note, refusal, to},
    ingest::input,
    support::{Server, TempFolder, on_both},
};

const ANNA: &str = "anna@example.net";

/// An entry at a time relative to the server's.
fn noted(seconds: i64, text: &str) -> pb::Entry {
    pb::Entry { occurred_at: Some(at(seconds)), ..note(text) }
}

#[tokio::test]
async fn a_retry_of_what_was_erased_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![email(ANNA)]).await.id;
        let by_ref = by(vec![email(ANNA)], noted(-60, "by ref"));
        let by_id = by_request_id(to(&anna, noted(-60, "by id")));
        let both = pb::RecordEntryRequest {
            request_id: crate::calls::request_id(),
            ..by(vec![email(ANNA)], noted(-60, "both"))
        };
        for call in [&by_ref, &by_id, &both] {
            server.recorded(call.clone()).await;
        }
        // Another process did the erasure, and this one did not see it.
        let other = Server::start(database).await;
        server.erased(&anna).await;
        for server in [&server, &other] {
            for call in [&by_ref, &by_id, &both] {
                assert_eq!(server.not_recorded(call.clone()).await, erased());
                let all = server.batch(vec![call.clone()]).await;
                assert_eq!(refusal(all), erased());
            }
            // Recognised by its idempotency key only, whatever its content and customer.
            let mut renamed = by(vec![account("bert")], noted(60, "by bert"));
            renamed.entry.as_mut().unwrap().source_ref =
                by_ref.entry.as_ref().unwrap().source_ref.clone();
            assert_eq!(server.not_recorded(renamed).await, erased());
        }
        server.stop().await;
        other.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_happened_before_does_not_bring_anybody_back_and_what_comes_after_is_of_somebody_new()
{
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![email(ANNA), account("anna")]).await.id;
        let other = Server::start(database).await;
        server.erased(&anna).await;
        for (server, seconds) in [(&server, -60), (&other, 0)] {
            let before = by(vec![account("new"), email(ANNA)], noted(seconds, "before"));
            assert_eq!(server.not_recorded(before.clone()).await, erased());
            let all = server.batch(vec![before, by(vec![account("carl")], note("x"))]).await;
            assert_eq!(refusal(all), erased(), "all or none");
        }
        // Of another customer with that address.
        let bert = server.made(vec![account("bert")]).await.id;
        let by_bert = by(vec![account("bert"), email("b@example.net")], noted(-60, "by bert"));
        assert_eq!(server.recorded(by_bert).await.customer_id, bert);

        let after = server.recorded(by(vec![email(ANNA)], noted(60, "after"))).await;
        assert!(after.customer_created && after.customer_id != anna);
        // The address identifies a customer again.
        let before = server.recorded(by(vec![email(ANNA)], noted(-60, "before"))).await;
        assert_eq!(before.customer_id, after.customer_id);
        let timeline = server.timeline_of(&after.customer_id).await;
        assert_eq!(timeline.len(), 2);
        // One who identifies herself is there now.
        let again = server.identified(vec![account("anna")]).await;
        assert!(again.created);
        server.stop().await;
        other.stop().await;
    })
    .await;
}

async fn import(
    store: &Store,
    file: throughline::ingest::source::Input,
    rejects: &Path,
) -> Summary {
    let rules = throughline::api::validate::Rules::new(Clock::Fixed(crate::support::NOW));
    let rejects = Some(rejects.to_owned());
    let options = Options { input: file, dry_run: false, rejects, batch: 2 };
    let outcome = run(options, store, &rules, |_| {}).await;
    assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
    outcome.summary
}

/// A customer, an entry and another customer, in the own format.
const NATIVE: &str = r#"{"customer":{"identifiers":[{"kind":"IDENTIFIER_KIND_EMAIL","value":"anna@example.net"}],"source":"shop"}}
{"entry":{"identifiers":[{"kind":"IDENTIFIER_KIND_EMAIL","value":"anna@example.net"}],"entry":{"occurredAt":"2026-03-01T00:00:00Z","channel":"CHANNEL_STORE","source":"file","sourceRef":"1","note":{"text":"secretly"}}}}
{"customer":{"identifiers":[{"kind":"IDENTIFIER_KIND_EMAIL","value":"bert@example.net"}],"source":"shop"}}
"#;
const CSV: &str = "id,at,mail,text\n7,2026-03-02T00:00:00Z,anna@example.net,secretly\n8,2026-03-02T00:00:00Z,bert@example.net,else\n";
const MAP: &str = r#"
    [[customer.identifier]]
    kind = "email"
    value = "mail"
    [[entry]]
    source = "csv"
    kind = "note"
    channel = "store"
    source_ref = "id"
    occurred_at = "at"
    text = "text"
"#;

#[tokio::test]
async fn a_file_is_imported_again_without_who_was_erased() {
    on_both(async |database| {
        let folder = TempFolder::new();
        let server = Server::start(database).await;
        let store = store(database).await;
        let rejects = folder.path().join("rejects");
        for (name, text, map) in [("a.ndjson", NATIVE, ""), ("b.csv", CSV, MAP)] {
            let summary = import(&store, input(&folder, name, text, map), &rejects).await;
            assert_eq!(summary.rejected, 0);
        }
        let anna = server.identified(vec![email(ANNA)]).await.customer.unwrap().id;
        server.erased(&anna).await;
        for (name, text, map, wanted) in
            [("a.ndjson", NATIVE, "", vec![1, 2]), ("b.csv", CSV, MAP, vec![2])]
        {
            let summary = import(&store, input(&folder, name, text, map), &rejects).await;
            let told = std::fs::read_to_string(&rejects).unwrap();
            assert!(!told.contains("anna") && !told.contains("secretly"), "{told}");
            let told: Vec<Reject> =
                told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(told.iter().map(|it| it.line).collect::<Vec<_>>(), wanted);
            assert!(told.iter().all(|it| it.reason == "the customer was erased"), "{told:?}");
            assert_eq!(summary.rejected, wanted.len() as u64);
        }
        assert!(server.identified(vec![email(ANNA)]).await.created, "nobody came back");
        store.close().await;
        server.stop().await;
    })
    .await;
}
