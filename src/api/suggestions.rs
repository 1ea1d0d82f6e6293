//! Converts merge suggestions to the contract.

use super::{
    Api, audit_subject, caller::Actor, disclosure::may_search, page_token::PageTokens, validate,
};
use crate::{
    domain::matching::{Agreement, Field, Reason},
    error::Error,
    pb,
    store::{Suggestion, Suggestions},
};

impl Api {
    pub(super) async fn suggestions(
        &self,
        mut request: pb::ListMergeSuggestionsRequest,
        actor: &Actor,
    ) -> Result<pb::ListMergeSuggestionsResponse, Error> {
        let (customer_id, min_probability, limit) = validate::suggestion_page(&request)?;
        customer_id.into_iter().for_each(audit_subject::add);
        if customer_id.is_none() {
            may_search(actor)?;
        }
        let token = std::mem::take(&mut request.page_token);
        request.page_size = 0;
        let tokens = PageTokens::new(self.store.page_key(), "ListMergeSuggestions", &request);
        let after = tokens.read(&token)?;

        let list = self.store.list_suggestions(customer_id, min_probability, after, limit);
        let Suggestions { suggestions, next } = list.await?;
        Ok(pb::ListMergeSuggestionsResponse {
            suggestions: suggestions.into_iter().map(suggestion).collect(),
            next_page_token: tokens.write(next),
        })
    }
}

fn suggestion(suggestion: Suggestion) -> pb::MergeSuggestion {
    [suggestion.one_id, suggestion.other_id].into_iter().for_each(audit_subject::add);
    pb::MergeSuggestion {
        customer_id: suggestion.one_id.to_string(),
        other_customer_id: suggestion.other_id.to_string(),
        probability: suggestion.probability,
        reasons: suggestion.reasons.iter().map(reason).collect(),
        found_at: Some(pb::timestamp(suggestion.found_at)),
    }
}

/// A reason of a suggestion.
pub fn reason(reason: &Reason) -> pb::MatchReason {
    let is_value = reason.agreement == Agreement::Exact && reason.field != Field::SharedContact;
    pb::MatchReason {
        field: field(reason.field).into(),
        agreement: agreement(reason.agreement).into(),
        weight_bits: reason.weight_bits,
        value_share: if is_value { reason.chance } else { 0.0 },
    }
}

fn field(field: Field) -> pb::MatchField {
    match field {
        Field::GivenName => pb::MatchField::GivenName,
        Field::FamilyName => pb::MatchField::FamilyName,
        Field::Organisation => pb::MatchField::Organisation,
        Field::BirthDate => pb::MatchField::BirthDate,
        Field::Street => pb::MatchField::Street,
        Field::HouseNumber => pb::MatchField::HouseNumber,
        Field::Postcode => pb::MatchField::Postcode,
        Field::Locality => pb::MatchField::Locality,
        Field::Region => pb::MatchField::Region,
        Field::Phone => pb::MatchField::Phone,
        Field::Email => pb::MatchField::Email,
        Field::Social => pb::MatchField::Social,
        Field::Account | Field::CustomerNumber | Field::External => pb::MatchField::Account,
        Field::LoyaltyCard => pb::MatchField::LoyaltyCard,
        Field::SharedContact => pb::MatchField::SharedContact,
    }
}

fn agreement(agreement: Agreement) -> pb::MatchAgreement {
    match agreement {
        Agreement::Exact => pb::MatchAgreement::Exact,
        Agreement::Nickname => pb::MatchAgreement::Nickname,
        Agreement::Initial => pb::MatchAgreement::Initial,
        Agreement::Part => pb::MatchAgreement::Partial,
        Agreement::Transposed => pb::MatchAgreement::Transposed,
        Agreement::Near => pb::MatchAgreement::Close,
        Agreement::Similar => pb::MatchAgreement::Similar,
        Agreement::Different => pb::MatchAgreement::Different,
    }
}
