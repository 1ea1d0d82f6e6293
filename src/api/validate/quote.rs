//! Validates calls about quotes.

use uuid::Uuid;

use super::{Checker, CustomerRef, Rules, case::Call, identity::Need};
use crate::{
    api::caller::Actor,
    domain::{calendar, text},
    error::Error,
    model::{Channel, Due, Micros, NewQuote, RequestContext, Terms},
    pb::{self, give_quote_request::ValidUntil as RestrictionAction},
};

const SKU_CHARS: usize = 64;
const ARTICLE_CHARS: usize = 500;
const OFFER_CHARS: usize = 500;

/// GiveQuote.
pub fn quote(
    mut request: pb::GiveQuoteRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<(NewQuote, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (String::new(), Need::May);
    let mut call = Call::new("GiveQuote", &request, &id, why, request.channel, actor);
    let checker = &mut call.checker;
    let to = checker.promised_to(&request.customer_id, &request.case_id);
    let mut terms = Terms {
        sku: request.sku,
        article: request.article,
        price: checker.amount("price", request.price),
        offer: request.offer,
        promotion_code: request.promotion_code,
        valid_until: checker.valid_until(request.valid_until, rules),
    };
    checker.line("sku", &mut terms.sku, SKU_CHARS);
    checker.line("article", &mut terms.article, ARTICLE_CHARS);
    checker.wording("offer", &mut terms.offer, OFFER_CHARS, false);
    checker.line("promotion_code", &mut terms.promotion_code, SKU_CHARS);
    if text::is_blank(&terms.sku) && text::is_blank(&terms.article) {
        checker.fail("sku", "either it or article is required");
    }
    if terms.price.is_none() && text::is_blank(&terms.offer) {
        checker.fail("price", "either it or offer is required");
    }
    let flags = checker.flags.iter().copied().collect();
    let (channel, context) = call.complete()?;
    Ok((NewQuote { to, channel, terms, flags }, context))
}

/// WithdrawQuote.
pub fn withdrawal(
    mut request: pb::WithdrawQuoteRequest,
    actor: &Actor,
) -> Result<(Uuid, Channel, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (request.reason.clone(), Need::Must);
    let mut call = Call::new("WithdrawQuote", &request, &id, why, request.channel, actor);
    let quote_id = call.checker.uuid("quote_id", &request.quote_id);
    let (channel, context) = call.complete()?;
    Ok((quote_id, channel, context))
}

/// ListQuotes.
pub fn quote_page(
    request: &pb::ListQuotesRequest,
    rules: &Rules,
) -> Result<(CustomerRef, usize), Error> {
    use pb::list_quotes_request::Customer;
    let mut checker = Checker::default();
    let limit = checker.page_size(request.page_size);
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    Ok((checker.finish_who(who)?, limit))
}

impl Checker {
    /// The end of a quote's validity.
    fn valid_until(&mut self, said: Option<RestrictionAction>, rules: &Rules) -> Micros {
        let Some(said) = said else {
            self.fail("valid_until", "one of its kinds is required");
            return 0;
        };
        let (field, until) = match said {
            RestrictionAction::ValidUntilAt(mut at) => {
                ("valid_until_at", self.time("valid_until_at", &mut at).map(Due::At))
            }
            RestrictionAction::ValidUntilLocal(local) => {
                ("valid_until_local", self.local_time("valid_until_local", &local))
            }
            RestrictionAction::ValidUntilDay(day) => {
                let day = self.read("valid_until_day", calendar::day(&day));
                ("valid_until_day", day.map(Due::Day))
            }
            RestrictionAction::ValidBusinessDays(days) => {
                ("valid_business_days", Some(Due::BusinessDays(days)))
            }
        };
        self.reckon(field, until, rules)
    }
}
