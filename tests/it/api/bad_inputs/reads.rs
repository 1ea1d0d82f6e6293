//! Numbers 107 to 113: reads, searches and watches.

use throughline::pb::{
    self, TimelineOrder, get_customer_request, list_timeline_request::Customer,
    search_customers_request::Query, watch_timeline_request::Watched,
};
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::{World, at, identifier, list, search},
};

pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = sizes(world);
    cases.extend(tokens(world));
    cases.extend(watches(world));
    cases.extend(filters(world));
    cases.extend(queries(world));
    cases.extend(nobody(world));
    cases
}

fn named(name: &str) -> pb::SearchCustomersRequest {
    pb::SearchCustomersRequest { query: Some(Query::Name(name.to_owned())), ..Default::default() }
}

/// Number 107.
fn sizes(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for page_size in [-1, i32::MIN] {
        let list = pb::ListTimelineRequest { page_size, ..list(&world.customer_id) };
        let search = pb::SearchTimelineRequest { page_size, ..search(&world.customer_id, "black") };
        let customers = pb::SearchCustomersRequest { page_size, ..named("anna") };
        for (call, what) in [
            (Call::List(list), "ListTimeline"),
            (Call::Search(search), "SearchTimeline"),
            (Call::SearchCustomers(customers), "SearchCustomers"),
        ] {
            cases.push(refused(107, format!("{what} of {page_size}"), call, &["page_size"]));
        }
    }
    cases
}

/// Number 108.
fn tokens(world: &World) -> Vec<Case> {
    let good = list(&world.customer_id);
    let token = world.page_token.as_str();
    let half = token.get(..token.len() / 2).unwrap_or_default();
    let cut = token.get(..token.len().saturating_sub(1)).unwrap_or_default();
    let last = if token.ends_with('A') { "B" } else { "A" };
    let first = token.get(1..).unwrap_or_default();
    let mib = "A".repeat(1 << 20);
    let mut calls = Vec::new();
    for (what, bad) in [
        ("forged", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        ("no base64", "%%% next page, please %%%".to_owned()),
        ("half", half.to_owned()),
        ("cut by one", cut.to_owned()),
        ("with another end", format!("{cut}{last}")),
        ("with another beginning", format!("_{first}")),
        ("of 1 MiB", mib),
    ] {
        let call = pb::ListTimelineRequest { page_token: bad.clone(), ..good.clone() };
        calls.push((what, Call::List(call)));
        let call = pb::SearchTimelineRequest {
            page_token: bad.clone(),
            ..search(&world.customer_id, "black")
        };
        calls.push((what, Call::Search(call)));
        calls.push((
            what,
            Call::SearchCustomers(pb::SearchCustomersRequest { page_token: bad, ..named("anna") }),
        ));
    }

    // A token of another call, or of this call with other arguments.
    let token = || token.to_owned();
    let mut other = |what, call| calls.push((what, call));
    let with = |change: fn(&mut pb::ListTimelineRequest)| {
        let mut call = pb::ListTimelineRequest { page_token: token(), ..good.clone() };
        change(&mut call);
        Call::List(call)
    };
    other("of another order", with(|it| it.order = TimelineOrder::OldestFirst.into()));
    let filter = || pb::EntryFilter { channels: vec![1], ..Default::default() };
    let filtered =
        pb::ListTimelineRequest { filter: Some(filter()), page_token: token(), ..good.clone() };
    other("of another filter", Call::List(filtered));
    let full = Some(Customer::CustomerId(world.full_customer_id.clone()));
    let full = pb::ListTimelineRequest { customer: full, page_token: token(), ..good.clone() };
    other("of another customer", Call::List(full));
    let search =
        pb::SearchTimelineRequest { page_token: token(), ..search(&world.customer_id, "black") };
    other("of a list in a search", Call::Search(search));
    let customers = pb::SearchCustomersRequest { page_token: token(), ..named("anna") };
    other("of a list in a search for customers", Call::SearchCustomers(customers));

    let refuse = |(what, call)| {
        let what = format!("a token {what}");
        refused(108, what, call, &["page_token"]).reason("BAD_PAGE_TOKEN")
    };
    calls.into_iter().map(refuse).collect()
}

/// Number 113. A token never expires: entries stay. Tokens of another customer, of another database
/// and of the future are in `live`.
fn watches(world: &World) -> Vec<Case> {
    let good = pb::WatchTimelineRequest {
        watched: Some(Watched::CustomerId(world.customer_id.clone())),
        ..Default::default()
    };
    let behind =
        |revision| pb::WatchTimelineRequest { after_revision: Some(revision), ..good.clone() };
    let mut cases = Vec::new();
    for revision in [-1, i64::MIN, 1 << 40, i64::MAX] {
        let call = Call::Watch(behind(revision));
        cases.push(refused(113, format!("behind {revision}"), call, &["after_revision"]));
    }
    for (what, token) in [
        ("of a list", world.page_token.clone()),
        ("no base64", "%%% next event, please %%%".to_owned()),
        ("forged", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        ("of 1 MiB", "A".repeat(1 << 20)),
    ] {
        let call = pb::WatchTimelineRequest { resume_token: token, ..good.clone() };
        let case = refused(113, format!("a token {what}"), Call::Watch(call), &["resume_token"]);
        cases.push(case.reason("BAD_RESUME_TOKEN"));
    }
    cases
}

/// Numbers 109 and 111.
fn filters(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut both = |number, what: &str, filter: pb::EntryFilter, field, reason| {
        let list =
            pb::ListTimelineRequest { filter: Some(filter.clone()), ..list(&world.customer_id) };
        let case = refused(number, format!("{what} in a list"), Call::List(list), &[field]);
        cases.push(case.reason(reason));
        let search = pb::SearchTimelineRequest {
            filter: Some(filter),
            ..search(&world.customer_id, "black")
        };
        let case = refused(number, format!("{what} in a search"), Call::Search(search), &[field]);
        cases.push(case.reason(reason));
    };
    let backwards = pb::EntryFilter {
        occurred_from: Some(at(0)),
        occurred_before: Some(at(-1)),
        ..Default::default()
    };
    let field = "filter.occurred_before";
    both(109, "an end before the beginning", backwards, field, "INVALID_FIELD");
    let nanos = prost_types::Timestamp { nanos: -1, ..at(0) };
    let no_time = pb::EntryFilter { occurred_from: Some(nanos), ..Default::default() };
    both(109, "no time", no_time, "filter.occurred_from", "INVALID_FIELD");
    for value in [0, 99, -1] {
        let channels = pb::EntryFilter { channels: vec![1, value], ..Default::default() };
        let what = format!("channel {value}");
        both(111, &what, channels, "filter.channels[1]", "UNKNOWN_ENUM");
        let kinds = pb::EntryFilter { kinds: vec![value], ..Default::default() };
        both(111, &format!("kind {value}"), kinds, "filter.kinds[0]", "UNKNOWN_ENUM");
    }
    let long = pb::EntryFilter { order_number: "9".repeat(65), ..Default::default() };
    both(111, "an order number too long", long, "filter.order_number", "INVALID_FIELD");
    let order = pb::ListTimelineRequest { order: 99, ..list(&world.customer_id) };
    let case = refused(111, "an unknown order", Call::List(order), &["order"]);
    cases.push(case.reason("UNKNOWN_ENUM"));
    cases
}

/// Number 112, apart from the queries that find nothing.
fn queries(world: &World) -> Vec<Case> {
    let words = "word ".repeat(20_000);
    let long = "x".repeat(257);
    let mut cases = Vec::new();
    for (what, query) in [
        ("nothing", ""),
        ("spaces", "   \t"),
        ("257 characters", long.as_str()),
        ("20,000 words", &words),
    ] {
        let call = Call::Search(search(&world.customer_id, query));
        cases.push(refused(112, format!("SearchTimeline: {what}"), call, &["query"]));
        let everywhere = pb::SearchTimelineRequest { customer: None, ..search("", query) };
        let what_all = format!("SearchTimeline of all: {what}");
        cases.push(refused(112, what_all, Call::Search(everywhere), &["query"]));
        let call = Call::SearchCustomers(named(query));
        cases.push(refused(112, format!("SearchCustomers: {what}"), call, &["name"]));
    }
    let nine = Call::SearchCustomers(named("a b c d e f g h i"));
    cases.push(refused(112, "nine words of a name", nine, &["name"]));
    let nothing = Call::SearchCustomers(pb::SearchCustomersRequest::default());
    cases.push(refused(112, "no query", nothing, &["query"]));
    let postcode = Query::Postcode(pb::PostcodeQuery::default());
    let postcode = pb::SearchCustomersRequest { query: Some(postcode), ..Default::default() };
    let postcode = Call::SearchCustomers(postcode);
    cases.push(refused(112, "no postcode", postcode, &["postcode.postcode"]));
    cases
}

/// Reads without a customer, and of a customer that does not exist.
fn nobody(world: &World) -> Vec<Case> {
    use get_customer_request::Customer as Of;
    const UNKNOWN: &str = "0190f3c4-7b1a-7cc0-8000-00000000beef";
    let get = |customer| Call::GetCustomer(pb::GetCustomerRequest { customer });
    let unknown = || UNKNOWN.to_owned();
    let stranger = identifier(pb::IdentifierKind::Account, "nobody.here");
    let list_of = |customer| Call::List(pb::ListTimelineRequest { customer, ..Default::default() });
    let entry = |customer_id: String, entry_id: String| {
        Call::GetEntry(pb::GetEntryRequest { customer_id, entry_id })
    };
    let mut cases = vec![
        refused(111, "GetCustomer of nobody", get(None), &["customer"]),
        refused(111, "ListTimeline of nobody", list_of(None), &["customer"]),
    ];
    for (what, call) in [
        ("GetCustomer", get(Some(Of::CustomerId(unknown())))),
        ("GetCustomer by account", get(Some(Of::Identifier(stranger.clone())))),
        ("ListTimeline", list_of(Some(Customer::CustomerId(unknown())))),
        ("ListTimeline by account", list_of(Some(Customer::Identifier(stranger)))),
        ("SearchTimeline", Call::Search(search(UNKNOWN, "black"))),
    ] {
        let case = refused(111, format!("{what} of a stranger"), call, &[]);
        cases.push(case.code(Code::NotFound).reason("CUSTOMER_NOT_FOUND"));
    }
    for (what, call) in [
        ("an unknown entry", entry(world.customer_id.clone(), unknown())),
        ("an entry of another", entry(world.customer_id.clone(), world.others_entry_id.clone())),
        ("an entry of a stranger", entry(unknown(), world.others_entry_id.clone())),
    ] {
        let case = refused(111, format!("GetEntry of {what}"), call, &[]);
        cases.push(case.code(Code::NotFound).reason("ENTRY_NOT_FOUND"));
    }
    cases
}
