//! Who can reach the server, and what they can do there.

use super::finding::Finding;
use crate::config::Config;

const SUBJECT: &str = "exposure";

pub fn check(config: &Config) -> Vec<Finding> {
    let listen = config.listen;
    let (has_tls, has_callers) = (config.tls_certificate.is_some(), config.callers_file.is_some());
    let mut findings = Vec::new();
    if config.is_beyond_loopback() && !has_tls {
        let text = format!("{listen} is served beyond this machine without TLS");
        let advice =
            "Set tls_certificate and tls_key, or listen on 127.0.0.1 with a TLS proxy in front";
        findings.push(Finding::warning(SUBJECT, text, advice));
    }
    if !has_callers {
        let whom = match config.is_beyond_loopback() {
            true => "everybody who can reach it",
            false => "every program on this machine, and everybody behind a proxy on it,",
        };
        let text = format!("{listen} is served without callers_file: {whom} may make every call");
        let advice = "Set callers_file, and give each application a token: \
                      `throughline caller --callers-file callers.toml add NAME --role ROLE`";
        findings.push(Finding::warning(SUBJECT, text, advice));
    } else if config.allow_anonymous {
        let text = format!("{listen} also accepts calls without a token, which may do everything");
        let advice = "Give each application a token, and take allow_anonymous out. Until then let \
                      no reverse proxy pass calls on that come without one";
        findings.push(Finding::warning(SUBJECT, text, advice));
    }
    if findings.is_empty() {
        let tls = if has_tls { "has TLS" } else { "is for this machine" };
        let text = format!("{listen} {tls}, and each caller shows who it is");
        findings.push(Finding::ok(SUBJECT, text));
    }
    findings
}
