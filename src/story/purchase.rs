//! A purchase as its entries add up: the one place that says what a return or a change of status
//! does to it. It comes out the same in whatever order the entries were recorded.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::serial::serial_key;
use crate::model::{
    Amount, Bought, Micros, OrderNews, OrderPart, OrderStatus, OrderTold, PurchaseState,
    PurchasedLine, ReturnedLine, StatusChange,
};

/// How many entries one record has of an order, beside the purchase.
pub const MAX_NEWS: usize = 200;
/// How many lines their returns have together.
pub const MAX_RETURNED_LINES: usize = 1000;

/// Whether one record has room for more about an order.
pub fn has_room(part: &OrderPart, news: &OrderNews) -> bool {
    let lines = |news: &OrderNews| match news {
        OrderNews::Returned { lines, .. } => lines.len(),
        _ => 0,
    };
    let count = part.told.len() - usize::from(part.purchase().is_some());
    let returned: usize = part.told.iter().map(|told| lines(&told.news)).sum();
    match news {
        OrderNews::Bought(_) => true,
        _ => count < MAX_NEWS && returned + lines(news) <= MAX_RETURNED_LINES,
    }
}

/// Adds what an entry tells. What is known of the entry already stays.
pub fn add(part: &mut OrderPart, told: OrderTold) {
    let place = part.told.binary_search_by_key(&(told.at, told.entry_id), place);
    if let Err(index) = place {
        part.told.insert(index, told);
    }
}

fn place(told: &OrderTold) -> (Micros, Uuid) {
    (told.at, told.entry_id)
}

/// The purchases of one order number and one person, from what each of the person's records tells,
/// as known at `as_of`: what was recorded later is left out. Usually it is one. Two records that
/// both had an order of this number before they were merged keep their purchases apart, and what
/// other records of the person tell of the number goes to the one that was bought first.
pub fn tell(parts: &[(Uuid, OrderPart)], as_of: Micros) -> Vec<PurchaseState> {
    let mut purchases: Vec<(Uuid, &OrderTold, &Bought, Vec<&OrderTold>)> = Vec::new();
    let mut others: Vec<&OrderTold> = Vec::new();
    let known = |told: &&OrderTold| told.recorded_at <= as_of;
    for (record_id, part) in parts {
        let news = part.told.iter().filter(known);
        let news = news.filter(|told| !matches!(told.news, OrderNews::Bought(_)));
        match part.purchase().filter(|(told, _)| known(told)) {
            Some((told, bought)) => purchases.push((*record_id, told, bought, news.collect())),
            None => others.extend(news),
        }
    }
    purchases.sort_by_key(|(_, told, ..)| place(told));
    if let Some((.., news)) = purchases.first_mut() {
        news.extend(others);
    }
    let tell_one = |(record_id, told, bought, mut news): (_, _, _, Vec<&OrderTold>)| {
        news.sort_by_key(|told| place(told));
        tell_one(record_id, told, bought, &news)
    };
    purchases.into_iter().map(tell_one).collect()
}

fn tell_one(
    record_id: Uuid,
    purchase: &OrderTold,
    bought: &Bought,
    news: &[&OrderTold],
) -> PurchaseState {
    let changes = changes(purchase, bought, news);
    let moved = changes.iter().rfind(|change| change.status != OrderStatus::Invoiced);
    let status = moved.map_or(OrderStatus::Ordered, |change| change.status);
    let mut tracking_numbers: Vec<String> = Vec::new();
    for number in changes.iter().map(|change| &change.tracking_number) {
        if !number.is_empty() && !tracking_numbers.contains(number) {
            tracking_numbers.push(number.clone());
        }
    }
    let line = |bought: &crate::model::BoughtLine| PurchasedLine {
        bought: bought.clone(),
        returned_quantity: 0,
        refunds: Vec::new(),
    };
    let mut lines: Vec<PurchasedLine> = bought.lines.iter().map(line).collect();
    let returned = |told: &&OrderTold| matches!(told.news, OrderNews::Returned { .. });
    let returns: Vec<Uuid> =
        news.iter().copied().filter(returned).map(|told| told.entry_id).collect();
    // Each record is within its bounds; a person of several is shown within those of one.
    let shown = changes.len().saturating_sub(MAX_NEWS).max(1);
    let changes = [&changes[..1], &changes[shown..]].concat();
    let mut other_returns = bring_back(&mut lines, news);
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
        refunds: refunds(news),
        return_entry_ids: returns[returns.len().saturating_sub(MAX_NEWS)..].to_vec(),
        other_returns,
        lines,
    }
}

/// The steps by time, those of one moment in the order of the statuses. The purchase is the first:
/// nothing happens to an order before it is one, whatever the clocks of two systems say.
fn changes(purchase: &OrderTold, bought: &Bought, news: &[&OrderTold]) -> Vec<StatusChange> {
    let mut changes: Vec<StatusChange> = news
        .iter()
        .filter_map(|told| match &told.news {
            OrderNews::Changed { status, tracking_number, reason } => Some(StatusChange {
                status: *status,
                at: told.at,
                tracking_number: tracking_number.clone(),
                reason: reason.clone(),
                entry_id: told.entry_id,
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

/// What was paid back, by currency: of each return what it says in all, else what its lines say.
fn refunds(news: &[&OrderTold]) -> Vec<Amount> {
    let mut sums = BTreeMap::new();
    for told in news {
        let OrderNews::Returned { lines, refund } = &told.news else { continue };
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

/// How a line of a return names one of the purchase, the surest way first.
#[derive(Clone, Copy)]
enum By {
    Serial,
    Sku,
    Name,
}

/// Puts what came back to the lines it was bought with; gives what is left over.
///
/// The surest names go first over all returns, so that a line that is named by its serial number
/// is not used up by one that only has the article. Of several lines the first with room takes it.
fn bring_back(lines: &mut [PurchasedLine], news: &[&OrderTold]) -> Vec<ReturnedLine> {
    let mut left: Vec<ReturnedLine> = Vec::new();
    for told in news {
        if let OrderNews::Returned { lines, .. } = &told.news {
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
                // An article with another serial number is another one.
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
                // What was paid back goes with the first of it.
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
