//! What an entry tells of an order, out of the entry.

use uuid::Uuid;

use crate::{
    model::{Amount, Bought, BoughtLine, Channel, OrderNews, OrderStatus, ReturnedLine},
    pb::{self, entry::Content},
    story::order::order_key,
};

/// What an entry tells of an order, and the key that it is kept under: that of the order number,
/// or of a purchase without one its own. Nothing where it tells of none, or of which of several is
/// not known.
pub fn order_news(entry: &pb::Entry, entry_id: Uuid) -> Option<(String, OrderNews)> {
    let news = match entry.content.as_ref()? {
        Content::Purchase(purchase) => {
            let key = order_key(&purchase.order_number);
            let key = key.unwrap_or_else(|| own_key(entry_id));
            return Some((key, OrderNews::Bought(bought(entry, purchase))));
        }
        Content::Returned(returned) => OrderNews::Returned {
            lines: returned.lines.iter().map(returned_line).collect(),
            refund: returned.refund.as_ref().map(amount),
        },
        Content::OrderChange(change) => OrderNews::Changed {
            status: Option::<OrderStatus>::from(change.status())?,
            tracking_number: change.tracking_number.clone(),
            reason: change.reason.clone(),
        },
        _ => return None,
    };
    let mut keys: Vec<String> =
        entry.order_numbers.iter().filter_map(|number| order_key(number)).collect();
    keys.sort_unstable();
    keys.dedup();
    match keys.as_slice() {
        [key] => Some((key.clone(), news)),
        _ => None,
    }
}

/// What a purchase without an order number is kept under. No order key has a lower case letter.
pub(in crate::store) fn own_key(entry_id: Uuid) -> String {
    format!("entry:{entry_id}")
}

fn bought(entry: &pb::Entry, purchase: &pb::Purchase) -> Bought {
    Bought {
        channel: Option::<Channel>::from(entry.channel()),
        order_number: purchase.order_number.clone(),
        lines: purchase.lines.iter().map(bought_line).collect(),
        total: purchase.total.as_ref().map(amount),
        tracking_number: purchase.tracking_number.clone(),
    }
}

fn bought_line(line: &pb::PurchaseLine) -> BoughtLine {
    BoughtLine {
        sku: line.sku.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price.as_ref().map(amount),
        serial_number: line.serial_number.clone(),
        warranty_end: line.warranty_end.clone(),
        warranty_months: line.warranty_months,
    }
}

fn returned_line(line: &pb::ReturnLine) -> ReturnedLine {
    ReturnedLine {
        sku: line.sku.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        serial_number: line.serial_number.clone(),
        refund: line.refund.as_ref().map(amount),
    }
}

fn amount(money: &pb::Money) -> Amount {
    Amount { currency: money.currency_code.clone(), minor_units: money.minor_units }
}
