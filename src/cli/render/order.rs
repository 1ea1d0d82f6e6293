//! Changes of orders, in a timeline.

use super::{
    Ink, short_day,
    text::{money, safe},
};
use crate::pb::{self, OrderStatus};

pub fn ink(change: &pb::OrderChange) -> Ink {
    match change.status() {
        OrderStatus::Delivered => Ink::Good,
        OrderStatus::Cancelled => Ink::Warning,
        _ => Ink::Channel,
    }
}

/// The progress of an order, in one line.
pub fn summary(change: &pb::OrderChange) -> String {
    let status = match change.status() {
        OrderStatus::Ordered => "Order confirmed",
        OrderStatus::Shipped => "Order shipped",
        OrderStatus::Delivered => "Order delivered",
        OrderStatus::Invoiced => "Order invoiced",
        OrderStatus::Cancelled => "Order cancelled",
        OrderStatus::Unspecified => "Order changed",
    };
    status.to_owned()
}

/// The shipment.
pub fn shipment(change: &pb::OrderChange) -> String {
    match change.tracking_number.is_empty() {
        true => String::new(),
        false => format!("shipment {}", safe(&change.tracking_number)),
    }
}

/// The warranty of an order line, as its entry has it.
pub fn warranty(line: &pb::PurchaseLine) -> Option<String> {
    match (line.warranty_end.as_str(), line.warranty_months) {
        ("", months) if months <= 0 => None,
        ("", months) => Some(format!("{months} months of warranty")),
        (day, _) => Some(format!("warranty until {}", short_day(day))),
    }
}

/// The refund of a returned line.
pub fn refund(line: &pb::ReturnLine) -> String {
    let refund = line.refund.as_ref().map(|refund| format!(", {} back", money(refund)));
    refund.unwrap_or_default()
}
