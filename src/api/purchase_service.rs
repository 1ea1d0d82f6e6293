//! PurchaseService: purchases and their current state.

use std::sync::Arc;

use jiff::civil::Date;
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{Api, actor, convert, disclosure::may_search, page_token::PageTokens, validate};
use crate::{
    domain::calendar::BusinessCalendar,
    model::{Micros, Position, PurchaseState},
    pb::{self, services::purchase_service_server::PurchaseService},
};

/// How many purchases a look-up returns.
const MAX_FOUND: usize = 20;
/// The largest list of purchases in bytes, unless the first is larger.
const MAX_LIST_BYTES: usize = 2 << 20;

#[tonic::async_trait]
impl PurchaseService for Api {
    async fn find_purchases(
        &self,
        request: Request<pb::FindPurchasesRequest>,
    ) -> Result<Response<pb::FindPurchasesResponse>, Status> {
        let actor = actor(&request);
        let (number, customer_id, day) = validate::purchase_search(&request.into_inner())?;
        if customer_id.is_none() {
            may_search(&actor)?;
        }
        let (found, more) = self.store.find_purchases(&number, customer_id, MAX_FOUND).await?;
        let count = found.len();
        let purchases = self.purchase_views(found, day);
        let has_more = more || purchases.len() < count;
        Ok(Response::new(pb::FindPurchasesResponse { purchases, has_more }))
    }

    async fn list_purchases(
        &self,
        request: Request<pb::ListPurchasesRequest>,
    ) -> Result<Response<pb::ListPurchasesResponse>, Status> {
        let actor = actor(&request);
        let mut request = request.into_inner();
        let (who, day, limit) = validate::purchase_page(&request, &self.rules)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListPurchases", &request);
        let after = tokens.read(&token)?;
        let id = self.find(who, &actor).await?;
        let listed = self.store.list_purchases(id, Micros::MAX, after, limit).await?;
        let (listed, more) = listed;
        let position =
            |it: &PurchaseState| Position { occurred_at: it.bought_at, entry_id: it.entry_id };
        let places: Vec<Position> = listed.iter().map(position).collect();
        let purchases = self.purchase_views(listed, day);
        let more = more || purchases.len() < places.len();
        let last = purchases.len().checked_sub(1).and_then(|last| places.get(last).copied());
        let next_page_token = tokens.write(last.filter(|_| more));
        Ok(Response::new(pb::ListPurchasesResponse { purchases, next_page_token }))
    }
}

impl Api {
    /// Purchases with the state of their warranties on a day or today: as many as fit.
    pub(super) fn purchase_views(
        &self,
        purchases: Vec<PurchaseState>,
        day: Option<Date>,
    ) -> Vec<pb::PurchaseState> {
        let calendar: Arc<BusinessCalendar> = self.rules.calendar.clone().unwrap_or_default();
        let day = day.or_else(|| calendar.day_of(self.rules.clock.now())).unwrap_or_default();
        let mut shown = Vec::with_capacity(purchases.len());
        let mut bytes = 0;
        for purchase in purchases {
            let purchase = convert::purchase(purchase, day, &calendar);
            bytes += purchase.encoded_len();
            if bytes > MAX_LIST_BYTES && !shown.is_empty() {
                break;
            }
            shown.push(purchase);
        }
        shown
    }
}
