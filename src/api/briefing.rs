//! GetBriefing: whom it is about, what is known, and what of it comes first.

use uuid::Uuid;

use super::{Api, convert, validate::Who};
use crate::{
    error::Error,
    model::{Micros, Sureness},
    pb,
    store::NamedBy,
    story::briefing::{brief, cut},
};

/// Of so many purchases the articles are told, and so many of those.
const MAX_PURCHASES: usize = 10;
const MAX_PRODUCTS: usize = 20;
const MAX_QUOTES: usize = 10;

impl Api {
    /// The briefing, or whom the identifier may mean.
    pub(super) async fn briefing(
        &self,
        who: Who,
        as_of: Option<Micros>,
    ) -> Result<pb::GetBriefingResponse, Error> {
        let (id, sureness) = match who {
            Who::Id(id) => (id, Sureness::ById),
            Who::Identifier(identifier) => match self.store.named_by(&identifier).await? {
                NamedBy::Nobody => return Err(Error::CustomerNotFound),
                NamedBy::One { person_id, is_verified: true } => (person_id, Sureness::Verified),
                NamedBy::One { person_id, is_verified: false } => (person_id, Sureness::Claimed),
                NamedBy::Several(candidates) => {
                    let candidates = convert::candidates(candidates);
                    return Ok(pb::GetBriefingResponse { briefing: None, candidates });
                }
            },
        };
        let known = self.store.known(id, sureness, as_of).await?;
        let mut briefing = convert::briefing(brief(known));
        briefing.products = self.products(id, as_of).await?;
        if as_of.is_none() {
            let now = Some(self.rules.clock.now());
            let quotes = self.store.list_quotes(id, now, None, MAX_QUOTES).await?;
            briefing.quotes = quotes.into_iter().map(|quote| self.quote_now(quote)).collect();
        }
        Ok(pb::GetBriefingResponse { briefing: Some(briefing), candidates: Vec::new() })
    }

    /// What the customer bought last, line by line.
    async fn products(
        &self,
        id: Uuid,
        as_of: Option<Micros>,
    ) -> Result<Vec<pb::BriefedProduct>, Error> {
        let at = as_of.unwrap_or_else(|| self.rules.clock.now());
        let (purchases, _) = self.store.list_purchases(id, at, None, MAX_PURCHASES).await?;
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
        Ok(products)
    }
}
