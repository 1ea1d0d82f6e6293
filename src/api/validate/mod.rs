//! Validates requests: each becomes a command of the model, or a list of all rules that it
//! violates. Nothing beyond this point sees unvalidated text.

mod audit;
mod briefing;
mod case;
mod case_pass;
mod checker;
mod content;
mod customer;
mod customer_search;
mod entry;
mod identity;
mod list;
mod privacy;
mod promise;
mod purchase;
mod quote;
mod reask_rate;
mod time;
mod watch;

use std::sync::Arc;

use uuid::Uuid;

pub use audit::audit_page;
pub use briefing::briefing;
pub use case::{
    WhoseCases, answer, case_id, case_page, fact, handover, opening, reask, reopening, resolution,
    update,
};
pub use case_pass::{pass_to_issue, pass_to_redeem};
pub use customer::{identify, profile_change};
pub use customer_search::customer_search;
pub use entry::{batch, record};
pub use identity::{
    Merging, approval, dismissal, identifier_page, link, merge, merge_exclusion, suggestion_page,
    unlink, unmerge,
};
pub use list::{TimelineSearch, timeline_page, timeline_search};
pub use privacy::{erasure, export, restriction};
pub use promise::{promise, promise_page, settlement};
pub use purchase::{purchase_page, purchase_search};
pub use quote::{quote, quote_page, withdrawal};
pub use reask_rate::{Reasks, WhoseReasks, reasks};
pub use watch::{Watched, watch};

use checker::Checker;

use crate::{
    api::caller::Actor,
    clock::{Clock, skew::ClockSkew},
    domain::{blocked::Blocked, calendar::BusinessCalendar, identifier},
    error::Error,
    model::{Identifier, IdentifierKind},
    pb,
};

/// What validation needs besides the message.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The country of phone numbers without a country code, such as "NL"; None: they are refused.
    pub phone_region: Option<String>,
    /// Placeholder values.
    pub blocked: Blocked,
    /// The calendar for due times; None: office hours in UTC.
    pub calendar: Option<Arc<BusinessCalendar>>,
    pub clock: Clock,
    /// The known skew of the clock; None: it is right.
    pub skew: Option<ClockSkew>,
}

impl Rules {
    /// The rules without configuration.
    pub const fn new(clock: Clock) -> Self {
        let blocked = Blocked::BUILT_IN;
        Self { phone_region: None, blocked, calendar: None, clock, skew: None }
    }

    /// Whether the clock is known to be off, so that rules about time refuse no call for good.
    fn is_clock_off(&self) -> bool {
        self.skew.as_ref().is_some_and(|skew| skew.is_off(self.clock.reading()))
    }
}

/// The customer that a read names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerRef {
    Id(Uuid),
    Identifier(Identifier),
}

/// The customer of a call that names one by id.
pub fn customer_id(text: &str) -> Result<Uuid, Error> {
    let mut checker = Checker::default();
    let id = checker.uuid("customer_id", text);
    checker.finish(id)
}

/// The customer and the entry of GetEntry.
pub fn entry_id(request: &pb::GetEntryRequest) -> Result<(Uuid, Uuid), Error> {
    let mut checker = Checker::default();
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let entry_id = checker.uuid("entry_id", &request.entry_id);
    checker.finish((customer_id, entry_id))
}

/// The customer of GetCustomer.
pub fn get_customer(request: &pb::GetCustomerRequest, rules: &Rules) -> Result<CustomerRef, Error> {
    use pb::get_customer_request::Customer;
    let mut checker = Checker::default();
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    checker.finish_who(who)
}

impl Checker {
    /// A reference by identifier.
    fn who(&mut self, value: &pb::Identifier, rules: &Rules) -> Option<CustomerRef> {
        self.identifier("identifier", value, rules).map(CustomerRef::Identifier)
    }

    /// The customer that a read names, once everything else is validated.
    fn finish_who(mut self, who: Option<CustomerRef>) -> Result<CustomerRef, Error> {
        if who.is_none() && self.is_clean() {
            self.fail("customer", "customer_id or identifier is required");
        }
        // A missing value has left a violation.
        let who = who.unwrap_or(CustomerRef::Id(Uuid::nil()));
        self.finish(who)
    }

    /// An identifier of a write, verified if the call marks it so.
    fn claim(
        &mut self,
        field: &str,
        value: &pb::Identifier,
        rules: &Rules,
        actor: &Actor,
    ) -> Option<Identifier> {
        let identifier = self.identifier(field, value, rules)?;
        self.check_verified(field, value, actor);
        Some(Identifier { verified: value.verified, ..identifier })
    }

    /// An identifier of a call that removes it, even if it is blocked by now.
    fn ended_claim(
        &mut self,
        field: &str,
        value: &pb::Identifier,
        rules: &Rules,
        actor: &Actor,
    ) -> Option<Identifier> {
        let identifier = self.normalised(field, value, rules, None)?;
        self.check_verified(field, value, actor);
        Some(identifier)
    }

    /// Checks that the caller may verify what it marks as verified.
    fn check_verified(&mut self, field: &str, value: &pb::Identifier, actor: &Actor) {
        let kind = identifier_kind(value.kind);
        if value.verified && !kind.is_some_and(|kind| actor.verifies(kind)) {
            self.verification_not_permitted(format!("{field}.verified"));
        }
    }

    /// A normalised identifier; placeholders are refused.
    fn identifier(
        &mut self,
        field: &str,
        value: &pb::Identifier,
        rules: &Rules,
    ) -> Option<Identifier> {
        self.normalised(field, value, rules, Some(&rules.blocked))
    }

    fn normalised(
        &mut self,
        field: &str,
        value: &pb::Identifier,
        rules: &Rules,
        blocked: Option<&Blocked>,
    ) -> Option<Identifier> {
        let Some(kind) = identifier_kind(value.kind) else {
            self.unknown_enum(&format!("{field}.kind"));
            return None;
        };
        let region = if value.phone_region.is_empty() {
            rules.phone_region.as_deref()
        } else {
            Some(value.phone_region.as_str())
        };
        match identifier::normalise(kind, &value.namespace, &value.value, region, blocked) {
            Ok(identifier) => Some(identifier),
            Err(identifier::Fault::Field { field: part, rule }) => {
                self.fail(format!("{field}.{part}"), rule);
                None
            }
            Err(identifier::Fault::Blocked) => {
                self.blocked(&format!("{field}.value"));
                None
            }
        }
    }
}

/// Converts an identifier kind of the contract to the model.
fn identifier_kind(kind: i32) -> Option<IdentifierKind> {
    Some(match pb::IdentifierKind::try_from(kind).ok()? {
        pb::IdentifierKind::Unspecified => return None,
        pb::IdentifierKind::CustomerNumber => IdentifierKind::CustomerNumber,
        pb::IdentifierKind::Account => IdentifierKind::Account,
        pb::IdentifierKind::LoyaltyCard => IdentifierKind::LoyaltyCard,
        pb::IdentifierKind::External => IdentifierKind::External,
        pb::IdentifierKind::Email => IdentifierKind::Email,
        pb::IdentifierKind::Social => IdentifierKind::Social,
        pb::IdentifierKind::Phone => IdentifierKind::Phone,
        pb::IdentifierKind::Cookie => IdentifierKind::Cookie,
    })
}
