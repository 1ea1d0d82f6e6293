//! Each write of the contract: its preconditions, and what happens after it.

use serde_json::{Value, json};
use throughline::store::Store;
use tonic::Status;

use crate::support::{Services, dynamic};

/// A write: its name; the part of its answer that never changes; and how another call with equal
/// content is refused after later events, long before and long after the time of the first one.
pub type Write = (&'static str, &'static str, [Option<&'static str>; 2]);

const fn both(reason: &'static str) -> [Option<&'static str>; 2] {
    [Some(reason), Some(reason)]
}

/// Refused by rules about time if too early, and otherwise by the state or not at all.
const fn early(later: Option<&'static str>) -> [Option<&'static str>; 2] {
    [Some("INVALID_FIELD"), later]
}

pub const WRITES: [Write; 30] = [
    ("IdentifyCustomer", "/customer/id", [None, None]),
    ("UpdateCustomer", "/customer/id", early(Some("STALE_ETAG"))),
    ("LinkIdentifier", "/identifier/validFrom", both("IDENTIFIER_CONFLICT")),
    ("UnlinkIdentifier", "/customerId", both("IDENTIFIER_NOT_FOUND")),
    ("MergeCustomers", "/merge/id", both("ALREADY_MERGED")),
    ("ApproveMerge", "/expiresAt", both("ALREADY_MERGED")),
    ("UnmergeCustomers", "/otherCustomer/id", both("ALREADY_UNMERGED")),
    ("SetMergeExclusion", "", both("ALREADY_MERGED")),
    ("DismissMergeSuggestion", "", both("SUGGESTION_NOT_FOUND")),
    ("RecordEntry", "/entryId", early(None)),
    ("BatchRecordEntries", "/responses/0/entryId", early(Some("ORDER_NUMBER_TAKEN"))),
    ("OpenCase", "/case/id", both("CASE_FULL")),
    ("UpdateCase", "/case/id", both("STALE_ETAG")),
    ("ResolveCase", "/case/id", both("CASE_RESOLVED")),
    ("ReopenCase", "/case/id", both("CASE_NOT_RESOLVED")),
    ("TellFact", "/case/id", both("CASE_RESOLVED")),
    ("ReaskFact", "/case/id", both("CASE_RESOLVED")),
    ("HandOverCase", "/case/id", both("CASE_RESOLVED")),
    ("AnswerHandover", "/case/id", both("NOT_HANDED_OVER")),
    ("IssueCasePass", "/code", both("CASE_RESOLVED")),
    ("RedeemCasePass", "/case/id", both("CASE_PASS_NOT_FOUND")),
    ("MakePromise", "/promise/id", [None, Some("INVALID_FIELD")]),
    ("SettlePromise", "/promise/id", both("PROMISE_SETTLED")),
    ("GiveQuote", "/quote/id", [None, Some("INVALID_FIELD")]),
    ("WithdrawQuote", "/quote/id", both("QUOTE_WITHDRAWN")),
    ("RestrictCustomer", "/restriction/id", both("ALREADY_RESTRICTED")),
    ("LiftRestriction", "/restriction/id", both("NOT_RESTRICTED")),
    ("HoldCustomer", "/hold/id", both("ALREADY_RESTRICTED")),
    ("ReleaseHold", "/hold/id", both("NOT_RESTRICTED")),
    ("EraseCustomer", "/certificate/erasureId", [None, None]),
];

/// Customers of a server, one for each write.
pub struct World {
    services: Services,
    customers: u32,
    requests: u32,
}

impl World {
    pub fn new(services: Services) -> Self {
        Self { services, customers: 0, requests: 0 }
    }

    /// Makes a call.
    pub async fn make(&self, name: &str, message: &Value) -> Result<Value, Status> {
        // A caller without a token has all roles, and may verify nothing.
        let shop = [("authorization", SHOP)];
        let caller = if name.ends_with("Identifier") { &shop[..] } else { &[] };
        let mut answer = dynamic::call(&self.services, name, message.clone(), caller).await?;
        // The flag of the first call. IdentifyCustomer has no idempotency key.
        forget(&mut answer, "alreadyRecorded");
        forget(&mut answer, "created");
        Ok(answer)
    }

    /// Makes a call that is answered.
    pub async fn made(&self, name: &str, message: &Value) -> Value {
        let answer = self.make(name, message).await;
        answer.unwrap_or_else(|status| panic!("{name}: {status:?}"))
    }

    /// The call with a new idempotency key.
    pub fn renamed(&mut self, message: &Value) -> Value {
        let mut renamed = message.clone();
        self.rename(&mut renamed);
        renamed
    }

    fn rename(&mut self, value: &mut Value) {
        self.requests += 1;
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| match &**name {
                "request_id" => *value = json!(request_id(self.requests)),
                "source_ref" => *value = json!(self.requests.to_string()),
                _ => self.rename(value),
            }),
            Value::Array(values) => values.iter_mut().for_each(|value| self.rename(value)),
            _ => {}
        }
    }

    /// Makes another call, and returns its answer.
    async fn so(&mut self, name: &str, mut message: Value) -> Value {
        self.requests += 1;
        message["request_id"] = json!(request_id(self.requests));
        self.made(name, &message).await
    }

    /// The id of a new customer.
    async fn customer(&mut self) -> Value {
        self.customers += 1;
        let account = json!({"kind": "IDENTIFIER_KIND_ACCOUNT", "value": self.account()});
        let answer = self.made("IdentifyCustomer", &json!({"identifiers": [account]})).await;
        at(&answer, "/customer/id")
    }

    fn account(&self) -> String {
        format!("account-{}", self.customers)
    }

    /// A new customer with a case; the channel and the case, as fields of its calls.
    async fn case(&mut self) -> Value {
        let opened = json!({"customer_id": self.customer().await, "subject": "dark", "channel": 1});
        let case = at(&self.so("OpenCase", opened).await, "/case/id");
        json!({"case_id": case, "channel": 1})
    }

    /// Two new customers, as fields of the calls about two.
    async fn two(&mut self) -> Value {
        let (one, other) = (self.customer().await, self.customer().await);
        json!({"customer_id": one, "other_customer_id": other, "reason": "looked at it"})
    }

    /// The request of a write, after its preconditions were created.
    pub async fn before(&mut self, name: &str, store: &Store) -> Value {
        let message = match name {
            "RecordEntry" => {
                return json!({"customer_id": self.customer().await,
                "profile": {"birth_date": "2026-03-14"}, "entry": entry(json!({"interaction": {
                    "direction": 1, "messages": [{"author": 1, "text": "hello", "sent_at": SOON}],
                }}))});
            }
            "BatchRecordEntries" => {
                let bought = json!({"purchase": {"order_number": "W-1"}});
                let one = json!({"customer_id": self.customer().await, "entry": entry(bought)});
                return json!({"requests": [one]});
            }
            "IdentifyCustomer" => {
                self.customers += 1;
                let account = json!({"kind": "IDENTIFIER_KIND_ACCOUNT", "value": self.account()});
                return json!({"identifiers": [account]});
            }
            "UpdateCustomer" | "LinkIdentifier" | "UnlinkIdentifier" => self.profile(name).await,
            "RestrictCustomer" | "LiftRestriction" | "HoldCustomer" | "ReleaseHold"
            | "EraseCustomer" => self.right(name).await,
            "MergeCustomers"
            | "ApproveMerge"
            | "UnmergeCustomers"
            | "SetMergeExclusion"
            | "DismissMergeSuggestion" => self.merge(name, store).await,
            _ => self.of_case(name).await,
        };
        self.requests += 1;
        with(message, json!({"request_id": request_id(self.requests)}))
    }

    async fn profile(&mut self, name: &str) -> Value {
        let customer = json!({"customer_id": self.customer().await});
        let phone = format!("+3161234{:04}", self.customers);
        let phone = json!({"kind": "IDENTIFIER_KIND_PHONE", "value": phone, "verified": true});
        match name {
            "LinkIdentifier" => with(customer, json!({"identifier": phone})),
            "UnlinkIdentifier" => {
                let linked = with(customer, json!({"identifier": phone}));
                self.so("LinkIdentifier", linked.clone()).await;
                linked
            }
            _ => {
                let found = self.made("GetCustomer", &customer).await;
                with(
                    customer,
                    json!({"profile": {"birth_date": "2026-03-14"},
                    "update_mask": "birthDate", "etag": at(&found, "/customer/etag")}),
                )
            }
        }
    }

    async fn right(&mut self, name: &str) -> Value {
        let why = json!({"customer_id": self.customer().await, "ticket": "T-1", "reason": "asked"});
        match name {
            "LiftRestriction" => drop(self.so("RestrictCustomer", why.clone()).await),
            "ReleaseHold" => drop(self.so("HoldCustomer", why.clone()).await),
            _ => {}
        }
        why
    }

    async fn merge(&mut self, name: &str, store: &Store) -> Value {
        let two = self.two().await;
        let merging = with(two.clone(), json!({"evidence": ["she says so"]}));
        match name {
            "MergeCustomers" => merging,
            "UnmergeCustomers" => {
                let merged = self.so("MergeCustomers", merging).await;
                json!({"merge_id": at(&merged, "/merge/id"), "reason": "two after all"})
            }
            "DismissMergeSuggestion" => {
                let profile = json!({"given_name": "Anna", "family_name": "van der Velde",
                    "birth_date": "1979-04-23", "address": {"postcode": "3512 AB",
                        "lines": ["Kastanjelaan 12"], "locality": "Utrecht"}});
                let mask = "givenName,familyName,birthDate,address";
                for customer in ["customer_id", "other_customer_id"] {
                    let update = json!({"customer_id": two[customer], "profile": profile,
                        "update_mask": mask});
                    self.so("UpdateCustomer", update).await;
                }
                store.match_all(&[]).await.unwrap();
                two
            }
            _ => two,
        }
    }

    async fn of_case(&mut self, name: &str) -> Value {
        let case = self.case().await;
        let of_case = |more| with(case.clone(), more);
        let fact = of_case(json!({"key": "serial", "value": "SN-1"}));
        let handed = of_case(json!({"to": "chris", "note": "warranty"}));
        let promise = of_case(json!({"what": "a call", "due_at": SOON}));
        let quote = of_case(json!({"sku": "TV", "offer": "10% off", "valid_until_at": SOON}));
        let resolved = of_case(json!({"disposition": "done"}));
        match name {
            "OpenCase" => {
                json!({"customer_id": self.customer().await, "subject": "dark", "channel": 1})
            }
            "UpdateCase" => {
                let found = self.made("GetCase", &json!({"case_id": case["case_id"]})).await;
                of_case(json!({"owner": "bo", "etag": at(&found, "/case/etag")}))
            }
            "ResolveCase" => resolved,
            "ReopenCase" => {
                self.so("ResolveCase", resolved).await;
                of_case(json!({"reason": "dark again"}))
            }
            "TellFact" => fact,
            "ReaskFact" => {
                self.so("TellFact", fact).await;
                of_case(json!({"key": "serial"}))
            }
            "HandOverCase" => handed,
            "AnswerHandover" => {
                self.so("HandOverCase", handed).await;
                of_case(json!({"accept": true}))
            }
            "IssueCasePass" => case,
            "RedeemCasePass" => {
                let issued = self.so("IssueCasePass", case).await;
                json!({"code": at(&issued, "/code"), "channel": 2})
            }
            "MakePromise" => promise,
            "SettlePromise" => {
                let made = self.so("MakePromise", promise).await;
                json!({"promise_id": at(&made, "/promise/id"), "state": 2, "channel": 1})
            }
            "GiveQuote" => quote,
            "WithdrawQuote" => {
                let given = self.so("GiveQuote", quote).await;
                json!({"quote_id": at(&given, "/quote/id"), "reason": "a slip", "channel": 1})
            }
            other => panic!("nothing is said of {other}"),
        }
    }

    /// Later events after a write, so that the rules of its state refuse it.
    pub async fn after(&mut self, name: &str, message: &Value, answer: &Value) {
        let case = json!({"case_id": message["case_id"], "channel": 1});
        let merging = with(message.clone(), json!({"evidence": ["she says so"]}));
        let resolved = with(case.clone(), json!({"disposition": "done"}));
        match name {
            "UpdateCustomer" => {
                let profile = json!({"given_name": "Anna"});
                let customer = message["customer_id"].clone();
                let update = json!({"customer_id": customer, "profile": profile,
                    "update_mask": "givenName"});
                self.so(name, update).await;
            }
            "LinkIdentifier" => {
                let taken = json!({"customer_id": self.customer().await, "take_over": true,
                    "identifier": message["identifier"]});
                self.so(name, taken).await;
            }
            "ApproveMerge" => drop(self.so("MergeCustomers", merging).await),
            "SetMergeExclusion" => {
                self.so(name, with(message.clone(), json!({"lift": true}))).await;
                self.so("MergeCustomers", merging).await;
            }
            "OpenCase" => {
                for _ in 0..199 {
                    self.so(name, message.clone()).await;
                }
            }
            "UpdateCase" => drop(self.so(name, with(case, json!({"owner": "chris"}))).await),
            "TellFact" => {
                self.so(name, with(case, json!({"key": "serial", "value": "SN-2"}))).await;
                self.so("ResolveCase", resolved).await;
            }
            "ReaskFact" | "HandOverCase" | "IssueCasePass" => {
                self.so("ResolveCase", resolved).await;
            }
            "RedeemCasePass" => {
                let case = json!({"case_id": at(answer, "/case/id"), "channel": 1});
                self.so("IssueCasePass", case).await;
            }
            _ => {}
        }
    }
}

/// A caller that verifies.
const SHOP: &str = "Bearer the-token-of-the-shop";

/// Half an hour after the time of the server.
const SOON: &str = "2026-03-14T12:30:00Z";

/// An entry that happens half an hour later, within the tolerance for callers' clocks.
fn entry(content: Value) -> Value {
    let head = json!({"occurred_at": SOON, "channel": 1, "source": "test", "source_ref": "1"});
    let source = content.as_object().unwrap().keys().next().unwrap().clone();
    with(with(head, json!({"source": source})), content)
}

fn request_id(number: u32) -> String {
    format!("018f0000-0000-7000-8000-{number:012x}")
}

/// A part of an answer.
fn at(answer: &Value, place: &str) -> Value {
    answer.pointer(place).unwrap_or_else(|| panic!("{place} of {answer}")).clone()
}

fn with(mut message: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut message, more) else {
        panic!("not an object")
    };
    fields.extend(more);
    message
}

/// Removes a field wherever it occurs.
fn forget(value: &mut Value, field: &str) {
    match value {
        Value::Object(fields) => {
            fields.remove(field);
            fields.values_mut().for_each(|value| forget(value, field));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| forget(value, field)),
        _ => {}
    }
}
