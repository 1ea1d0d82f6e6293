//! A customer's life in which each call of the contract is made, and succeeds.

use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{Services, dynamic};

/// The calls of a life, in order, each with its name and request.
pub struct Life {
    services: Services,
    metadata: Vec<(&'static str, String)>,
    /// The customer.
    pub anna: String,
    /// A customer who is merged with her and unmerged again.
    pub other: String,
    /// Each call that was made, with its request.
    pub calls: Vec<(&'static str, Value)>,
    requests: u32,
}

impl Life {
    /// Makes all the calls.
    pub async fn live(services: Services, metadata: &[(&'static str, &str)]) -> Self {
        let metadata = metadata.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (anna, other, calls) = (String::new(), String::new(), Vec::new());
        let mut life = Self { services, metadata, anna, other, calls, requests: 0 };
        life.begin().await;
        life.issue().await;
        life.look().await;
        life.identity().await;
        life
    }

    /// Makes the calls up to a customer with a purchase and an open case.
    pub async fn begun(services: Services) -> Self {
        let (anna, other, calls) = (String::new(), String::new(), Vec::new());
        let mut life = Self { services, metadata: Vec::new(), anna, other, calls, requests: 0 };
        life.begin().await;
        life.issue().await;
        life
    }

    async fn call(&mut self, name: &'static str, mut message: Value) -> Value {
        let has_id = dynamic::method(name).input().get_field_by_name("request_id").is_some();
        if has_id && message.get("request_id").is_none() {
            self.requests += 1;
            let id = format!("018f0000-0000-7000-8000-{:012x}", self.requests);
            message["request_id"] = json!(id);
        }
        self.calls.push((name, message.clone()));
        let answer: Result<Value, Status> = {
            let metadata: Vec<(&'static str, &str)> =
                self.metadata.iter().map(|(name, value)| (*name, value.as_str())).collect();
            dynamic::call(&self.services, name, message, &metadata).await
        };
        // Customers are not compared here, so that there is no suggestion to dismiss.
        if name == "DismissMergeSuggestion" {
            assert_eq!(answer.unwrap_err().code(), Code::NotFound);
            return Value::Null;
        }
        answer.unwrap_or_else(|status| panic!("{name}: {status:?}"))
    }

    async fn begin(&mut self) {
        let email = json!({"kind": "IDENTIFIER_KIND_EMAIL", "value": "anna@example.net"});
        let account = json!({"kind": "IDENTIFIER_KIND_ACCOUNT", "value": "other"});
        let phone = json!({"kind": "IDENTIFIER_KIND_PHONE", "value": "+31612345678"});
        let answer = self.call("IdentifyCustomer", json!({"identifiers": [email]})).await;
        self.anna = text(&answer, "/customer/id");
        let answer = self.call("IdentifyCustomer", json!({"identifiers": [account]})).await;
        self.other = text(&answer, "/customer/id");
        let anna = self.anna.clone();
        let profile = json!({"given_name": "Anna", "family_name": "Visser"});
        let update = json!({"customer_id": anna, "profile": profile, "update_mask": "givenName"});
        self.call("UpdateCustomer", update).await;
        self.call("LinkIdentifier", json!({"customer_id": anna, "identifier": phone})).await;
        self.call("ListIdentifiers", json!({"customer_id": anna})).await;
        let unlink = json!({"customer_id": anna, "identifier": phone, "reason": "sold"});
        self.call("UnlinkIdentifier", unlink).await;
        let bought = json!({"channel": "CHANNEL_STORE", "occurred_at": "2026-03-01T10:00:00Z",
            "purchase": {"order_number": "T-1", "total": euros(49900),
                "lines": [{"sku": "TV-55", "name": "television", "quantity": 1,
                    "unit_price": euros(49900), "serial_number": "SN-4711"}]}});
        self.call("RecordEntry", json!({"customer_id": anna, "entry": bought})).await;
        let note = json!({"channel": "CHANNEL_PHONE", "occurred_at": "2026-03-02T10:00:00Z",
            "note": {"text": "the screen stays dark"}});
        let record = json!({"customer_id": anna, "entry": note,
            "request_id": "018f0000-0000-7000-9000-000000000001"});
        self.call("BatchRecordEntries", json!({"requests": [record]})).await;
    }

    async fn issue(&mut self) {
        let anna = self.anna.clone();
        let channel = "CHANNEL_PHONE";
        let open = json!({"customer_id": anna, "subject": "dark screen", "channel": channel});
        let case = text(&self.call("OpenCase", open).await, "/case/id");
        let of_case = |more: Value| with(json!({"case_id": case, "channel": channel}), more);
        self.call("UpdateCase", of_case(json!({"owner": "bo"}))).await;
        self.call("TellFact", of_case(json!({"key": "serial", "value": "SN-4711"}))).await;
        self.call("ReaskFact", of_case(json!({"key": "serial"}))).await;
        self.call("HandOverCase", of_case(json!({"to": "chris", "note": "warranty"}))).await;
        self.call("AnswerHandover", of_case(json!({"accept": true}))).await;
        let code = text(&self.call("IssueCasePass", of_case(json!({}))).await, "/code");
        self.call("RedeemCasePass", json!({"code": code, "channel": "CHANNEL_WEB"})).await;
        let promise = json!({"case_id": case, "what": "a call", "by": "bo",
            "due_at": "2026-03-20T10:00:00Z", "channel": channel});
        let promise = text(&self.call("MakePromise", promise).await, "/promise/id");
        let kept =
            json!({"promise_id": promise, "state": "PROMISE_STATE_KEPT", "channel": channel});
        self.call("SettlePromise", kept).await;
        let quote = json!({"customer_id": anna, "sku": "TV-55", "offer": "free repair",
            "valid_until_at": "2026-03-20T10:00:00Z", "channel": channel});
        let quote = text(&self.call("GiveQuote", quote).await, "/quote/id");
        self.call(
            "WithdrawQuote",
            json!({"quote_id": quote, "channel": channel, "reason": "a slip"}),
        )
        .await;
        self.call("ResolveCase", of_case(json!({"disposition": "repaired", "reason": "done"})))
            .await;
        self.call("ReopenCase", of_case(json!({"reason": "dark again"}))).await;
        self.call("GetCase", json!({"case_id": case})).await;
    }

    async fn look(&mut self) {
        let anna = self.anna.clone();
        let of_anna = || json!({"customer_id": anna});
        for name in [
            "GetCustomer",
            "ListCases",
            "ListPromises",
            "ListQuotes",
            "GetReaskRate",
            "GetBriefing",
            "ListPurchases",
            "ListMergeSuggestions",
            "WatchTimeline",
        ] {
            self.call(name, of_anna()).await;
        }
        self.call("SearchCustomers", json!({"text": "anna@example.net"})).await;
        self.call("SearchTimeline", json!({"query": "dark"})).await;
        self.call("FindPurchases", json!({"serial_number": "SN-4711"})).await;
        let page = self.call("ListTimeline", of_anna()).await;
        let entry = text(&page, "/entries/0/id");
        self.call("GetEntry", with(of_anna(), json!({"entry_id": entry}))).await;
    }

    async fn identity(&mut self) {
        let two = json!({"customer_id": self.anna, "other_customer_id": self.other});
        self.call("SetMergeExclusion", with(two.clone(), json!({"reason": "twins"}))).await;
        let lift = json!({"reason": "no twins", "lift": true});
        self.call("SetMergeExclusion", with(two.clone(), lift)).await;
        self.call("ApproveMerge", with(two.clone(), json!({"reason": "one person"}))).await;
        let why = json!({"reason": "one person", "evidence": ["she says so"]});
        let merged = self.call("MergeCustomers", with(two.clone(), why)).await;
        let merge = text(&merged, "/merge/id");
        let unmerge = json!({"merge_id": merge, "reason": "two after all"});
        self.call("UnmergeCustomers", unmerge).await;
        self.call("DismissMergeSuggestion", with(two, json!({"reason": "sisters"}))).await;
        let anna = json!({"customer_id": self.anna});
        let why = json!({"ticket": "P-7", "reason": "a claim in court"});
        let why = with(anna.clone(), why);
        self.call("HoldCustomer", why.clone()).await;
        self.call("ReleaseHold", why.clone()).await;
        self.call("RestrictCustomer", why.clone()).await;
        self.call("LiftRestriction", why).await;
        self.call("ExportCustomer", anna.clone()).await;
        self.call("ListAuditEntries", anna).await;
        let erase = json!({"customer_id": self.anna, "ticket": "GDPR-17"});
        self.call("EraseCustomer", erase).await;
    }
}

fn euros(cents: u32) -> Value {
    json!({"currency_code": "EUR", "minor_units": cents})
}

/// A text of an answer.
fn text(answer: &Value, place: &str) -> String {
    // The names of fields in the JSON form of the contract.
    let text = answer.pointer(place).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("{place} of {answer}")).to_owned()
}

fn with(mut message: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut message, more) else {
        panic!("not an object")
    };
    fields.extend(more);
    message
}
