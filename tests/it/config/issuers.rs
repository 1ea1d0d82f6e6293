//! Issuers of tokens and certificates, in the file of callers.

use insta::assert_snapshot;
use throughline::{
    api::caller::KeySource,
    config::{Config, read_callers},
};

use crate::support::TempFolder;

const ISSUER: &str = "[[issuer]]\nname = 'company'\nissuer = 'https://login.example.com'\n\
    audience = 'throughline'\n";

fn keys(line: &str) -> Option<KeySource> {
    let callers = read_callers("folder/callers.toml", &format!("{ISSUER}{line}")).ok()?;
    callers.key_sources().into_iter().next()
}

#[test]
fn keys_are_in_a_file_or_at_a_url_that_nobody_can_change_on_the_way() {
    assert_eq!(keys("keys = 'a.json'"), Some(KeySource::File("folder/a.json".into())));
    assert_eq!(keys("keys = '/a.json'"), Some(KeySource::File("/a.json".into())));
    let url = |url: &str| KeySource::Url { url: url.to_owned(), authority: None };
    for good in [
        "https://login.example.com/certs?x=1",
        "https://10.1.2.3:8443/",
        "http://127.0.0.1:8080/certs",
        "http://[::1]/certs",
        "http://localhost/certs",
    ] {
        assert_eq!(keys(&format!("keys = '{good}'")), Some(url(good)), "{good}");
    }
    let authority = Some("folder/company.pem".into());
    let named = keys("keys = 'https://a.example/'\nkeys_authority = 'company.pem'");
    assert_eq!(named, Some(KeySource::Url { url: "https://a.example/".to_owned(), authority }));
    for bad in [
        "http://login.example.com/certs",
        "http://127.0.0.1.example.com/",
        "http://10.1.2.3/",
        "ftp://localhost/a",
        "https://user:geheim@login.example.com/certs",
        "https://",
        "",
    ] {
        assert_eq!(keys(&format!("keys = '{bad}'")), None, "{bad}");
    }
    for bad in ["", "keys = 1", "keys = 'a.json'\nkeys_authority = 'a.pem'"] {
        assert_eq!(keys(bad), None, "{bad}");
    }
}

#[test]
fn what_is_wrong_with_issuers_and_their_callers_is_told_at_once() {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let good = format!("{ISSUER}keys = 'a.json'\n");
    let caller = |name: &str, known_by: &str| {
        format!("[[caller]]\nname = '{name}'\nroles = 'agent'\n{known_by}\n")
    };
    let file = [
        good.clone(),
        good.clone(),
        good.replace("audience", "algorithms = ['ES256', 'HS256']\naudience"),
        "[[issuer]]\nalgorithms = 'none'\nkeys = 'http://x.example'\nsecret = 'geheim'\n"
            .to_owned(),
        caller("desk", "jwt = { issuer = 'company', subject = 'a' }"),
        caller("again", "jwt = { issuer = 'company', subject = 'a' }"),
        caller("other", "jwt = { issuer = 'nobody', client = 'a', secret = 'geheim' }"),
        caller("whoever", "jwt = { issuer = 'company' }"),
        caller("text", "jwt = 'company'"),
        caller("till", "certificate = 'till.example.com'"),
        caller("till2", "certificate = 'TILL.example.com'"),
        caller("star", "certificate = '*.example.com'"),
        caller("hash", "certificate_sha256 = 'geheim'"),
        caller("nothing", ""),
        // Certificates of one name that are distinguished by hash, and a token next to a name.
        caller("one", &format!("certificate = 'a.example'\ncertificate_sha256 = '{hash}'")),
        caller(
            "two",
            &format!("certificate = 'a.example'\ncertificate_sha256 = '{}'", "a".repeat(64)),
        ),
        caller("three", &format!("certificate = 'a.example'\ntoken_sha256 = '{hash}'")),
    ]
    .concat();
    let problems = read_callers("callers.toml", &file).unwrap_err().to_string();
    assert!(!problems.contains("geheim") && !problems.contains(hash));
    assert_snapshot!(problems, @r#"
    the configuration cannot be used:
      callers.toml: issuer 2 (company): name: another issuer has it
      callers.toml: issuer 2 (company): issuer: it is there twice
      callers.toml: issuer 3 (company): algorithms: must be some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; a secret that both sides have (HS256) or none is no proof of who signed
      callers.toml: issuer 4: secret: there is no such key; here may be name, issuer, audience, keys, keys_authority, algorithms, actor_claim
      callers.toml: issuer 4: name: must be 1 to 64 letters, digits, '.', '_' and '-'
      callers.toml: issuer 4: issuer: must be what its tokens have as iss, such as https://login.example.com
      callers.toml: issuer 4: audience: must be what its tokens for this server have in aud
      callers.toml: issuer 4: keys: must be a file with a JWK set, or its URL by https:// (by http:// only on this machine) without a user or a password
      callers.toml: issuer 4: algorithms: must be some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; a secret that both sides have (HS256) or none is no proof of who signed
      callers.toml: caller 2 (again): jwt: another caller has the same; each needs its own
      callers.toml: caller 3 (other): jwt: secret: there is no such key; here may be issuer, subject, client
      callers.toml: caller 3 (other): jwt: issuer: there is no [[issuer]] of this name in the file
      callers.toml: caller 4 (whoever): jwt: must have a subject (the claim sub), a client (azp or client_id), or both: otherwise every token of the issuer would be this caller's
      callers.toml: caller 5 (text): jwt: must be such as { issuer = "company", subject = "6f1a2b" }
      callers.toml: caller 7 (till2): certificate: another caller has the same; each needs its own
      callers.toml: caller 8 (star): certificate: must be a DNS or URI name of its subjectAltName, such as desk.example.com or spiffe://example.com/desk, and no pattern
      callers.toml: caller 9 (hash): certificate_sha256: must be the SHA-256 of the certificate as 64 hexadecimal digits, such as `openssl x509 -in FILE -outform der | sha256sum` gives, or two of them in brackets
      callers.toml: caller 10 (nothing): is known by nothing; give it token_sha256, jwt or certificate
    "#);
}

#[test]
fn a_certificate_needs_an_authority_to_ask_for_it() {
    let folder = TempFolder::new();
    let file = folder.path().join("callers.toml");
    std::fs::write(
        &file,
        "[[caller]]\nname = 'till'\nroles = 'agent'\ncertificate = 'till.example.com'\n",
    )
    .unwrap();
    let config = Config { callers_file: Some(file), ..Config::default() };
    let problems = config.callers().unwrap_err().to_string();
    let advice =
        "caller till: certificate: no client certificates are requested; set tls_client_authority";
    assert!(problems.ends_with(advice), "{problems}");
    let tls_client_authority = Some("ours.pem".into());
    assert!(Config { tls_client_authority, ..config }.callers().is_ok());
}
