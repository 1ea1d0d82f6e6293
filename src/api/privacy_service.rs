//! PrivacyService: what customers may ask for of what is kept of them.

use tonic::{Request, Response, Status};

use super::{Api, actor, validate};
use crate::{
    model::Erasure,
    pb::{self, services::privacy_service_server::PrivacyService},
};

/// What stays after an erasure, and where.
const REMAINS: [(&str, &str); 6] = [
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
        "entries that tell of a merge with the erased customer, or of the end of it: by id",
    ),
];

#[tonic::async_trait]
impl PrivacyService for Api {
    async fn erase_customer(
        &self,
        request: Request<pb::EraseCustomerRequest>,
    ) -> Result<Response<pb::EraseCustomerResponse>, Status> {
        let actor = actor(&request);
        let (customer_id, asked) = validate::erasure(request.into_inner(), &actor)?;
        let erasure = self.store.erase_customer(customer_id, asked).await?;
        tracing::info!(erasure_id = %erasure.id, "a customer was erased");
        let certificate = Some(certificate(erasure));
        Ok(Response::new(pb::EraseCustomerResponse { certificate }))
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
