//! A watch ends with its caller's credentials.

use throughline::{
    api::caller::{Caller, Callers, Issuer, JwtRule, KeySet, KeySource, Registered, Role},
    pb::timeline_service_client::TimelineServiceClient,
    server::Settings,
};
use tokio::time::timeout;
use tonic::Code;

use super::*;
use crate::{
    identity::with_token,
    live::{Watching, assert_ended, watch},
    support::{Server, on_both, settings},
};

const SOURCE: &str = "company.json";

/// A caller by its subject, an issuer, and its keys.
fn callers(name: &'static str, signers: &[&Signer]) -> Callers {
    let rule = JwtRule {
        issuer: "company".to_owned(),
        subject: Some("the-subject-of-desk".to_owned()),
        client: None,
    };
    let issuer = Issuer {
        name: "company".to_owned(),
        issuer: "https://login.example.com".to_owned(),
        audience: "throughline".to_owned(),
        keys: KeySource::File(SOURCE.into()),
        algorithms: vec![throughline::api::caller::Algorithm::Es256],
        actor_claim: None,
    };
    let caller = Caller { name: name.into(), roles: vec![Role::Reader], ..Caller::local() };
    let caller = Registered {
        jwt: Some(rule),
        tokens_sha256: Vec::new(),
        ..Registered::by_token(caller, "")
    };
    let callers = Callers::with_issuers([caller], [issuer]);
    if !signers.is_empty() {
        learn(&callers, signers);
    }
    callers
}

fn learn(callers: &Callers, signers: &[&Signer]) {
    let keys = KeySet::read(key_set(signers).as_bytes()).unwrap();
    callers.learn(KeySource::File(SOURCE.into()), keys);
}

async fn end_of(watching: &mut Watching) -> (Vec<pb::Entry>, Status) {
    timeout(LATE, watching.end()).await.expect("it goes on")
}

#[tokio::test]
async fn a_watch_ends_with_the_key_that_its_token_is_signed_by_and_with_its_caller() {
    on_both(async |database| {
        let (old, new) = (Signer::new("old"), Signer::new("new"));
        let shared = callers("desk", &[&old, &new]);
        let clock = Clock::Fixed(NOW);
        let settings = Settings { callers: shared.clone(), ..settings(clock) };
        let server = Server::start_with(database, settings).await;
        let anna = server.made(vec![account("anna")]).await;
        let begin = async |signer: &Signer| {
            let call = with_token(&signer.token(&claims()), watch(&anna.id));
            Watching::begin(&server.timeline, call).await
        };
        let (mut by_old, mut by_new) = (begin(&old).await, begin(&new).await);

        learn(&shared, &[&new]);
        let ended = end_of(&mut by_old).await;
        assert_ended(&ended.1, Code::Unauthenticated, "UNKNOWN_CALLER", &by_old.token);
        let made = server.recorded(crate::calls::to(&anna.id, crate::calls::note("x"))).await;
        assert_eq!(by_new.entry().await.id, made.entry_id);

        // The token now belongs to another caller.
        shared.replace(&callers("other", &[]));
        let ended = end_of(&mut by_new).await;
        assert_ended(&ended.1, Code::Unauthenticated, "UNKNOWN_CALLER", &by_new.token);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_ends_when_its_token_expires() {
    on_both(async |database| {
        let signer = Signer::new("one");
        let clock = Clock::System;
        let settings = Settings { callers: callers("desk", &[&signer]), ..settings(clock) };
        let server = Server::start_with(database, settings).await;
        let anna = server.made(vec![account("anna")]).await;
        let exp = clock.now() / 1_000_000 + 2;
        let token = signer.token(&claims_with(json!({"iat": null, "exp": exp})));
        let call = with_token(&token, watch(&anna.id));
        let mut watching = Watching::begin(&server.timeline, call).await;
        let ended = end_of(&mut watching).await;
        assert_ended(&ended.1, Code::Unauthenticated, "UNKNOWN_CALLER", &watching.token);
        assert!(clock.now() >= exp * 1_000_000);
        server.stop().await;
    })
    .await;
}

/// The store is not involved in receiving the certificate: one database is enough.
#[tokio::test]
async fn a_watch_ends_when_its_certificate_is_nobodys_any_more() {
    let till = format!("[[caller]]\nname = 'till'\n{AGENT}certificate = 'till.example.com'\n");
    let till = till.as_str();
    let files = [("callers.toml", till)];
    let server = Secured::start(&files, Clock::Fixed(NOW)).await;
    let channel = server.named(&["till.example.com"]).await;
    let anna = customer(&channel).await;
    let client = TimelineServiceClient::new(channel);
    let mut watching = Watching::begin(&client, watch(&anna)).await;
    server.replace("callers.toml", "");
    let ended = end_of(&mut watching).await;
    assert_ended(&ended.1, Code::Unauthenticated, "UNKNOWN_CALLER", &watching.token);
    server.stop().await;
}
