//! Content on channels that are not the caller's own.

use serde_json::{Value, json};
use throughline::{clock::Clock, config::read_callers, server::Settings};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{Life, NOW, Server, Services, dynamic, on_both, settings};

/// A caller that works on the web, and sees that something happened by phone, but not what.
const WEB: &str = "channels = ['web', 'chat']\nother_channels = 'masked'\n";
/// Content of a life, all of it by phone.
const SAID: [&str; 4] = ["stays dark", "SN-4711 told", "look at the warranty", "a claim"];

pub fn with_callers(more: &[(&str, &str)]) -> Settings {
    use sha2::{Digest as _, Sha256};
    let mut text = String::new();
    for (token, more) in more {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        text += &format!(
            "[[caller]]\nname = '{token}'\nroles = ['agent', 'supervisor']\n\
             token_sha256 = '{hash}'\npurpose = 'service'\nverifies = ['email']\n{more}\n"
        );
    }
    let callers = read_callers("callers.toml", &text).unwrap();
    Settings { callers, ..settings(Clock::Fixed(NOW)) }
}

pub struct As<'a> {
    pub services: &'a Services,
    pub token: &'a str,
}

impl As<'_> {
    pub async fn call(&self, name: &str, message: Value) -> Result<Value, tonic::Status> {
        let token = format!("Bearer {}", self.token);
        dynamic::call(self.services, name, message, &[("authorization", &token)]).await
    }

    /// The reason of an error, and its fields.
    pub async fn refused(&self, name: &str, message: Value) -> (Code, String, Vec<String>) {
        let status = self.call(name, message).await.unwrap_err();
        let details = status.get_error_details();
        let fields = details.bad_request().map(|bad| bad.field_violations.clone());
        let fields = fields.unwrap_or_default().into_iter().map(|it| it.field).collect();
        (status.code(), details.error_info().unwrap().reason.clone(), fields)
    }
}

#[tokio::test]
async fn what_was_said_elsewhere_is_masked_in_every_answer() {
    on_both(async |database| {
        let settings = with_callers(&[
            ("web", &format!("{WEB}unverified = 'everything'")),
            ("all", "unverified = 'everything'"),
        ]);
        let server = Server::start_with(database, settings).await;
        let services = server.connect().await;
        let life = Life::begun(services.clone()).await;
        let anna = &life.anna;
        let (web, all) =
            (As { services: &services, token: "web" }, As { services: &services, token: "all" });
        let case = all.call("ListCases", json!({"customer_id": anna})).await.unwrap();
        let case = case["cases"][0]["id"].as_str().unwrap().to_owned();
        let write = |more: Value| {
            let mut call = json!({"case_id": case, "channel": "CHANNEL_PHONE",
                "request_id": crate::calls::request_id()});
            call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            call
        };
        all.call("TellFact", write(json!({"key": "serial", "value": "SN-4711 told"})))
            .await
            .unwrap();
        let note = json!({"to": "chris", "note": "look at the warranty"});
        all.call("HandOverCase", write(note)).await.unwrap();

        let by_id = json!({"customer_id": anna});
        let entry = all.call("SearchTimeline", json!({"query": "stays"})).await.unwrap();
        let entry = entry["entries"][0]["id"].as_str().unwrap().to_owned();
        let reads = [
            ("GetCase", json!({"case_id": case}), true),
            ("ListCases", by_id.clone(), true),
            ("ListTimeline", by_id.clone(), true),
            ("GetEntry", json!({"customer_id": anna, "entry_id": entry}), true),
            ("GetBriefing", by_id.clone(), true),
            ("SearchTimeline", json!({"query": "stays", "customer_id": anna}), false),
            ("SearchTimeline", json!({"query": "stays"}), false),
        ];
        for (name, message, is_there) in reads {
            let whole = all.call(name, message.clone()).await.unwrap().to_string();
            assert!(SAID.iter().any(|said| whole.contains(said)), "{name}: {whole}");
            let masked = web.call(name, message).await.unwrap().to_string();
            assert!(!SAID.iter().any(|said| masked.contains(said)), "{name}: {masked}");
            // It is visible that it happened, unless the search is for its content.
            assert_eq!(masked.contains("PHONE"), is_there, "{name}: {masked}");
        }
        // The watch, from the beginning: every event up to the newest entry.
        let watched = |token: &'static str| {
            let (services, anna) = (services.clone(), anna.clone());
            async move { watched(services, &anna, token).await }
        };
        assert!(watched("all").await.contains("stays dark"));
        let masked = watched("web").await;
        assert!(!SAID.iter().any(|said| masked.contains(said)), "{masked}");
        assert!(masked.contains("masked: true"), "{masked}");

        // What every channel must keep is fully visible.
        let entries = web.call("ListTimeline", by_id.clone()).await.unwrap().to_string();
        assert!(entries.contains("SN-4711") && entries.contains("television"), "{entries}");
        server.stop().await;
    })
    .await;
}

/// The entries of a watch, in Debug form.
async fn watched(services: Services, customer: &str, token: &str) -> String {
    use throughline::pb;
    let mut timeline = pb::timeline_service_client::TimelineServiceClient::new(services);
    let call = crate::live::watch_all(customer);
    let mut stream = timeline
        .watch_timeline(crate::identity::with_token(token, call))
        .await
        .unwrap()
        .into_inner();
    let mut all = String::new();
    loop {
        let message = stream.message().await.unwrap().unwrap();
        match message.event.unwrap() {
            pb::watch_timeline_response::Event::Heartbeat(_) => return all,
            event => all += &format!("{event:?}\n"),
        }
    }
}

/// 28: a caller records only on its own channels.
#[tokio::test]
async fn a_caller_records_nothing_on_the_channels_of_others() {
    on_both(async |database| {
        let settings = with_callers(&[("web", &format!("{WEB}unverified = 'everything'"))]);
        let server = Server::start_with(database, settings).await;
        let services = server.connect().await;
        let life = Life::begun(services.clone()).await;
        let web = As { services: &services, token: "web" };
        let entry = |channel: &str| {
            json!({"channel": channel, "occurred_at": "2026-03-02T10:00:00Z", "note": {"text": "x"}})
        };
        let record = |channel: &str| {
            json!({"customer_id": life.anna, "entry": entry(channel),
                "request_id": crate::calls::request_id()})
        };
        let denied = |field: &str| {
            (Code::PermissionDenied, "CHANNEL_NOT_PERMITTED".to_owned(), vec![field.to_owned()])
        };
        assert_eq!(web.refused("RecordEntry", record("CHANNEL_PHONE")).await, denied("entry.channel"));
        let batch = json!({"requests": [record("CHANNEL_WEB"), record("CHANNEL_STORE")]});
        let field = denied("requests[1].entry.channel");
        assert_eq!(web.refused("BatchRecordEntries", batch).await, field);
        let open = |channel: &str| {
            json!({"customer_id": life.anna, "subject": "x", "channel": channel,
                "request_id": crate::calls::request_id()})
        };
        assert_eq!(web.refused("OpenCase", open("CHANNEL_PHONE")).await, denied("channel"));
        web.call("RecordEntry", record("CHANNEL_CHAT")).await.unwrap();
        web.call("OpenCase", open("CHANNEL_WEB")).await.unwrap();
        // Invalid fields are reported first.
        let mut broken = record("CHANNEL_PHONE");
        broken["customer_id"] = json!("nobody");
        let (code, ..) = web.refused("RecordEntry", broken).await;
        assert_eq!(code, Code::InvalidArgument);
        server.stop().await;
    })
    .await;
}
