//! Purchases: what the entries of a customer tell of an order, and what they add up to.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Amount, Channel, Micros};

/// How far an order has come. Of two that are told of one moment the later one here counts; a bill
/// moves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Invoiced,
    Ordered,
    Shipped,
    Delivered,
    Cancelled,
}

impl OrderStatus {
    pub const ALL: [Self; 5] =
        [Self::Invoiced, Self::Ordered, Self::Shipped, Self::Delivered, Self::Cancelled];
}

/// What the entries of one customer record tell of one order: in the order of when it happened and
/// of the ids of the entries. Kept as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPart {
    pub told: Vec<OrderTold>,
}

impl OrderPart {
    /// The entry that is the purchase, where it is of this record.
    pub fn purchase(&self) -> Option<(&OrderTold, &Bought)> {
        self.told.iter().find_map(|told| match &told.news {
            OrderNews::Bought(bought) => Some((told, bought)),
            _ => None,
        })
    }
}

/// What one entry tells of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTold {
    pub entry_id: Uuid,
    /// When it happened.
    pub at: Micros,
    pub recorded_at: Micros,
    pub news: OrderNews,
}

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderNews {
    Bought(Bought),
    Changed {
        status: OrderStatus,
        tracking_number: String,
        reason: String,
    },
    /// `refund`: what was paid back in all, where that is told.
    Returned {
        lines: Vec<ReturnedLine>,
        refund: Option<Amount>,
    },
}

impl OrderNews {
    /// The serial numbers that were bought.
    pub fn serial_numbers(&self) -> impl Iterator<Item = &str> {
        let lines = match self {
            Self::Bought(bought) => bought.lines.as_slice(),
            _ => &[],
        };
        lines.iter().map(|line| line.serial_number.as_str()).filter(|number| !number.is_empty())
    }

    /// The number of a shipment, where there is one.
    pub fn tracking_number(&self) -> Option<&str> {
        let number = match self {
            Self::Bought(bought) => &bought.tracking_number,
            Self::Changed { tracking_number, .. } => tracking_number,
            Self::Returned { .. } => return None,
        };
        (!number.is_empty()).then_some(number)
    }
}

/// A purchase as its entry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bought {
    pub channel: Option<Channel>,
    /// As the customer knows it; may be empty.
    pub order_number: String,
    pub lines: Vec<BoughtLine>,
    pub total: Option<Amount>,
    pub tracking_number: String,
}

/// A line of a purchase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoughtLine {
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub unit_price: Option<Amount>,
    pub serial_number: String,
    /// YYYY-MM-DD, or empty.
    pub warranty_end: String,
    /// 0: not known.
    pub warranty_months: i32,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedLine {
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub serial_number: String,
    pub refund: Option<Amount>,
}

/// A purchase: what all entries about it add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseState {
    /// The record that the purchase was recorded with.
    pub record_id: Uuid,
    /// The entry that is the purchase.
    pub entry_id: Uuid,
    pub channel: Option<Channel>,
    pub order_number: String,
    pub bought_at: Micros,
    pub total: Option<Amount>,
    pub status: OrderStatus,
    /// By time, the purchase itself first.
    pub changes: Vec<StatusChange>,
    /// Each once, the first told first.
    pub tracking_numbers: Vec<String>,
    pub lines: Vec<PurchasedLine>,
    /// What was paid back in all, by currency.
    pub refunds: Vec<Amount>,
    /// The entries of the returns that count for it, by time.
    pub return_entry_ids: Vec<Uuid>,
    /// What came back and is on no line, or more of it than was bought.
    pub other_returns: Vec<ReturnedLine>,
}

impl PurchaseState {
    /// When the last of it, as far as is known, reached the customer.
    pub fn delivered_at(&self) -> Option<Micros> {
        let delivered = self.changes.iter().filter(|it| it.status == OrderStatus::Delivered);
        delivered.map(|it| it.at).max()
    }
}

/// A step of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    pub status: OrderStatus,
    pub at: Micros,
    pub tracking_number: String,
    pub reason: String,
    pub entry_id: Uuid,
}

/// A line of a purchase, and what came back of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchasedLine {
    pub bought: BoughtLine,
    pub returned_quantity: i64,
    /// By currency.
    pub refunds: Vec<Amount>,
}

impl PurchasedLine {
    /// Whether all of it came back.
    pub fn is_returned(&self) -> bool {
        self.returned_quantity >= self.bought.quantity
    }
}

/// A number that a purchase is looked for by, as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurchaseNumber {
    Serial(String),
    Order(String),
    Tracking(String),
}
