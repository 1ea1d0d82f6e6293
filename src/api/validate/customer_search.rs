//! Validates SearchCustomers.

use super::{Checker, Rules, list::MAX_QUERY_CHARS};
use crate::{
    domain::{
        address,
        customer_search::{MAX_NAME_WORDS, read_text},
        name,
    },
    error::Error,
    model::{Clue, CustomerQuery, Reading},
    pb,
};

/// The query, and the page size.
pub fn customer_search(
    request: &pb::SearchCustomersRequest,
    rules: &Rules,
) -> Result<(CustomerQuery, usize), Error> {
    use pb::search_customers_request::Query;
    let mut checker = Checker::default();
    let limit = checker.page_size(request.page_size);
    let clue = |clue| vec![Reading { clue, words: Vec::new() }];
    let readings = match &request.query {
        None => {
            checker.fail("query", "one of its fields is required");
            Vec::new()
        }
        Some(Query::Name(text)) => checker.name_query(text),
        Some(Query::Identifier(value)) => {
            let identifier = checker.identifier("identifier", value, rules);
            let found = identifier.map(|it| Clue::Identifier { kind: it.kind, key: it.key() });
            found.map(clue).unwrap_or_default()
        }
        Some(Query::Postcode(query)) => checker.postcode_query(query).map(clue).unwrap_or_default(),
        Some(Query::Text(text)) => checker.text_query(text, rules),
        Some(Query::OrderNumber(number)) => {
            let key = checker.order_key("order_number", number);
            key.map(Clue::Order).map(clue).unwrap_or_default()
        }
    };
    checker.finish((CustomerQuery { readings }, limit))
}

impl Checker {
    fn name_query(&mut self, text: &str) -> Vec<Reading> {
        if text.chars().count() > MAX_QUERY_CHARS {
            self.fail("name", format!("is longer than {MAX_QUERY_CHARS} characters"));
            return Vec::new();
        }
        let words = name::fold_name(text);
        if words.is_empty() || words.len() > MAX_NAME_WORDS {
            self.fail("name", format!("must hold 1 to {MAX_NAME_WORDS} words"));
            return Vec::new();
        }
        vec![Reading { clue: Clue::Name { places: false }, words }]
    }

    fn text_query(&mut self, text: &str, rules: &Rules) -> Vec<Reading> {
        let mut line = text.to_owned();
        let before = self.violations();
        self.line("text", &mut line, MAX_QUERY_CHARS);
        if self.violations() > before {
            return Vec::new();
        }
        read_text(&line, rules.phone_region.as_deref()).unwrap_or_else(|rule| {
            self.fail("text", rule);
            Vec::new()
        })
    }

    fn postcode_query(&mut self, query: &pb::PostcodeQuery) -> Option<Clue> {
        if query.postcode.len() > 80 || query.house_number.len() > 80 {
            self.fail("postcode", "is longer than 20 characters");
            return None;
        }
        let postcode = address::postcode_key(&query.postcode);
        if postcode.is_empty() {
            self.fail("postcode.postcode", "is required");
            return None;
        }
        let house = address::house_number_key(&query.house_number);
        let house_number = (!house.is_empty()).then_some(house);
        Some(Clue::Postcode { postcode, house_number })
    }
}
