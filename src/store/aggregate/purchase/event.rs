//! Decodes order events from entries.

use uuid::Uuid;

use crate::{
    domain::order::order_key,
    model::{Amount, Channel, OrderEvent, OrderLine, OrderStatus, PurchaseDetails, ReturnedLine},
    pb::{self, entry::Content},
};

/// The order event of an entry, with its key: that of the order number, or its own for a purchase
/// without one. None if the entry is not about exactly one order.
pub fn order_event(entry: &pb::Entry, entry_id: Uuid) -> Option<(String, OrderEvent)> {
    let event = match entry.content.as_ref()? {
        Content::Purchase(purchase) => {
            let key = order_key(&purchase.order_number);
            let key = key.unwrap_or_else(|| own_key(entry_id));
            return Some((key, OrderEvent::PurchaseDetails(bought(entry, purchase))));
        }
        Content::Returned(returned) => OrderEvent::Returned {
            lines: returned.lines.iter().map(returned_line).collect(),
            refund: returned.refund.as_ref().map(amount),
        },
        Content::OrderChange(change) => OrderEvent::Changed {
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
        [key] => Some((key.clone(), event)),
        _ => None,
    }
}

/// The key of a purchase without an order number. Order keys have no lower case letters.
pub(in crate::store) fn own_key(entry_id: Uuid) -> String {
    format!("entry:{entry_id}")
}

fn bought(entry: &pb::Entry, purchase: &pb::Purchase) -> PurchaseDetails {
    PurchaseDetails {
        channel: Option::<Channel>::from(entry.channel()),
        order_number: purchase.order_number.clone(),
        lines: purchase.lines.iter().map(bought_line).collect(),
        total: purchase.total.as_ref().map(amount),
        tracking_number: purchase.tracking_number.clone(),
    }
}

fn bought_line(line: &pb::PurchaseLine) -> OrderLine {
    OrderLine {
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
