//! Numbers 35 to 62.

use throughline::pb::{
    self, IdentifierKind as Kind, get_customer_request::Customer, search_customers_request::Query,
};
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::{FULL, World, identifier, record},
};
use crate::{
    calls,
    identity::{link, unlink, verified},
};

/// An unknown id: other errors of a call are reported before it is looked up.
const SOMEBODY: &str = "0190f3c4-7b1a-7cc0-8000-00000000beef";

pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut value = |number, kind, values: &[&str]| {
        for value in values {
            cases.extend(everywhere(
                number,
                &identifier(kind, value),
                Part::Value,
                "INVALID_FIELD",
            ));
        }
    };
    value(35, Kind::Phone, &["", "+", "+31"]);
    value(36, Kind::Phone, &["+31 800 FLOWERS"]);
    value(39, Kind::Phone, &["+3161234567890123", "+311234567890123456789"]);
    value(44, Kind::Phone, &["+31612345678 / +31687654321", "+31612345678, +31687654321"]);
    value(47, Kind::Email, &["a@", "@b.nl", "a b@c.nl", "a@b@c.nl", "plain", "a@b..nl"]);
    let long_local = format!("{}@example.net", "a".repeat(65));
    let long_domain = format!("a@{}net", "abcdefgh.".repeat(28));
    value(48, Kind::Email, &[&long_local, &long_domain]);
    value(49, Kind::Email, &["a@b.nl\r\nBcc: c@d.nl", "a\n@b.nl", "a@b.nl\r"]);
    value(54, Kind::Email, &["Bob <bob@example.net>", "<bob@example.net>"]);
    let huge = "7".repeat(10 * 1024);
    value(60, Kind::Account, &[&huge]);
    value(60, Kind::Phone, &[&huge]);
    value(60, Kind::Email, &[&huge]);

    for (number, value) in
        [(36, "0800-FLOWERS"), (43, "112"), (43, "0900"), (39, "06123456789012345")]
    {
        let dutch = pb::Identifier { phone_region: "NL".into(), ..identifier(Kind::Phone, value) };
        cases.extend(everywhere(number, &dutch, Part::Value, "INVALID_FIELD"));
    }

    let mut blocked = |number, kind, values: &[&str]| {
        for value in values {
            let identifier = identifier(kind, value);
            cases.extend(everywhere(number, &identifier, Part::Value, "BLOCKED_IDENTIFIER"));
        }
    };
    let nobodies = ["anonymous", "unknown", "0000000000", "123456", " Anonymous "];
    blocked(35, Kind::Phone, &nobodies);
    blocked(35, Kind::Account, &["anonymous", "unknown", "null"]);
    blocked(50, Kind::Email, &["noreply@example.net", "test@test", "No-Reply@shop.example"]);

    for value in ["0612345678", "20 123 4567"] {
        let number = identifier(Kind::Phone, value);
        cases.extend(everywhere(38, &number, Part::PhoneRegion, "INVALID_FIELD"));
    }
    let mut value = |number, kind, value| {
        cases.extend(everywhere(number, &identifier(kind, value), Part::Value, "INVALID_FIELD"));
    };
    // An EAN, as on most cards, plus 1 at the end; the valid one is 9780306406157.
    value(57, Kind::LoyaltyCard, "9780306406158");
    value(58, Kind::CustomerNumber, "#1001");
    value(58, Kind::Account, "#1001");

    let social = |namespace: &str, value: &str| pb::Identifier {
        namespace: namespace.to_owned(),
        ..identifier(Kind::Social, value)
    };
    cases.extend(everywhere(55, &social("facebook", "@maria.b"), Part::Value, "INVALID_FIELD"));
    cases.extend(everywhere(56, &social("", "1029384756"), Part::Namespace, "INVALID_FIELD"));
    let external = identifier(Kind::External, "c-4711-x");
    cases.extend(everywhere(56, &external, Part::Namespace, "INVALID_FIELD"));

    for kind in [0, 999, -1] {
        let unknown = pb::Identifier { kind, ..identifier(Kind::Account, "maria.b") };
        cases.extend(everywhere(59, &unknown, Part::Kind, "UNKNOWN_ENUM"));
    }
    cases.extend(not_verified(world));
    cases.extend(too_many(world));
    cases.extend(not_an_id(world));
    cases
}

/// The field of an identifier that is wrong.
#[derive(Clone, Copy)]
enum Part {
    Kind,
    Namespace,
    Value,
    PhoneRegion,
}

impl Part {
    /// Its path in a call of one identifier.
    fn alone(self) -> &'static str {
        match self {
            Self::Kind => "identifier.kind",
            Self::Namespace => "identifier.namespace",
            Self::Value => "identifier.value",
            Self::PhoneRegion => "identifier.phone_region",
        }
    }
}

/// The identifier in calls that write, alone and as the second of two, and in calls that read.
fn everywhere(number: u16, wrong: &pb::Identifier, part: Part, reason: &'static str) -> Vec<Case> {
    let mut cases = where_it_names(number, wrong, part, reason);
    // A blocked identifier can still be unlinked, since it may have been linked before.
    if reason != "BLOCKED_IDENTIFIER" {
        let unlink = unlink(SOMEBODY, wrong.clone());
        cases.push(refused(number, "UnlinkIdentifier", unlink, &[part.alone()]).reason(reason));
    }
    cases
}

fn where_it_names(
    number: u16,
    wrong: &pb::Identifier,
    part: Part,
    reason: &'static str,
) -> Vec<Case> {
    let alone = part.alone();
    let [first, second] = match part {
        Part::Kind => ["identifiers[0].kind", "identifiers[1].kind"],
        Part::Value => ["identifiers[0].value", "identifiers[1].value"],
        Part::Namespace => ["identifiers[0].namespace", "identifiers[1].namespace"],
        Part::PhoneRegion => ["identifiers[0].phone_region", "identifiers[1].phone_region"],
    };
    let what =
        |call| format!("{call} of {:?} {:?} {:.40?}", wrong.kind(), wrong.namespace, wrong.value);
    let identify = calls::identify(vec![wrong.clone()]);
    let mut entry = record();
    entry.identifiers.push(wrong.clone());
    let get = pb::GetCustomerRequest { customer: Some(Customer::Identifier(wrong.clone())) };
    let search = pb::SearchCustomersRequest {
        query: Some(Query::Identifier(wrong.clone())),
        ..Default::default()
    };
    vec![
        refused(number, what("IdentifyCustomer"), Call::Identify(identify), &[first]),
        refused(number, what("RecordEntry"), entry, &[second]),
        refused(number, what("GetCustomer"), Call::GetCustomer(get), &[alone]),
        refused(number, what("SearchCustomers"), Call::SearchCustomers(search), &[alone]),
        refused(number, what("LinkIdentifier"), link(SOMEBODY, wrong.clone()), &[alone]),
    ]
    .into_iter()
    .map(|case| case.reason(reason))
    .collect()
}

/// Identifiers verified by a caller that may not verify them.
fn not_verified(world: &World) -> Vec<Case> {
    let new = || verified(identifier(Kind::Account, "maria.b"));
    let mut entry = record();
    entry.identifiers.push(new());
    let batch = pb::BatchRecordEntriesRequest { requests: vec![record(), entry.clone()] };
    let identify = Call::Identify(calls::identify(vec![new()]));
    let take = pb::LinkIdentifierRequest { take_over: true, ..link(&world.customer_id, new()) };
    let within = "requests[1].identifiers[1].verified";
    vec![
        refused(61, "IdentifyCustomer", identify, &["identifiers[0].verified"]),
        refused(61, "RecordEntry", entry, &["identifiers[1].verified"]),
        refused(61, "BatchRecordEntries", Call::Batch(batch), &[within]),
        refused(61, "LinkIdentifier", link(&world.customer_id, new()), &["identifier.verified"]),
        refused(61, "LinkIdentifier that takes over", take, &["identifier.verified"]),
        refused(
            61,
            "UnlinkIdentifier",
            unlink(&world.customer_id, new()),
            &["identifier.verified"],
        ),
    ]
    .into_iter()
    .map(|case| case.code(Code::PermissionDenied).reason("VERIFICATION_NOT_PERMITTED"))
    .collect()
}

fn too_many(world: &World) -> Vec<Case> {
    let identify = |identifiers| Call::Identify(calls::identify(identifiers));
    let full = identifier(Kind::Account, FULL);
    let new = identifier(Kind::Account, "account-200");
    let mut entry = record();
    entry.identifiers = vec![new.clone(), full.clone()];
    let one_more = link(&world.full_customer_id, new.clone());
    let all: Vec<_> =
        (0..201).map(|it| identifier(Kind::Cookie, &format!("cookie-{it}"))).collect();
    vec![
        refused(62, "a 201st identifier", identify(vec![full, new]), &[])
            .code(Code::ResourceExhausted)
            .reason("TOO_MANY_IDENTIFIERS"),
        refused(62, "a 201st identifier with an entry", entry, &[])
            .code(Code::ResourceExhausted)
            .reason("TOO_MANY_IDENTIFIERS"),
        refused(62, "a 201st identifier, linked", one_more, &[])
            .code(Code::ResourceExhausted)
            .reason("TOO_MANY_IDENTIFIERS"),
        refused(62, "201 identifiers in one call", identify(all), &[])
            .code(Code::ResourceExhausted)
            .reason("TOO_MANY_IDENTIFIERS"),
        refused(62, "no identifier", identify(Vec::new()), &["identifiers"]),
    ]
}

/// Ids of other things, given as the id of a customer.
fn not_an_id(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for wrong in ["QR-55512", "", "1'; drop table entries"] {
        let mut entry = record();
        entry.identifiers.clear();
        entry.customer_id = wrong.to_owned();
        cases.push(refused(58, format!("RecordEntry of {wrong}"), entry, &["customer_id"]));
        let get = pb::GetCustomerRequest { customer: Some(Customer::CustomerId(wrong.to_owned())) };
        let what = format!("GetCustomer of {wrong}");
        cases.push(refused(58, what, Call::GetCustomer(get), &["customer_id"]));
        let get = pb::GetEntryRequest {
            customer_id: world.customer_id.clone(),
            entry_id: wrong.to_owned(),
        };
        cases.push(refused(58, format!("GetEntry of {wrong}"), Call::GetEntry(get), &["entry_id"]));
    }
    cases
}
