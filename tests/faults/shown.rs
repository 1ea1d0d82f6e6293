//! What the server shows of all customers.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use throughline::pb::{
    self, list_cases_request::Of, list_promises_request, list_quotes_request, list_timeline_request,
};
use tonic::Status;
use uuid::Uuid;

use crate::{client::Client, wait::within};

const PAGE: i32 = 200;
/// The time limit for everything about one person. After a soak one person may have a hundred
/// merged records and thousands of entries.
const BOUND: Duration = Duration::from_secs(300);

/// What is shown of one person.
#[derive(Debug, Default)]
pub struct Shown {
    pub entries: Vec<pb::Entry>,
    pub cases: BTreeMap<String, pb::Case>,
    pub promises: BTreeMap<String, pb::Promise>,
    pub quotes: BTreeMap<String, pb::Quote>,
}

impl Shown {
    /// Reads everything about some persons.
    pub async fn read(client: &mut Client, persons: &BTreeSet<Uuid>) -> BTreeMap<Uuid, Self> {
        let mut all = BTreeMap::new();
        for &person in persons {
            let mut shown = Self::default();
            let id = person.to_string();
            let read = shown.take(client, &id);
            within(BOUND, "a customer is shown", read).await.expect("what a person has");
            all.insert(person, shown);
        }
        all
    }

    async fn take(&mut self, client: &mut Client, id: &str) -> Result<(), Status> {
        let mut call = pb::ListTimelineRequest {
            customer: Some(list_timeline_request::Customer::CustomerId(id.to_owned())),
            page_size: PAGE,
            ..Default::default()
        };
        loop {
            let page = client.timeline.list_timeline(call.clone()).await?.into_inner();
            self.entries.extend(page.entries);
            call.page_token = page.next_page_token;
            if call.page_token.is_empty() {
                break;
            }
        }
        let of = Some(Of::CustomerId(id.to_owned()));
        let mut call = pb::ListCasesRequest { of, page_size: PAGE, ..Default::default() };
        loop {
            let page = client.cases.list_cases(call.clone()).await?.into_inner();
            self.cases.extend(page.cases.into_iter().map(|it| (it.id.clone(), it)));
            call.page_token = page.next_page_token;
            if call.page_token.is_empty() {
                break;
            }
        }
        let customer = Some(list_promises_request::Customer::CustomerId(id.to_owned()));
        let mut call = pb::ListPromisesRequest { customer, page_size: PAGE, ..Default::default() };
        loop {
            let page = client.cases.list_promises(call.clone()).await?.into_inner();
            self.promises.extend(page.promises.into_iter().map(|it| (it.id.clone(), it)));
            call.page_token = page.next_page_token;
            if call.page_token.is_empty() {
                break;
            }
        }
        let customer = Some(list_quotes_request::Customer::CustomerId(id.to_owned()));
        let mut call = pb::ListQuotesRequest { customer, page_size: PAGE, ..Default::default() };
        loop {
            let page = client.cases.list_quotes(call.clone()).await?.into_inner();
            self.quotes.extend(page.quotes.into_iter().map(|it| (it.id.clone(), it)));
            call.page_token = page.next_page_token;
            if call.page_token.is_empty() {
                return Ok(());
            }
        }
    }
}
