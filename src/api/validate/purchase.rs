//! Validates look-ups and lists of purchases.

use jiff::civil::Date;
use uuid::Uuid;

use super::{Checker, CustomerRef, Rules};
use crate::{domain::serial::serial_key, error::Error, model::PurchaseNumber, pb};

const DEFAULT_PAGE: usize = 20;
/// Pages are smaller, since a purchase may be large.
const MAX_PAGE: usize = 50;
const MAX_NUMBER_CHARS: usize = 64;

/// FindPurchases: the number, the customer and the day of the warranty.
pub fn purchase_search(
    request: &pb::FindPurchasesRequest,
) -> Result<(PurchaseNumber, Option<Uuid>, Option<Date>), Error> {
    use pb::find_purchases_request::Number;
    let mut checker = Checker::default();
    let customer_id = (!request.customer_id.is_empty())
        .then(|| checker.uuid("customer_id", &request.customer_id));
    let day = checker.date("day", &request.day);
    let number = match &request.number {
        Some(Number::SerialNumber(text)) => {
            checker.article_key("serial_number", text).map(PurchaseNumber::Serial)
        }
        Some(Number::OrderNumber(text)) => {
            checker.order_key("order_number", text).map(PurchaseNumber::Order)
        }
        Some(Number::TrackingNumber(text)) => {
            checker.article_key("tracking_number", text).map(PurchaseNumber::Tracking)
        }
        None => {
            checker.fail("number", "serial_number, order_number or tracking_number is required");
            None
        }
    };
    // A missing value has left a violation.
    let number = number.unwrap_or(PurchaseNumber::Order(String::new()));
    checker.finish((number, customer_id, day))
}

/// ListPurchases: the customer, the day of the warranty and the page size.
pub fn purchase_page(
    request: &pb::ListPurchasesRequest,
    rules: &Rules,
) -> Result<(CustomerRef, Option<Date>, usize), Error> {
    use pb::list_purchases_request::Customer;
    let mut checker = Checker::default();
    let limit = match request.page_size {
        0 => DEFAULT_PAGE,
        size => checker.page_size(size).min(MAX_PAGE),
    };
    let day = checker.date("day", &request.day);
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    Ok((checker.finish_who(who)?, day, limit))
}

impl Checker {
    /// The key of a serial or tracking number. None leaves a violation.
    fn article_key(&mut self, field: &str, number: &str) -> Option<String> {
        let mut number = number.to_owned();
        self.line(field, &mut number, MAX_NUMBER_CHARS);
        let key = serial_key(&number);
        if key.is_none() {
            self.fail(field, "must hold a letter or a digit");
        }
        key
    }
}
