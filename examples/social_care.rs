//! A social-care tool: logs a message from a social network under the person behind the handle, and
//! shows what the others of the company know already.
//!
//! ```sh
//! cargo run --example social_care -- http://127.0.0.1:7417 facebook:100004837265911 \
//!     'Where is my television?' [CASE-PASS]
//! ```

use std::error::Error;

use jiff::tz::TimeZone;
use throughline::{
    cli::render::{self, TerminalStyle},
    clock::Clock,
    pb::{
        self, case_service_client::CaseServiceClient,
        customer_service_client::CustomerServiceClient, entry::Content, get_briefing_request,
        timeline_service_client::TimelineServiceClient,
    },
};
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};

/// The tool.
pub struct SocialCare {
    timeline: TimelineServiceClient<Channel>,
    customers: CustomerServiceClient<Channel>,
    cases: CaseServiceClient<Channel>,
    clock: Clock,
    agent: String,
}

impl SocialCare {
    pub fn new(services: &Channel, clock: Clock, agent: &str) -> Self {
        Self {
            timeline: TimelineServiceClient::new(services.clone()),
            customers: CustomerServiceClient::new(services.clone()),
            cases: CaseServiceClient::new(services.clone()),
            clock,
            agent: agent.to_owned(),
        }
    }

    /// Links the handle to the customer of the case pass, so that later messages are in the same
    /// timeline.
    pub async fn recognise(
        &mut self,
        handle: &pb::Identifier,
        case_pass: &str,
    ) -> Result<pb::Case, Status> {
        let request = pb::RedeemCasePassRequest {
            code: case_pass.to_owned(),
            channel: pb::Channel::Social.into(),
            request_id: self.new_id(),
        };
        let redeemed = self.cases.redeem_case_pass(self.by_agent(request)).await?.into_inner();
        let request = pb::LinkIdentifierRequest {
            customer_id: redeemed.customer_id,
            identifier: Some(handle.clone()),
            source: "social-care".to_owned(),
            reason: "came with a case pass".to_owned(),
            request_id: self.new_id(),
            ..Default::default()
        };
        self.customers.link_identifier(self.by_agent(request)).await?;
        Ok(redeemed.case.unwrap_or_default())
    }

    /// Records the customer's message, or the answer, with the case that it most probably belongs
    /// to.
    pub async fn log(
        &mut self,
        handle: &pb::Identifier,
        direction: pb::Direction,
        text: &str,
    ) -> Result<pb::RecordEntryResponse, Status> {
        let interaction = pb::Interaction {
            direction: direction.into(),
            text: text.to_owned(),
            ..Default::default()
        };
        let entry = pb::Entry {
            occurred_at: Some(pb::timestamp(self.clock.now())),
            channel: pb::Channel::Social.into(),
            agent: self.agent.clone(),
            content: Some(Content::Interaction(interaction)),
            ..Default::default()
        };
        let request = pb::RecordEntryRequest {
            identifiers: vec![handle.clone()],
            entry: Some(entry),
            request_id: self.new_id(),
            case: Some(pb::record_entry_request::Case::AutoCase(pb::AutoCase::default())),
            ..Default::default()
        };
        Ok(self.timeline.record_entry(self.by_agent(request)).await?.into_inner())
    }

    /// What the agent must see before answering.
    pub async fn briefing(
        &mut self,
        handle: &pb::Identifier,
    ) -> Result<Option<pb::Briefing>, Status> {
        let customer = get_briefing_request::Customer::Identifier(handle.clone());
        let request = pb::GetBriefingRequest { customer: Some(customer), as_of: None };
        Ok(self.timeline.get_briefing(request).await?.into_inner().briefing)
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
    let usage = "usage: social_care http://HOST:7417 PLATFORM:ID TEXT [CASE-PASS]";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (server, handle, text, case_pass) = match &arguments[..] {
        [server, handle, text] => (server, handle, text, None),
        [server, handle, text, case_pass] => (server, handle, text, Some(case_pass)),
        _ => return Err(usage.into()),
    };
    let (platform, id) = handle.split_once(':').ok_or(usage)?;
    let handle = pb::Identifier {
        kind: pb::IdentifierKind::Social.into(),
        namespace: platform.to_owned(),
        value: id.to_owned(),
        ..Default::default()
    };
    let services = Channel::from_shared(server.clone())?.connect().await?;
    let mut tool = SocialCare::new(&services, Clock::System, "social-care");
    if let Some(case_pass) = case_pass {
        let case = tool.recognise(&handle, case_pass).await?;
        println!("The pass opens the case: {}\n", case.subject);
    }
    let logged = tool.log(&handle, pb::Direction::Inbound, text).await?;
    if !logged.case_id.is_empty() {
        println!("The message joins case {}.\n", logged.case_id);
    }
    let style = TerminalStyle { width: 100, colour: false, zone: TimeZone::system(), full: false };
    if let Some(briefing) = tool.briefing(&handle).await? {
        print!("{}", render::briefing(&briefing, &style));
    }
    Ok(())
}
