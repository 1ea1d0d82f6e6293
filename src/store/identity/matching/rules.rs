//! Rules by which a suggestion is merged automatically. None applies unless it is configured.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use super::{listed::Standing, pairs::PairOf, people::MatchPerson, statements::UNDONE_MERGES};
use crate::{
    error::Error,
    model::{Identifier, IdentifierKind, MergeRule, NewMerge, RequestContext, Verification},
    store::{Store, sql::bulk::Column},
};

/// The evidence that a merge by rule states.
fn evidence(rule: MergeRule) -> &'static str {
    match rule {
        MergeRule::VerifiedEmail => "the same verified e-mail address",
        MergeRule::LoyaltyCard => "the same loyalty card",
    }
}

/// The rule that merges a pair, with the record to merge into: the older one.
pub fn rule_for(
    rules: &[MergeRule],
    known: &BTreeMap<Uuid, MatchPerson>,
    (one, other): PairOf,
) -> Option<(MergeRule, Uuid, Uuid)> {
    if rules.is_empty() {
        return None;
    }
    let (a, b) = (known.get(&one)?, known.get(&other)?);
    let of_first = a.claims.iter().map(|(key, _)| key).chain(a.refused.iter().map(|(key, _)| key));
    let shared = of_first.filter(|key| b.names(key));
    let rule = shared.filter_map(|key| rule_of_key(rules, a, b, key).map(|rule| (rule, key)));
    // A value that a third person also has is not proof.
    let mut alone = rule.filter(|(_, key)| {
        let people = known.values().filter(|it| it.names(key)).map(|it| it.person_id);
        people.collect::<BTreeSet<Uuid>>().len() == 2
    });
    let (rule, _) = alone.next()?;
    let is_older = (a.created_at, one) <= (b.created_at, other);
    Some(if is_older { (rule, one, other) } else { (rule, other, one) })
}

fn rule_of_key(
    rules: &[MergeRule],
    a: &MatchPerson,
    b: &MatchPerson,
    key: &str,
) -> Option<MergeRule> {
    let (kind, ..) = Identifier::parts_of(key)?;
    let proof = |it: &MatchPerson| it.claims.iter().find(|(own, _)| own == key).map(|(_, p)| *p);
    let (of_a, of_b) = (proof(a), proof(b));
    let said = |it: &MatchPerson| it.refused.iter().any(|(own, verified)| own == key && *verified);
    let verified = |own: Option<Verification>, other: &MatchPerson| {
        own == Some(Verification::Verified) && said(other)
    };
    let rule = match kind {
        IdentifierKind::Email if verified(of_a, b) || verified(of_b, a) => MergeRule::VerifiedEmail,
        IdentifierKind::LoyaltyCard
            if of_a != Some(Verification::Shared) && of_b != Some(Verification::Shared) =>
        {
            MergeRule::LoyaltyCard
        }
        _ => return None,
    };
    rules.contains(&rule).then_some(rule)
}

impl Store {
    /// Merges pairs by rules, except for pairs that somebody has decided on: dismissed, excluded,
    /// unmerged before, or in need of approval. A rule merges a pair once: the idempotency key is
    /// derived from the pair, so that a reversed merge stays reversed.
    pub(super) async fn merge_by_rule(
        &self,
        pairs: Vec<(MergeRule, Uuid, Uuid)>,
    ) -> Result<(), Error> {
        for (rule, into_id, from_id) in pairs {
            let pair = super::pairs::pair(into_id, from_id);
            let standing = Standing::read(&self.db, [into_id, from_id].into_iter()).await?;
            let people = standing.people(pair);
            let is_open = people.is_some_and(|people| !standing.between(people).is_empty());
            if !is_open || self.was_taken_apart(pair, &standing).await? {
                continue;
            }
            let evidence = vec![evidence(rule).to_owned()];
            let new = NewMerge {
                into_id,
                from_id,
                evidence,
                choices: Vec::new(),
                into_etag: None,
                from_etag: None,
            };
            let (request_id, body) = names(rule, pair);
            let context = RequestContext {
                request_id,
                body,
                actor: format!("rule:{}", rule.code()),
                reason: "a rule of the configuration".to_owned(),
                time_violations: Vec::new(),
            };
            match self.merge(new, context).await {
                Ok(_) => tracing::info!(%into_id, %from_id, rule = rule.code(), "merged by rule"),
                Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
                Err(error) => tracing::info!(%into_id, %from_id, %error, "not merged by rule"),
            }
        }
        Ok(())
    }

    /// Whether records of the two people were merged before and unmerged.
    async fn was_taken_apart(&self, pair: PairOf, standing: &Standing) -> Result<bool, Error> {
        let records = Column::Ids(standing.records_of(pair));
        let rows: Vec<PairOf> = self.db.list(UNDONE_MERGES, vec![records]).await?;
        Ok(rows.into_iter().any(|undone| standing.people(undone) == standing.people(pair)))
    }
}

/// The idempotency key and the content hash of a merge of a pair by a rule.
fn names(rule: MergeRule, (one, other): PairOf) -> (Uuid, [u8; 16]) {
    let hash = Sha256::new()
        .chain_update("throughline merge by rule")
        .chain_update(rule.code())
        .chain_update(one)
        .chain_update(other)
        .finalize();
    let (mut id, mut body) = ([0; 16], [0; 16]);
    id.copy_from_slice(&hash[..16]);
    body.copy_from_slice(&hash[16..]);
    (Builder::from_custom_bytes(id).into_uuid(), body)
}
