//! Applies changes to a quote, and finds the quotes that contradict it.

use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use super::text::is_invisible;
use crate::model::{EventMeta, Quote, QuoteChange, Terms};

/// How many valid quotes a record may have at one time.
pub const MAX_VALID: usize = 100;
/// How many contradicting quotes are returned.
pub const MAX_CONFLICTS: usize = 100;

/// Why a change cannot be applied: the quote is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn;

/// Applies a change. `quote` is None for the change that gives it.
pub fn apply(
    quote: Option<Quote>,
    (id, case_id): (Uuid, Option<Uuid>),
    change: &QuoteChange,
    event: &EventMeta,
) -> Result<Quote, Withdrawn> {
    match (quote, change) {
        (None, QuoteChange::Given(terms)) => Ok(Quote {
            id,
            record_id: event.record_id,
            case_id,
            terms: terms.clone(),
            actor: event.actor.clone(),
            channel: event.channel,
            given_at: event.at,
            withdrawn_at: None,
            reason: String::new(),
            entry_id: event.entry_id,
            last_entry_id: event.entry_id,
            revision: event.revision,
        }),
        (Some(quote), QuoteChange::Withdrawn) if quote.withdrawn_at.is_none() => Ok(Quote {
            withdrawn_at: Some(event.at),
            reason: event.reason.clone(),
            last_entry_id: event.entry_id,
            revision: event.revision,
            ..quote
        }),
        _ => Err(Withdrawn),
    }
}

/// The key of an article number, for comparisons; empty if nothing is left.
pub fn sku_key(sku: &str) -> String {
    let seen: String = sku.chars().filter(|c| !is_invisible(*c)).collect();
    seen.trim().to_uppercase().nfc().collect()
}

/// The quotes of a customer that contradict a quote: for the same sku, with overlapping validity,
/// given on another channel and with different terms. Sorted by the time they were given.
pub fn conflicts(quote: &Quote, others: &[Quote]) -> Vec<Uuid> {
    let sku = sku_key(&quote.terms.sku);
    if sku.is_empty() {
        return Vec::new();
    }
    let terms = Compared::of(&quote.terms);
    let contradicts = |other: &&Quote| {
        other.id != quote.id
            && other.channel != quote.channel
            && sku_key(&other.terms.sku) == sku
            && quote.given_at.max(other.given_at) < quote.ends_at().min(other.ends_at())
            && Compared::of(&other.terms) != terms
    };
    let mut found: Vec<&Quote> = others.iter().filter(contradicts).collect();
    found.sort_unstable_by_key(|other| (other.given_at, other.id));
    found.into_iter().map(|other| other.id).take(MAX_CONFLICTS).collect()
}

/// The terms in a normalised form for comparisons.
#[derive(PartialEq, Eq)]
struct Compared<'a> {
    price: Option<(&'a str, i64)>,
    offer: Vec<String>,
    promotion_code: String,
}

impl<'a> Compared<'a> {
    fn of(terms: &'a Terms) -> Self {
        let price = terms.price.as_ref();
        let offer = terms.offer.to_lowercase();
        Self {
            price: price.map(|price| (price.currency.as_str(), price.minor_units)),
            offer: offer.split_whitespace().map(|word| word.nfc().collect()).collect(),
            promotion_code: sku_key(&terms.promotion_code),
        }
    }
}
