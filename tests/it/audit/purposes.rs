//! The purpose of a call, and the actor of a caller.

use serde_json::json;
use throughline::{clock::Clock, config::read_callers, server::Settings};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{NOW, Server, dynamic, on_both, settings};

const FILE: &str = r#"
[[caller]]
name = "desk"
roles = "agent"
unverified = "everything"
token_sha256 = "HASH1"

[[caller]]
name = "machine"
roles = ["reader", "recorder"]
unverified = "everything"
token_sha256 = "HASH2"
purpose = "quality"
actors = "named"

[[caller]]
name = "office"
roles = "privacy_officer"
unverified = "everything"
token_sha256 = "HASH3"
purpose = "privacy"
actors = ["ans", "bo"]
"#;

fn callers() -> Settings {
    use sha2::{Digest as _, Sha256};
    let mut text = FILE.to_owned();
    for (index, token) in ["one", "two", "three"].into_iter().enumerate() {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        text = text.replace(&format!("HASH{}", index + 1), &hash);
    }
    let callers = read_callers("callers.toml", &text).unwrap();
    Settings { callers, ..settings(Clock::Fixed(NOW)) }
}

/// The code, the reason and the fields of an answer.
fn told(answer: Result<serde_json::Value, Status>) -> (Code, String, Vec<String>) {
    let Err(status) = answer else { return (Code::Ok, String::new(), Vec::new()) };
    let details = status.get_error_details();
    let reason = details.error_info().unwrap().reason.clone();
    let fields = details.bad_request().map(|bad| bad.field_violations.clone());
    let fields = fields.unwrap_or_default().into_iter().map(|it| it.field).collect();
    (status.code(), reason, fields)
}

#[tokio::test]
async fn a_purpose_is_said_or_configured_and_suits_the_role() {
    on_both(async |database| {
        let server = Server::start_with(database, callers()).await;
        let services = server.connect().await;
        let call = async |token: &str, purpose: Option<&str>, actor: Option<&str>| {
            let token = format!("Bearer {token}");
            let mut metadata = vec![("authorization", token.as_str())];
            metadata.extend(purpose.map(|purpose| ("throughline-purpose", purpose)));
            metadata.extend(actor.map(|actor| ("throughline-actor", actor)));
            let request = json!({"text": "nobody"});
            told(dynamic::call(&services, "SearchCustomers", request, &metadata).await)
        };
        let fine = (Code::Ok, String::new(), vec![]);
        let bad = |field: &str| {
            (Code::InvalidArgument, "INVALID_FIELD".to_owned(), vec![field.to_owned()])
        };
        let purpose_not_permitted =
            (Code::PermissionDenied, "PURPOSE_NOT_PERMITTED".to_owned(), vec![]);
        let actor_not_permitted =
            (Code::PermissionDenied, "ACTOR_NOT_PERMITTED".to_owned(), vec![]);
        let purpose = bad("throughline-purpose");
        // 29 and 30: it is missing, with and without a configured default; or it is empty.
        assert_eq!(call("one", None, None).await, purpose);
        for nothing in ["", "unspecified", "PURPOSE_SERVICE", "curiosity", "service,sales"] {
            assert_eq!(call("one", Some(nothing), None).await, purpose, "{nothing}");
        }
        assert_eq!(call("one", Some("service"), None).await, fine);
        assert_eq!(call("two", None, Some("ans")).await, fine);
        // 31: each purpose for each role.
        let suits = [
            ("one", None, vec!["service", "sales"]),
            ("two", Some("ans"), vec!["service", "sales", "quality", "fraud"]),
            ("three", Some("ans"), vec!["legal", "privacy"]),
        ];
        for (token, actor, suit) in suits {
            for word in ["service", "sales", "quality", "fraud", "legal", "privacy"] {
                let wanted = if suit.contains(&word) { &fine } else { &purpose_not_permitted };
                assert_eq!(call(token, Some(word), actor).await, *wanted, "{token} {word}");
            }
        }
        // 32 and 33: no actor, or one that is not permitted.
        let actor = bad("throughline-actor");
        assert_eq!(call("two", None, None).await, actor);
        assert_eq!(call("three", None, None).await, actor);
        assert_eq!(call("three", None, Some("bo")).await, fine);
        for stranger in ["Bo", "chris", "local", "office"] {
            assert_eq!(
                call("three", None, Some(stranger)).await,
                actor_not_permitted,
                "{stranger}"
            );
        }
        // A caller without a token need not send it.
        let request = json!({"text": "nobody"});
        assert!(dynamic::call(&services, "SearchCustomers", request, &[]).await.is_ok());
        server.stop().await;
    })
    .await;
}

#[test]
fn a_purpose_that_does_not_suit_the_roles_is_told_at_once() {
    let file = |more: &str| {
        let hash = "0".repeat(64);
        let text =
            format!("[[caller]]\nname = 'a'\nroles = 'agent'\ntoken_sha256 = '{hash}'\n{more}\n");
        read_callers("callers.toml", &text).map(drop).map_err(|problems| problems.to_string())
    };
    assert_eq!(file("purpose = 'sales'\nactors = 'any'"), Ok(()));
    for bad in ["purpose = 'fraud'", "purpose = 'fun'", "purpose = 7"] {
        assert!(file(bad).unwrap_err().contains("purpose: must be one of service"), "{bad}");
    }
    for bad in ["actors = 'some'", "actors = []", "actors = [7]", "actors = true"] {
        assert!(file(bad).unwrap_err().contains("actors: must be"), "{bad}");
    }
}
