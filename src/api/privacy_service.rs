//! PrivacyService: what customers have a right to as to what is kept of them.

use tonic::{Request, Response, Status};

use super::{Api, convert, looked, page_token::PageTokens, validate};
use crate::{
    model::{KeptAccess, Position},
    pb::{self, services::privacy_service_server::PrivacyService},
};

#[tonic::async_trait]
impl PrivacyService for Api {
    async fn list_access(
        &self,
        request: Request<pb::ListAccessRequest>,
    ) -> Result<Response<pb::ListAccessResponse>, Status> {
        let mut request = request.into_inner();
        let (customer_id, limit) = validate::access_page(&request)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListAccess", &request);
        let after = tokens.read(&token)?;
        looked::at(customer_id);
        let mut accesses = self.store.list_accesses(customer_id, after, limit + 1).await?;
        let more = accesses.len() > limit;
        accesses.truncate(limit);
        let position =
            |kept: &KeptAccess| Position { occurred_at: kept.access.at, entry_id: kept.id };
        let next_page_token = tokens.write(accesses.last().filter(|_| more).map(position));
        let accesses = accesses.into_iter().map(convert::kept_access).collect();
        Ok(Response::new(pb::ListAccessResponse { accesses, next_page_token }))
    }
}
