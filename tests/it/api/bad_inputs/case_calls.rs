//! Case passes, quotes and the re-ask rate: the numbers of other calls, in the calls of
//! CaseService.

use throughline::pb::{
    self, Channel, IdentifierKind, get_reask_rate_request::Of, give_quote_request::ValidUntil,
    list_quotes_request::Customer,
};
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::{World, at, identifier, money},
};
use crate::calls::request_id;

const NOBODY: &str = "0190f3c4-7b1a-7cc0-8000-00000000beef";
/// A code with a valid check character.
const CODE: &str = "2222-2222-2223";
const DAY: i64 = 86_400;

pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = names();
    cases.extend(passes());
    cases.extend(quotes(world));
    cases.extend(until(world));
    cases.extend(lists(world));
    cases.extend(periods(world));
    cases.extend(nobody());
    cases
}

fn issue() -> pb::IssueCasePassRequest {
    pb::IssueCasePassRequest {
        case_id: NOBODY.to_owned(),
        channel: Channel::Phone.into(),
        request_id: request_id(),
        ..Default::default()
    }
}

fn redeem() -> pb::RedeemCasePassRequest {
    pb::RedeemCasePassRequest {
        code: CODE.to_owned(),
        channel: Channel::Phone.into(),
        request_id: request_id(),
    }
}

fn give(customer_id: &str) -> pb::GiveQuoteRequest {
    pb::GiveQuoteRequest {
        customer_id: customer_id.to_owned(),
        sku: "VX55-OLED".to_owned(),
        price: Some(money("EUR", 99_900)),
        valid_until: Some(ValidUntil::ValidUntilAt(at(DAY))),
        channel: Channel::Phone.into(),
        request_id: request_id(),
        ..Default::default()
    }
}

fn withdraw() -> pb::WithdrawQuoteRequest {
    pb::WithdrawQuoteRequest {
        quote_id: NOBODY.to_owned(),
        reason: "a slip of the tongue".to_owned(),
        channel: Channel::Phone.into(),
        request_id: request_id(),
    }
}

fn list(customer_id: &str) -> pb::ListQuotesRequest {
    let customer = Some(Customer::CustomerId(customer_id.to_owned()));
    pb::ListQuotesRequest { customer, ..Default::default() }
}

fn rate(of: Of, from: Option<i64>, before: Option<i64>) -> Call {
    let (from, before) = (from.map(at), before.map(at));
    Call::ReaskRate(pb::GetReaskRateRequest { of: Some(of), from, before })
}

/// Numbers 18 to 23, and 68: what every write has.
fn names() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, id) in [
        (19, ""),
        (20, "not-a-uuid-but-36-characters-long-ok"),
        (21, "00000000-0000-0000-0000-000000000000"),
        (22, "{5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d11}"),
        (23, "5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d110"),
    ] {
        let request_id = id.to_owned();
        let issue = pb::IssueCasePassRequest { request_id: request_id.clone(), ..issue() };
        let redeem = pb::RedeemCasePassRequest { request_id: request_id.clone(), ..redeem() };
        let give = pb::GiveQuoteRequest { request_id: request_id.clone(), ..give(NOBODY) };
        let withdraw = pb::WithdrawQuoteRequest { request_id, ..withdraw() };
        for call in [
            Call::IssuePass(issue),
            Call::RedeemPass(redeem),
            Call::GiveQuote(give),
            Call::WithdrawQuote(withdraw),
        ] {
            cases.push(refused(number, "a request_id", call, &["request_id"]));
        }
    }
    for channel in [0, 99, -1] {
        for call in [
            Call::IssuePass(pb::IssueCasePassRequest { channel, ..issue() }),
            Call::RedeemPass(pb::RedeemCasePassRequest { channel, ..redeem() }),
            Call::GiveQuote(pb::GiveQuoteRequest { channel, ..give(NOBODY) }),
            Call::WithdrawQuote(pb::WithdrawQuoteRequest { channel, ..withdraw() }),
        ] {
            cases.push(refused(68, "a channel", call, &["channel"]).reason("UNKNOWN_ENUM"));
        }
    }
    cases
}

fn passes() -> Vec<Case> {
    let issue = |change: fn(&mut pb::IssueCasePassRequest)| {
        let mut call = issue();
        change(&mut call);
        Call::IssuePass(call)
    };
    let mut cases = vec![
        refused(20, "a case that is none", issue(|it| it.case_id = "7".to_owned()), &["case_id"]),
        refused(
            73,
            "a negative time",
            issue(|it| it.valid_for_minutes = -1),
            &["valid_for_minutes"],
        ),
        refused(73, "too long", issue(|it| it.valid_for_minutes = 10_081), &["valid_for_minutes"]),
        refused(
            73,
            "for ever",
            issue(|it| it.valid_for_minutes = i32::MAX),
            &["valid_for_minutes"],
        ),
        refused(76, "U+0000", issue(|it| it.reason = "a\0b".to_owned()), &["reason"]),
        refused(81, "bidi", issue(|it| it.reason = "a\u{202e}b".to_owned()), &["reason"]),
        refused(102, "501 characters", issue(|it| it.reason = "r".repeat(501)), &["reason"]),
    ];
    let mib = "7".repeat(1 << 20);
    for (number, code) in [
        (57, "2222-2222-2224"),
        (57, "2222-2222-3222"),
        (47, "2222-2222-222"),
        (47, "2222-2222-22232"),
        (47, "0OQ0-2222-2222"),
        (112, "%' or 1 = 1 --"),
        (76, "2222-2222-2223\0"),
        (80, "\u{200b}\u{200b}\u{200b}\u{200b}"),
        (35, ""),
        (60, &mib),
    ] {
        let call = pb::RedeemCasePassRequest { code: code.to_owned(), ..redeem() };
        cases.push(refused(number, "a code", Call::RedeemPass(call), &["code"]));
    }
    cases
}

fn quotes(world: &World) -> Vec<Case> {
    let give = |change: &dyn Fn(&mut pb::GiveQuoteRequest)| {
        let mut call = give(&world.customer_id);
        change(&mut call);
        Call::GiveQuote(call)
    };
    let price = |currency: &str, units| {
        give(&|it: &mut pb::GiveQuoteRequest| it.price = Some(money(currency, units)))
    };
    let text = |text: &str| text.to_owned();
    let long = |count| "x".repeat(count);
    let (currency, units) = (&["price.currency_code"], &["price.minor_units"]);
    let withdraw = |change: fn(&mut pb::WithdrawQuoteRequest)| {
        let mut call = withdraw();
        change(&mut call);
        Call::WithdrawQuote(call)
    };
    vec![
        refused(63, "nobody", give(&|it| it.customer_id.clear()), &["customer_id"]),
        refused(63, "two", give(&|it| it.case_id = text(NOBODY)), &["customer_id"]),
        refused(58, "an order", give(&|it| it.customer_id = text("QR-55512")), &["customer_id"]),
        refused(75, "of nothing", give(&|it| it.sku.clear()), &["sku"]),
        refused(75, "no terms", give(&|it| it.price = None), &["price"]),
        refused(80, "to be seen", give(&|it| it.sku = text("\u{200b}")), &["sku"]),
        refused(60, "a sku", give(&|it| it.sku = long(65)), &["sku"]),
        refused(76, "a sku", give(&|it| it.sku = text("a\0bcd")), &["sku"]),
        refused(49, "a sku", give(&|it| it.sku = text("VX55\r\nX: y")), &["sku"]),
        refused(60, "an article", give(&|it| it.article = long(501)), &["article"]),
        refused(76, "an article", give(&|it| it.article = text("a\u{1b}[31m")), &["article"]),
        refused(60, "an offer", give(&|it| it.offer = long(501)), &["offer"]),
        refused(76, "an offer", give(&|it| it.offer = text("free\0gift")), &["offer"]),
        refused(60, "a code", give(&|it| it.promotion_code = long(65)), &["promotion_code"]),
        refused(49, "a code", give(&|it| it.promotion_code = text("A\nB")), &["promotion_code"]),
        refused(86, "a word", price("EURO", 1), currency),
        refused(86, "no currency", price("", 1), currency),
        refused(86, "negative", price("EUR", -1), units),
        refused(86, "too much", price("EUR", i64::MAX), units),
        refused(20, "a quote", withdraw(|it| it.quote_id = "none".to_owned()), &["quote_id"]),
        refused(102, "no reason", withdraw(|it| it.reason.clear()), &["reason"]),
        refused(102, "a blank", withdraw(|it| it.reason = " \u{200b}".to_owned()), &["reason"]),
        refused(102, "bidi", withdraw(|it| it.reason = "a\u{202e}b".to_owned()), &["reason"]),
    ]
}

fn until(world: &World) -> Vec<Case> {
    let local = |time: &str, zone: &str| {
        let (time, time_zone) = (time.to_owned(), zone.to_owned());
        Some(ValidUntil::ValidUntilLocal(pb::LocalTime { time, time_zone }))
    };
    let moment = |seconds, nanos| {
        let at = prost_types::Timestamp { seconds, nanos };
        Some(ValidUntil::ValidUntilAt(at))
    };
    let day = |day: &str| Some(ValidUntil::ValidUntilDay(day.to_owned()));
    let now = at(0).seconds;
    let cases = [
        (70, None, "valid_until"),
        (70, moment(now, 0), "valid_until_at"),
        (70, moment(now - DAY, 0), "valid_until_at"),
        (70, moment(now + 800 * DAY, 0), "valid_until_at"),
        (70, moment(i64::MAX, 0), "valid_until_at"),
        (70, moment(now + DAY, -1), "valid_until_at"),
        (70, moment(now + DAY, 1_000_000_000), "valid_until_at"),
        (70, local("2026-03-14T12:59", "Europe/Amsterdam"), "valid_until_local"),
        (70, local("14-03-2026 12:59", "Europe/Amsterdam"), "valid_until_local.time"),
        (70, local("2026-03-29T14:30", "Europe/Nowhere"), "valid_until_local.time_zone"),
        (70, day("2026-02-30"), "valid_until_day"),
        (70, day("2026-03-13"), "valid_until_day"),
        (70, Some(ValidUntil::ValidBusinessDays(0)), "valid_business_days"),
        (70, Some(ValidUntil::ValidBusinessDays(u32::MAX)), "valid_business_days"),
    ];
    let mut refusals = Vec::new();
    for (number, valid_until, field) in cases {
        let call = pb::GiveQuoteRequest { valid_until, ..give(&world.customer_id) };
        refusals.push(refused(number, field, Call::GiveQuote(call), &[field]));
    }
    refusals
}

fn lists(world: &World) -> Vec<Case> {
    let list = |change: fn(&mut pb::ListQuotesRequest)| {
        let mut call = list(&world.customer_id);
        change(&mut call);
        Call::ListQuotes(call)
    };
    let unknown = Customer::Identifier(identifier(IdentifierKind::Unspecified, "anna"));
    let unknown = pb::ListQuotesRequest { customer: Some(unknown), ..Default::default() };
    let mut cases = vec![
        refused(107, "a size", list(|it| it.page_size = -1), &["page_size"]),
        refused(63, "whose", list(|it| it.customer = None), &["customer"]),
        refused(59, "a kind", Call::ListQuotes(unknown), &["identifier.kind"])
            .reason("UNKNOWN_ENUM"),
    ];
    for token in [world.page_token.clone(), "%%%%".to_owned(), "A".repeat(1 << 20)] {
        let call = pb::ListQuotesRequest { page_token: token, ..self::list(&world.customer_id) };
        let case = refused(108, "a token", Call::ListQuotes(call), &["page_token"]);
        cases.push(case.reason("BAD_PAGE_TOKEN"));
    }
    cases
}

fn periods(world: &World) -> Vec<Case> {
    let one = || Of::CustomerId(world.customer_id.clone());
    let all = Of::Everybody;
    let before = &["before"];
    let none = Call::ReaskRate(pb::GetReaskRateRequest::default());
    let unknown = Of::Identifier(identifier(IdentifierKind::Unspecified, "anna"));
    vec![
        refused(63, "of nobody", none, &["of"]),
        refused(63, "not of all", rate(all(false), Some(0), Some(1)), &["everybody"]),
        refused(20, "a case", rate(Of::CaseId("7".to_owned()), None, None), &["case_id"]),
        refused(
            58,
            "a name",
            rate(Of::CustomerId("QR-5".to_owned()), None, None),
            &["customer_id"],
        ),
        refused(59, "a kind", rate(unknown, None, None), &["identifier.kind"])
            .reason("UNKNOWN_ENUM"),
        refused(109, "from > before", rate(one(), Some(1), Some(0)), before),
        refused(110, "all time", rate(all(true), None, None), &["from", "before"]),
        refused(110, "since ever", rate(all(true), None, Some(0)), &["from"]),
        refused(110, "for ever", rate(all(true), Some(0), None), before),
        refused(110, "401 days", rate(all(true), Some(0), Some(400 * DAY + 1)), before),
        refused(70, "too early", rate(one(), Some(-200_000 * DAY), None), &["from"]),
        refused(70, "too late", rate(one(), None, Some(i64::MAX / 2)), before),
    ]
}

fn nobody() -> Vec<Case> {
    let of_case = pb::GiveQuoteRequest { case_id: NOBODY.to_owned(), ..give("") };
    let locator = identifier(IdentifierKind::Account, "nobody.at.all");
    let found = [
        (Call::IssuePass(issue()), "CASE_NOT_FOUND"),
        (Call::RedeemPass(redeem()), "CASE_PASS_NOT_FOUND"),
        (Call::GiveQuote(give(NOBODY)), "CUSTOMER_NOT_FOUND"),
        (Call::GiveQuote(of_case), "CASE_NOT_FOUND"),
        (Call::WithdrawQuote(withdraw()), "QUOTE_NOT_FOUND"),
        (Call::ListQuotes(list(NOBODY)), "CUSTOMER_NOT_FOUND"),
        (rate(Of::CaseId(NOBODY.to_owned()), None, None), "CASE_NOT_FOUND"),
        (rate(Of::CustomerId(NOBODY.to_owned()), None, None), "CUSTOMER_NOT_FOUND"),
        (rate(Of::Identifier(locator), None, None), "CUSTOMER_NOT_FOUND"),
    ];
    let refusals = found
        .into_iter()
        .map(|(call, reason)| refused(64, reason, call, &[]).code(Code::NotFound).reason(reason));
    refusals.collect()
}
