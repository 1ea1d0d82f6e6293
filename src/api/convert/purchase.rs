//! Converts purchases to the contract.

use jiff::civil::Date;

use crate::{
    api::audit_subject,
    domain::{
        calendar::BusinessCalendar,
        warranty::{Warranty, WarrantyState, warranty},
    },
    model::{Amount, OrderLine, PurchaseState, PurchasedLine, ReturnedLine, StatusChange},
    pb,
};

/// A purchase, with the state of its warranties on a day.
pub fn purchase(state: PurchaseState, day: Date, calendar: &BusinessCalendar) -> pb::PurchaseState {
    audit_subject::add(state.record_id);
    let line = |line: &PurchasedLine| pb::PurchasedLine {
        line: Some(bought_line(line.bought.clone())),
        returned_quantity: line.returned_quantity,
        refunds: line.refunds.iter().cloned().map(money).collect(),
        warranty: warranty(&state, line, day, calendar).map(|it| warranty_view(&it)),
    };
    pb::PurchaseState {
        lines: state.lines.iter().map(line).collect(),
        entry_id: state.entry_id.to_string(),
        customer_id: state.record_id.to_string(),
        order_number: state.order_number,
        bought_at: Some(pb::timestamp(state.bought_at)),
        channel: pb::Channel::from(state.channel).into(),
        status: pb::OrderStatus::from(state.status).into(),
        changes: state.changes.into_iter().map(change).collect(),
        tracking_numbers: state.tracking_numbers,
        total: state.total.map(money),
        refunds: state.refunds.into_iter().map(money).collect(),
        return_entry_ids: state.return_entry_ids.iter().map(ToString::to_string).collect(),
        other_returns: state.other_returns.into_iter().map(returned_line).collect(),
    }
}

fn change(change: StatusChange) -> pb::StatusChange {
    pb::StatusChange {
        status: pb::OrderStatus::from(change.status).into(),
        occurred_at: Some(pb::timestamp(change.at)),
        tracking_number: change.tracking_number,
        reason: change.reason,
        entry_id: change.entry_id.to_string(),
    }
}

fn warranty_view(warranty: &Warranty) -> pb::Warranty {
    use pb::warranty::State;
    let state = match warranty.state {
        WarrantyState::Unknown => State::Unknown,
        WarrantyState::NotYet => State::NotYet,
        WarrantyState::InWarranty => State::InWarranty,
        WarrantyState::Expired => State::Expired,
    };
    pb::Warranty {
        state: state.into(),
        first_day: warranty.from.to_string(),
        last_day: warranty.last_day.map(|day| day.to_string()).unwrap_or_default(),
    }
}

fn bought_line(line: OrderLine) -> pb::PurchaseLine {
    pb::PurchaseLine {
        sku: line.sku,
        name: line.name,
        quantity: line.quantity,
        unit_price: line.unit_price.map(money),
        serial_number: line.serial_number,
        warranty_end: line.warranty_end,
        warranty_months: line.warranty_months,
    }
}

fn returned_line(line: ReturnedLine) -> pb::ReturnLine {
    pb::ReturnLine {
        sku: line.sku,
        name: line.name,
        quantity: line.quantity,
        serial_number: line.serial_number,
        refund: line.refund.map(money),
    }
}

fn money(amount: Amount) -> pb::Money {
    pb::Money { currency_code: amount.currency, minor_units: amount.minor_units }
}
