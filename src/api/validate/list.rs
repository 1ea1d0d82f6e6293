//! Validates lists and searches of entries.

use super::{Checker, CustomerRef, Rules, entry::channel};
use crate::{
    domain::{order, words},
    error::Error,
    model::{EntryFilter, EntryKind, MAX_PAGE, Order},
    pb,
};

const DEFAULT_PAGE: usize = 50;
pub(super) const MAX_QUERY_CHARS: usize = 256;

/// A text search in one timeline or in all.
#[derive(Clone, Debug)]
pub struct TimelineSearch {
    pub who: Option<CustomerRef>,
    /// For each word its possible index words.
    pub words: Vec<Vec<String>>,
    pub filter: EntryFilter,
    pub limit: usize,
}

/// ListTimeline.
pub fn timeline_page(
    request: &pb::ListTimelineRequest,
    rules: &Rules,
) -> Result<(CustomerRef, EntryFilter, Order, usize), Error> {
    use pb::list_timeline_request::Customer;
    let mut checker = Checker::default();
    let filter = checker.filter(request.filter.as_ref());
    let limit = checker.page_size(request.page_size);
    let order = match pb::TimelineOrder::try_from(request.order) {
        Ok(pb::TimelineOrder::OldestFirst) => Order::OldestFirst,
        Ok(_) => Order::NewestFirst,
        Err(_) => {
            checker.unknown_enum("order");
            Order::NewestFirst
        }
    };
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    Ok((checker.finish_who(who)?, filter, order, limit))
}

/// SearchTimeline.
pub fn timeline_search(
    request: &pb::SearchTimelineRequest,
    rules: &Rules,
) -> Result<TimelineSearch, Error> {
    use pb::search_timeline_request::Customer;
    let mut checker = Checker::default();
    let filter = checker.filter(request.filter.as_ref());
    let limit = checker.page_size(request.page_size);
    let words = checker.query("query", &request.query);
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    checker.finish(TimelineSearch { who, words, filter, limit })
}

impl Checker {
    pub(super) fn page_size(&mut self, size: i32) -> usize {
        match usize::try_from(size) {
            Ok(0) => DEFAULT_PAGE,
            Ok(size) => size.min(MAX_PAGE),
            Err(_) => {
                self.fail("page_size", "must not be negative");
                DEFAULT_PAGE
            }
        }
    }

    fn filter(&mut self, filter: Option<&pb::EntryFilter>) -> EntryFilter {
        let Some(filter) = filter else { return EntryFilter::default() };
        let mut checked = EntryFilter::default();
        self.count("filter.channels", filter.channels.len(), 20);
        self.count("filter.kinds", filter.kinds.len(), 20);
        for (index, value) in filter.channels.iter().enumerate() {
            match channel(*value) {
                Some(channel) => checked.channels.push(channel),
                None => self.unknown_enum(&format!("filter.channels[{index}]")),
            }
        }
        for (index, value) in filter.kinds.iter().enumerate() {
            match entry_kind(*value) {
                Some(kind) => checked.kinds.push(kind),
                None => self.unknown_enum(&format!("filter.kinds[{index}]")),
            }
        }
        let mut time = |field: &str, value: Option<prost_types::Timestamp>| {
            value.and_then(|mut value| self.time(field, &mut value))
        };
        checked.occurred_from = time("filter.occurred_from", filter.occurred_from);
        checked.occurred_before = time("filter.occurred_before", filter.occurred_before);
        if let (Some(from), Some(before)) = (checked.occurred_from, checked.occurred_before)
            && from > before
        {
            self.fail("filter.occurred_before", "is before occurred_from");
        }
        if !filter.order_number.is_empty() {
            checked.order = self.order_key("filter.order_number", &filter.order_number);
        }
        if !filter.case_id.is_empty() {
            checked.case_id = Some(self.uuid("filter.case_id", &filter.case_id));
            if !filter.order_number.is_empty() {
                self.fail("filter.case_id", "must be empty beside order_number");
            }
        }
        checked
    }

    /// The key of an order number. None leaves a violation.
    pub(super) fn order_key(&mut self, field: &str, number: &str) -> Option<String> {
        let mut number = number.to_owned();
        self.line(field, &mut number, 64);
        let key = order::order_key(&number);
        if key.is_none() {
            self.fail(field, "names no order");
        }
        key
    }

    /// The words of a query, each with its possible index words.
    fn query(&mut self, field: &str, query: &str) -> Vec<Vec<String>> {
        if query.chars().count() > MAX_QUERY_CHARS {
            self.fail(field, format!("is longer than {MAX_QUERY_CHARS} characters"));
            return Vec::new();
        }
        match words::query_words(query) {
            Ok(words) if words.is_empty() => {
                self.fail(field, "must hold at least one word");
                words
            }
            Ok(words) => words,
            Err(rule) => {
                self.fail(field, rule);
                Vec::new()
            }
        }
    }
}

/// Converts an entry kind of the contract to the model.
fn entry_kind(kind: i32) -> Option<EntryKind> {
    pb::EntryKind::try_from(kind).ok().and_then(Option::from)
}
