//! PrivacyService: rights of data subjects, and the audit log.

use tonic::{Request, Response, Status};

use super::{
    Api, actor, audit_subject, caller::Actor, convert, export::ExportStream,
    page_token::PageTokens, validate, watch::StreamTerms,
};
use crate::{
    error::Error,
    model::{Erasure, Position, RestrictionKind, StoredAuditEntry},
    pb::{self, services::privacy_service_server::PrivacyService},
};

/// What remains after an erasure, and where.
const REMAINS: [(&str, &str); 7] = [
    (
        "database",
        "the ids of the records, and keyed hashes of what the writes and identifiers were called, \
         by which a late retry is refused; counts of facts without a person; in the seals the ids \
         of the entries, and hashes of them that tell nothing of what they were made of",
    ),
    (
        "free space",
        "copies that the database has not overwritten yet, until `throughline vacuum` or the \
         vacuum of the database",
    ),
    (
        "log of the database",
        "the write-ahead log, until it is rewritten: with SQLite when the erasure is finished, \
         with PostgreSQL when its segments are recycled and its archive is deleted",
    ),
    ("backups", "those made before, until they are deleted; one that is put back is erased again"),
    ("erasure ledger", "the ids of the erasure and of the records, and the keyed hashes"),
    (
        "other customers",
        "entries that tell of a merge with the erased customer, of the end of it, or that the two \
         are never to be merged: by id",
    ),
    ("audit log", "the calls about the customer, by the ids of the records"),
];

#[tonic::async_trait]
impl PrivacyService for Api {
    type ExportCustomerStream = ExportStream;

    async fn export_customer(
        &self,
        request: Request<pb::ExportCustomerRequest>,
    ) -> Result<Response<ExportStream>, Status> {
        let actor = actor(&request);
        let terms = StreamTerms::of(&request, &actor);
        let customer_id = validate::export(&request.into_inner())?;
        audit_subject::add(customer_id);
        Ok(Response::new(self.export(customer_id, terms, &actor).await?))
    }

    async fn erase_customer(
        &self,
        request: Request<pb::EraseCustomerRequest>,
    ) -> Result<Response<pb::EraseCustomerResponse>, Status> {
        let actor = actor(&request);
        let (customer_id, asked) = validate::erasure(request.into_inner(), &actor)?;
        audit_subject::add(customer_id);
        let erasure = self.store.erase_customer(customer_id, asked).await?;
        tracing::info!(erasure_id = %erasure.id, "a customer was erased");
        let certificate = Some(certificate(erasure));
        Ok(Response::new(pb::EraseCustomerResponse { certificate }))
    }

    async fn list_audit_entries(
        &self,
        request: Request<pb::ListAuditEntriesRequest>,
    ) -> Result<Response<pb::ListAuditEntriesResponse>, Status> {
        let mut request = request.into_inner();
        let (customer_id, limit) = validate::audit_page(&request)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListAuditEntries", &request);
        let after = tokens.read(&token)?;
        audit_subject::add(customer_id);
        let mut entries =
            self.store.even_restricted().list_audit_entries(customer_id, after, limit + 1).await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let position =
            |kept: &StoredAuditEntry| Position { occurred_at: kept.access.at, entry_id: kept.id };
        let next_page_token = tokens.write(entries.last().filter(|_| more).map(position));
        let entries = entries.into_iter().map(convert::audit_entry).collect();
        Ok(Response::new(pb::ListAuditEntriesResponse { entries, next_page_token }))
    }

    async fn restrict_customer(
        &self,
        request: Request<pb::RestrictCustomerRequest>,
    ) -> Result<Response<pb::RestrictCustomerResponse>, Status> {
        let (actor, what) = (actor(&request), (RestrictionKind::Use, true));
        let restriction =
            self.restriction("RestrictCustomer", what, request.into_inner(), &actor).await?;
        Ok(Response::new(pb::RestrictCustomerResponse { restriction: Some(restriction) }))
    }

    async fn lift_restriction(
        &self,
        request: Request<pb::LiftRestrictionRequest>,
    ) -> Result<Response<pb::LiftRestrictionResponse>, Status> {
        let (actor, what) = (actor(&request), (RestrictionKind::Use, false));
        let pb::LiftRestrictionRequest { customer_id, ticket, reason, request_id } =
            request.into_inner();
        let same = pb::RestrictCustomerRequest { customer_id, ticket, reason, request_id };
        let restriction = self.restriction("LiftRestriction", what, same, &actor).await?;
        Ok(Response::new(pb::LiftRestrictionResponse { restriction: Some(restriction) }))
    }

    async fn hold_customer(
        &self,
        request: Request<pb::HoldCustomerRequest>,
    ) -> Result<Response<pb::HoldCustomerResponse>, Status> {
        let (actor, what) = (actor(&request), (RestrictionKind::Erasure, true));
        let pb::HoldCustomerRequest { customer_id, ticket, reason, request_id } =
            request.into_inner();
        let same = pb::RestrictCustomerRequest { customer_id, ticket, reason, request_id };
        let hold = self.restriction("HoldCustomer", what, same, &actor).await?;
        Ok(Response::new(pb::HoldCustomerResponse { hold: Some(hold) }))
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::ReleaseHoldResponse>, Status> {
        let (actor, what) = (actor(&request), (RestrictionKind::Erasure, false));
        let pb::ReleaseHoldRequest { customer_id, ticket, reason, request_id } =
            request.into_inner();
        let same = pb::RestrictCustomerRequest { customer_id, ticket, reason, request_id };
        let hold = self.restriction("ReleaseHold", what, same, &actor).await?;
        Ok(Response::new(pb::ReleaseHoldResponse { hold: Some(hold) }))
    }
}

impl Api {
    async fn restriction(
        &self,
        call: &str,
        what: (RestrictionKind, bool),
        request: pb::RestrictCustomerRequest,
        actor: &Actor,
    ) -> Result<pb::Restriction, Error> {
        let (new, asked) = validate::restriction(call, what, request, actor)?;
        audit_subject::add(new.customer_id);
        Ok(convert::restriction(self.store.restrict(new, asked).await?))
    }
}

fn certificate(erasure: Erasure) -> pb::ErasureCertificate {
    let removed = erasure.removed.into_iter();
    let remains = REMAINS.map(|(place, what)| pb::ErasureRemainder {
        place: place.to_owned(),
        what: what.to_owned(),
    });
    pb::ErasureCertificate {
        erasure_id: erasure.id.to_string(),
        erased_at: Some(pb::timestamp(erasure.erased_at)),
        record_ids: erasure.records.iter().map(ToString::to_string).collect(),
        removed: removed.map(|(table, rows)| pb::RemovedRows { table, rows }).collect(),
        remains: remains.to_vec(),
    }
}
