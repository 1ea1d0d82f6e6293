//! The certificates that are presented and trusted: whether they can be read, and how long they are
//! valid.

use std::{fs, path::Path};

use super::{finding::Finding, words::span};
use crate::{
    config::Config,
    model::Micros,
    server::tls::{self, Certificates},
};

const SUBJECT: &str = "certificates";
const DAY: Micros = 86_400_000_000;
/// Renewals are due by then, and automatic ones have been tried several times.
const RENEW: Micros = 30 * DAY;

pub fn check(config: &Config, now: Micros) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Certificates::of(config) {
        Ok(None) => {}
        Ok(Some(_)) => {
            findings.extend(config.tls_certificate.as_deref().map(|path| of_server(path, now)));
        }
        Err(why) => {
            let advice = "Put a certificate in PEM there, with its own key in tls_key";
            findings.push(Finding::failure(SUBJECT, why, advice));
        }
    }
    let authorities = [&config.tls_client_authority, &config.server_authority];
    for path in authorities.into_iter().flatten() {
        findings.push(match soonest_end(path) {
            Ok(end) => lasts(format!("{}, an authority,", path.display()), end, now),
            Err(why) => {
                Finding::failure(SUBJECT, why, "Put the certificate of an authority in PEM there")
            }
        });
    }
    findings
}

fn of_server(path: &Path, now: Micros) -> Finding {
    match soonest_end(path) {
        Err(why) => Finding::failure(SUBJECT, why, "Put a certificate in PEM there"),
        Ok(end) => {
            let names = tls::names(path).unwrap_or_default();
            let names = match names.is_empty() {
                true => "no DNS name".to_owned(),
                false => names.join(", "),
            };
            lasts(format!("{} ({names})", path.display()), end, now)
        }
    }
}

/// The earliest expiry of the certificates of a file.
fn soonest_end(path: &Path) -> Result<Micros, String> {
    let unfit = |why: String| format!("{} {why}", path.display());
    let pem = fs::read(path).map_err(|error| unfit(format!("cannot be read: {error}")))?;
    let ends = tls::certificates(&pem).map_err(unfit)?.into_iter().map(|der| tls::end_of(&der));
    let ends: Option<Vec<Micros>> = ends.collect();
    let end = ends.and_then(|ends| ends.into_iter().min());
    end.ok_or_else(|| unfit("holds a certificate without an end".to_owned()))
}

fn lasts(what: String, end: Micros, now: Micros) -> Finding {
    let left = end - now;
    let advice = "Renew it; the server reads its files again without a restart";
    if left <= 0 {
        let text = format!("{what} has been over for {}", span(left));
        Finding::failure(SUBJECT, text, advice)
    } else if left < RENEW {
        Finding::warning(SUBJECT, format!("{what} lasts for {} more", span(left)), advice)
    } else {
        Finding::ok(SUBJECT, format!("{what} lasts for {} more", span(left)))
    }
}
