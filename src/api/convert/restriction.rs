//! Converts restrictions to the contract.

use crate::{
    model::{Restriction, RestrictionKind},
    pb,
};

/// A restriction.
pub fn restriction(restriction: Restriction) -> pb::Restriction {
    let Restriction { id, kind, customer_id, placed, lifted } = restriction;
    let kind = match kind {
        RestrictionKind::Use => pb::restriction::Kind::Use,
        RestrictionKind::Erasure => pb::restriction::Kind::Erasure,
    };
    let mut shown = pb::Restriction {
        id: id.to_string(),
        kind: kind.into(),
        customer_id: customer_id.to_string(),
        placed_at: Some(pb::timestamp(placed.at)),
        actor: placed.actor,
        ticket: placed.ticket,
        reason: placed.reason,
        ..pb::Restriction::default()
    };
    if let Some(lifted) = lifted {
        shown.lifted_at = Some(pb::timestamp(lifted.at));
        shown.lifted_by = lifted.actor;
        shown.lift_ticket = lifted.ticket;
        shown.lift_reason = lifted.reason;
    }
    shown
}
