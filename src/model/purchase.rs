//! Orders: what the entries of a customer say of an order, and the state derived from them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Amount, Channel, Micros};

/// The status of an order, in ascending precedence: of two changes at the same time the greater one
/// counts. INVOICED never changes the status.
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

/// The entries of one customer record about one order, sorted by time and entry id. Stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderHistory {
    pub entries: Vec<OrderEntry>,
}

impl OrderHistory {
    /// The entry that is the purchase, if it is of this record.
    pub fn purchase(&self) -> Option<(&OrderEntry, &PurchaseDetails)> {
        self.entries.iter().find_map(|entry| match &entry.event {
            OrderEvent::PurchaseDetails(bought) => Some((entry, bought)),
            _ => None,
        })
    }
}

/// What one entry says of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEntry {
    pub entry_id: Uuid,
    /// When it happened.
    pub at: Micros,
    pub recorded_at: Micros,
    pub event: OrderEvent,
}

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEvent {
    PurchaseDetails(PurchaseDetails),
    Changed {
        status: OrderStatus,
        tracking_number: String,
        reason: String,
    },
    /// `refund` is the total refund, if known.
    Returned {
        lines: Vec<ReturnedLine>,
        refund: Option<Amount>,
    },
}

impl OrderEvent {
    /// The serial numbers that were bought.
    pub fn serial_numbers(&self) -> impl Iterator<Item = &str> {
        let lines = match self {
            Self::PurchaseDetails(bought) => bought.lines.as_slice(),
            _ => &[],
        };
        lines.iter().map(|line| line.serial_number.as_str()).filter(|number| !number.is_empty())
    }

    /// The tracking number of a shipment, if there is one.
    pub fn tracking_number(&self) -> Option<&str> {
        let number = match self {
            Self::PurchaseDetails(bought) => &bought.tracking_number,
            Self::Changed { tracking_number, .. } => tracking_number,
            Self::Returned { .. } => return None,
        };
        (!number.is_empty()).then_some(number)
    }
}

/// A purchase, as its entry records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseDetails {
    pub channel: Option<Channel>,
    /// The order number; may be empty.
    pub order_number: String,
    pub lines: Vec<OrderLine>,
    pub total: Option<Amount>,
    pub tracking_number: String,
}

/// A line of a purchase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub unit_price: Option<Amount>,
    pub serial_number: String,
    /// YYYY-MM-DD, or empty.
    pub warranty_end: String,
    /// 0: unknown.
    pub warranty_months: i32,
}

/// A returned line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedLine {
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub serial_number: String,
    pub refund: Option<Amount>,
}

/// A purchase with its state, derived from all entries about it.
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
    /// Each once, in order of time.
    pub tracking_numbers: Vec<String>,
    pub lines: Vec<PurchasedLine>,
    /// The total refunds, by currency.
    pub refunds: Vec<Amount>,
    /// The entries of the returns that count towards it, by time.
    pub return_entry_ids: Vec<Uuid>,
    /// Returned lines that match no line of the order, or exceed what was bought.
    pub other_returns: Vec<ReturnedLine>,
}

impl PurchaseState {
    /// When the last known delivery took place.
    pub fn delivered_at(&self) -> Option<Micros> {
        let delivered = self.changes.iter().filter(|it| it.status == OrderStatus::Delivered);
        delivered.map(|it| it.at).max()
    }
}

/// A change of the status of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    pub status: OrderStatus,
    pub at: Micros,
    pub tracking_number: String,
    pub reason: String,
    pub entry_id: Uuid,
}

/// A line of a purchase, with its returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchasedLine {
    pub bought: OrderLine,
    pub returned_quantity: i64,
    /// By currency.
    pub refunds: Vec<Amount>,
}

impl PurchasedLine {
    /// Whether all of it was returned.
    pub fn is_returned(&self) -> bool {
        self.returned_quantity >= self.bought.quantity
    }
}

/// A number to look up purchases by, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurchaseNumber {
    Serial(String),
    Order(String),
    Tracking(String),
}
