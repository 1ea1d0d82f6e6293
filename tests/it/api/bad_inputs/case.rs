use std::{collections::BTreeSet, sync::LazyLock};

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};
use throughline::pb;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::world::World;
use crate::support::{Database, RowCounter, Server};

/// A call that is refused.
pub struct Case {
    /// Its number in the list of bad inputs.
    pub number: u16,
    what: String,
    call: Call,
    code: Code,
    reason: &'static str,
    /// The paths of all fields that the error names.
    fields: Vec<&'static str>,
}

/// A case that breaks the rule of a field.
pub fn refused(
    number: u16,
    what: impl Into<String>,
    call: impl Into<Call>,
    fields: &[&'static str],
) -> Case {
    Case {
        number,
        what: what.into(),
        call: call.into(),
        code: Code::InvalidArgument,
        reason: "INVALID_FIELD",
        fields: fields.to_vec(),
    }
}

impl Case {
    pub fn reason(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    pub fn code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Everything that is wrong with the answer.
    fn faults(&self, answer: Result<(), Status>) -> Vec<String> {
        let Err(status) = answer else { return vec!["was accepted".to_owned()] };
        let mut faults = Vec::new();
        if status.code() != self.code {
            faults.push(format!("{:?} instead of {:?}", status.code(), self.code));
        }
        faults.extend(wrong_reason(&status, self.reason));

        let details = status.get_error_details();
        let violations = details.bad_request().map(|it| it.field_violations.as_slice());
        let violations = violations.unwrap_or_default();
        let fields: BTreeSet<_> = violations.iter().map(|it| it.field.as_str()).collect();
        if fields != self.fields.iter().copied().collect() {
            faults.push(format!("names {fields:?} instead of {:?}", self.fields));
        }
        if violations.iter().any(|it| it.description.is_empty()) {
            faults.push("a violation says nothing".to_owned());
        }

        let told = format!("{status:?} {details:?}");
        let values = self.call.values();
        let leaked = values.iter().filter(|value| told.contains(value.as_str()));
        faults.extend(leaked.map(|value| format!("tells {value:.60}")));
        if !faults.is_empty() {
            faults.push(format!("said: {:.300}", status.message()));
        }
        faults
    }
}

/// What is wrong with the ErrorInfo of an error.
pub fn wrong_reason(status: &Status, wanted: &str) -> Option<String> {
    let details = status.get_error_details();
    match details.error_info() {
        Some(info) if info.domain == "throughline" && info.reason == wanted => None,
        info => Some(format!("{info:?} instead of {wanted}")),
    }
}

/// Sends every case to a separate server over a database, and fails with everything that went
/// wrong.
pub async fn check(database: &Database, cases: fn(&World) -> Vec<Case>) {
    let mut server = Server::start(database).await;
    let world = World::make(&mut server).await;
    let mut rows = RowCounter::of(database).await;
    let mut before = rows.count().await;
    let mut faults = Vec::new();
    for case in cases(&world) {
        let answer = case.call.clone().send(&mut server).await;
        let mut wrong = case.faults(answer);
        if rows.count().await != before {
            wrong.push("was stored".to_owned());
            before = rows.count().await;
        }
        if !wrong.is_empty() {
            faults.push(format!("{} {}: {}", case.number, case.what, wrong.join("; ")));
        }
    }
    server.stop().await;
    assert!(faults.is_empty(), "{} cases:\n{}\n", faults.len(), faults.join("\n"));
}

/// A call of the contract.
#[derive(Clone, Debug)]
pub enum Call {
    Identify(pb::IdentifyCustomerRequest),
    GetCustomer(pb::GetCustomerRequest),
    Update(pb::UpdateCustomerRequest),
    SearchCustomers(pb::SearchCustomersRequest),
    Link(pb::LinkIdentifierRequest),
    Unlink(pb::UnlinkIdentifierRequest),
    Merge(pb::MergeCustomersRequest),
    Approve(pb::ApproveMergeRequest),
    Unmerge(pb::UnmergeCustomersRequest),
    KeepApart(pb::SetMergeExclusionRequest),
    ListIdentifiers(pb::ListIdentifiersRequest),
    Record(Box<pb::RecordEntryRequest>),
    Batch(pb::BatchRecordEntriesRequest),
    GetEntry(pb::GetEntryRequest),
    List(pb::ListTimelineRequest),
    Search(pb::SearchTimelineRequest),
    Watch(pb::WatchTimelineRequest),
    Briefing(pb::GetBriefingRequest),
    FindPurchases(pb::FindPurchasesRequest),
    ListPurchases(pb::ListPurchasesRequest),
    IssuePass(pb::IssueCasePassRequest),
    RedeemPass(pb::RedeemCasePassRequest),
    GiveQuote(pb::GiveQuoteRequest),
    WithdrawQuote(pb::WithdrawQuoteRequest),
    ListQuotes(pb::ListQuotesRequest),
    ReaskRate(pb::GetReaskRateRequest),
}

impl From<pb::RecordEntryRequest> for Call {
    fn from(request: pb::RecordEntryRequest) -> Self {
        Self::Record(Box::new(request))
    }
}

impl From<pb::LinkIdentifierRequest> for Call {
    fn from(request: pb::LinkIdentifierRequest) -> Self {
        Self::Link(request)
    }
}

impl From<pb::UnlinkIdentifierRequest> for Call {
    fn from(request: pb::UnlinkIdentifierRequest) -> Self {
        Self::Unlink(request)
    }
}

impl From<pb::MergeCustomersRequest> for Call {
    fn from(request: pb::MergeCustomersRequest) -> Self {
        Self::Merge(request)
    }
}

impl From<pb::ApproveMergeRequest> for Call {
    fn from(request: pb::ApproveMergeRequest) -> Self {
        Self::Approve(request)
    }
}

impl From<pb::UnmergeCustomersRequest> for Call {
    fn from(request: pb::UnmergeCustomersRequest) -> Self {
        Self::Unmerge(request)
    }
}

impl From<pb::SetMergeExclusionRequest> for Call {
    fn from(request: pb::SetMergeExclusionRequest) -> Self {
        Self::KeepApart(request)
    }
}

impl Call {
    async fn send(self, server: &mut Server) -> Result<(), Status> {
        let Server { customers, timeline, cases, purchases, .. } = server;
        match self {
            Self::Identify(it) => customers.identify_customer(it).await.map(drop),
            Self::GetCustomer(it) => customers.get_customer(it).await.map(drop),
            Self::Update(it) => customers.update_customer(it).await.map(drop),
            Self::SearchCustomers(it) => customers.search_customers(it).await.map(drop),
            Self::Link(it) => customers.link_identifier(it).await.map(drop),
            Self::Unlink(it) => customers.unlink_identifier(it).await.map(drop),
            Self::Merge(it) => customers.merge_customers(it).await.map(drop),
            Self::Approve(it) => customers.approve_merge(it).await.map(drop),
            Self::Unmerge(it) => customers.unmerge_customers(it).await.map(drop),
            Self::KeepApart(it) => customers.set_merge_exclusion(it).await.map(drop),
            Self::ListIdentifiers(it) => customers.list_identifiers(it).await.map(drop),
            Self::Record(it) => timeline.record_entry(*it).await.map(drop),
            Self::Batch(it) => timeline.batch_record_entries(it).await.map(drop),
            Self::GetEntry(it) => timeline.get_entry(it).await.map(drop),
            Self::List(it) => timeline.list_timeline(it).await.map(drop),
            Self::Search(it) => timeline.search_timeline(it).await.map(drop),
            Self::Watch(it) => timeline.watch_timeline(it).await.map(drop),
            Self::Briefing(it) => timeline.get_briefing(it).await.map(drop),
            Self::FindPurchases(it) => purchases.find_purchases(it).await.map(drop),
            Self::ListPurchases(it) => purchases.list_purchases(it).await.map(drop),
            Self::IssuePass(it) => cases.issue_case_pass(it).await.map(drop),
            Self::RedeemPass(it) => cases.redeem_case_pass(it).await.map(drop),
            Self::GiveQuote(it) => cases.give_quote(it).await.map(drop),
            Self::WithdrawQuote(it) => cases.withdraw_quote(it).await.map(drop),
            Self::ListQuotes(it) => cases.list_quotes(it).await.map(drop),
            Self::ReaskRate(it) => cases.get_reask_rate(it).await.map(drop),
        }
    }

    /// The texts of the call that are long enough to be recognised in an error.
    fn values(&self) -> BTreeSet<String> {
        let (name, bytes) = match self {
            Self::Identify(it) => ("IdentifyCustomerRequest", it.encode_to_vec()),
            Self::GetCustomer(it) => ("GetCustomerRequest", it.encode_to_vec()),
            Self::Update(it) => ("UpdateCustomerRequest", it.encode_to_vec()),
            Self::SearchCustomers(it) => ("SearchCustomersRequest", it.encode_to_vec()),
            Self::Link(it) => ("LinkIdentifierRequest", it.encode_to_vec()),
            Self::Unlink(it) => ("UnlinkIdentifierRequest", it.encode_to_vec()),
            Self::Merge(it) => ("MergeCustomersRequest", it.encode_to_vec()),
            Self::Approve(it) => ("ApproveMergeRequest", it.encode_to_vec()),
            Self::Unmerge(it) => ("UnmergeCustomersRequest", it.encode_to_vec()),
            Self::KeepApart(it) => ("SetMergeExclusionRequest", it.encode_to_vec()),
            Self::ListIdentifiers(it) => ("ListIdentifiersRequest", it.encode_to_vec()),
            Self::Record(it) => ("RecordEntryRequest", it.encode_to_vec()),
            Self::Batch(it) => ("BatchRecordEntriesRequest", it.encode_to_vec()),
            Self::GetEntry(it) => ("GetEntryRequest", it.encode_to_vec()),
            Self::List(it) => ("ListTimelineRequest", it.encode_to_vec()),
            Self::Search(it) => ("SearchTimelineRequest", it.encode_to_vec()),
            Self::Watch(it) => ("WatchTimelineRequest", it.encode_to_vec()),
            Self::Briefing(it) => ("GetBriefingRequest", it.encode_to_vec()),
            Self::FindPurchases(it) => ("FindPurchasesRequest", it.encode_to_vec()),
            Self::ListPurchases(it) => ("ListPurchasesRequest", it.encode_to_vec()),
            Self::IssuePass(it) => ("IssueCasePassRequest", it.encode_to_vec()),
            Self::RedeemPass(it) => ("RedeemCasePassRequest", it.encode_to_vec()),
            Self::GiveQuote(it) => ("GiveQuoteRequest", it.encode_to_vec()),
            Self::WithdrawQuote(it) => ("WithdrawQuoteRequest", it.encode_to_vec()),
            Self::ListQuotes(it) => ("ListQuotesRequest", it.encode_to_vec()),
            Self::ReaskRate(it) => ("GetReaskRateRequest", it.encode_to_vec()),
        };
        static POOL: LazyLock<DescriptorPool> =
            LazyLock::new(|| DescriptorPool::decode(pb::DESCRIPTORS).unwrap());
        let message = POOL.get_message_by_name(&format!("throughline.v1.{name}")).unwrap();
        let message = DynamicMessage::decode(message, bytes.as_slice()).unwrap();
        let mut values = BTreeSet::new();
        collect(&Value::Message(message), &mut values);
        values.retain(|value| value.chars().count() >= 4);
        values
    }
}

/// Collects the texts of a message.
fn collect(value: &Value, values: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            values.insert(text.trim().to_owned());
        }
        Value::Message(message) => message.fields().for_each(|(_, it)| collect(it, values)),
        Value::List(list) => list.iter().for_each(|it| collect(it, values)),
        Value::Map(map) => map.iter().for_each(|(key, it)| {
            values.extend(key.as_str().map(str::to_owned));
            collect(it, values);
        }),
        _ => {}
    }
}
