//! Invalid credentials. Each is refused with the same words, and by the check that it is meant for,
//! which the log shows.
//!
//! The store is not involved: one database is enough.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::*;
use crate::support::Log;

const SHOP: &str = "0c5d8f0b6a4b4a0f8f5f5b9a1c5d8f0b6a4b4a0f8f5f5b9a1c5d8f0b6a4b4a0f";

/// The keys of the issuers.
struct Keys {
    ec: Signer,
    rsa: Signer,
    /// Of an issuer with a single key.
    only: Signer,
    person: Signer,
    /// Of no issuer; it has the name of the first key.
    strange: Signer,
}

fn callers() -> String {
    let token = |name: &str, token: &str, more: &str| {
        let hash = hash(token);
        format!("[[caller]]\nname = '{name}'\n{AGENT}token_sha256 = '{hash}'\n{more}\n")
    };
    let issuer = |name: &str, more: &str| {
        format!(
            "[[issuer]]\nname = '{name}'\nissuer = 'https://{name}.example.com'\n\
             audience = 'throughline'\nkeys = '{name}.json'\n{more}\n"
        )
    };
    let other =
        |name: &str, known_by: &str| format!("[[caller]]\nname = '{name}'\n{AGENT}{known_by}\n");
    [
        DESK.to_owned(),
        issuer("only", "algorithms = 'ES256'"),
        issuer("person", "actor_claim = 'preferred_username'"),
        other("only", "jwt = { issuer = 'only', client = 'the-app' }"),
        other("people", "jwt = { issuer = 'person', client = 'the-app' }"),
        other("few", "actors = ['karin']\njwt = { issuer = 'person', subject = 'few' }"),
        other("twin", "jwt = { issuer = 'only', subject = 'twin' }"),
        token("shop", SHOP, ""),
        token("leaver", "a-token-of-a-leaver", ""),
        token("loser", "a-token-that-was-lost", ""),
        token("past", "a-token-of-the-past", "expires = 2026-03-14T12:00:00Z"),
        token("last", "a-token-of-today", "expires = 2026-03-14T12:00:01Z"),
        token("bound", "a-token-and-more", "certificate = 'bound.example.com'"),
        other("till", "certificate = 'till.example.com'"),
        other("door", "certificate = 'spiffe://example.com/door'"),
    ]
    .concat()
}

/// A description of the credentials, the check that they fail, and their headers.
type Row = (&'static str, &'static str, Vec<(&'static str, String)>);

fn bearer(what: &'static str, check: &'static str, token: impl Into<String>) -> Row {
    (what, check, vec![("authorization", format!("Bearer {}", token.into()))])
}

/// Tokens of issuers, and the forms of the header.
fn bad(keys: &Keys) -> Vec<Row> {
    let Keys { ec, rsa, only, person, strange } = keys;
    let good = ec.token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let cut = BASE64URL.decode(signature).unwrap();
    let cut = format!("{signed}.{}", BASE64URL.encode(&cut[..cut.len() - 1]));
    let header = |changes: Value| changed(ec.header(), changes);
    let with = |what, check, changes: Value| bearer(what, check, ec.token(&claims_with(changes)));
    let by_header =
        |what, check, changes: Value| bearer(what, check, ec.signed(&header(changes), &claims()));
    let unsigned_by =
        |algorithm: &str| format!("{}.", unsigned(&header(json!({"alg": algorithm})), &claims()));
    // The forger's secret is what everybody can read: the public key.
    let confused = {
        let message = unsigned(&json!({"alg": "HS256", "kid": rsa.kid}), &claims());
        let public = serde_json::to_string(&rsa.public()["n"]).unwrap();
        let mut hmac = Hmac::<Sha256>::new_from_slice(public.trim_matches('"').as_bytes()).unwrap();
        hmac.update(message.as_bytes());
        format!("{message}.{}", BASE64URL.encode(hmac.finalize().into_bytes()))
    };
    let person_claims = |changes: Value| {
        let its = json!({"iss": "https://person.example.com", "azp": "the-app"});
        changed(changed(claims(), its), changes)
    };
    let only_claims = |changes: Value| {
        changed(changed(claims(), json!({"iss": "https://only.example.com"})), changes)
    };
    let karin = person.token(&person_claims(json!({"preferred_username": "karin"})));
    vec![
        with("expired", "Expired", json!({"exp": NOW_SECONDS})),
        with("no exp", "Expired", json!({"exp": null})),
        with("exp as a text", "Form", json!({"exp": "2030"})),
        with("not yet valid", "NotYetValid", json!({"nbf": NOW_SECONDS + 61})),
        with("issued in the future", "Issued", json!({"iat": NOW_SECONDS + 61})),
        with("wrong issuer", "Issuer", json!({"iss": "https://login.example.org"})),
        with("no issuer", "Issuer", json!({"iss": null})),
        with("wrong audience", "Audience", json!({"aud": "another-server"})),
        with("an audience of others", "Audience", json!({"aud": ["a", "b"]})),
        with("no audience", "Audience", json!({"aud": null})),
        with("subject of nobody", "Subject", json!({"sub": "nobody"})),
        with("no subject", "Subject", json!({"sub": null})),
        bearer("alg none", "Algorithm", unsigned_by("none")),
        bearer("alg nOnE", "Algorithm", unsigned_by("nOnE")),
        bearer("HS256 by the RSA public key", "Algorithm", confused),
        bearer(
            "PS256, which is not pinned",
            "Algorithm",
            rsa.signed(&json!({"alg": "PS256", "kid": rsa.kid}), &claims()),
        ),
        bearer(
            "RS256 with the EC key's kid",
            "Key",
            rsa.signed(&json!({"alg": "RS256", "kid": ec.kid}), &claims()),
        ),
        by_header("unknown kid", "KeyId", json!({"kid": "unknown"})),
        by_header("no kid", "KeyId", json!({"kid": null})),
        bearer("key of another issuer", "KeyId", only.token(&claims())),
        bearer("signature of another key", "Signature", strange.token(&claims())),
        bearer(
            "a key that the token brings",
            "Signature",
            strange
                .signed(&header(json!({"jwk": strange.public(), "jku": "https://x"})), &claims()),
        ),
        bearer("signature cut", "Signature", cut),
        bearer("no signature", "Signature", format!("{signed}.")),
        bearer(
            "claims changed",
            "Signature",
            format!("{}.{signature}", unsigned(&ec.header(), &claims_with(json!({"x": 1})))),
        ),
        bearer("header is no JSON", "Form", ec.sign(&format!("bm9uZQ.{}", "bm9uZQ"))),
        bearer("not base64url", "Form", format!("{good}=")),
        by_header("crit", "Critical", json!({"crit": ["exp"]})),
        by_header("an ID token's typ", "Type", json!({"typ": "secevent+jwt"})),
        with("oversized", "Size", json!({"groups": "x".repeat(7000)})),
        bearer(
            "a token of two callers",
            "Subject",
            only.token(&only_claims(json!({"sub": "twin", "azp": "the-app"}))),
        ),
        bearer(
            "two clients",
            "Subject",
            only.token(&only_claims(json!({"azp": "the-app", "client_id": "other"}))),
        ),
        bearer("no person", "Actor", person.token(&person_claims(json!({})))),
        bearer(
            "a person of two lines",
            "Actor",
            person.token(&person_claims(json!({"preferred_username": "a\nb"}))),
        ),
        (
            "another person",
            "Actor",
            vec![
                ("authorization", format!("Bearer {karin}")),
                ("throughline-actor", "amira".to_owned()),
            ],
        ),
        bearer("encrypted: five parts", "Token", "a.b.c.d.e"),
        bearer("unknown token", "Token", SHOP.replace('0', "1")),
        bearer("expired token", "CallerExpired", "a-token-of-the-past"),
        bearer("token without its certificate", "Certificate", "a-token-and-more"),
        bearer("empty bearer", "Token", ""),
        ("bearer without a token", "Header", vec![("authorization", "Bearer".to_owned())]),
        ("Basic", "Header", vec![("authorization", format!("Basic {SHOP}"))]),
        (
            "two authorization headers",
            "Header",
            vec![("authorization", format!("Bearer {SHOP}")); 2],
        ),
        ("a certificate that names no caller", "Nothing", vec![]),
    ]
}

/// Valid ones that differ from invalid ones in one detail.
fn good(keys: &Keys) -> Vec<Row> {
    let Keys { ec, rsa, only, person, .. } = keys;
    let with = |what, changes: Value| bearer(what, "", ec.token(&claims_with(changes)));
    let its = |iss: &str, more: Value| changed(claims_with(json!({"iss": iss})), more);
    let (by_only, by_person) = ("https://only.example.com", "https://person.example.com");
    let karin = json!({"azp": "the-app", "preferred_username": "karin"});
    let karin = format!("Bearer {}", person.token(&its(by_person, karin)));
    let unnamed = json!({"alg": "ES256"});
    vec![
        with("all in order", json!({})),
        with("the last second", json!({"exp": NOW_SECONDS + 1})),
        with("a fraction of a second", json!({"exp": NOW_SECONDS as f64 + 0.5})),
        with("a clock that is ahead", json!({"nbf": NOW_SECONDS + 60, "iat": NOW_SECONDS + 60})),
        with("one audience of several", json!({"aud": ["another-server", "throughline"]})),
        with("long", json!({"groups": "x".repeat(5000)})),
        bearer("RS256", "", rsa.token(&claims())),
        bearer(
            "an access token (RFC 9068)",
            "",
            ec.signed(&changed(ec.header(), json!({"typ": "at+JWT"})), &claims()),
        ),
        bearer(
            "no kid where there is one key",
            "",
            only.signed(&unnamed, &its(by_only, json!({"client_id": "the-app"}))),
        ),
        ("a person", "", vec![("authorization", karin.clone())]),
        (
            "the same person",
            "",
            vec![("authorization", karin), ("throughline-actor", "karin".to_owned())],
        ),
        bearer("a token", "", SHOP),
        bearer("a token's last second", "", "a-token-of-today"),
        bearer("a token that is going to be lost", "", "a-token-that-was-lost"),
        bearer("a token of one who is going to leave", "", "a-token-of-a-leaver"),
    ]
}

#[tokio::test]
async fn bad_credentials_are_refused_with_the_same_words() {
    let keys = Keys {
        ec: Signer::new("first"),
        rsa: Signer::rsa("second"),
        only: Signer::new("only"),
        person: Signer::new("person"),
        strange: Signer::new("first"),
    };
    let (log, _logging) = Log::of_this_thread();
    let files = [
        ("callers.toml", &*callers()),
        ("company.json", &key_set(&[&keys.ec, &keys.rsa])),
        ("only.json", &key_set(&[&keys.only])),
        ("person.json", &key_set(&[&keys.person])),
    ];
    let server = Secured::start(&files, Clock::Fixed(NOW)).await;
    let refusal = refusal();
    let check = async |channel: &Services, (what, check, headers): &Row| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        log.take();
        let status = ask(channel, &headers).await.expect_err(what);
        assert_eq!(unauthenticated(&status), unauthenticated(&refusal), "{what}");
        let log = log.take();
        let told = log.lines().find(|line| line.contains("the caller is unknown")).unwrap();
        assert!(told.ends_with(&format!("check={check}")), "{what}: {told}");
        for secret in ["the-subject-of-desk", "the-app", "karin", "eyJ", SHOP, "a-token"] {
            assert!(!log.contains(secret), "{what}: {secret}");
        }
    };

    let nobody = server.named(&["nobody.example.com"]).await;
    let bad = bad(&keys);
    assert!(bad.len() >= 25);
    for row in &bad {
        check(&nobody, row).await;
    }
    let good = good(&keys);
    for (what, _, headers) in &good {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        ask(&nobody, &headers).await.expect(what);
    }

    // The person that a token names must be one of the caller's actors.
    let few = json!({"iss": "https://person.example.com", "sub": "few"});
    let of = |name: &str| {
        let its = changed(few.clone(), json!({"preferred_username": name}));
        keys.person.token(&claims_with(its))
    };
    ask_with(&nobody, &of("karin")).await.unwrap();
    let status = ask_with(&nobody, &of("amira")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);

    // Certificates: alone, and next to a token.
    let till = server.named(&["till.example.com"]).await;
    let bound = server.named(&["bound.example.com"]).await;
    let door = server.named(&["door.example.com", "spiffe://example.com/door"]).await;
    ask(&till, &[]).await.unwrap();
    ask(&door, &[]).await.unwrap();
    ask_with(&bound, "a-token-and-more").await.unwrap();
    ask_with(&till, SHOP).await.unwrap();
    let other = bearer("another caller's certificate", "Certificate", "a-token-and-more");
    check(&till, &other).await;
    check(&bound, &("the certificate without its token", "Nothing", vec![])).await;
    let two = server.named(&["till.example.com", "spiffe://example.com/door"]).await;
    check(&two, &("a certificate of two callers", "Certificate", vec![])).await;
    let near = server.named(&["TILL.example.com.org", "*.example.com"]).await;
    check(&near, &("names that are near", "Nothing", vec![])).await;

    // A removed token, and a removed caller: effective with the next check of the file.
    let callers = callers().replace(&hash("a-token-that-was-lost"), &hash("another"));
    let leaver = callers.find("[[caller]]\nname = 'leaver'").unwrap();
    let end = leaver + 1 + callers[leaver + 1..].find("[[caller]]").unwrap();
    server.replace("callers.toml", &format!("{}{}", &callers[..leaver], &callers[end..]));
    until(&nobody, "a-token-that-was-lost", false).await;
    check(&nobody, &bearer("revoked token", "Token", "a-token-that-was-lost")).await;
    check(&nobody, &bearer("token of a removed caller", "Token", "a-token-of-a-leaver")).await;
    for token in [SHOP, "another", &keys.ec.token(&claims())] {
        ask_with(&nobody, token).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_and_none_do_not_get_through() {
    let shop = format!("[[caller]]\nname = 'shop'\n{AGENT}token_sha256 = '{}'\n", hash(SHOP));
    let server = Secured::start(&[("callers.toml", &shop)], Clock::Fixed(NOW)).await;
    let other = Authority::new().certificate_of(&["till.example.com"]);
    for identity in [Some(other), None] {
        // With TLS 1.3 the client learns of it with its first call.
        let status = match server.connect(identity).await {
            Ok(channel) => ask_with(&channel, SHOP).await.unwrap_err(),
            Err(_) => continue,
        };
        assert!(std::error::Error::source(&status).is_some(), "it was answered: {status:?}");
    }
    ask_with(&server.named(&["x.example.com"]).await, SHOP).await.unwrap();
    server.stop().await;
}
