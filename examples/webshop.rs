//! A webshop's backend, which also runs the tills: it records what is bought and what comes back,
//! and shows a customer who has logged in what there is.
//!
//! ```sh
//! cargo run --example webshop -- http://127.0.0.1:7417 sanne.bakker@example.com
//! ```

use std::error::Error;

use throughline::{
    clock::Clock,
    pb::{
        self, case_service_client::CaseServiceClient, entry::Content, list_cases_request::Of,
        list_promises_request, list_purchases_request,
        purchase_service_client::PurchaseServiceClient, record_entry_request::Case,
        timeline_service_client::TimelineServiceClient,
    },
};
use tonic::{Status, transport::Channel};

/// The backend.
pub struct Webshop {
    timeline: TimelineServiceClient<Channel>,
    cases: CaseServiceClient<Channel>,
    purchases: PurchaseServiceClient<Channel>,
    clock: Clock,
}

/// What a customer who has logged in sees.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub purchases: Vec<pb::PurchaseState>,
    pub open_cases: Vec<pb::Case>,
    pub promises: Vec<pb::Promise>,
}

impl Webshop {
    pub fn new(services: &Channel, clock: Clock) -> Self {
        Self {
            timeline: TimelineServiceClient::new(services.clone()),
            cases: CaseServiceClient::new(services.clone()),
            purchases: PurchaseServiceClient::new(services.clone()),
            clock,
        }
    }

    /// Records an order under its permanent number: a second call adds nothing.
    pub async fn sell(
        &mut self,
        identifiers: Vec<pb::Identifier>,
        profile: pb::Profile,
        channel: pb::Channel,
        purchase: pb::Purchase,
    ) -> Result<pb::RecordEntryResponse, Status> {
        let entry = pb::Entry {
            occurred_at: Some(pb::timestamp(self.clock.now())),
            channel: channel.into(),
            source: "webshop".to_owned(),
            source_ref: purchase.order_number.clone(),
            content: Some(Content::Purchase(purchase)),
            ..Default::default()
        };
        let request = pb::RecordEntryRequest {
            identifiers,
            profile: Some(profile),
            entry: Some(entry),
            ..Default::default()
        };
        Ok(self.timeline.record_entry(request).await?.into_inner())
    }

    /// Records that an article was returned.
    pub async fn take_back(
        &mut self,
        customer_id: &str,
        order_number: &str,
        line: pb::ReturnLine,
        reason: &str,
    ) -> Result<pb::RecordEntryResponse, Status> {
        let returned =
            pb::Return { lines: vec![line], reason: reason.to_owned(), ..Default::default() };
        let entry = pb::Entry {
            occurred_at: Some(pb::timestamp(self.clock.now())),
            channel: pb::Channel::Web.into(),
            order_numbers: vec![order_number.to_owned()],
            content: Some(Content::Returned(returned)),
            ..Default::default()
        };
        let request = pb::RecordEntryRequest {
            customer_id: customer_id.to_owned(),
            entry: Some(entry),
            request_id: self.new_id(),
            ..Default::default()
        };
        Ok(self.timeline.record_entry(request).await?.into_inner())
    }

    /// What a customer who has logged in sees.
    pub async fn account(&mut self, who: pb::Identifier) -> Result<Account, Status> {
        let request = pb::ListPurchasesRequest {
            customer: Some(list_purchases_request::Customer::Identifier(who.clone())),
            ..Default::default()
        };
        let purchases = self.purchases.list_purchases(request).await?.into_inner().purchases;
        let request = pb::ListCasesRequest {
            of: Some(Of::Identifier(who.clone())),
            open_only: true,
            ..Default::default()
        };
        let open_cases = self.cases.list_cases(request).await?.into_inner().cases;
        let request = pb::ListPromisesRequest {
            customer: Some(list_promises_request::Customer::Identifier(who)),
            unsettled_only: true,
            ..Default::default()
        };
        let promises = self.cases.list_promises(request).await?.into_inner().promises;
        Ok(Account { purchases, open_cases, promises })
    }

    /// Tells the customer that a promise has been kept, and resolves the case.
    pub async fn finish(
        &mut self,
        case: &pb::Case,
        kept: &[pb::Promise],
        message: &str,
    ) -> Result<pb::Case, Status> {
        let channel = pb::Channel::Web.into();
        let interaction = pb::Interaction {
            direction: pb::Direction::Outbound.into(),
            text: message.to_owned(),
            ..Default::default()
        };
        let entry = pb::Entry {
            occurred_at: Some(pb::timestamp(self.clock.now())),
            channel,
            content: Some(Content::Interaction(interaction)),
            ..Default::default()
        };
        let request = pb::RecordEntryRequest {
            customer_id: case.customer_id.clone(),
            entry: Some(entry),
            request_id: self.new_id(),
            case: Some(Case::CaseId(case.id.clone())),
            ..Default::default()
        };
        self.timeline.record_entry(request).await?;
        for promise in kept {
            let request = pb::SettlePromiseRequest {
                promise_id: promise.id.clone(),
                state: pb::PromiseState::Kept.into(),
                reason: String::new(),
                channel,
                request_id: self.new_id(),
            };
            self.cases.settle_promise(request).await?;
        }
        let request = pb::ResolveCaseRequest {
            case_id: case.id.clone(),
            disposition: "repaired".to_owned(),
            channel,
            request_id: self.new_id(),
            ..Default::default()
        };
        let answer = self.cases.resolve_case(request).await?.into_inner();
        Ok(answer.case.unwrap_or_default())
    }

    /// Makes retries of a call harmless.
    fn new_id(&self) -> String {
        self.clock.new_id().to_string()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, email] = &arguments[..] else {
        return Err("usage: webshop http://HOST:7417 E-MAIL".into());
    };
    let services = Channel::from_shared(server.clone())?.connect().await?;
    let mut webshop = Webshop::new(&services, Clock::System);
    let who = pb::Identifier {
        kind: pb::IdentifierKind::Email.into(),
        value: email.clone(),
        ..Default::default()
    };
    // The first order creates the customer.
    let order_number = format!("W-{}", webshop.new_id());
    let line = pb::PurchaseLine {
        sku: "HDMI-2M".to_owned(),
        name: "HDMI cable, 2 m".to_owned(),
        quantity: 2,
        unit_price: Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: 995 }),
        warranty_months: 24,
        ..Default::default()
    };
    let purchase = pb::Purchase {
        order_number: order_number.clone(),
        lines: vec![line],
        ..Default::default()
    };
    let (profile, channel) = (pb::Profile::default(), pb::Channel::Web);
    let sold = webshop.sell(vec![who.clone()], profile, channel, purchase).await?;
    let line = pb::ReturnLine { sku: "HDMI-2M".to_owned(), quantity: 1, ..Default::default() };
    webshop.take_back(&sold.customer_id, &order_number, line, "one is enough").await?;

    let account = webshop.account(who).await?;
    for purchase in &account.purchases {
        println!("{}", purchase.order_number);
        for state in &purchase.lines {
            let line = state.line.clone().unwrap_or_default();
            let back = state.returned_quantity;
            let warranty = state.warranty.clone().unwrap_or_default().last_day;
            println!(
                "  {} x {}, {back} came back, warranty to {warranty}",
                line.quantity, line.name
            );
        }
    }
    println!("{} open cases, {} open promises", account.open_cases.len(), account.promises.len());
    Ok(())
}
