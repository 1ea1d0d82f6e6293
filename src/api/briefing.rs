//! GetBriefing: resolves the customer, reads the input and builds the response.

use super::{Api, caller::Actor, convert, disclosure::Disclosure, mask, validate::CustomerRef};
use crate::{
    domain::briefing::{brief, cut},
    error::Error,
    model::{Confidence, Micros, PurchaseState},
    pb,
};

/// How many articles a briefing shows.
const MAX_PRODUCTS: usize = 20;

impl Api {
    /// The briefing, or the candidates of an ambiguous identifier.
    pub(super) async fn briefing(
        &self,
        who: CustomerRef,
        as_of: Option<Micros>,
        actor: &Actor,
    ) -> Result<pb::GetBriefingResponse, Error> {
        let (id, confidence) = match who {
            CustomerRef::Id(id) => (id, Confidence::ById),
            CustomerRef::Identifier(identifier) => match self.seen_by(&identifier, actor).await? {
                Disclosure::One { person_id, is_verified: true } => {
                    (person_id, Confidence::Verified)
                }
                Disclosure::One { person_id, is_verified: false } => {
                    (person_id, Confidence::Claimed)
                }
                Disclosure::Undisclosed(undisclosed) => {
                    let cases = self.open_cases(undisclosed, actor).await?;
                    return Ok(limited(cases, as_of.unwrap_or(self.rules.clock.now())));
                }
                Disclosure::Several(candidates) => {
                    let candidates = convert::candidates(candidates);
                    return Ok(pb::GetBriefingResponse { briefing: None, candidates });
                }
            },
        };
        let mut briefing = brief(self.store.briefing_input(id, confidence, as_of).await?);
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

    /// The last purchases, line by line, with the state of their warranties at a time.
    fn products(&self, purchases: Vec<PurchaseState>, at: Micros) -> Vec<pb::BriefedProduct> {
        let calendar = self.rules.calendar.clone().unwrap_or_default();
        let mut products = Vec::new();
        for purchase in self.purchase_views(purchases, calendar.day_of(at)) {
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

/// The briefing for an unverified identifier.
fn limited(cases: Vec<pb::Case>, at: Micros) -> pb::GetBriefingResponse {
    let confidence = pb::briefed_identity::Confidence::Claimed.into();
    let briefing = pb::Briefing {
        as_of: Some(pb::timestamp(at)),
        identity: Some(pb::BriefedIdentity { confidence, ..pb::BriefedIdentity::default() }),
        cases,
        limited: true,
        ..pb::Briefing::default()
    };
    pb::GetBriefingResponse { briefing: Some(briefing), candidates: Vec::new() }
}
