//! Until when an article has warranty.

use jiff::{ToSpan as _, civil::Date};

use super::calendar::BusinessCalendar;
use crate::model::{OrderStatus, PurchaseState, PurchasedLine};

/// Whether there is warranty on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarrantyState {
    /// Neither the last day nor the term is known.
    Unknown,
    /// The day is before the first one.
    NotYet,
    InWarranty,
    Expired,
}

/// The warranty of a line of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warranty {
    /// When the article was delivered, or else bought.
    pub from: Date,
    pub last_day: Option<Date>,
    pub state: WarrantyState,
}

/// The warranty of a line on a day; none where the article came back or the order was cancelled.
///
/// It begins with the delivery, as the liability of a seller does in the European Union (Directive
/// (EU) 2019/771, article 10), and while none is known with the purchase, so that it is never said
/// to last longer than is known. Of several deliveries the last one counts. A term in months ends
/// with the day of the same number as the one it runs from, or with the last day of a month that
/// has none (Regulation (EEC, Euratom) No 1182/71, article 3(2)(c)). That a term which ends on a
/// holiday or at a weekend goes on to the next working day, article 3(4), is left out: the days of
/// the warranty are the same wherever it is asked for. Points in time become days in the zone of
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

/// The last day of a term of so many months.
fn last_day(from: Date, months: i32) -> Option<Date> {
    // Of a month that is too short the last day is taken.
    (months > 0).then(|| from.checked_add(months.months()).ok()).flatten()
}
