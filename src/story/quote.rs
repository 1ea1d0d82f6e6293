//! A quote as its entries add up, and what contradicts it.

use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use super::text::is_invisible;
use crate::model::{Line, Quote, QuoteChange, Terms};

/// How many quotes of a record may be valid at one time.
pub const MAX_VALID: usize = 100;
/// How many quotes are named that contradict one.
pub const MAX_CONFLICTS: usize = 100;

/// A change that does not fit: the quote is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn;

/// The quote after a change. `quote` is none for the one that gives it.
pub fn apply(
    quote: Option<Quote>,
    (id, case_id): (Uuid, Option<Uuid>),
    change: &QuoteChange,
    line: &Line,
) -> Result<Quote, Withdrawn> {
    match (quote, change) {
        (None, QuoteChange::Given(terms)) => Ok(Quote {
            id,
            record_id: line.record_id,
            case_id,
            terms: terms.clone(),
            actor: line.actor.clone(),
            channel: line.channel,
            given_at: line.at,
            withdrawn_at: None,
            reason: String::new(),
            entry_id: line.entry_id,
            last_entry_id: line.entry_id,
            revision: line.revision,
        }),
        (Some(quote), QuoteChange::Withdrawn) if quote.withdrawn_at.is_none() => Ok(Quote {
            withdrawn_at: Some(line.at),
            reason: line.reason.clone(),
            last_entry_id: line.entry_id,
            revision: line.revision,
            ..quote
        }),
        _ => Err(Withdrawn),
    }
}

/// What two writings of one article number have in common; empty where nothing is left.
pub fn sku_key(sku: &str) -> String {
    let seen: String = sku.chars().filter(|c| !is_invisible(*c)).collect();
    seen.trim().to_uppercase().nfc().collect()
}

/// Those of some quotes of one customer that contradict a quote: of the same sku, valid at some
/// moment at which it is, given on another channel, and with other terms. The one given first
/// first.
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

/// What counts of the terms when they are compared, as far as writing does not matter.
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
