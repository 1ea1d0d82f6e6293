//! CustomerService: customers, identifiers and merges.

use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Api, actor, audit_subject, convert, disclosure::may_search, page_token::PageTokens, validate,
};
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
        let actor = actor(&request);
        let (identifiers, profile, origin) =
            validate::identify(request.into_inner(), &self.rules, &actor)?;
        let named = identifiers.clone();
        let identified = self.store.identify(identifiers, profile, origin).await?;
        let person = identified.customer.as_ref().map_or(Uuid::nil(), |customer| customer.id);
        if self.is_undisclosed(person, &named, &actor).await? {
            audit_subject::add(person);
            return Ok(Response::new(pb::IdentifyCustomerResponse {
                limited: true,
                ..pb::IdentifyCustomerResponse::default()
            }));
        }
        Ok(Response::new(pb::IdentifyCustomerResponse {
            customer: identified.customer.map(convert::customer),
            created: identified.created,
            conflicts: convert::conflicts(identified.conflicts),
            candidates: convert::candidates(identified.candidates),
            limited: false,
        }))
    }

    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let actor = actor(&request);
        let store = self.identities(&actor);
        let who = validate::get_customer(&request.into_inner(), &self.rules)?;
        let id = self.find(who, &actor).await?;
        let customer = store.get_customer(id).await?.ok_or(Error::CustomerNotFound)?;
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(convert::customer(customer)) }))
    }

    async fn update_customer(
        &self,
        request: Request<pb::UpdateCustomerRequest>,
    ) -> Result<Response<pb::UpdateCustomerResponse>, Status> {
        let actor = actor(&request);
        let change = validate::profile_change(request.into_inner(), &self.rules, &actor)?;
        let customer = self.store.update_customer(change).await?;
        let customer = Some(convert::customer(customer));
        Ok(Response::new(pb::UpdateCustomerResponse { customer }))
    }

    async fn search_customers(
        &self,
        request: Request<pb::SearchCustomersRequest>,
    ) -> Result<Response<pb::SearchCustomersResponse>, Status> {
        let actor = actor(&request);
        let store = self.identities(&actor);
        let mut request = request.into_inner();
        let (query, limit) = validate::customer_search(&request, &self.rules)?;
        may_search(&actor)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "SearchCustomers", &request);
        let after = tokens.read(&token)?;

        let mut found = store.search_customers(&query, after, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more).map(FoundCustomer::position);
        let (customers, matches) = found.into_iter().map(convert::found_customer).unzip();
        let next_page_token = tokens.write(last);
        Ok(Response::new(pb::SearchCustomersResponse { customers, next_page_token, matches }))
    }

    async fn link_identifier(
        &self,
        request: Request<pb::LinkIdentifierRequest>,
    ) -> Result<Response<pb::LinkIdentifierResponse>, Status> {
        let actor = actor(&request);
        let (link, asked) = validate::link(request.into_inner(), &self.rules, &actor)?;
        Ok(Response::new(self.link(link, asked).await?))
    }

    async fn unlink_identifier(
        &self,
        request: Request<pb::UnlinkIdentifierRequest>,
    ) -> Result<Response<pb::UnlinkIdentifierResponse>, Status> {
        let actor = actor(&request);
        let (link, asked) = validate::unlink(request.into_inner(), &self.rules, &actor)?;
        let customer_id = self.store.unlink_identifier(link, asked).await?;
        audit_subject::add(customer_id);
        let customer_id = customer_id.to_string();
        Ok(Response::new(pb::UnlinkIdentifierResponse { customer_id }))
    }

    async fn list_identifiers(
        &self,
        request: Request<pb::ListIdentifiersRequest>,
    ) -> Result<Response<pb::ListIdentifiersResponse>, Status> {
        let store = self.identities(&actor(&request));
        Ok(Response::new(self.identifiers(&store, request.into_inner()).await?))
    }

    async fn merge_customers(
        &self,
        request: Request<pb::MergeCustomersRequest>,
    ) -> Result<Response<pb::MergeCustomersResponse>, Status> {
        let actor = actor(&request);
        let merging = validate::merge(request.into_inner(), &actor)?;
        Ok(Response::new(self.merge(merging, &actor).await?))
    }

    async fn approve_merge(
        &self,
        request: Request<pb::ApproveMergeRequest>,
    ) -> Result<Response<pb::ApproveMergeResponse>, Status> {
        let actor = actor(&request);
        let (one, other, asked) = validate::approval(request.into_inner(), &actor)?;
        [one, other].into_iter().for_each(audit_subject::add);
        let expires_at = self.store.approve_merge(one, other, asked).await?;
        let expires_at = Some(pb::timestamp(expires_at));
        Ok(Response::new(pb::ApproveMergeResponse { expires_at }))
    }

    async fn unmerge_customers(
        &self,
        request: Request<pb::UnmergeCustomersRequest>,
    ) -> Result<Response<pb::UnmergeCustomersResponse>, Status> {
        let actor = actor(&request);
        let (merge_id, exclude_merge, asked) = validate::unmerge(request.into_inner(), &actor)?;
        let (one, other) = self.store.unmerge(merge_id, exclude_merge, asked).await?;
        Ok(Response::new(pb::UnmergeCustomersResponse {
            customer: Some(convert::customer(one)),
            other_customer: Some(convert::customer(other)),
        }))
    }

    async fn set_merge_exclusion(
        &self,
        request: Request<pb::SetMergeExclusionRequest>,
    ) -> Result<Response<pb::SetMergeExclusionResponse>, Status> {
        let actor = actor(&request);
        let (one, other, lift, asked) = validate::merge_exclusion(request.into_inner(), &actor)?;
        [one, other].into_iter().for_each(audit_subject::add);
        self.store.exclude_merge(one, other, lift, asked).await?;
        Ok(Response::new(pb::SetMergeExclusionResponse {}))
    }

    async fn list_merge_suggestions(
        &self,
        request: Request<pb::ListMergeSuggestionsRequest>,
    ) -> Result<Response<pb::ListMergeSuggestionsResponse>, Status> {
        let actor = actor(&request);
        Ok(Response::new(self.suggestions(request.into_inner(), &actor).await?))
    }

    async fn dismiss_merge_suggestion(
        &self,
        request: Request<pb::DismissMergeSuggestionRequest>,
    ) -> Result<Response<pb::DismissMergeSuggestionResponse>, Status> {
        let actor = actor(&request);
        let (one, other, asked) = validate::dismissal(request.into_inner(), &actor)?;
        [one, other].into_iter().for_each(audit_subject::add);
        self.store.dismiss_suggestion(one, other, asked).await?;
        Ok(Response::new(pb::DismissMergeSuggestionResponse {}))
    }
}
