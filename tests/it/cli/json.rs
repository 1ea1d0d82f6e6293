use std::fs;

use serde_json::Value;
use throughline::{
    cli::json::{from_json, to_json},
    pb,
};

const WORLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/demo/world.ndjson");

#[test]
fn a_record_survives_the_way_there_and_back() {
    for line in fs::read_to_string(WORLD).unwrap().lines() {
        let record: pb::ImportRecord = from_json("ImportRecord", line).unwrap();
        let again: Value =
            serde_json::from_str(&to_json("ImportRecord", &record).unwrap()).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(again, line);
    }
}

#[test]
fn a_record_with_a_slip_is_refused() {
    for slip in [
        r#"{"entri": {}}"#,
        r#"{"entry": {"entry": {"channel": "CHANNEL_FAX"}}}"#,
        r#"{"entry": {"entry": {"occurredAt": "04/03/2025"}}}"#,
        r#"{"customer": {}, "entry": {}}"#,
        r#"{"customer": {}} {}"#,
        "",
    ] {
        assert!(from_json::<pb::ImportRecord>("ImportRecord", slip).is_err(), "{slip}");
    }
}
