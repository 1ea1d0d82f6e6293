//! The product's own format: the JSON of the proto.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use throughline::pb::{self, import_record::Record};

use super::given;

/// A line of the own format.
fn line(record: Record) -> String {
    let pool = DescriptorPool::decode(pb::DESCRIPTORS).unwrap();
    let descriptor = pool.get_message_by_name("throughline.v1.ImportRecord").unwrap();
    let bytes = pb::ImportRecord { record: Some(record) }.encode_to_vec();
    let message = DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap();
    serde_json::to_string(&message).unwrap()
}

fn identifier() -> pb::Identifier {
    pb::Identifier {
        kind: pb::IdentifierKind::Phone.into(),
        value: "0612345678".to_owned(),
        phone_region: "NL".to_owned(),
        ..pb::Identifier::default()
    }
}

#[test]
fn what_is_written_is_read_again() {
    let customer = pb::IdentifyCustomerRequest {
        identifiers: vec![identifier()],
        profile: Some(pb::Profile { given_name: "Åse".to_owned(), ..pb::Profile::default() }),
        source: "webshop".to_owned(),
    };
    let entry = pb::RecordEntryRequest {
        identifiers: vec![identifier()],
        entry: Some(pb::Entry {
            occurred_at: Some(prost_types::Timestamp { seconds: 1_740_828_000, nanos: 5000 }),
            channel: pb::Channel::Phone.into(),
            source: "test".to_owned(),
            source_ref: "1".to_owned(),
            attributes: [("a".to_owned(), "b".to_owned())].into(),
            content: Some(pb::entry::Content::Interaction(pb::Interaction {
                direction: pb::Direction::Outbound.into(),
                text: "line\nend".to_owned(),
                sentiment: Some(0.0),
                ..pb::Interaction::default()
            })),
            ..pb::Entry::default()
        }),
        ..pb::RecordEntryRequest::default()
    };
    let content = format!(
        "{}\n\n{}\n",
        line(Record::Customer(customer.clone())),
        line(Record::Entry(entry.clone()))
    );
    let given = given("own.ndjson", content, "");
    assert_eq!(given.reasons(), [""; 0]);
    assert_eq!((given.customers, given.entries), (vec![customer], vec![entry]));
}

#[test]
fn field_names_in_both_cases() {
    let who = r#""identifiers":[{"kind":"IDENTIFIER_KIND_EMAIL","value":"a@b.nl"}]"#;
    let what = r#""source":"t","note":{"text":"x"}"#;
    let at = "2025-03-01T11:20:00Z";
    let snake = format!(r#""occurred_at":"{at}","source_ref":"1","channel":"CHANNEL_STORE""#);
    let camel = format!(r#""occurredAt":"{at}","sourceRef":"1","channel":7"#);
    let line = |names| format!(r#"{{"entry":{{{who},"entry":{{{names},{what}}}}}}}"#);
    let rows = format!("{}\n{}\n", line(&snake), line(&camel));
    let given = given("own.ndjson", rows, "");
    assert_eq!(given.reasons(), [""; 0]);
    assert_eq!(given.entries[0], given.entries[1]);
}

#[test]
fn what_does_not_fit_is_rejected_without_its_value() {
    let rows = r#"{"entry":{"secret":1}}
{"entry":{"entry":{"channel":"CHANNEL_SECRET"}}}
{}
{"entry":
not json
{"entry":{}} secret
{"customer":{},"entry":{}}
"#;
    let given = given("own.ndjson", rows, "");
    assert!(given.entries.is_empty() && given.customers.is_empty());
    let reasons = given.reasons();
    assert_eq!(reasons.len(), 7);
    assert!(reasons[0].contains("has the field \"secret\""), "{reasons:?}");
    assert!(reasons[1].contains("does not fit throughline.v1.ImportRecord"), "{reasons:?}");
    assert!(reasons[2].contains("neither \"customer\" nor \"entry\""), "{reasons:?}");
    assert!(reasons[3].contains("in the middle"), "{reasons:?}");
    assert!(!reasons[1..].concat().to_lowercase().contains("secret"), "{reasons:?}");
    assert_eq!(given.rejects[3].byte_offset, 75);
}
