//! GetBriefing: whom it is about, what is known, and what of it comes first.

use super::{Api, convert, validate::Who};
use crate::{
    error::Error,
    model::{Micros, Sureness},
    pb,
    store::NamedBy,
    story::briefing::brief,
};

impl Api {
    /// The briefing, or whom the identifier may mean.
    pub(super) async fn briefing(
        &self,
        who: Who,
        as_of: Option<Micros>,
    ) -> Result<pb::GetBriefingResponse, Error> {
        let (id, sureness) = match who {
            Who::Id(id) => (id, Sureness::ById),
            Who::Identifier(identifier) => match self.store.named_by(&identifier).await? {
                NamedBy::Nobody => return Err(Error::CustomerNotFound),
                NamedBy::One { person_id, is_verified: true } => (person_id, Sureness::Verified),
                NamedBy::One { person_id, is_verified: false } => (person_id, Sureness::Claimed),
                NamedBy::Several(candidates) => {
                    let candidates = convert::candidates(candidates);
                    return Ok(pb::GetBriefingResponse { briefing: None, candidates });
                }
            },
        };
        let known = self.store.known(id, sureness, as_of).await?;
        let briefing = Some(convert::briefing(brief(known)));
        Ok(pb::GetBriefingResponse { briefing, candidates: Vec::new() })
    }
}
