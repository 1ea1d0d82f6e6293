//! Quotes: given on one channel, honoured on the others, and those that contradict each other.

use std::{collections::BTreeSet, sync::LazyLock};

use throughline::{
    clock::{Clock, MovedClock},
    pb::{
        self, Channel, entry::Content, give_quote_request::ValidUntil,
        list_quotes_request::Customer, quote_change::Change,
    },
};
use tonic::Code;

use super::cases::opening;
use crate::{
    calls::{Refusal, account, at, refusal, request_id},
    identity::by_shop,
    support::{NOW, Server, on_both, settings},
};

const DAY: i64 = 86_400;

pub fn giving(customer_id: &str, channel: Channel, cents: i64) -> pb::GiveQuoteRequest {
    pb::GiveQuoteRequest {
        customer_id: customer_id.to_owned(),
        sku: "VX55".to_owned(),
        article: "Vistra 55 inch".to_owned(),
        price: Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: cents }),
        valid_until: Some(ValidUntil::ValidUntilAt(at(DAY))),
        channel: channel.into(),
        request_id: request_id(),
        ..Default::default()
    }
}

fn withdrawing(quote: &pb::Quote) -> pb::WithdrawQuoteRequest {
    pb::WithdrawQuoteRequest {
        quote_id: quote.id.clone(),
        reason: "the wrong model".to_owned(),
        channel: Channel::Store.into(),
        request_id: request_id(),
    }
}

impl Server {
    pub async fn quoted(&self, call: pb::GiveQuoteRequest) -> pb::Quote {
        let answer = self.cases.clone().give_quote(by_shop(call)).await.unwrap();
        answer.into_inner().quote.unwrap()
    }

    async fn withdrawn(&self, call: pb::WithdrawQuoteRequest) -> pb::Quote {
        let answer = self.cases.clone().withdraw_quote(by_shop(call)).await.unwrap();
        answer.into_inner().quote.unwrap()
    }

    async fn quotes(&self, customer: Customer, valid_only: bool) -> Vec<pb::Quote> {
        let mut call = pb::ListQuotesRequest {
            customer: Some(customer),
            valid_only,
            page_size: 3,
            ..Default::default()
        };
        let mut quotes = Vec::new();
        loop {
            let page = self.cases.clone().list_quotes(call.clone()).await.unwrap().into_inner();
            quotes.extend(page.quotes);
            if page.next_page_token.is_empty() {
                return quotes;
            }
            call.page_token = page.next_page_token;
        }
    }
}

fn ids(quotes: &[pb::Quote]) -> Vec<&str> {
    quotes.iter().map(|quote| quote.id.as_str()).collect()
}

#[tokio::test]
async fn what_two_channels_quoted_differently_is_a_conflict() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let also = server.made(vec![account("anna-2")]).await;
        let bert = server.made(vec![account("bert")]).await;
        let call = giving(&anna.id, Channel::Phone, 99_900);
        let phone = server.quoted(call.clone()).await;
        assert_eq!(server.quoted(call).await, phone);
        assert!(phone.valid && phone.conflicts_with.is_empty());
        // Another customer's, and an equal one from another channel.
        server.quoted(giving(&bert.id, Channel::Web, 89_900)).await;
        let store = server.quoted(giving(&anna.id, Channel::Store, 99_900)).await;
        assert!(store.conflicts_with.is_empty());

        // A separate record does not have it, until the two are merged.
        let other = pb::GiveQuoteRequest {
            sku: "vx55 ".to_owned(),
            ..giving(&also.id, Channel::Web, 89_900)
        };
        let web = server.quoted(other).await;
        assert!(web.conflicts_with.is_empty());
        let merge = server.merge_of(&anna.id, &also.id).await;
        let all = server.quotes(Customer::Identifier(account("anna-2")), true).await;
        assert_eq!(all.len(), 3);
        let conflicts = |id: &str| {
            let quote = all.iter().find(|quote| quote.id == id).unwrap();
            quote.conflicts_with.iter().cloned().collect::<BTreeSet<_>>()
        };
        assert_eq!(conflicts(&web.id), [phone.id.clone(), store.id.clone()].into());
        assert_eq!(conflicts(&phone.id), [web.id.clone()].into());
        assert_eq!(conflicts(&store.id), [web.id.clone()].into());
        server.unmerged(&merge).await;
        for quote in server.quotes(Customer::CustomerId(anna.id.clone()), true).await {
            assert!(quote.conflicts_with.is_empty());
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_quote_ends_by_its_time_or_is_taken_back() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        moved.begin(NOW, 5, 1);
        let server = Server::start_with(database, settings(Clock::Moved(moved))).await;
        let anna = server.made(vec![account("anna")]).await;
        let case = server.opened(opening(&anna.id)).await;
        let mut given = Vec::new();
        for number in 0..8 {
            moved.forward(1_000_000);
            let call = giving(&anna.id, Channel::Phone, 100 * number);
            given.push(server.quoted(call).await);
        }
        let of_case = pb::GiveQuoteRequest {
            customer_id: String::new(),
            case_id: case.id.clone(),
            valid_until: Some(ValidUntil::ValidUntilDay("2026-03-20".to_owned())),
            ..giving("", Channel::Web, 500)
        };
        moved.forward(1_000_000);
        let longest = server.quoted(of_case).await;
        assert_eq!(longest.valid_until.unwrap().to_string(), "2026-03-20T17:00:00Z");
        assert_eq!((longest.case_id.as_str(), longest.conflicts_with.len()), (&*case.id, 7));
        given.push(longest.clone());
        let of_anna = || Customer::CustomerId(anna.id.clone());
        given.reverse();
        let all = server.quotes(of_anna(), false).await;
        assert_eq!(ids(&all), ids(&given));

        moved.forward(1_000_000);
        let call = withdrawing(&given[1]);
        let withdrawn = server.withdrawn(call.clone()).await;
        assert_eq!((withdrawn.valid, withdrawn.reason.as_str()), (false, "the wrong model"));
        assert_eq!(withdrawn.withdrawn_at, Some(at(10)));
        // Its conflicts stay as they were.
        assert_eq!(withdrawn.conflicts_with, std::slice::from_ref(&longest.id));
        assert_eq!(server.withdrawn(call).await, withdrawn);
        let again = server.cases.clone().withdraw_quote(by_shop(withdrawing(&withdrawn))).await;
        let twice = Refusal::new(Code::FailedPrecondition, "QUOTE_WITHDRAWN", []);
        assert_eq!(refusal(again), twice);
        let valid = server.quotes(of_anna(), true).await;
        assert_eq!(valid.len(), 8);
        assert!(valid.iter().all(|quote| quote.valid && quote.id != withdrawn.id));

        // They end at that moment.
        moved.forward((DAY - 10) * 1_000_000 - 1);
        assert_eq!(server.quotes(of_anna(), true).await.len(), 8);
        moved.forward(1);
        assert_eq!(ids(&server.quotes(of_anna(), true).await), [longest.id.as_str()]);
        let all = server.quotes(of_anna(), false).await;
        assert_eq!(all.iter().filter(|quote| quote.valid).count(), 1);

        let mut timeline = server.timeline_of(&anna.id).await;
        timeline.sort_by_key(|entry| entry.revision);
        let told = timeline.iter().filter_map(|entry| match &entry.content {
            Some(Content::QuoteChange(it)) => {
                Some((it.change(), entry.channel(), it.price.clone()))
            }
            _ => None,
        });
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 10);
        let price = Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: 700 });
        assert_eq!(told[9], (Change::Withdrawn, Channel::Store, price));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_record_has_so_many_valid_quotes_and_no_more() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut last = None;
        for number in 0..100 {
            last = Some(server.quoted(giving(&anna.id, Channel::Phone, number)).await);
        }
        let more = || giving(&anna.id, Channel::Web, 5000);
        let refused = refusal(server.cases.clone().give_quote(by_shop(more())).await);
        assert_eq!(refused, Refusal::new(Code::ResourceExhausted, "TOO_MANY_QUOTES", []));
        server.withdrawn(withdrawing(&last.unwrap())).await;
        // A quote that was withdrawn at the moment it was given was never valid.
        assert_eq!(server.quoted(more()).await.conflicts_with.len(), 99);
        server.stop().await;
    })
    .await;
}
