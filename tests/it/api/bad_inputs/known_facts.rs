//! Numbers 93 and 124 to 127: the case of an entry, entries by case, the briefing, and a customer's
//! preferences.

use throughline::pb::{
    self, EntryFilter, get_briefing_request::Customer, record_entry_request::Case as Joined,
    watch_timeline_request::Watched,
};
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::{World, anna, at, identifier, list, record, search},
};
use crate::calls::request_id;

/// Invalid ids.
const NO_IDS: [&str; 4] = ["", "x", "00000000-0000-0000-0000-000000000000", "not-a-uuid\u{0}"];

pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = joined(world);
    cases.extend(by_case(world));
    cases.extend(briefings(world));
    cases.extend(wishes());
    cases
}

fn join(case: Joined) -> pb::RecordEntryRequest {
    pb::RecordEntryRequest { case: Some(case), ..record() }
}

/// Numbers 93 and 124.
fn joined(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, id) in [("another's case", world.others_case_id.clone()), ("no case", request_id())]
    {
        let case = refused(93, what, join(Joined::CaseId(id)), &[]);
        cases.push(case.code(Code::NotFound).reason("CASE_NOT_FOUND"));
    }
    for id in NO_IDS {
        let call = join(Joined::CaseId(id.to_owned()));
        cases.push(refused(124, format!("case {id:?}"), call, &["case_id"]));
    }
    for threshold_percent in [-1, 101, i32::MIN, i32::MAX] {
        let call = join(Joined::AutoCase(pb::AutoCase { threshold_percent }));
        let what = format!("threshold {threshold_percent}");
        cases.push(refused(124, what, call, &["auto_case.threshold_percent"]));
    }
    cases
}

/// Number 125.
fn by_case(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    let filters = [
        ("no id", EntryFilter { case_id: "x".to_owned(), ..Default::default() }),
        (
            "with other bounds",
            EntryFilter {
                case_id: request_id(),
                order_number: "W-1".to_owned(),
                occurred_from: Some(at(-1)),
                ..Default::default()
            },
        ),
    ];
    for (what, filter) in filters {
        let filter = Some(filter);
        let call = pb::ListTimelineRequest { filter: filter.clone(), ..list(&world.customer_id) };
        cases.push(refused(125, format!("list {what}"), Call::List(call), &["filter.case_id"]));
        let call = pb::SearchTimelineRequest { filter, ..search(&world.customer_id, "x") };
        cases.push(refused(125, format!("search {what}"), Call::Search(call), &["filter.case_id"]));
    }
    let watch = |id: &str| {
        let watched = Some(Watched::CaseId(id.to_owned()));
        Call::Watch(pb::WatchTimelineRequest { watched, ..Default::default() })
    };
    for id in NO_IDS {
        cases.push(refused(125, format!("watch {id:?}"), watch(id), &["case_id"]));
    }
    let unknown = refused(125, "watch an unknown case", watch(&request_id()), &[]);
    cases.push(unknown.code(Code::NotFound).reason("CASE_NOT_FOUND"));
    cases
}

/// Number 126.
fn briefings(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    let of = |customer, as_of| Call::Briefing(pb::GetBriefingRequest { customer, as_of });
    let hers = || Some(Customer::CustomerId(world.customer_id.clone()));
    cases.push(refused(126, "of nobody", of(None, None), &["customer"]));
    cases.push(refused(126, "in time to come", of(hers(), Some(at(1))), &["as_of"]));
    for (seconds, nanos) in [(1, -1), (1, 1_000_000_000), (i64::MIN, 0)] {
        let broken = prost_types::Timestamp { seconds, nanos };
        let what = format!("as of {seconds} {nanos}");
        cases.push(refused(126, what, of(hers(), Some(broken)), &["as_of"]));
    }
    for id in NO_IDS {
        let call = of(Some(Customer::CustomerId(id.to_owned())), None);
        cases.push(refused(126, format!("of {id:?}"), call, &["customer_id"]));
    }
    let phone = |text| Some(Customer::Identifier(identifier(pb::IdentifierKind::Phone, text)));
    let call = of(phone("12\u{0}"), None);
    cases.push(refused(126, "of no phone", call, &["identifier.value"]));
    let strangers = [phone("+31600000000"), Some(Customer::CustomerId(request_id()))];
    for stranger in strangers {
        let case = refused(126, "of a stranger", of(stranger, None), &[]);
        cases.push(case.code(Code::NotFound).reason("CUSTOMER_NOT_FOUND"));
    }
    cases
}

/// Number 127.
fn wishes() -> Vec<Case> {
    let consent = |purpose: &str| pb::Consent { purpose: purpose.to_owned(), granted: true };
    let with = |change: &dyn Fn(&mut pb::Profile)| {
        let mut profile = pb::Profile::default();
        change(&mut profile);
        pb::RecordEntryRequest {
            identifiers: vec![anna()],
            customer_id: String::new(),
            profile: Some(profile),
            ..record()
        }
    };
    let purpose: &[&str] = &["profile.consents[1].purpose"];
    let mut cases = Vec::new();
    for text in ["", " ", "newsletter", "NEWSLETTER", "a\u{0}b", "a\nb", &"x".repeat(101)] {
        let call = with(&|it| it.consents = vec![consent("newsletter"), consent(text)]);
        cases.push(refused(127, format!("purpose {text:?}"), call, purpose));
    }
    let many =
        with(&|it| it.consents = (0..21).map(|index| consent(&format!("c{index}"))).collect());
    cases.push(refused(127, "21 consents", many, &["profile.consents"]));
    for channel in [99, -1] {
        let call = with(&|it| it.preferred_channel = channel);
        let field = &["profile.preferred_channel"];
        let case = refused(127, format!("preferred channel {channel}"), call, field);
        cases.push(case.reason("UNKNOWN_ENUM"));
    }
    cases
}
