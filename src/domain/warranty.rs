//! Computes warranties.

use jiff::{ToSpan as _, civil::Date};

use super::calendar::BusinessCalendar;
use crate::model::{OrderStatus, PurchaseState, PurchasedLine};

/// The state of a warranty on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarrantyState {
    /// The last day and the term are unknown.
    Unknown,
    /// The warranty has not begun.
    NotYet,
    InWarranty,
    Expired,
}

/// The warranty of a line of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warranty {
    /// The day of delivery, or of purchase if no delivery is known.
    pub from: Date,
    pub last_day: Option<Date>,
    pub state: WarrantyState,
}

/// The warranty of a line on a day; None if the article was returned or the order was cancelled.
///
/// It begins with the last delivery, as the liability of a seller does in the European Union
/// (Directive (EU) 2019/771, article 10), or with the purchase if no delivery is known, so that it
/// is never overstated. A term in months ends on the day with the same number as the day it starts
/// from, or on the last day of a month that has no such day (Regulation (EEC, Euratom) No 1182/71,
/// article 3(2)(c)). The extension of a term that ends on a holiday or a weekend, article 3(4), is
/// left out, so that warranties are the same everywhere. Points in time become days in the zone of
/// the calendar.
pub fn warranty(
    purchase: &PurchaseState,
    line: &PurchasedLine,
    day: Date,
    calendar: &BusinessCalendar,
) -> Option<Warranty> {
    if line.is_returned() || purchase.status == OrderStatus::Cancelled {
        return None;
    }
    let from = calendar.day_of(purchase.delivered_at().unwrap_or(purchase.bought_at))?;
    let last_day = match line.bought.warranty_end.parse::<Date>() {
        Ok(last_day) => Some(last_day),
        Err(_) => last_day(from, line.bought.warranty_months),
    };
    let state = match last_day {
        None => WarrantyState::Unknown,
        Some(_) if day < from => WarrantyState::NotYet,
        Some(last_day) if day <= last_day => WarrantyState::InWarranty,
        Some(_) => WarrantyState::Expired,
    };
    Some(Warranty { from, last_day, state })
}

/// The last day of a term in months.
fn last_day(from: Date, months: i32) -> Option<Date> {
    // For a month that is too short, it is the last day.
    (months > 0).then(|| from.checked_add(months.months()).ok()).flatten()
}
