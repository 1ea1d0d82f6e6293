//! Resume tokens: the revision of each record that a watch has reached, signed for the target.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::{Message as _, encoding};
use uuid::Uuid;

use crate::{
    api::signature::{MAC_BYTES, Signature},
    error::Error,
    model::{MAX_RECORDS, MAX_WATCHED, ResumePoint},
    pb,
};

const ID_BYTES: usize = 16;
/// The longest token, in bytes: the id of the target, and for each record an id and a revision.
const MAX_BYTES: usize = ID_BYTES + (MAX_WATCHED + MAX_RECORDS) * (ID_BYTES + 10) + MAC_BYTES;

/// Signs and verifies the tokens of a call.
#[derive(Clone, Debug)]
pub struct WatchTokens(Signature);

impl WatchTokens {
    pub fn new(key: &[u8], request: &pb::WatchTimelineRequest) -> Self {
        let watched = pb::WatchTimelineRequest {
            watched: request.watched.clone(),
            ..pb::WatchTimelineRequest::default()
        };
        Self(Signature::new(key, "WatchTimeline", &watched.encode_to_vec()))
    }

    pub fn write(&self, point: &ResumePoint) -> String {
        let mut token = point.customer_id.as_bytes().to_vec();
        for (record, revision) in &point.revisions {
            token.extend(record.as_bytes());
            encoding::encode_varint(revision.unsigned_abs(), &mut token);
        }
        self.0.sign(&mut token);
        URL_SAFE_NO_PAD.encode(token)
    }

    pub fn read(&self, token: &str) -> Result<ResumePoint, Error> {
        if token.len() > MAX_BYTES.div_ceil(3) * 4 {
            return Err(Error::BadResumeToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::BadResumeToken)?;
        let signed = self.0.verify(&bytes).ok_or(Error::BadResumeToken)?;
        point(signed).ok_or(Error::BadResumeToken)
    }
}

/// What was signed was also written by this code, unless another version signed it.
fn point(mut bytes: &[u8]) -> Option<ResumePoint> {
    let customer_id = id(&mut bytes)?;
    let mut revisions = BTreeMap::new();
    while !bytes.is_empty() {
        let record = id(&mut bytes)?;
        let revision = encoding::decode_varint(&mut bytes).ok()?;
        revisions.insert(record, i64::try_from(revision).ok()?);
    }
    Some(ResumePoint { customer_id, revisions })
}

fn id(bytes: &mut &[u8]) -> Option<Uuid> {
    let (id, rest) = bytes.split_at_checked(ID_BYTES)?;
    *bytes = rest;
    Uuid::from_slice(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(customer_id: &str) -> WatchTokens {
        let watched = pb::watch_timeline_request::Watched::CustomerId(customer_id.to_owned());
        let request = pb::WatchTimelineRequest { watched: Some(watched), ..Default::default() };
        WatchTokens::new(b"key", &request)
    }

    #[test]
    fn a_token_is_read_by_the_call_it_belongs_to_alone() {
        let ids = (0..MAX_WATCHED as u128 + MAX_RECORDS as u128).map(Uuid::from_u128);
        let revisions = ids.map(|id| (id, i64::MAX)).collect();
        for revisions in [BTreeMap::new(), revisions] {
            let point = ResumePoint { customer_id: Uuid::from_u128(7), revisions };
            let token = of("a").write(&point);
            assert_eq!(of("a").read(&token), Ok(point));
            assert_eq!(of("b").read(&token), Err(Error::BadResumeToken));
            for bad in ["", "AAAA", &token[1..], &format!("{token}A"), &"A".repeat(100_000)] {
                assert_eq!(of("a").read(bad), Err(Error::BadResumeToken));
            }
        }
    }
}
