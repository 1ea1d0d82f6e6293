//! Converts quotes and re-ask rates to the contract.

use crate::{
    api::audit_subject,
    domain::case::reask_rate,
    model::{ComparedQuote, Micros, ReaskCount},
    pb,
};

/// A quote at a time.
pub fn quote(compared: ComparedQuote, now: Micros) -> pb::Quote {
    let ComparedQuote { quote, conflicts } = compared;
    audit_subject::add(quote.record_id);
    pb::Quote {
        valid: quote.is_valid(now),
        id: quote.id.to_string(),
        customer_id: quote.record_id.to_string(),
        case_id: quote.case_id.map(|id| id.to_string()).unwrap_or_default(),
        sku: quote.terms.sku,
        article: quote.terms.article,
        price: quote.terms.price.map(|price| pb::Money {
            currency_code: price.currency,
            minor_units: price.minor_units,
        }),
        offer: quote.terms.offer,
        promotion_code: quote.terms.promotion_code,
        given_at: Some(pb::timestamp(quote.given_at)),
        valid_until: Some(pb::timestamp(quote.terms.valid_until)),
        withdrawn_at: quote.withdrawn_at.map(pb::timestamp),
        reason: quote.reason,
        actor: quote.actor,
        channel: pb::Channel::from(quote.channel).into(),
        entry_id: quote.entry_id.to_string(),
        last_entry_id: quote.last_entry_id.to_string(),
        revision: quote.revision,
        conflicts_with: conflicts.into_iter().map(|id| id.to_string()).collect(),
    }
}

/// The total rate and that of each channel.
pub fn reask_rates(counts: &[ReaskCount]) -> pb::GetReaskRateResponse {
    let all = counts.iter().fold((0, 0), |sum, it| (sum.0 + it.told, sum.1 + it.asked_again));
    let channels = counts.iter().map(|count| pb::ChannelReaskRate {
        channel: pb::Channel::from(count.channel).into(),
        rate: Some(rate(count.told, count.asked_again)),
    });
    pb::GetReaskRateResponse { total: Some(rate(all.0, all.1)), channels: channels.collect() }
}

fn rate(told: i64, asked_again: i64) -> pb::ReaskRate {
    pb::ReaskRate { told, asked_again, rate: reask_rate(told, asked_again) }
}
