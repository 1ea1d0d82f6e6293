//! Derives the state of a purchase from its entries: the only place that decides what a return or a
//! change of status does. The result does not depend on the order in which entries were recorded.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::serial::serial_key;
use crate::model::{
    Amount, Micros, OrderEntry, OrderEvent, OrderHistory, OrderStatus, PurchaseDetails,
    PurchaseState, PurchasedLine, ReturnedLine, StatusChange,
};

/// How many entries of a record about an order are kept, besides the purchase.
pub const MAX_ORDER_EVENTS: usize = 200;
/// How many lines their returns may have together.
pub const MAX_RETURNED_LINES: usize = 1000;

/// Whether a record has room for another entry about an order.
pub fn has_room(history: &OrderHistory, events: &OrderEvent) -> bool {
    let lines = |events: &OrderEvent| match events {
        OrderEvent::Returned { lines, .. } => lines.len(),
        _ => 0,
    };
    let count = history.entries.len() - usize::from(history.purchase().is_some());
    let returned: usize = history.entries.iter().map(|entry| lines(&entry.event)).sum();
    match events {
        OrderEvent::PurchaseDetails(_) => true,
        _ => count < MAX_ORDER_EVENTS && returned + lines(events) <= MAX_RETURNED_LINES,
    }
}

/// Adds an entry. An entry that is present already stays as it is.
pub fn add(history: &mut OrderHistory, entry: OrderEntry) {
    let place = history.entries.binary_search_by_key(&(entry.at, entry.entry_id), place);
    if let Err(index) = place {
        history.entries.insert(index, entry);
    }
}

fn place(entry: &OrderEntry) -> (Micros, Uuid) {
    (entry.at, entry.entry_id)
}

/// The purchases with one order number of one person, from the entries of each record, as of
/// `as_of`: entries recorded later are ignored. Usually there is one. If two records had an order
/// with this number before they were merged, their purchases stay separate, and entries of other
/// records with that number count towards the one that was bought first.
pub fn states(parts: &[(Uuid, OrderHistory)], as_of: Micros) -> Vec<PurchaseState> {
    let mut purchases: Vec<(Uuid, &OrderEntry, &PurchaseDetails, Vec<&OrderEntry>)> = Vec::new();
    let mut others: Vec<&OrderEntry> = Vec::new();
    let known = |entry: &&OrderEntry| entry.recorded_at <= as_of;
    for (record_id, history) in parts {
        let events = history.entries.iter().filter(known);
        let events = events.filter(|entry| !matches!(entry.event, OrderEvent::PurchaseDetails(_)));
        match history.purchase().filter(|(entry, _)| known(entry)) {
            Some((entry, bought)) => purchases.push((*record_id, entry, bought, events.collect())),
            None => others.extend(events),
        }
    }
    purchases.sort_by_key(|(_, entry, ..)| place(entry));
    if let Some((.., events)) = purchases.first_mut() {
        events.extend(others);
    }
    let state_of = |(record_id, entry, bought, mut events): (_, _, _, Vec<&OrderEntry>)| {
        events.sort_by_key(|entry| place(entry));
        state_of(record_id, entry, bought, &events)
    };
    purchases.into_iter().map(state_of).collect()
}

fn state_of(
    record_id: Uuid,
    purchase: &OrderEntry,
    bought: &PurchaseDetails,
    events: &[&OrderEntry],
) -> PurchaseState {
    let changes = changes(purchase, bought, events);
    let moved = changes.iter().rfind(|change| change.status != OrderStatus::Invoiced);
    let status = moved.map_or(OrderStatus::Ordered, |change| change.status);
    let mut tracking_numbers: Vec<String> = Vec::new();
    for number in changes.iter().map(|change| &change.tracking_number) {
        if !number.is_empty() && !tracking_numbers.contains(number) {
            tracking_numbers.push(number.clone());
        }
    }
    let line = |bought: &crate::model::OrderLine| PurchasedLine {
        bought: bought.clone(),
        returned_quantity: 0,
        refunds: Vec::new(),
    };
    let mut lines: Vec<PurchasedLine> = bought.lines.iter().map(line).collect();
    let returned = |entry: &&OrderEntry| matches!(entry.event, OrderEvent::Returned { .. });
    let returns: Vec<Uuid> =
        events.iter().copied().filter(returned).map(|entry| entry.entry_id).collect();
    // Each record is within the limits; a person with several records is shown within those of one.
    let shown = changes.len().saturating_sub(MAX_ORDER_EVENTS).max(1);
    let changes = [&changes[..1], &changes[shown..]].concat();
    let mut other_returns = bring_back(&mut lines, events);
    other_returns.truncate(MAX_RETURNED_LINES);
    PurchaseState {
        record_id,
        entry_id: purchase.entry_id,
        channel: bought.channel,
        order_number: bought.order_number.clone(),
        bought_at: purchase.at,
        total: bought.total.clone(),
        status,
        changes,
        tracking_numbers,
        refunds: refunds(events),
        return_entry_ids: returns[returns.len().saturating_sub(MAX_ORDER_EVENTS)..].to_vec(),
        other_returns,
        lines,
    }
}

/// The changes by time, at the same time in the order of the statuses. The purchase comes first:
/// nothing can happen to an order before it exists, whatever the clocks of two systems say.
fn changes(
    purchase: &OrderEntry,
    bought: &PurchaseDetails,
    events: &[&OrderEntry],
) -> Vec<StatusChange> {
    let mut changes: Vec<StatusChange> = events
        .iter()
        .filter_map(|entry| match &entry.event {
            OrderEvent::Changed { status, tracking_number, reason } => Some(StatusChange {
                status: *status,
                at: entry.at,
                tracking_number: tracking_number.clone(),
                reason: reason.clone(),
                entry_id: entry.entry_id,
            }),
            _ => None,
        })
        .collect();
    changes.sort_by_key(|change| (change.at, change.status, change.entry_id));
    let first = StatusChange {
        status: OrderStatus::Ordered,
        at: purchase.at,
        tracking_number: bought.tracking_number.clone(),
        reason: String::new(),
        entry_id: purchase.entry_id,
    };
    changes.insert(0, first);
    changes
}

/// The refunds by currency: for each return its total, otherwise the sum of its lines.
fn refunds(events: &[&OrderEntry]) -> Vec<Amount> {
    let mut sums = BTreeMap::new();
    for entry in events {
        let OrderEvent::Returned { lines, refund } = &entry.event else { continue };
        match refund {
            Some(all) => add_to(&mut sums, all),
            None => {
                lines.iter().filter_map(|it| it.refund.as_ref()).for_each(|it| {
                    add_to(&mut sums, it);
                });
            }
        }
    }
    amounts(sums)
}

fn add_to(sums: &mut BTreeMap<String, i64>, amount: &Amount) {
    let sum = sums.entry(amount.currency.clone()).or_default();
    *sum = sum.saturating_add(amount.minor_units);
}

fn amounts(sums: BTreeMap<String, i64>) -> Vec<Amount> {
    let amount = |(currency, minor_units)| Amount { currency, minor_units };
    sums.into_iter().map(amount).collect()
}

/// How a returned line matches an order line, the most reliable way first.
#[derive(Clone, Copy)]
enum By {
    Serial,
    Sku,
    Name,
}

/// Assigns returned lines to order lines and returns what is left over.
///
/// The most reliable matches are made first across all returns, so that a line named by its serial
/// number is not used up by one that only names the article. If several lines match, the first with
/// room takes it.
fn bring_back(lines: &mut [PurchasedLine], events: &[&OrderEntry]) -> Vec<ReturnedLine> {
    let mut left: Vec<ReturnedLine> = Vec::new();
    for entry in events {
        if let OrderEvent::Returned { lines, .. } = &entry.event {
            left.extend(lines.iter().cloned());
        }
    }
    let mut sums: Vec<BTreeMap<String, i64>> = vec![BTreeMap::new(); lines.len()];
    let serials: Vec<Option<String>> =
        lines.iter().map(|line| serial_key(&line.bought.serial_number)).collect();
    for by in [By::Serial, By::Sku, By::Name] {
        for returned in &mut left {
            let serial = serial_key(&returned.serial_number);
            for (index, line) in lines.iter_mut().enumerate() {
                if returned.quantity == 0 {
                    break;
                }
                // Different serial numbers are different articles.
                let may_be = serial.is_none() || serials[index].is_none();
                let (bought, room) = (&line.bought, line.bought.quantity - line.returned_quantity);
                let is_named = match by {
                    By::Serial => serial.is_some() && serial == serials[index],
                    By::Sku => may_be && !bought.sku.is_empty() && bought.sku == returned.sku,
                    By::Name => {
                        let is_other = !bought.sku.is_empty() && !returned.sku.is_empty();
                        may_be
                            && !is_other
                            && !bought.name.is_empty()
                            && bought.name == returned.name
                    }
                };
                let taken = room.min(returned.quantity);
                if !is_named || taken <= 0 {
                    continue;
                }
                line.returned_quantity += taken;
                returned.quantity -= taken;
                // The refund counts towards the first line that matches.
                if let Some(refund) = returned.refund.take() {
                    add_to(&mut sums[index], &refund);
                }
            }
        }
    }
    for (line, sums) in lines.iter_mut().zip(sums) {
        line.refunds = amounts(sums);
    }
    left.retain(|returned| returned.quantity > 0);
    left
}
