//! Validates calls that change identities: links, merges and their reversal.

use uuid::Uuid;

use super::{Checker, Rules};
use crate::{
    api::{body, caller::Actor},
    domain::text,
    error::Error,
    model::{BodyHash, EndedLink, Identifier, NewLink, NewMerge, ProfileField, RequestContext},
    pb,
};

const REASON_CHARS: usize = 500;
const MAX_EVIDENCE: usize = 20;

/// LinkIdentifier.
pub fn link(
    mut request: pb::LinkIdentifierRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<(NewLink, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call("LinkIdentifier", &request);
    let context = checker.context(&request_id, body, request.reason, Need::May, actor);
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let value = checker.required(request.identifier.as_ref());
    let identifier = value.and_then(|value| checker.claim("identifier", value, rules, actor));
    if request.take_over && request.shared {
        checker.fail("take_over", "excludes shared");
    }
    if request.take_over && value.is_some_and(|value| !value.verified) {
        checker.fail("take_over", "needs identifier.verified");
    }
    checker.source("source", &request.source);
    let pb::LinkIdentifierRequest { shared, take_over, source, .. } = request;
    checker.finish_with(identifier, |identifier| {
        let may_verify = actor.verifies(identifier.kind);
        let link = NewLink { customer_id, identifier, shared, take_over, may_verify, source };
        (link, context)
    })
}

/// UnlinkIdentifier. An identifier that is blocked by now can still be unlinked.
pub fn unlink(
    mut request: pb::UnlinkIdentifierRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<(EndedLink, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call("UnlinkIdentifier", &request);
    let context = checker.context(&request_id, body, request.reason, Need::May, actor);
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let value = checker.required(request.identifier.as_ref());
    let identifier = value.and_then(|value| checker.ended_claim("identifier", value, rules, actor));
    checker.finish_with(identifier, |identifier| {
        let may_verify = actor.verifies(identifier.kind);
        (EndedLink { customer_id, identifier, may_verify }, context)
    })
}

/// ListIdentifiers: the customer, whether to include ended ones, and the page size.
pub fn identifier_page(request: &pb::ListIdentifiersRequest) -> Result<(Uuid, bool, usize), Error> {
    let mut checker = Checker::default();
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let limit = checker.page_size(request.page_size);
    checker.finish((customer_id, request.include_ended, limit))
}

/// A merge to make or to preview.
#[derive(Clone, Debug)]
pub struct Merging {
    pub new: NewMerge,
    /// May be incomplete for a preview.
    pub context: RequestContext,
    pub dry_run: bool,
}

/// MergeCustomers.
pub fn merge(mut request: pb::MergeCustomersRequest, actor: &Actor) -> Result<Merging, Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call("MergeCustomers", &request);
    let (into_id, from_id) = checker.two(&request.customer_id, &request.other_customer_id);
    let dry_run = request.dry_run;
    let need = if dry_run { Need::Nothing } else { Need::Must };
    let context = checker.context(&request_id, body, request.reason, need, actor);

    let mut evidence = request.evidence;
    checker.count("evidence", evidence.len(), MAX_EVIDENCE);
    if evidence.is_empty() && !dry_run {
        checker.fail("evidence", "at least one is required");
    }
    for (index, text) in evidence.iter_mut().enumerate() {
        checker.reason(&format!("evidence[{index}]"), text, true);
    }
    let choices = checker.choices(&request.profile_choices);
    let into_etag = checker.etag("etag", request.etag);
    let from_etag = checker.etag("other_etag", request.other_etag);
    let new = NewMerge { into_id, from_id, evidence, choices, into_etag, from_etag };
    checker.finish(Merging { new, context, dry_run })
}

/// ApproveMerge.
pub fn approval(
    mut request: pb::ApproveMergeRequest,
    actor: &Actor,
) -> Result<(Uuid, Uuid, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call("ApproveMerge", &request);
    let (one, other) = checker.two(&request.customer_id, &request.other_customer_id);
    let context = checker.context(&request_id, body, request.reason, Need::Must, actor);
    checker.finish((one, other, context))
}

/// UnmergeCustomers: the merge, and whether to exclude the two from being merged again.
pub fn unmerge(
    mut request: pb::UnmergeCustomersRequest,
    actor: &Actor,
) -> Result<(Uuid, bool, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call("UnmergeCustomers", &request);
    let merge_id = checker.uuid("merge_id", &request.merge_id);
    let context = checker.context(&request_id, body, request.reason, Need::Must, actor);
    checker.finish((merge_id, request.exclude_merge, context))
}

/// SetMergeExclusion.
pub fn merge_exclusion(
    mut request: pb::SetMergeExclusionRequest,
    actor: &Actor,
) -> Result<(Uuid, Uuid, bool, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call("SetMergeExclusion", &request);
    let (one, other) = checker.two(&request.customer_id, &request.other_customer_id);
    let context = checker.context(&request_id, body, request.reason, Need::Must, actor);
    checker.finish((one, other, request.lift, context))
}

/// DismissMergeSuggestion.
pub fn dismissal(
    mut request: pb::DismissMergeSuggestionRequest,
    actor: &Actor,
) -> Result<(Uuid, Uuid, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call("DismissMergeSuggestion", &request);
    let (one, other) = checker.two(&request.customer_id, &request.other_customer_id);
    let context = checker.context(&request_id, body, request.reason, Need::May, actor);
    checker.finish((one, other, context))
}

/// ListMergeSuggestions: an optional customer, the minimum probability and the page size.
pub fn suggestion_page(
    request: &pb::ListMergeSuggestionsRequest,
) -> Result<(Option<Uuid>, f64, usize), Error> {
    let mut checker = Checker::default();
    let customer_id = match request.customer_id.as_str() {
        "" => None,
        text => Some(checker.uuid("customer_id", text)),
    };
    if !(0.0..=1.0).contains(&request.min_probability) {
        checker.fail("min_probability", "must be a number from 0 to 1");
    }
    let limit = checker.page_size(request.page_size);
    checker.finish((customer_id, request.min_probability, limit))
}

/// Which parts of the context are required.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Request id and reason.
    Must,
    /// Request id; the reason is optional.
    May,
    /// Neither.
    Nothing,
}

impl Checker {
    pub(super) fn context(
        &mut self,
        request_id: &str,
        body: BodyHash,
        mut reason: String,
        need: Need,
        actor: &Actor,
    ) -> RequestContext {
        let request_id = match request_id {
            "" if need == Need::Nothing => Uuid::nil(),
            text => actor.own(self.uuid("request_id", text)),
        };
        self.reason("reason", &mut reason, need == Need::Must);
        let (actor, time_violations) = (actor.name.clone(), Vec::new());
        RequestContext { request_id, body, actor, reason, time_violations }
    }

    fn reason(&mut self, field: &str, value: &mut String, required: bool) {
        if required && text::is_blank(value) {
            self.fail(field, "is required");
        }
        self.remark(field, value, REASON_CHARS);
    }

    /// Two different customers.
    fn two(&mut self, one: &str, other: &str) -> (Uuid, Uuid) {
        let one = self.uuid("customer_id", one);
        let other = self.uuid("other_customer_id", other);
        if one == other && !one.is_nil() {
            self.fail("other_customer_id", "must be another customer");
        }
        (one, other)
    }

    fn required<'a>(&mut self, value: Option<&'a pb::Identifier>) -> Option<&'a pb::Identifier> {
        if value.is_none() {
            self.fail("identifier", "is required");
        }
        value
    }

    fn choices(&mut self, choices: &[pb::ProfileChoice]) -> Vec<(ProfileField, Uuid)> {
        self.count("profile_choices", choices.len(), ProfileField::ALL.len());
        let mut chosen: Vec<(ProfileField, Uuid)> = Vec::new();
        for (index, choice) in choices.iter().enumerate() {
            let place = format!("profile_choices[{index}]");
            let record = self.uuid(format!("{place}.customer_id"), &choice.customer_id);
            match chosen_field(choice.field) {
                None => self.unknown_enum(&format!("{place}.field")),
                Some(field) if chosen.iter().any(|(other, _)| *other == field) => {
                    self.fail(format!("{place}.field"), "is chosen twice");
                }
                Some(field) => chosen.push((field, record)),
            }
        }
        chosen
    }

    /// The result with the identifier; a missing one has left a violation.
    fn finish_with<T>(
        self,
        identifier: Option<Identifier>,
        make: impl FnOnce(Identifier) -> T,
    ) -> Result<T, Error> {
        match identifier {
            Some(identifier) => self.finish(make(identifier)),
            None => self.finish(()).and(Err(Error::invalid("identifier", "is required"))),
        }
    }
}

/// Converts a profile field of the contract to the model.
fn chosen_field(field: i32) -> Option<ProfileField> {
    Some(match pb::ProfileField::try_from(field).ok()? {
        pb::ProfileField::Unspecified => return None,
        pb::ProfileField::GivenName => ProfileField::GivenName,
        pb::ProfileField::FamilyName => ProfileField::FamilyName,
        pb::ProfileField::Organisation => ProfileField::Organisation,
        pb::ProfileField::BirthDate => ProfileField::BirthDate,
        pb::ProfileField::Language => ProfileField::Language,
        pb::ProfileField::Address => ProfileField::Address,
        pb::ProfileField::PreferredChannel => ProfileField::PreferredChannel,
        pb::ProfileField::Consents => ProfileField::Consents,
    })
}
