//! Validates calls about cases and facts.

use prost::Message;
use uuid::Uuid;

use super::{Checker, CustomerRef, Rules, entry::channel, identity::Need};
use crate::{
    api::{body, caller::Actor},
    domain::{order, text},
    error::Error,
    model::{
        CaseChange, CaseState, CaseUpdate, CaseWrite, Channel, Offer, Opening, RequestContext,
    },
    pb,
    store::{CasesOf, NewCase},
};

const SUBJECT_CHARS: usize = 500;
pub(super) const NAME_CHARS: usize = 100;
const VALUE_CHARS: usize = 4000;
const NOTE_CHARS: usize = 4000;
const MAX_QUESTIONS: usize = 20;
const MAX_LINKS: usize = crate::domain::case::MAX_LINKS;

/// A call about a case, being validated.
pub(super) struct Call {
    pub checker: Checker,
    pub context: RequestContext,
    pub channel: Option<Channel>,
}

impl Call {
    /// `request` is the call without its `request_id`.
    pub fn new(
        name: &str,
        request: &impl Message,
        request_id: &str,
        (reason, need): (String, Need),
        channel_number: i32,
        actor: &Actor,
    ) -> Self {
        let mut checker = Checker::default();
        let body = body::hash_of_call(name, request);
        let context = checker.context(request_id, body, reason, need, actor);
        let channel = channel(channel_number);
        if channel.is_none() {
            checker.unknown_enum("channel");
        }
        checker.works_on("channel", channel, actor);
        Self { checker, context, channel }
    }

    /// The channel and the context, unless a rule is violated. Rules about time are left to the
    /// write.
    pub fn complete(mut self) -> Result<(Channel, RequestContext), Error> {
        self.context.time_violations = self.checker.take_time_violations();
        let channel = self.checker.finish(self.channel)?;
        let channel = channel.ok_or_else(|| Error::invalid("channel", "is required"))?;
        Ok((channel, self.context))
    }

    /// The change, unless a rule is violated.
    fn finish(
        self,
        case_id: Uuid,
        etag: String,
        change: CaseChange,
    ) -> Result<(CaseWrite, RequestContext), Error> {
        let flags = self.checker.flags.iter().copied().collect();
        let (channel, context) = self.complete()?;
        let etag = (!etag.is_empty()).then_some(etag);
        Ok((CaseWrite { case_id, channel, etag, change, flags }, context))
    }
}

/// OpenCase.
pub fn opening(
    mut request: pb::OpenCaseRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<(NewCase, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (request.reason.clone(), Need::May);
    let mut call = Call::new("OpenCase", &request, &id, why, request.channel, actor);
    let checker = &mut call.checker;
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let mut opening = Opening {
        subject: request.subject,
        owner: request.owner,
        queue: request.queue,
        orders: request.order_numbers,
        serials: request.serial_numbers,
    };
    checker.subject("subject", &mut opening.subject);
    checker.line("owner", &mut opening.owner, NAME_CHARS);
    checker.line("queue", &mut opening.queue, NAME_CHARS);
    checker.order_numbers("order_numbers", &mut opening.orders);
    checker.serial_numbers("serial_numbers", &mut opening.serials);
    let case_id = rules.clock.new_id();
    let (write, context) = call.finish(case_id, String::new(), CaseChange::Opened(opening))?;
    Ok((NewCase { customer_id, write }, context))
}

/// UpdateCase.
pub fn update(
    mut request: pb::UpdateCaseRequest,
    actor: &Actor,
) -> Result<(CaseWrite, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (request.reason.clone(), Need::May);
    let mut call = Call::new("UpdateCase", &request, &id, why, request.channel, actor);
    let checker = &mut call.checker;
    let case_id = checker.uuid("case_id", &request.case_id);
    let state = match pb::CaseState::try_from(request.state) {
        Ok(pb::CaseState::Unspecified) => None,
        Ok(pb::CaseState::Open) => Some(CaseState::Open),
        Ok(pb::CaseState::WaitingForCustomer) => Some(CaseState::WaitingForCustomer),
        Ok(pb::CaseState::WaitingForUs) => Some(CaseState::WaitingForUs),
        Ok(pb::CaseState::Resolved | pb::CaseState::Reopened) => {
            checker.fail("state", "has a call of its own: ResolveCase, ReopenCase");
            None
        }
        Err(_) => {
            checker.unknown_enum("state");
            None
        }
    };
    let mut update = CaseUpdate {
        subject: request.subject,
        owner: request.owner,
        queue: request.queue,
        state,
        add_orders: request.add_order_numbers,
        add_serials: request.add_serial_numbers,
    };
    if let Some(subject) = &mut update.subject {
        checker.subject("subject", subject);
    }
    if let Some(owner) = &mut update.owner {
        checker.line("owner", owner, NAME_CHARS);
    }
    if let Some(queue) = &mut update.queue {
        checker.line("queue", queue, NAME_CHARS);
    }
    checker.order_numbers("add_order_numbers", &mut update.add_orders);
    checker.serial_numbers("add_serial_numbers", &mut update.add_serials);
    if update == CaseUpdate::default() && checker.is_clean() {
        checker.fail("state", "nothing is to be changed");
    }
    call.finish(case_id, request.etag, CaseChange::Updated(update))
}

/// ResolveCase.
pub fn resolution(
    mut request: pb::ResolveCaseRequest,
    actor: &Actor,
) -> Result<(CaseWrite, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (request.reason.clone(), Need::May);
    let mut call = Call::new("ResolveCase", &request, &id, why, request.channel, actor);
    let case_id = call.checker.uuid("case_id", &request.case_id);
    let disposition = request.disposition;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if disposition.is_empty() || disposition.len() > 64 || !disposition.chars().all(allowed) {
        let rule = "must be 1 to 64 of: lower case letters, digits, '.', '_' and '-'";
        call.checker.fail("disposition", rule);
    }
    call.finish(case_id, request.etag, CaseChange::Resolved { disposition })
}

/// ReopenCase.
pub fn reopening(
    mut request: pb::ReopenCaseRequest,
    actor: &Actor,
) -> Result<(CaseWrite, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (request.reason.clone(), Need::Must);
    let mut call = Call::new("ReopenCase", &request, &id, why, request.channel, actor);
    let case_id = call.checker.uuid("case_id", &request.case_id);
    call.finish(case_id, request.etag, CaseChange::Reopened)
}

/// TellFact.
pub fn fact(
    mut request: pb::TellFactRequest,
    actor: &Actor,
) -> Result<(CaseWrite, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (String::new(), Need::May);
    let mut call = Call::new("TellFact", &request, &id, why, request.channel, actor);
    let checker = &mut call.checker;
    let case_id = checker.uuid("case_id", &request.case_id);
    let key = checker.fact_key(&request.key);
    let mut value = request.value;
    checker.wording("value", &mut value, VALUE_CHARS, true);
    let told_in = (!request.told_in_entry_id.is_empty())
        .then(|| checker.uuid("told_in_entry_id", &request.told_in_entry_id));
    call.finish(case_id, String::new(), CaseChange::FactTold { key, value, told_in })
}

/// ReaskFact.
pub fn reask(
    mut request: pb::ReaskFactRequest,
    actor: &Actor,
) -> Result<(CaseWrite, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (String::new(), Need::May);
    let mut call = Call::new("ReaskFact", &request, &id, why, request.channel, actor);
    let case_id = call.checker.uuid("case_id", &request.case_id);
    let key = call.checker.fact_key(&request.key);
    call.finish(case_id, String::new(), CaseChange::FactReasked { key })
}

/// HandOverCase.
pub fn handover(
    mut request: pb::HandOverCaseRequest,
    actor: &Actor,
) -> Result<(CaseWrite, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (String::new(), Need::May);
    let mut call = Call::new("HandOverCase", &request, &id, why, request.channel, actor);
    let checker = &mut call.checker;
    let case_id = checker.uuid("case_id", &request.case_id);
    let pb::HandOverCaseRequest { to, to_queue, note, open_questions, next_step, .. } = request;
    let mut offer = Offer { to, to_queue, note, open_questions, next_step };
    checker.line("to", &mut offer.to, NAME_CHARS);
    checker.line("to_queue", &mut offer.to_queue, NAME_CHARS);
    if offer.to.is_empty() == offer.to_queue.is_empty() {
        checker.fail("to", "either it or to_queue is required, not both");
    }
    checker.wording("note", &mut offer.note, NOTE_CHARS, true);
    checker.count("open_questions", offer.open_questions.len(), MAX_QUESTIONS);
    for (index, question) in offer.open_questions.iter_mut().enumerate() {
        checker.wording(&format!("open_questions[{index}]"), question, SUBJECT_CHARS, true);
    }
    checker.wording("next_step", &mut offer.next_step, SUBJECT_CHARS, false);
    call.finish(case_id, String::new(), CaseChange::HandedOver(offer))
}

/// AnswerHandover.
pub fn answer(
    mut request: pb::AnswerHandoverRequest,
    actor: &Actor,
) -> Result<(CaseWrite, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let need = if request.accept { Need::May } else { Need::Must };
    let why = (request.reason.clone(), need);
    let mut call = Call::new("AnswerHandover", &request, &id, why, request.channel, actor);
    let case_id = call.checker.uuid("case_id", &request.case_id);
    let change = match request.accept {
        true => CaseChange::HandoverAccepted,
        false => CaseChange::HandoverReturned,
    };
    call.finish(case_id, String::new(), change)
}

/// The id of a case.
pub fn case_id(text: &str) -> Result<Uuid, Error> {
    let mut checker = Checker::default();
    let id = checker.uuid("case_id", text);
    checker.finish(id)
}

/// Which cases to list.
#[derive(Clone, Debug)]
pub enum WhoseCases {
    Of(CustomerRef),
    These(CasesOf),
}

/// ListCases: which cases, and the page size.
pub fn case_page(
    request: &pb::ListCasesRequest,
    rules: &Rules,
) -> Result<(WhoseCases, usize), Error> {
    use pb::list_cases_request::Of;
    let mut checker = Checker::default();
    let limit = checker.page_size(request.page_size);
    let whose = match &request.of {
        Some(Of::CustomerId(id)) => {
            Some(WhoseCases::Of(CustomerRef::Id(checker.uuid("customer_id", id))))
        }
        Some(Of::Identifier(value)) => checker.who(value, rules).map(WhoseCases::Of),
        Some(Of::Queue(queue)) => {
            let queue = checker.name("queue", queue);
            Some(WhoseCases::These(CasesOf::Queue(queue)))
        }
        Some(Of::Owner(owner)) => {
            let owner = checker.name("owner", owner);
            Some(WhoseCases::These(CasesOf::Owner(owner)))
        }
        None => {
            checker.fail("of", "customer_id, identifier, queue or owner is required");
            None
        }
    };
    match checker.finish(whose)? {
        Some(whose) => Ok((whose, limit)),
        // A missing value has left a violation.
        None => Err(Error::invalid("of", "is required")),
    }
}

impl Checker {
    /// A text of people, limited in characters.
    pub(super) fn wording(
        &mut self,
        field: &str,
        value: &mut String,
        max_chars: usize,
        required: bool,
    ) {
        self.prose(field, value, 4 * max_chars);
        if value.chars().count() > max_chars {
            self.fail(field, format!("is longer than {max_chars} characters"));
        }
        if required && text::is_blank(value) {
            self.fail(field, "is required");
        }
    }

    /// A text of people on one line, limited in characters.
    pub(super) fn subject(&mut self, field: &str, value: &mut String) {
        self.line(field, value, SUBJECT_CHARS);
        self.wording(field, value, SUBJECT_CHARS, true);
    }

    /// A required name.
    fn name(&mut self, field: &str, value: &str) -> String {
        let mut value = value.to_owned();
        self.line(field, &mut value, NAME_CHARS);
        if value.is_empty() {
            self.fail(field, "is required");
        }
        value
    }

    fn order_numbers(&mut self, field: &str, numbers: &mut Vec<String>) {
        self.count(field, numbers.len(), MAX_LINKS);
        for (index, number) in numbers.iter_mut().enumerate() {
            let field = format!("{field}[{index}]");
            self.line(&field, number, 64);
            if order::order_key(number).is_none() {
                self.fail(field, "is empty");
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        numbers.retain(|number| seen.insert(order::order_key(number)));
    }

    fn serial_numbers(&mut self, field: &str, numbers: &mut Vec<String>) {
        self.count(field, numbers.len(), MAX_LINKS);
        for (index, number) in numbers.iter_mut().enumerate() {
            let field = format!("{field}[{index}]");
            self.line(&field, number, 64);
            if number.is_empty() {
                self.fail(field, "is empty");
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        numbers.retain(|number| seen.insert(number.clone()));
    }

    /// The normalised key of a fact.
    fn fact_key(&mut self, key: &str) -> String {
        let folded: String = key
            .trim()
            .chars()
            .map(|c| if c == ' ' || c == '-' { '_' } else { c.to_ascii_lowercase() })
            .collect();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = folded.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || folded.len() > 64 || !folded.chars().all(allowed) {
            let rule = "must be at most 64 of: letters, digits, '_', '-' and ' ', and begin with \
                a letter";
            self.fail("key", rule);
        }
        folded
    }
}
