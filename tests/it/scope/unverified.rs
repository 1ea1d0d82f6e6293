//! What is disclosed for an unverified identifier: a stranger may have claimed it.

use serde_json::{Value, json};
use tonic::Code;

use super::masked::{As, with_callers};
use crate::{
    calls::request_id,
    support::{Server, on_both},
};

pub fn email(value: &str) -> Value {
    json!({"kind": "IDENTIFIER_KIND_EMAIL", "value": value})
}

fn note(identifier: &Value, text: &str) -> Value {
    json!({"identifiers": [identifier], "request_id": request_id(),
        "entry": {"channel": "CHANNEL_CHAT", "occurred_at": "2026-03-02T10:00:00Z",
            "note": {"text": text}}})
}

/// A history under a claimed address, and one under a verified one; each with an open case.
pub async fn world(desk: &As<'_>) -> Vec<(Value, String)> {
    let mut known = Vec::new();
    for (address, verified) in [("claimed@example.net", false), ("sure@example.net", true)] {
        let mut identifier = email(address);
        identifier["verified"] = json!(verified);
        let profile = json!({"given_name": "Anna", "family_name": "Visser"});
        let call = json!({"identifiers": [identifier], "profile": profile});
        let answer = desk.call("IdentifyCustomer", call).await.unwrap();
        let id = answer["customer"]["id"].as_str().unwrap().to_owned();
        desk.call("RecordEntry", note(&email(address), "the old secret")).await.unwrap();
        let open = json!({"customer_id": id, "subject": "dark screen",
            "channel": "CHANNEL_PHONE", "request_id": request_id()});
        let case = desk.call("OpenCase", open).await.unwrap();
        let fact = json!({"case_id": case["case"]["id"], "key": "serial", "value": "SN-1",
            "channel": "CHANNEL_PHONE", "request_id": request_id()});
        desk.call("TellFact", fact).await.unwrap();
        known.push((email(address), id));
    }
    known
}

/// Every read by which a customer can be looked up by an identifier.
pub fn reads(identifier: &Value) -> Vec<(&'static str, Value)> {
    let by = json!({"identifier": identifier});
    let mut search = by.clone();
    search["query"] = json!("secret");
    let mut all: Vec<_> = [
        "GetCustomer",
        "ListTimeline",
        "WatchTimeline",
        "ListPromises",
        "ListQuotes",
        "ListPurchases",
        "GetReaskRate",
        "ListCases",
        "GetBriefing",
    ]
    .map(|name| (name, by.clone()))
    .to_vec();
    all.push(("SearchTimeline", search));
    all
}

#[tokio::test]
async fn what_nobody_has_verified_shows_open_cases_or_nothing() {
    on_both(async |database| {
        let settings = with_callers(&[
            ("desk", "unverified = 'everything'"),
            ("bot", ""),
            ("silent", "unverified = 'nothing'"),
        ]);
        let server = Server::start_with(database, settings).await;
        let services = server.connect().await;
        let of = |token| As { services: &services, token };
        let (desk, bot, silent) = (of("desk"), of("bot"), of("silent"));
        let known = world(&desk).await;
        let [(claimed, claimed_id), (sure, sure_id)] = &known[..] else { panic!() };
        let absent = (Code::NotFound, "CUSTOMER_NOT_FOUND".to_owned(), vec![]);
        let nobody = email("absent@example.net");

        for (name, call) in reads(claimed) {
            desk.call(name, call.clone()).await.unwrap();
            assert_eq!(silent.refused(name, call.clone()).await, absent, "{name}");
            if !["ListCases", "GetBriefing"].contains(&name) {
                assert_eq!(bot.refused(name, call).await, absent, "{name}");
            }
        }
        for (name, call) in reads(&nobody) {
            // An unknown one is answered in the same way.
            assert_eq!(bot.refused(name, call.clone()).await, absent, "{name}");
            assert_eq!(silent.refused(name, call).await, absent, "{name}");
        }
        for (name, call) in reads(sure) {
            bot.call(name, call.clone()).await.unwrap();
            silent.call(name, call).await.unwrap();
        }
        // The open case and nothing older, and no id to read on with.
        let cases = bot.call("ListCases", json!({"identifier": claimed})).await.unwrap();
        assert_eq!(cases["limited"], true);
        let case = json!([{"subject": "dark screen", "state": "CASE_STATE_OPEN",
            "channel": "CHANNEL_PHONE", "openedAt": "2026-03-14T12:00:00Z"}]);
        assert_eq!(cases["cases"], case);
        let briefing = bot.call("GetBriefing", json!({"identifier": claimed})).await.unwrap();
        let wanted = json!({"asOf": "2026-03-14T12:00:00Z", "cases": case, "limited": true,
            "identity": {"confidence": "CONFIDENCE_CLAIMED"}});
        assert_eq!(briefing["briefing"], wanted);
        // Once it is resolved, nothing is disclosed.
        let open = desk.call("ListCases", json!({"customer_id": claimed_id})).await.unwrap();
        let resolve = json!({"case_id": open["cases"][0]["id"], "disposition": "repaired",
            "reason": "done", "channel": "CHANNEL_PHONE", "request_id": request_id()});
        desk.call("ResolveCase", resolve).await.unwrap();
        for name in ["ListCases", "GetBriefing"] {
            assert_eq!(bot.refused(name, json!({"identifier": claimed})).await, absent, "{name}");
        }
        // By id everything is visible: whoever has the id was shown it.
        let timeline = bot.call("ListTimeline", json!({"customer_id": sure_id})).await.unwrap();
        assert!(timeline.to_string().contains("the old secret"));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_recorded_by_such_a_one_tells_nothing_of_whose_it_is() {
    on_both(async |database| {
        let settings = with_callers(&[("desk", "unverified = 'everything'"), ("bot", "")]);
        let server = Server::start_with(database, settings).await;
        let services = server.connect().await;
        let (desk, bot) =
            (As { services: &services, token: "desk" }, As { services: &services, token: "bot" });
        let known = world(&desk).await;
        let [(claimed, claimed_id), (sure, sure_id)] = &known[..] else { panic!() };

        // Existing and unknown customers are answered alike.
        for identifier in [claimed.clone(), email("new@example.net")] {
            let call = json!({"identifiers": [identifier]});
            let answer = bot.call("IdentifyCustomer", call).await.unwrap();
            assert_eq!(answer, json!({"limited": true}));
            let answer = bot.call("RecordEntry", note(&identifier, "hello")).await.unwrap();
            let fields: Vec<&String> = answer.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["entryId", "limited", "recordedAt"]);
        }
        let answer = bot.call("RecordEntry", note(sure, "hello")).await.unwrap();
        assert_eq!(answer["customerId"], json!(sure_id));
        let answer = bot.call("IdentifyCustomer", json!({"identifiers": [sure]})).await.unwrap();
        assert_eq!(answer["customer"]["id"], json!(sure_id));
        // It was recorded all the same, for the right customer.
        let timeline = desk.call("ListTimeline", json!({"customer_id": claimed_id})).await.unwrap();
        assert!(timeline.to_string().contains("hello"));
        // A caller that may verify the address, and does, is shown the customer.
        let mut verified = claimed.clone();
        verified["verified"] = json!(true);
        let answer =
            bot.call("IdentifyCustomer", json!({"identifiers": [verified]})).await.unwrap();
        assert_eq!(answer["customer"]["id"], json!(claimed_id));
        server.stop().await;
    })
    .await;
}

/// A search over everybody would circumvent this: it needs a person as the actor.
#[tokio::test]
async fn a_search_over_everybody_names_who_acts() {
    on_both(async |database| {
        let settings = with_callers(&[("desk", "unverified = 'everything'"), ("bot", "")]);
        let server = Server::start_with(database, settings).await;
        let services = server.connect().await;
        let (desk, bot) =
            (As { services: &services, token: "desk" }, As { services: &services, token: "bot" });
        world(&desk).await;
        let searches = [
            ("SearchCustomers", json!({"text": "claimed@example.net"})),
            ("SearchTimeline", json!({"query": "secret"})),
            ("FindPurchases", json!({"order_number": "W-1"})),
            ("ListMergeSuggestions", json!({})),
        ];
        for (name, call) in searches {
            let missing =
                (Code::InvalidArgument, "INVALID_FIELD".into(), vec!["throughline-actor".into()]);
            assert_eq!(bot.refused(name, call.clone()).await, missing, "{name}");
            desk.call(name, call.clone()).await.unwrap();
            let metadata = [("authorization", "Bearer bot"), ("throughline-actor", "ans")];
            crate::support::dynamic::call(&services, name, call, &metadata).await.unwrap();
        }
        server.stop().await;
    })
    .await;
}
