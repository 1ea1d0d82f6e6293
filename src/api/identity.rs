//! Calls that change the identity of customers, after validation.

use prost::Message as _;

use super::{
    Api,
    caller::Actor,
    convert, mask,
    page_token::PageTokens,
    validate::{self, Merging},
};
use crate::{
    error::Error,
    model::{NewLink, Position, RequestContext},
    pb,
    store::{Preview, Store},
};

impl Api {
    pub(super) async fn link(
        &self,
        link: NewLink,
        context: RequestContext,
    ) -> Result<pb::LinkIdentifierResponse, Error> {
        let kept = self.store.link_identifier(link, context).await?;
        let customer = self.store.get_customer(kept.customer_id).await?;
        let customer_id = customer.ok_or(Error::CustomerNotFound)?.id.to_string();
        let identifier = Some(convert::identifier(kept));
        Ok(pb::LinkIdentifierResponse { identifier, customer_id })
    }

    pub(super) async fn identifiers(
        &self,
        store: &Store,
        mut request: pb::ListIdentifiersRequest,
    ) -> Result<pb::ListIdentifiersResponse, Error> {
        let (customer_id, include_ended, limit) = validate::identifier_page(&request)?;
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListIdentifiers", &request);
        let after = tokens.read(&token)?;

        let list = store.list_identifiers(customer_id, include_ended, after, limit + 1);
        let mut identifiers = list.await?;
        let more = identifiers.len() > limit;
        identifiers.truncate(limit);
        let last = identifiers.last().filter(|_| more);
        let last =
            last.map(|kept| Position { occurred_at: kept.valid_from, entry_id: kept.claim_id });
        Ok(pb::ListIdentifiersResponse {
            next_page_token: tokens.write(last),
            identifiers: identifiers.into_iter().map(convert::identifier).collect(),
        })
    }

    pub(super) async fn merge(
        &self,
        Merging { new, context, dry_run }: Merging,
        actor: &Actor,
    ) -> Result<pb::MergeCustomersResponse, Error> {
        if dry_run {
            let mut merged = previewed(self.store.preview_merge(&new).await?, context)?;
            for entry in &mut merged.entries {
                mask::entry(entry, actor.scope());
            }
            return Ok(merged);
        }
        let (merge, customer) = self.store.merge(new, context).await?;
        Ok(pb::MergeCustomersResponse {
            merge: Some(convert::merge(merge)),
            customer: Some(convert::customer(customer)),
            ..pb::MergeCustomersResponse::default()
        })
    }
}

/// The preview of a merge. It has no id and no time, and the customer no revision.
fn previewed(
    preview: Preview,
    context: RequestContext,
) -> Result<pb::MergeCustomersResponse, Error> {
    let Preview { mut customer, entries, conflicts } = preview;
    let merge = customer.merges.iter().position(|merge| merge.id.is_nil());
    let merge = merge.map(|index| pb::Merge {
        merged_at: None,
        actor: context.actor,
        reason: context.reason,
        ..convert::merge(customer.merges.remove(index))
    });
    let customer = pb::Customer { revision: 0, etag: String::new(), ..convert::customer(customer) };
    let page = pb::ListTimelineResponse::decode(entries.bytes())
        .map_err(|_| Error::Inconsistent { table: "entries", column: "payload" })?;
    Ok(pb::MergeCustomersResponse {
        merge,
        customer: Some(customer),
        entries: page.entries,
        conflicts: conflicts.into_iter().map(convert::merge_conflict).collect(),
    })
}
