//! TimelineService: recording, listing, searching and watching entries.

use tonic::{Request, Response, Status};

use super::{
    Api, actor, audit_subject,
    caller::Actor,
    convert,
    disclosure::may_search,
    mask,
    page::EncodedPage,
    page_token::PageTokens,
    validate::{self, TimelineSearch, Watched},
    watch::{StreamTerms, WatchStream, WatchTokens},
};
use crate::{
    error::Error,
    model::{Identifier, Order, RecordEntry, WatchStart},
    pb::{self, services::timeline_service_server::TimelineService},
    store::PageRequest,
};

#[tonic::async_trait]
impl TimelineService for Api {
    async fn record_entry(
        &self,
        request: Request<pb::RecordEntryRequest>,
    ) -> Result<Response<pb::RecordEntryResponse>, Status> {
        let actor = actor(&request);
        let record = validate::record(request.into_inner(), &self.rules, &actor)?;
        let mut responses = self.record(vec![record], &actor).await?;
        let response = responses.pop();
        let missing = || Error::Internal("an entry without an answer".to_owned());
        Ok(Response::new(response.ok_or_else(missing)?))
    }

    async fn batch_record_entries(
        &self,
        request: Request<pb::BatchRecordEntriesRequest>,
    ) -> Result<Response<pb::BatchRecordEntriesResponse>, Status> {
        let actor = actor(&request);
        let records = validate::batch(request.into_inner(), &self.rules, &actor)?;
        let alone = records.len() == 1;
        let responses = self.record(records, &actor).await;
        let responses =
            responses.map_err(|error| if alone { error.within("requests[0].") } else { error })?;
        Ok(Response::new(pb::BatchRecordEntriesResponse { responses }))
    }

    async fn get_entry(
        &self,
        request: Request<pb::GetEntryRequest>,
    ) -> Result<Response<pb::GetEntryResponse>, Status> {
        let actor = actor(&request);
        let (customer_id, entry_id) = validate::entry_id(&request.into_inner())?;
        let entry = self.store.get_entry(customer_id, entry_id).await?;
        let mut entry = entry.ok_or(Error::EntryNotFound)?;
        mask::entry(&mut entry, actor.scope());
        audit_subject::add_each([entry.customer_id.as_str()]);
        let entry = Some(entry);
        Ok(Response::new(pb::GetEntryResponse { entry }))
    }

    async fn list_timeline(
        &self,
        request: Request<pb::ListTimelineRequest>,
    ) -> Result<Response<EncodedPage>, Status> {
        let actor = actor(&request);
        let mut request = request.into_inner();
        let (who, filter, order, limit) = validate::timeline_page(&request, &self.rules)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListTimeline", &request);
        let after = tokens.read(&token)?;

        let customer_id = self.find(who, &actor).await?;
        let request = PageRequest { filter, order, after, limit };
        let page = self.store.list_timeline(customer_id, &request).await?;
        audit_subject::add(page.customer_id);
        Ok(Response::new(EncodedPage {
            entries: mask::frames(page.entries, actor.scope())?,
            next_page_token: tokens.write(page.next),
            customer_id: customer_id.to_string(),
            customer_revision: page.revision,
        }))
    }

    async fn search_timeline(
        &self,
        request: Request<pb::SearchTimelineRequest>,
    ) -> Result<Response<EncodedPage>, Status> {
        let actor = actor(&request);
        let mut request = request.into_inner();
        let TimelineSearch { who, words, filter, limit } =
            validate::timeline_search(&request, &self.rules)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "SearchTimeline", &request);
        let after = tokens.read(&token)?;

        let customer_id = match who {
            Some(who) => {
                let id = self.find(who, &actor).await?;
                self.store.get_customer(id).await?.ok_or(Error::CustomerNotFound)?;
                Some(id)
            }
            None => {
                may_search(&actor)?;
                None
            }
        };
        // Masked content must not be found by its words.
        let Some(filter) = mask::filter(filter, actor.scope()) else {
            return Ok(Response::new(EncodedPage::default()));
        };
        let request = PageRequest { filter, order: Order::NewestFirst, after, limit };
        let (entries, next) = self.store.search_timeline(customer_id, words, request).await?;
        audit_subject::add_each(entries.customer_ids()?.iter().map(String::as_str));
        let next_page_token = tokens.write(next);
        Ok(Response::new(EncodedPage { entries, next_page_token, ..EncodedPage::default() }))
    }

    async fn get_briefing(
        &self,
        request: Request<pb::GetBriefingRequest>,
    ) -> Result<Response<pb::GetBriefingResponse>, Status> {
        let actor = actor(&request);
        let (who, as_of) = validate::briefing(&request.into_inner(), &self.rules)?;
        Ok(Response::new(self.briefing(who, as_of, &actor).await?))
    }

    type WatchTimelineStream = WatchStream;

    async fn watch_timeline(
        &self,
        request: Request<pb::WatchTimelineRequest>,
    ) -> Result<Response<WatchStream>, Status> {
        let actor = actor(&request);
        let terms = StreamTerms::of(&request, &actor);
        let request = request.into_inner();
        let (watched, behind) = validate::watch(&request, &self.rules)?;
        let case_id = match watched {
            Watched::Case(id) => Some(id),
            Watched::Customer(_) => None,
        };
        let tokens = WatchTokens::new(self.store.page_key(), &request);
        let permit = self.watches.permit(&actor)?;
        let start = match request.resume_token.as_str() {
            "" => {
                let id = match watched {
                    Watched::Customer(who) => self.find(who, &actor).await?,
                    Watched::Case(id) => self.store.record_of_case(id).await?,
                };
                behind.map_or(WatchStart::Now(id), |behind| WatchStart::Behind(id, behind))
            }
            token => WatchStart::Resume(tokens.read(token)?),
        };
        let watch = self.store.watch(start, case_id).await?;
        audit_subject::add(watch.person().id);
        case_id.into_iter().for_each(audit_subject::set_case);
        let scope = actor.scope().clone();
        Ok(Response::new(self.watches.start(watch, tokens, terms, permit, scope)))
    }
}

impl Api {
    async fn record(
        &self,
        records: Vec<RecordEntry>,
        actor: &Actor,
    ) -> Result<Vec<pb::RecordEntryResponse>, Error> {
        let said: Vec<(Vec<i32>, Vec<Identifier>)> = records
            .iter()
            .map(|record| (record.entry.flags.clone(), record.target.identifiers().to_vec()))
            .collect();
        let recorded = self.store.record(records).await?;
        let mut responses = Vec::with_capacity(recorded.len());
        for (one, (flags, identifiers)) in recorded.into_iter().zip(said) {
            let customer_id = one.customer_id;
            let response = convert::recorded(one, flags);
            let by_identifiers = !identifiers.is_empty();
            if by_identifiers && self.is_undisclosed(customer_id, &identifiers, actor).await? {
                responses.push(pb::RecordEntryResponse {
                    entry_id: response.entry_id,
                    recorded_at: response.recorded_at,
                    already_recorded: response.already_recorded,
                    flags: response.flags,
                    limited: true,
                    ..pb::RecordEntryResponse::default()
                });
            } else {
                responses.push(response);
            }
        }
        Ok(responses)
    }
}
