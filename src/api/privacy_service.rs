//! PrivacyService: what customers have a right to as to what is kept of them.

use tonic::{Request, Response, Status};

use super::{Api, actor, convert, looked, page_token::PageTokens, validate};
use crate::{
    model::{Erasure, KeptAccess, Position},
    pb::{self, services::privacy_service_server::PrivacyService},
};

/// What stays after an erasure, and where.
const REMAINS: [(&str, &str); 7] = [
    (
        "database",
        "the ids of the records, and keyed hashes of what the writes and identifiers were called, \
         by which a late retry is refused; counts of facts without a person",
    ),
    (
        "free space",
        "copies that the database has not overwritten yet, until `throughline vacuum` or the \
         vacuum of the database",
    ),
    (
        "log of the database",
        "the write-ahead log, until it is written anew: with SQLite when the erasure is finished, \
         with PostgreSQL when its segments are recycled and its archive is deleted",
    ),
    ("backups", "those made before, until they are deleted; one that is put back is erased again"),
    ("erasure ledger", "the ids of the erasure and of the records, and the keyed hashes"),
    (
        "other customers",
        "entries that tell of a merge with the erased customer, of the end of it, or that the two \
         are never to be merged: by id",
    ),
    ("log of calls", "who looked at the customer, by the ids of the records"),
];

#[tonic::async_trait]
impl PrivacyService for Api {
    async fn erase_customer(
        &self,
        request: Request<pb::EraseCustomerRequest>,
    ) -> Result<Response<pb::EraseCustomerResponse>, Status> {
        let actor = actor(&request);
        let (customer_id, asked) = validate::erasure(request.into_inner(), &actor)?;
        looked::at(customer_id);
        let erasure = self.store.erase_customer(customer_id, asked).await?;
        tracing::info!(erasure_id = %erasure.id, "a customer was erased");
        let certificate = Some(certificate(erasure));
        Ok(Response::new(pb::EraseCustomerResponse { certificate }))
    }

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
