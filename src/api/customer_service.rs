//! CustomerService: who the customers are.

use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, convert, page_token::PageTokens, validate};
use crate::{
    error::Error,
    model::Position,
    pb::{self, services::customer_service_server::CustomerService},
};

#[tonic::async_trait]
impl CustomerService for Api {
    async fn identify_customer(
        &self,
        request: Request<pb::IdentifyCustomerRequest>,
    ) -> Result<Response<pb::IdentifyCustomerResponse>, Status> {
        let (identifiers, profile, origin) = validate::identify(request.into_inner(), &self.rules)?;
        let identified = self.store.identify(identifiers, profile, origin).await?;
        Ok(Response::new(pb::IdentifyCustomerResponse {
            customer: identified.customer.map(convert::customer),
            created: identified.created,
            conflicts: convert::conflicts(identified.conflicts),
            candidates: convert::candidates(identified.candidates),
        }))
    }

    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let who = validate::get_customer(&request.into_inner(), &self.rules)?;
        let id = self.find(who).await?;
        let customer = self.store.get_customer(id).await?.ok_or(Error::CustomerNotFound)?;
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(convert::customer(customer)) }))
    }

    async fn update_customer(
        &self,
        request: Request<pb::UpdateCustomerRequest>,
    ) -> Result<Response<pb::UpdateCustomerResponse>, Status> {
        let change = validate::profile_change(request.into_inner(), &self.rules)?;
        let customer = self.store.update_customer(change).await?;
        let customer = Some(convert::customer(customer));
        Ok(Response::new(pb::UpdateCustomerResponse { customer }))
    }

    async fn search_customers(
        &self,
        request: Request<pb::SearchCustomersRequest>,
    ) -> Result<Response<pb::SearchCustomersResponse>, Status> {
        let mut request = request.into_inner();
        let (query, limit) = validate::customer_search(&request, &self.rules)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "SearchCustomers", &request);
        let after = tokens.read(&token)?.map_or(Uuid::nil(), |position| position.entry_id);

        let mut customers = self.store.search_customers(&query, after, limit + 1).await?;
        let more = customers.len() > limit;
        customers.truncate(limit);
        let last = customers.last().filter(|_| more);
        let last = last.map(|customer| Position { occurred_at: 0, entry_id: customer.id });
        Ok(Response::new(pb::SearchCustomersResponse {
            next_page_token: tokens.write(last),
            customers: customers.into_iter().map(convert::customer).collect(),
        }))
    }

    async fn link_identifier(
        &self,
        _request: Request<pb::LinkIdentifierRequest>,
    ) -> Result<Response<pb::LinkIdentifierResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn unlink_identifier(
        &self,
        _request: Request<pb::UnlinkIdentifierRequest>,
    ) -> Result<Response<pb::UnlinkIdentifierResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn list_identifiers(
        &self,
        _request: Request<pb::ListIdentifiersRequest>,
    ) -> Result<Response<pb::ListIdentifiersResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn merge_customers(
        &self,
        _request: Request<pb::MergeCustomersRequest>,
    ) -> Result<Response<pb::MergeCustomersResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn approve_merge(
        &self,
        _request: Request<pb::ApproveMergeRequest>,
    ) -> Result<Response<pb::ApproveMergeResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn unmerge_customers(
        &self,
        _request: Request<pb::UnmergeCustomersRequest>,
    ) -> Result<Response<pb::UnmergeCustomersResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn keep_customers_apart(
        &self,
        _request: Request<pb::KeepCustomersApartRequest>,
    ) -> Result<Response<pb::KeepCustomersApartResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn list_merge_suggestions(
        &self,
        _request: Request<pb::ListMergeSuggestionsRequest>,
    ) -> Result<Response<pb::ListMergeSuggestionsResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn dismiss_merge_suggestion(
        &self,
        _request: Request<pb::DismissMergeSuggestionRequest>,
    ) -> Result<Response<pb::DismissMergeSuggestionResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }
}
