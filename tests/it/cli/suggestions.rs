//! The commands for merge suggestions, and how a suggestion is rendered.

use insta::assert_snapshot;
use jiff::tz::TimeZone;
use serde_json::Value;
use throughline::{
    cli::render::{self, TerminalStyle},
    pb::{self, MatchAgreement as Agreement, MatchField as Field},
};

use super::process::{printed, refused};
use crate::support::TempFolder;

fn reason(field: Field, agreement: Agreement, weight_bits: f64, share: f64) -> pb::MatchReason {
    pb::MatchReason {
        field: field.into(),
        agreement: agreement.into(),
        weight_bits,
        value_share: share,
    }
}

#[test]
fn a_suggestion_says_why_in_plain_words() {
    let suggestion = pb::MergeSuggestion {
        customer_id: "019cec37-b600-77b1-879d-e6c57cc4cf44".to_owned(),
        other_customer_id: "019cec37-b601-7000-8000-000000000001".to_owned(),
        probability: 0.999_99,
        reasons: vec![
            reason(Field::BirthDate, Agreement::Exact, 14.0, 1.0 / 20_384.0),
            reason(Field::FamilyName, Agreement::Close, 9.0, 0.0),
            reason(Field::GivenName, Agreement::Nickname, 6.0, 0.0),
            reason(Field::Postcode, Agreement::Different, -3.5, 0.0),
            reason(Field::SharedContact, Agreement::Exact, -1.5, 0.0),
            reason(Field::Region, Agreement::Exact, 0.4, 0.4),
        ],
        found_at: None,
    };
    let style = TerminalStyle { width: 72, colour: false, zone: TimeZone::UTC, full: false };
    // A conflict without other evidence.
    let conflict = pb::MergeSuggestion {
        probability: 0.000_12,
        reasons: vec![reason(Field::GivenName, Agreement::Different, -5.0, 0.0)],
        ..suggestion.clone()
    };
    let both = [suggestion, conflict].map(|it| render::suggestion(&it, &style));
    assert_snapshot!(both.concat(), @"
    99.99 %  019cec37-b600-77b1-879d-e6c57cc4cf44
             019cec37-b601-7000-8000-000000000001
             same birth date (1 in 20,000), family name with a typing error,
             given name by a short form; against it: another postcode, a
             household or a mailbox may explain it
     0.01 %  019cec37-b600-77b1-879d-e6c57cc4cf44
             019cec37-b601-7000-8000-000000000001
             nothing speaks for it but what was said of an identifier;
             against it: another given name
    ");
}

/// A line of an import.
fn customer(account: &str, given_name: &str, family_name: &str, birth_date: &str) -> String {
    let json = serde_json::json!({ "customer": {
        "identifiers": [{ "kind": "IDENTIFIER_KIND_ACCOUNT", "value": account }],
        "profile": {
            "givenName": given_name,
            "familyName": family_name,
            "birthDate": birth_date,
            "address": { "lines": ["Kastanjelaan 12"], "postcode": "3512 AB" },
        },
    }});
    format!("{json}\n")
}

#[test]
fn two_records_are_found_listed_and_dismissed() {
    let folder = TempFolder::new();
    let lines = [
        customer("anna", "Anna", "van der Velde", "1979-04-23"),
        customer("a.velde", "Anne", "van der Velde", "1979-04-23"),
        customer("bert", "Bert", "Dekker", "1951-12-02"),
    ];
    std::fs::write(folder.path().join("all.ndjson"), lines.concat()).unwrap();
    let database = "--database=sqlite:all.db";
    let missing = refused(&folder, &["suggest", database]);
    assert!(missing.starts_with("1: throughline: there is no database all.db here"), "{missing}");
    printed(&folder, &["import", "all.ndjson", database]);
    let none = printed(&folder, &["suggestions", database]);
    assert_eq!(none, "No suggestions. `throughline suggest` compares all customers.\n");

    let run = printed(&folder, &["suggest", "--json", "--save-model", "weights.json", database]);
    let run: Value = serde_json::from_str(&run).unwrap();
    assert_eq!((&run["customers"], &run["suggestions"]), (&3.into(), &1.into()));
    let likeliest = &run["likeliest"][0];
    let listed = printed(&folder, &["suggestions", "--json", database]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["customerId"], likeliest["customerId"]);
    let again = printed(&folder, &["suggest", "--model", "weights.json", database]);
    let lines: Vec<&str> = again.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], "customers       3");
    assert!(lines.iter().any(|line| line.contains("same family name")), "{again}");

    let (one, other) = (&listed["customerId"], &listed["otherCustomerId"]);
    let (one, other) = (one.as_str().unwrap(), other.as_str().unwrap());
    let dismiss = ["dismiss", one, other, "--reason", "sisters", database];
    assert_eq!(printed(&folder, &dismiss), "The two are not suggested any more.\n");
    assert_eq!(printed(&folder, &["suggestions", database]), none);
    let twice = refused(&folder, &dismiss);
    assert!(twice.starts_with("1: throughline: suggestion not found"), "{twice}");
}
