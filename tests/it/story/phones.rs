//! Phone numbers, against the vectors of libphonenumber.

use throughline::{
    model::IdentifierKind::Phone,
    story::identifier::{Fault, normalise},
};

use super::vectors;

fn key(raw: &str, region: Option<&str>) -> Result<String, Fault> {
    normalise(Phone, "", raw, region).map(|identifier| identifier.value)
}

#[test]
fn print_differences() {
    let Some(rows) = vectors::rows("phone_vectors/parse_vectors.csv") else { return };
    for row in rows {
        let [input, region, result, e164, extension, possible, valid] = &row[..] else { panic!() };
        let region = Some(region.as_str()).filter(|region| !matches!(*region, "ZZ" | "UN001"));
        let ours = key(input, region);
        let theirs = match extension.is_empty() {
            true => e164.clone(),
            false => format!("{e164};ext={extension}"),
        };
        let same = match &ours {
            Ok(key) => *key == theirs && possible == "True",
            Err(_) => result != "OK" || possible != "True",
        };
        if !same {
            println!("{input:?} {region:?} theirs {theirs} {possible} {valid} ours {ours:?}");
        }
    }
}
