//! A call-centre desktop: the phone rings, the number goes in, and the briefing comes out before
//! the agent says hello. The screen then follows the customer.
//!
//! ```sh
//! cargo run --example call_centre -- http://127.0.0.1:7417 '+31612345678' --follow
//! ```

use std::error::Error;

use jiff::tz::TimeZone;
use throughline::{
    cli::render::{self, EntryPrinter, TerminalStyle},
    clock::Clock,
    pb::{
        self, case_service_client::CaseServiceClient, make_promise_request::Due,
        record_entry_request::Case, timeline_service_client::TimelineServiceClient,
        watch_timeline_request::Watched, watch_timeline_response::Event,
    },
};
use tonic::{Code, Request, Status, metadata::MetadataValue, transport::Channel};

/// The desktop of an agent on the phone; at a service desk in a store it is the same.
pub struct Desktop {
    timeline: TimelineServiceClient<Channel>,
    cases: CaseServiceClient<Channel>,
    clock: Clock,
    channel: pb::Channel,
    agent: String,
}

/// The result of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The answer was on the screen: nobody was asked.
    Spared,
    /// The customer told it for the first time.
    Told,
    /// The customer had told it before.
    Repeated,
}

impl Desktop {
    pub fn new(services: &Channel, clock: Clock, channel: pb::Channel, agent: &str) -> Self {
        Self {
            timeline: TimelineServiceClient::new(services.clone()),
            cases: CaseServiceClient::new(services.clone()),
            clock,
            channel,
            agent: agent.to_owned(),
        }
    }

    /// What the agent sees before saying hello; none for a new customer.
    pub async fn ring(&mut self, who: pb::Identifier) -> Result<Option<pb::Briefing>, Status> {
        let customer = pb::get_briefing_request::Customer::Identifier(who);
        let request = pb::GetBriefingRequest { customer: Some(customer), as_of: None };
        match self.timeline.get_briefing(request).await {
            Ok(answer) => Ok(answer.into_inner().briefing),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Opens a case.
    pub async fn open_case(
        &mut self,
        customer_id: &str,
        subject: &str,
        order_number: &str,
    ) -> Result<pb::Case, Status> {
        let request = pb::OpenCaseRequest {
            customer_id: customer_id.to_owned(),
            subject: subject.to_owned(),
            channel: self.channel.into(),
            owner: self.agent.clone(),
            order_numbers: vec![order_number.to_owned()],
            request_id: self.new_id(),
            ..Default::default()
        };
        let answer = self.cases.open_case(self.by_agent(request)).await?.into_inner();
        Ok(answer.case.unwrap_or_default())
    }

    /// Asks for a fact, unless it is on the screen, and records the answer. A fact that was known
    /// counts as asked again.
    pub async fn ask(
        &mut self,
        screen: Option<&pb::Briefing>,
        case_id: &str,
        key: &str,
        answer: &str,
    ) -> Result<Question, Status> {
        if screen.is_some_and(|screen| screen.known_facts.iter().any(|fact| fact.key == key)) {
            return Ok(Question::Spared);
        }
        let (case_id, key) = (case_id.to_owned(), key.to_owned());
        let request = pb::GetCaseRequest { case_id: case_id.clone() };
        let case = self.cases.get_case(request).await?.into_inner().case.unwrap_or_default();
        let (channel, request_id) = (self.channel.into(), self.new_id());
        if case.facts.iter().any(|fact| fact.key == key) {
            let request = pb::ReaskFactRequest { case_id, key, channel, request_id };
            self.cases.reask_fact(self.by_agent(request)).await?;
            return Ok(Question::Repeated);
        }
        let value = answer.to_owned();
        let told_in_entry_id = String::new();
        let request =
            pb::TellFactRequest { case_id, key, value, channel, told_in_entry_id, request_id };
        self.cases.tell_fact(self.by_agent(request)).await?;
        Ok(Question::Told)
    }

    /// Records a call, within a case.
    pub async fn note_call(
        &mut self,
        customer_id: &str,
        case_id: &str,
        said: &[(pb::message::Author, &str)],
    ) -> Result<(), Status> {
        let message = |(author, text): &(pb::message::Author, &str)| pb::Message {
            author: (*author).into(),
            text: (*text).to_owned(),
            sent_at: None,
        };
        let interaction = pb::Interaction {
            direction: pb::Direction::Inbound.into(),
            messages: said.iter().map(message).collect(),
            complaint: true,
            ..Default::default()
        };
        let request = pb::RecordEntryRequest {
            customer_id: customer_id.to_owned(),
            entry: Some(pb::Entry {
                occurred_at: Some(pb::timestamp(self.clock.now())),
                channel: self.channel.into(),
                agent: self.agent.clone(),
                content: Some(pb::entry::Content::Interaction(interaction)),
                ..Default::default()
            }),
            request_id: self.new_id(),
            case: Some(Case::CaseId(case_id.to_owned())),
            ..Default::default()
        };
        self.timeline.record_entry(self.by_agent(request)).await?;
        Ok(())
    }

    /// Hands a case over to a queue, with what the receiver must know.
    pub async fn hand_over(
        &mut self,
        case_id: &str,
        to_queue: &str,
        note: &str,
        next_step: &str,
    ) -> Result<(), Status> {
        let request = pb::HandOverCaseRequest {
            case_id: case_id.to_owned(),
            to_queue: to_queue.to_owned(),
            note: note.to_owned(),
            next_step: next_step.to_owned(),
            channel: self.channel.into(),
            request_id: self.new_id(),
            ..Default::default()
        };
        self.cases.hand_over_case(self.by_agent(request)).await?;
        Ok(())
    }

    /// Accepts a case that was handed over.
    pub async fn take_over(&mut self, case_id: &str) -> Result<(), Status> {
        let request = pb::AnswerHandoverRequest {
            case_id: case_id.to_owned(),
            accept: true,
            reason: String::new(),
            channel: self.channel.into(),
            request_id: self.new_id(),
        };
        self.cases.answer_handover(self.by_agent(request)).await?;
        Ok(())
    }

    /// Makes a promise until a local time.
    pub async fn promise(
        &mut self,
        case_id: &str,
        what: &str,
        until: pb::LocalTime,
    ) -> Result<pb::Promise, Status> {
        let request = pb::MakePromiseRequest {
            case_id: case_id.to_owned(),
            what: what.to_owned(),
            by: self.agent.clone(),
            due: Some(Due::DueLocal(until)),
            channel: self.channel.into(),
            request_id: self.new_id(),
            ..Default::default()
        };
        let answer = self.cases.make_promise(self.by_agent(request)).await?.into_inner();
        Ok(answer.promise.unwrap_or_default())
    }

    /// A code for the receipt, with which the customer can continue on any channel for a week.
    pub async fn case_pass(&mut self, case_id: &str) -> Result<String, Status> {
        let request = pb::IssueCasePassRequest {
            case_id: case_id.to_owned(),
            valid_for_minutes: 7 * 24 * 60,
            channel: self.channel.into(),
            reason: String::new(),
            request_id: self.new_id(),
        };
        Ok(self.cases.issue_case_pass(self.by_agent(request)).await?.into_inner().code)
    }

    /// A request with the acting user.
    fn by_agent<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        // Names have letters of any alphabet, in UTF-8.
        if let Ok(agent) = MetadataValue::try_from(self.agent.as_bytes()) {
            request.metadata_mut().insert("throughline-actor", agent);
        }
        request
    }

    /// Makes retries of a call harmless.
    fn new_id(&self) -> String {
        self.clock.new_id().to_string()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (server, number, follow) = match &arguments[..] {
        [server, number] => (server, number, false),
        [server, number, flag] if flag == "--follow" => (server, number, true),
        _ => return Err("usage: call_centre http://HOST:7417 NUMBER [--follow]".into()),
    };
    let services = Channel::from_shared(server.clone())?.connect().await?;
    let mut desktop = Desktop::new(&services, Clock::System, pb::Channel::Phone, "desktop");
    let style = TerminalStyle { width: 100, colour: false, zone: TimeZone::system(), full: false };
    let who = pb::Identifier {
        kind: pb::IdentifierKind::Phone.into(),
        value: number.clone(),
        ..Default::default()
    };
    let Some(briefing) = desktop.ring(who).await? else {
        println!("Nobody is known by that number.");
        return Ok(());
    };
    print!("{}", render::briefing(&briefing, &style));
    if follow {
        let request = pb::WatchTimelineRequest {
            watched: Some(Watched::CustomerId(briefing.customer_id)),
            ..Default::default()
        };
        let mut events = desktop.timeline.watch_timeline(request).await?.into_inner();
        let mut printer = EntryPrinter::new(&style);
        while let Some(event) = events.message().await? {
            if let Some(Event::Entry(entry)) = event.event {
                print!("{}", printer.entry(&entry, None));
            }
        }
    }
    Ok(())
}
