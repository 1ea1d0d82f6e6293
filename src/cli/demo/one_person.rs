//! Two records of one person: found, merged, and unmerged.

use std::io::{self, Write as _};

use crate::{
    cli::{
        connect::Client,
        failure::Failure,
        render::{self, EntryPrinter, TerminalStyle},
    },
    clock::Clock,
    pb::{self, list_timeline_request::Customer},
    store::Store,
};

/// How many entries of the shared timeline are shown.
const ENTRIES: i32 = 3;

/// Shows the person's records. The two are separate again in the end, for whoever wants to try.
pub async fn show(
    client: &mut Client,
    store: &Store,
    style: &TerminalStyle,
) -> Result<(), Failure> {
    let failed = |error: crate::error::Error| Failure::Failed(error.to_string());
    store.match_all(&[]).await.map_err(failed)?;
    let request = pb::ListMergeSuggestionsRequest::default();
    let answer = client.customers.list_merge_suggestions(request).await;
    let found = answer.map_err(|status| client.failure(&status))?.into_inner().suggestions;
    let Some(suggestion) = found.first() else { return Ok(()) };

    let out = &mut io::stdout().lock();
    writeln!(out, "\nTwo of the records may be one person's:\n")?;
    write!(out, "{}", render::suggestion(suggestion, style))?;
    let request = pb::MergeCustomersRequest {
        customer_id: suggestion.customer_id.clone(),
        other_customer_id: suggestion.other_customer_id.clone(),
        reason: "she says that she has a new telephone".to_owned(),
        evidence: vec!["same name and address; she knew her last order".to_owned()],
        request_id: Clock::System.new_id().to_string(),
        ..pb::MergeCustomersRequest::default()
    };
    let answer = client.customers.merge_customers(request).await;
    let merged = answer.map_err(|status| client.failure(&status))?.into_inner();
    let customer = merged.customer.unwrap_or_default();
    let merge = merged.merge.unwrap_or_default();
    writeln!(out, "\nMerged, {} has one timeline. It begins with:", render::name(&customer))?;
    let mut printer = EntryPrinter::new(style);
    for entry in newest(client, &customer.id).await? {
        write!(out, "{}", printer.entry(&entry, None))?;
    }

    let request = pb::UnmergeCustomersRequest {
        merge_id: merge.id,
        reason: "shown in the demo".to_owned(),
        request_id: Clock::System.new_id().to_string(),
        ..pb::UnmergeCustomersRequest::default()
    };
    let answer = client.customers.unmerge_customers(request).await;
    let apart = answer.map_err(|status| client.failure(&status))?.into_inner();
    writeln!(out, "\nUnmerged, each has its own entries again:\n")?;
    for customer in apart.customer.iter().chain(&apart.other_customer) {
        write!(out, "{}", render::customer(customer, style))?;
        let newest = newest(client, &customer.id).await?;
        let mut printer = EntryPrinter::new(style);
        for entry in newest.iter().take(1) {
            writeln!(out, "{}", printer.entry(entry, None))?;
        }
    }
    Ok(())
}

/// The newest entries of a customer, apart from changes of identity.
async fn newest(client: &mut Client, id: &str) -> Result<Vec<pb::Entry>, Failure> {
    use pb::EntryKind as Kind;
    let kinds = [Kind::Interaction, Kind::Purchase, Kind::Return, Kind::Feedback, Kind::Note];
    let request = pb::ListTimelineRequest {
        customer: Some(Customer::CustomerId(id.to_owned())),
        filter: Some(pb::EntryFilter {
            kinds: kinds.map(i32::from).to_vec(),
            ..pb::EntryFilter::default()
        }),
        page_size: ENTRIES,
        ..pb::ListTimelineRequest::default()
    };
    let answer = client.timeline.list_timeline(request).await;
    Ok(answer.map_err(|status| client.failure(&status))?.into_inner().entries)
}
