//! CustomerService: who the customers are.

use tonic::{Request, Response, Status};

use super::{Api, convert, page_token::PageTokens, validate};
use crate::{
    error::Error,
    model::FoundCustomer,
    pb::{self, services::customer_service_server::CustomerService},
};

#[tonic::async_trait]
impl CustomerService for Api {
    async fn identify_customer(
        &self,
        request: Request<pb::IdentifyCustomerRequest>,
    ) -> Result<Response<pb::IdentifyCustomerResponse>, Status> {
        let (identifiers, profile) = validate::identify(request.into_inner(), &self.rules)?;
        let identified = self.store.identify(identifiers, profile).await?;
        Ok(Response::new(pb::IdentifyCustomerResponse {
            customer: Some(convert::customer(identified.customer)),
            created: identified.created,
            conflicts: convert::conflicts(identified.conflicts),
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
        let after = tokens.read(&token)?;

        let mut found = self.store.search_customers(&query, after, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more).map(FoundCustomer::position);
        let (customers, matches) = found.into_iter().map(convert::found_customer).unzip();
        let next_page_token = tokens.write(last);
        Ok(Response::new(pb::SearchCustomersResponse { customers, next_page_token, matches }))
    }
}
