//! CaseService: cases, facts, promises and quotes.

use tonic::{Request, Response, Status};

use super::{
    Api, actor, audit_subject,
    caller::Actor,
    convert,
    disclosure::Disclosure,
    mask,
    page_token::PageTokens,
    validate::{self, CustomerRef, Reasks, WhoseCases, WhoseReasks},
};
use crate::{
    error::Error,
    model::{Case, CaseWrite, ComparedQuote, Position, Promise, RequestContext},
    pb::{self, services::case_service_server::CaseService},
    store::{CasesOf, ReasksOf},
};

#[tonic::async_trait]
impl CaseService for Api {
    async fn open_case(
        &self,
        request: Request<pb::OpenCaseRequest>,
    ) -> Result<Response<pb::OpenCaseResponse>, Status> {
        let actor = actor(&request);
        let (new, context) = validate::opening(request.into_inner(), &self.rules, &actor)?;
        let case = self.store.open_case(new, context).await?;
        audit_subject::set_case(case.id);
        let case = Some(case_view(case, &actor));
        Ok(Response::new(pb::OpenCaseResponse { case }))
    }

    async fn get_case(
        &self,
        request: Request<pb::GetCaseRequest>,
    ) -> Result<Response<pb::GetCaseResponse>, Status> {
        let actor = actor(&request);
        let id = validate::case_id(&request.into_inner().case_id)?;
        audit_subject::set_case(id);
        let case = Some(case_view(self.store.get_case(id).await?, &actor));
        Ok(Response::new(pb::GetCaseResponse { case }))
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        let actor = actor(&request);
        let mut request = request.into_inner();
        let (whose, limit) = validate::case_page(&request, &self.rules)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListCases", &request);
        let after = tokens.read(&token)?;
        let of = match whose {
            WhoseCases::These(of) => of,
            WhoseCases::Of(who) => {
                let customer_id = match who {
                    CustomerRef::Id(id) => id,
                    CustomerRef::Identifier(identifier) => {
                        match self.seen_by(&identifier, &actor).await? {
                            Disclosure::One { person_id, .. } => person_id,
                            Disclosure::Undisclosed(undisclosed) => {
                                let cases = self.open_cases(undisclosed, &actor).await?;
                                return Ok(Response::new(pb::ListCasesResponse {
                                    cases,
                                    limited: true,
                                    ..pb::ListCasesResponse::default()
                                }));
                            }
                            Disclosure::Several(_) => return Err(Error::IdentifierAmbiguous.into()),
                        }
                    }
                };
                audit_subject::add(customer_id);
                CasesOf::Customer { customer_id, open_only: request.open_only }
            }
        };
        let mut cases = self.store.list_cases(&of, after, limit + 1).await?;
        let more = cases.len() > limit;
        cases.truncate(limit);
        let position = |case: &Case| Position { occurred_at: case.changed_at, entry_id: case.id };
        let next_page_token = tokens.write(cases.last().filter(|_| more).map(position));
        let cases = cases.into_iter().map(|case| case_view(case, &actor)).collect();
        Ok(Response::new(pb::ListCasesResponse { cases, next_page_token, limited: false }))
    }

    async fn update_case(
        &self,
        request: Request<pb::UpdateCaseRequest>,
    ) -> Result<Response<pb::UpdateCaseResponse>, Status> {
        let actor = actor(&request);
        let case = self.change(validate::update(request.into_inner(), &actor)?, &actor).await?;
        Ok(Response::new(pb::UpdateCaseResponse { case }))
    }

    async fn resolve_case(
        &self,
        request: Request<pb::ResolveCaseRequest>,
    ) -> Result<Response<pb::ResolveCaseResponse>, Status> {
        let actor = actor(&request);
        let case = self.change(validate::resolution(request.into_inner(), &actor)?, &actor).await?;
        Ok(Response::new(pb::ResolveCaseResponse { case }))
    }

    async fn reopen_case(
        &self,
        request: Request<pb::ReopenCaseRequest>,
    ) -> Result<Response<pb::ReopenCaseResponse>, Status> {
        let actor = actor(&request);
        let case = self.change(validate::reopening(request.into_inner(), &actor)?, &actor).await?;
        Ok(Response::new(pb::ReopenCaseResponse { case }))
    }

    async fn tell_fact(
        &self,
        request: Request<pb::TellFactRequest>,
    ) -> Result<Response<pb::TellFactResponse>, Status> {
        let actor = actor(&request);
        let case = self.change(validate::fact(request.into_inner(), &actor)?, &actor).await?;
        Ok(Response::new(pb::TellFactResponse { case }))
    }

    async fn reask_fact(
        &self,
        request: Request<pb::ReaskFactRequest>,
    ) -> Result<Response<pb::ReaskFactResponse>, Status> {
        let actor = actor(&request);
        let case = self.change(validate::reask(request.into_inner(), &actor)?, &actor).await?;
        Ok(Response::new(pb::ReaskFactResponse { case }))
    }

    async fn hand_over_case(
        &self,
        request: Request<pb::HandOverCaseRequest>,
    ) -> Result<Response<pb::HandOverCaseResponse>, Status> {
        let actor = actor(&request);
        let case = self.change(validate::handover(request.into_inner(), &actor)?, &actor).await?;
        Ok(Response::new(pb::HandOverCaseResponse { case }))
    }

    async fn answer_handover(
        &self,
        request: Request<pb::AnswerHandoverRequest>,
    ) -> Result<Response<pb::AnswerHandoverResponse>, Status> {
        let actor = actor(&request);
        let case = self.change(validate::answer(request.into_inner(), &actor)?, &actor).await?;
        Ok(Response::new(pb::AnswerHandoverResponse { case }))
    }

    async fn issue_case_pass(
        &self,
        request: Request<pb::IssueCasePassRequest>,
    ) -> Result<Response<pb::IssueCasePassResponse>, Status> {
        let actor = actor(&request);
        let (new, context) = validate::pass_to_issue(request.into_inner(), &actor)?;
        audit_subject::set_case(new.case_id);
        let pass = self.store.issue_case_pass(new, context).await?;
        audit_subject::add(pass.record_id);
        let expires_at = Some(pb::timestamp(pass.expires_at));
        Ok(Response::new(pb::IssueCasePassResponse { code: pass.code.display(), expires_at }))
    }

    async fn redeem_case_pass(
        &self,
        request: Request<pb::RedeemCasePassRequest>,
    ) -> Result<Response<pb::RedeemCasePassResponse>, Status> {
        let actor = actor(&request);
        let key = self.store.page_key();
        let (code, channel, context) = validate::pass_to_redeem(request.into_inner(), key, &actor)?;
        let (case, customer_id) = self.store.redeem_case_pass(code, channel, context).await?;
        audit_subject::set_case(case.id);
        let case = Some(case_view(case, &actor));
        let customer_id = customer_id.to_string();
        Ok(Response::new(pb::RedeemCasePassResponse { case, customer_id }))
    }

    async fn make_promise(
        &self,
        request: Request<pb::MakePromiseRequest>,
    ) -> Result<Response<pb::MakePromiseResponse>, Status> {
        let actor = actor(&request);
        let (new, context) = validate::promise(request.into_inner(), &self.rules, &actor)?;
        let promise = Some(promise_view(self.store.make_promise(new, context).await?, &actor));
        Ok(Response::new(pb::MakePromiseResponse { promise }))
    }

    async fn settle_promise(
        &self,
        request: Request<pb::SettlePromiseRequest>,
    ) -> Result<Response<pb::SettlePromiseResponse>, Status> {
        let actor = actor(&request);
        let (id, change, channel, context) = validate::settlement(request.into_inner(), &actor)?;
        let promise = self.store.settle_promise(id, change, channel, context).await?;
        let promise = Some(promise_view(promise, &actor));
        Ok(Response::new(pb::SettlePromiseResponse { promise }))
    }

    async fn list_promises(
        &self,
        request: Request<pb::ListPromisesRequest>,
    ) -> Result<Response<pb::ListPromisesResponse>, Status> {
        let actor = actor(&request);
        let mut request = request.into_inner();
        let (who, limit) = validate::promise_page(&request, &self.rules)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListPromises", &request);
        let after = tokens.read(&token)?;
        let id = self.find(who, &actor).await?;
        let list = self.store.list_promises(id, request.unsettled_only, after, limit + 1);
        let mut promises = list.await?;
        let more = promises.len() > limit;
        promises.truncate(limit);
        let position = |it: &Promise| Position { occurred_at: it.made.due_at, entry_id: it.id };
        let next_page_token = tokens.write(promises.last().filter(|_| more).map(position));
        let promises = promises.into_iter().map(|it| promise_view(it, &actor)).collect();
        Ok(Response::new(pb::ListPromisesResponse { promises, next_page_token }))
    }

    async fn give_quote(
        &self,
        request: Request<pb::GiveQuoteRequest>,
    ) -> Result<Response<pb::GiveQuoteResponse>, Status> {
        let actor = actor(&request);
        let (new, context) = validate::quote(request.into_inner(), &self.rules, &actor)?;
        let quote = self.quote_now(self.store.give_quote(new, context).await?);
        Ok(Response::new(pb::GiveQuoteResponse { quote: Some(quote) }))
    }

    async fn withdraw_quote(
        &self,
        request: Request<pb::WithdrawQuoteRequest>,
    ) -> Result<Response<pb::WithdrawQuoteResponse>, Status> {
        let actor = actor(&request);
        let (id, channel, context) = validate::withdrawal(request.into_inner(), &actor)?;
        let quote = self.quote_now(self.store.withdraw_quote(id, channel, context).await?);
        Ok(Response::new(pb::WithdrawQuoteResponse { quote: Some(quote) }))
    }

    async fn list_quotes(
        &self,
        request: Request<pb::ListQuotesRequest>,
    ) -> Result<Response<pb::ListQuotesResponse>, Status> {
        let actor = actor(&request);
        let mut request = request.into_inner();
        let (who, limit) = validate::quote_page(&request, &self.rules)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListQuotes", &request);
        let after = tokens.read(&token)?;
        let id = self.find(who, &actor).await?;
        let valid_at = request.valid_only.then(|| self.rules.clock.now());
        let mut quotes = self.store.list_quotes(id, valid_at, after, limit + 1).await?;
        let more = quotes.len() > limit;
        quotes.truncate(limit);
        let position =
            |it: &ComparedQuote| Position { occurred_at: it.quote.given_at, entry_id: it.quote.id };
        let next_page_token = tokens.write(quotes.last().filter(|_| more).map(position));
        let quotes = quotes.into_iter().map(|quote| self.quote_now(quote)).collect();
        Ok(Response::new(pb::ListQuotesResponse { quotes, next_page_token }))
    }

    async fn get_reask_rate(
        &self,
        request: Request<pb::GetReaskRateRequest>,
    ) -> Result<Response<pb::GetReaskRateResponse>, Status> {
        let actor = actor(&request);
        let Reasks { of, period } = validate::reasks(request.into_inner(), &self.rules)?;
        let of = match of {
            WhoseReasks::These(of) => of,
            WhoseReasks::Of(who) => ReasksOf::Customer(self.find(who, &actor).await?),
        };
        let counts = self.store.count_reasks(of, period).await?;
        Ok(Response::new(convert::reask_rates(&counts)))
    }
}

impl Api {
    /// A quote at the current time.
    fn quote_now(&self, quote: ComparedQuote) -> pb::Quote {
        convert::quote(quote, self.rules.clock.now())
    }

    async fn change(
        &self,
        (write, context): (CaseWrite, RequestContext),
        actor: &Actor,
    ) -> Result<Option<pb::Case>, Error> {
        audit_subject::set_case(write.case_id);
        Ok(Some(case_view(self.store.change_case(write, context).await?, actor)))
    }
}

/// A case, masked for an actor.
fn case_view(case: Case, actor: &Actor) -> pb::Case {
    let mut case = convert::case(case);
    mask::case(&mut case, actor.scope());
    case
}

/// A promise, masked for an actor.
fn promise_view(promise: Promise, actor: &Actor) -> pb::Promise {
    let mut promise = convert::promise(promise);
    mask::promise(&mut promise, actor.scope());
    promise
}
