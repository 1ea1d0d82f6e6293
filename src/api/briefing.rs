//! GetBriefing: whom it is about, what is known, and what of it comes first.

use super::{Api, caller::Actor, convert, evidence::Seen, mask, validate::Who};
use crate::{
    error::Error,
    model::{Micros, PurchaseState, Sureness},
    pb,
    story::briefing::{brief, cut},
};

/// How many articles are told of.
const MAX_PRODUCTS: usize = 20;

impl Api {
    /// The briefing, or whom the identifier may mean.
    pub(super) async fn briefing(
        &self,
        who: Who,
        as_of: Option<Micros>,
        actor: &Actor,
    ) -> Result<pb::GetBriefingResponse, Error> {
        let (id, sureness) = match who {
            Who::Id(id) => (id, Sureness::ById),
            Who::Identifier(identifier) => match self.seen_by(&identifier, actor).await? {
                Seen::One { person_id, is_verified: true } => (person_id, Sureness::Verified),
                Seen::One { person_id, is_verified: false } => (person_id, Sureness::Claimed),
                Seen::Withheld(withheld) => {
                    let cases = self.open_cases(withheld, actor).await?;
                    return Ok(limited(cases, as_of.unwrap_or(self.rules.clock.now())));
                }
                Seen::Several(candidates) => {
                    let candidates = convert::candidates(candidates);
                    return Ok(pb::GetBriefingResponse { briefing: None, candidates });
                }
            },
        };
        let mut briefing = brief(self.store.known(id, sureness, as_of).await?);
        let at = briefing.as_of;
        let products = self.products(std::mem::take(&mut briefing.purchases), at);
        let quotes = std::mem::take(&mut briefing.quotes);
        let mut briefing = pb::Briefing {
            products,
            quotes: quotes.into_iter().map(|quote| convert::quote(quote, at)).collect(),
            ..convert::briefing(briefing)
        };
        mask::briefing(&mut briefing, actor.scope());
        Ok(pb::GetBriefingResponse { briefing: Some(briefing), candidates: Vec::new() })
    }

    /// What the customer bought last, line by line, with the warranty on the day of a moment.
    fn products(&self, purchases: Vec<PurchaseState>, at: Micros) -> Vec<pb::BriefedProduct> {
        let calendar = self.rules.calendar.clone().unwrap_or_default();
        let mut products = Vec::new();
        for purchase in self.shown_purchases(purchases, calendar.day_of(at)) {
            for bought in purchase.lines {
                let line = bought.line.unwrap_or_default();
                products.push(pb::BriefedProduct {
                    name: cut(if line.name.is_empty() { &line.sku } else { &line.name }),
                    serial_number: line.serial_number,
                    quantity: line.quantity,
                    returned_quantity: bought.returned_quantity,
                    order_number: purchase.order_number.clone(),
                    bought_at: purchase.bought_at,
                    warranty: bought.warranty,
                    entry_id: purchase.entry_id.clone(),
                });
            }
        }
        products.truncate(MAX_PRODUCTS);
        products
    }
}

/// What is shown by an identifier that nobody has verified.
fn limited(cases: Vec<pb::Case>, at: Micros) -> pb::GetBriefingResponse {
    let sureness = pb::briefed_identity::Sureness::Claimed.into();
    let briefing = pb::Briefing {
        as_of: Some(pb::timestamp(at)),
        identity: Some(pb::BriefedIdentity { sureness, ..pb::BriefedIdentity::default() }),
        cases,
        limited: true,
        ..pb::Briefing::default()
    };
    pb::GetBriefingResponse { briefing: Some(briefing), candidates: Vec::new() }
}
