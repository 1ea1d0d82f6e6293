//! Every call of the contract about a customer, and its expected result once the customer is
//! restricted.

use serde_json::{Value, json};

use super::super::{EMAIL, Known, ORDER, WORD};
use crate::calls::request_id;

/// The expected result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It was answered before, and is refused.
    Read,
    /// It is refused, and was not made before.
    Write,
    /// Its answer contained the customer before, and no longer does.
    LeftOut,
    /// It is answered, for this reason.
    Allowed(&'static str),
    /// A call of the privacy officer, and its answer: nothing, or an error.
    Officer(&'static str),
}

use Wanted::{Allowed, LeftOut, Officer, Read, Write};

pub type Call = (&'static str, Wanted, Value);

/// All of them, in an order in which each can be made.
pub fn calls(known: &Known, suggested: &str) -> Vec<Call> {
    [of_cases(known), of_customers(known, suggested), of_history(known), of_privacy(known)].concat()
}

/// The idempotency key of a write, and its channel.
fn write(mut call: Value) -> Value {
    call["requestId"] = request_id().into();
    call
}

fn on_channel(mut call: Value) -> Value {
    call["channel"] = "CHANNEL_PHONE".into();
    write(call)
}

fn of_cases(known: &Known) -> Vec<Call> {
    let (id, case) = (&known.id, &known.case.id);
    let email = json!({ "kind": "IDENTIFIER_KIND_EMAIL", "value": EMAIL });
    let of_case = |more: Value| {
        let mut call = json!({ "caseId": case });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        on_channel(call)
    };
    let due = "2026-03-20T12:00:00Z";
    let until = "2026-03-20T12:00:00Z";
    let promise = known.promise.id.as_str();
    vec![
        ("OpenCase", Write, on_channel(json!({ "customerId": id, "subject": "again" }))),
        ("GetCase", Read, json!({ "caseId": case })),
        ("ListCases", Read, json!({ "customerId": id })),
        ("ListCases", Read, json!({ "identifier": email })),
        ("ListCases", LeftOut, json!({ "queue": "repairs" })),
        ("UpdateCase", Write, of_case(json!({ "subject": "another" }))),
        ("ResolveCase", Write, of_case(json!({ "disposition": "repaired" }))),
        ("ReopenCase", Write, of_case(json!({ "reason": "dark" }))),
        ("TellFact", Write, of_case(json!({ "key": "fault", "value": "none" }))),
        ("ReaskFact", Write, of_case(json!({ "key": "fault" }))),
        ("HandOverCase", Write, of_case(json!({ "toQueue": "repairs", "note": "look" }))),
        ("AnswerHandover", Write, of_case(json!({ "accept": true }))),
        ("IssueCasePass", Write, of_case(json!({ "reason": "lost" }))),
        ("RedeemCasePass", Write, on_channel(json!({ "code": known.pass }))),
        (
            "MakePromise",
            Write,
            on_channel(json!({ "customerId": id, "what": "a call", "by": "us", "dueAt": due })),
        ),
        ("MakePromise", Write, of_case(json!({ "what": "a call", "by": "us", "dueAt": due }))),
        (
            "SettlePromise",
            Write,
            on_channel(json!({ "promiseId": promise, "state": "PROMISE_STATE_KEPT",
                "reason": "done" })),
        ),
        ("ListPromises", Read, json!({ "customerId": known.other_id })),
        (
            "GiveQuote",
            Write,
            on_channel(json!({ "customerId": id, "article": "a lamp", "validUntilAt": until,
                "price": { "currencyCode": "EUR", "minorUnits": "1" } })),
        ),
        ("WithdrawQuote", Write, on_channel(json!({ "quoteId": known.quote.id, "reason": "no" }))),
        ("ListQuotes", Read, json!({ "customerId": id })),
        ("GetReaskRate", Read, json!({ "customerId": id })),
        ("GetReaskRate", Read, json!({ "caseId": case })),
        (
            "GetReaskRate",
            Allowed("counts of no person"),
            json!({ "everybody": true,
            "from": "2026-03-01T00:00:00Z", "before": "2026-04-01T00:00:00Z" }),
        ),
    ]
}

fn of_customers(known: &Known, suggested: &str) -> Vec<Call> {
    let Known { id, other_id, stranger_id, merge_id, .. } = known;
    let email = json!({ "kind": "IDENTIFIER_KIND_EMAIL", "value": EMAIL });
    let account = json!({ "kind": "IDENTIFIER_KIND_ACCOUNT", "value": "anna" });
    let two = |one: &str, other: &str| {
        json!({ "customerId": one, "otherCustomerId": other, "reason": "one person",
            "evidence": ["seen"] })
    };
    let pair = |one: &str, other: &str| {
        write(json!({ "customerId": one, "otherCustomerId": other, "reason": "so" }))
    };
    let mut dry_run = two(stranger_id, other_id);
    dry_run["dryRun"] = true.into();
    vec![
        ("IdentifyCustomer", Write, json!({ "identifiers": [email] })),
        ("GetCustomer", Read, json!({ "customerId": id })),
        ("GetCustomer", Read, json!({ "customerId": other_id })),
        ("GetCustomer", Read, json!({ "identifier": email })),
        (
            "UpdateCustomer",
            Write,
            write(json!({ "customerId": id, "profile": { "givenName": "Ann" },
                "updateMask": "givenName" })),
        ),
        ("SearchCustomers", LeftOut, json!({ "name": "Anna de Wit" })),
        ("SearchCustomers", LeftOut, json!({ "identifier": account })),
        ("SearchCustomers", LeftOut, json!({ "orderNumber": ORDER })),
        (
            "LinkIdentifier",
            Write,
            write(json!({ "customerId": id, "identifier": account,
            "reason": "so" })),
        ),
        (
            "UnlinkIdentifier",
            Write,
            write(json!({ "customerId": id, "identifier": account,
            "reason": "so" })),
        ),
        ("ListIdentifiers", Read, json!({ "customerId": id, "includeEnded": true })),
        ("MergeCustomers", Write, write(two(id, stranger_id))),
        ("MergeCustomers", Write, write(two(stranger_id, other_id))),
        ("MergeCustomers", Write, dry_run),
        ("ApproveMerge", Write, pair(id, stranger_id)),
        ("UnmergeCustomers", Write, write(json!({ "mergeId": merge_id, "reason": "a slip" }))),
        ("SetMergeExclusion", Write, pair(suggested, id)),
        ("ListMergeSuggestions", Read, json!({ "customerId": id })),
        ("ListMergeSuggestions", LeftOut, json!({ "customerId": suggested })),
        ("ListMergeSuggestions", LeftOut, json!({})),
        ("DismissMergeSuggestion", Write, pair(id, suggested)),
    ]
}

fn of_history(known: &Known) -> Vec<Call> {
    let Known { id, other_id, entry_id, case, .. } = known;
    let email = json!({ "kind": "IDENTIFIER_KIND_EMAIL", "value": EMAIL });
    let record = |text: &str| {
        json!({ "customerId": id, "entry": { "occurredAt": "2026-03-14T10:00:00Z",
            "channel": "CHANNEL_WEB", "source": "test", "sourceRef": text,
            "note": { "text": text } } })
    };
    let kept = "what happens is recorded";
    vec![
        ("FindPurchases", Read, json!({ "orderNumber": ORDER, "customerId": id })),
        ("FindPurchases", LeftOut, json!({ "orderNumber": ORDER })),
        ("ListPurchases", Read, json!({ "customerId": id })),
        ("RecordEntry", Allowed(kept), record("restricted-1")),
        ("BatchRecordEntries", Allowed(kept), json!({ "requests": [record("restricted-2")] })),
        ("GetEntry", Read, json!({ "customerId": id, "entryId": entry_id })),
        ("GetEntry", Read, json!({ "customerId": other_id, "entryId": entry_id })),
        ("ListTimeline", Read, json!({ "customerId": id })),
        ("ListTimeline", Read, json!({ "customerId": other_id })),
        ("ListTimeline", Read, json!({ "identifier": email })),
        ("SearchTimeline", Read, json!({ "customerId": other_id, "query": WORD })),
        ("SearchTimeline", LeftOut, json!({ "query": WORD })),
        ("WatchTimeline", Write, json!({ "customerId": id })),
        ("WatchTimeline", Write, json!({ "caseId": case.id })),
        ("GetBriefing", Read, json!({ "customerId": id })),
        ("GetBriefing", Read, json!({ "identifier": email })),
        ("GetBriefing", Read, json!({ "customerId": id, "asOf": "2026-03-14T12:00:00Z" })),
    ]
}

fn of_privacy(known: &Known) -> Vec<Call> {
    let call = || {
        let id = &known.id;
        write(json!({ "customerId": id, "ticket": "DPO-1", "reason": "as asked" }))
    };
    vec![
        ("ExportCustomer", Officer(""), json!({ "customerId": known.id })),
        ("RestrictCustomer", Officer("ALREADY_RESTRICTED"), call()),
        ("HoldCustomer", Officer(""), call()),
        ("EraseCustomer", Officer("CUSTOMER_ON_HOLD"), call()),
        ("ReleaseHold", Officer(""), call()),
        ("ListAuditEntries", Officer(""), json!({ "customerId": known.id })),
        ("LiftRestriction", Officer(""), call()),
    ]
}
