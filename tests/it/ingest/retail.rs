//! Real data, with the maps of the guide. The expected numbers are computed without the import's
//! code.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use throughline::{
    ingest::source::Input,
    pb::{self, entry::Content},
};

use super::{Given, entry, example_map, read};
use crate::support::outside_data;

fn real(file: &str, map: &str) -> Option<Given> {
    let file = outside_data(file)?;
    let input = Input { file, map: Some(example_map(map)), lines: None, replay: None };
    Some(read(&input).unwrap())
}

/// The rows of a CSV file of the data, by column.
fn table(file: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(outside_data(file).unwrap()).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Cents of an amount with a point and two digits.
fn cents(text: &str) -> i64 {
    if text.is_empty() { 0 } else { text.replace('.', "").parse().unwrap() }
}

#[test]
fn customers() {
    let Some(given) = real("retail/customers.csv", "retail-customers") else { return };
    assert_eq!((given.customers.len(), given.rejects.len(), given.entries.len()), (500, 0, 0));
    for (customer, row) in given.customers.iter().zip(table("retail/customers.csv")) {
        let values: Vec<_> = customer.identifiers.iter().map(|it| it.value.as_str()).collect();
        assert_eq!(values, [&row["account"], &row["email"]]);
        let profile = customer.profile.as_ref().unwrap();
        assert_eq!(
            [&profile.given_name, &profile.family_name],
            [&row["first_name"], &row["last_name"]]
        );
        let address = profile.address.as_ref().unwrap();
        assert_eq!(address.lines, [row["address1"].as_str(), &row["address2"]]);
        assert_eq!(
            [&address.postcode, &address.locality, &address.region, "US"],
            [&row["zip"], &row["city"], &row["state"], address.country_code.as_str()]
        );
    }
}

#[test]
fn orders_with_lines_and_refunds() {
    let Some(given) = real("retail/orders.csv", "retail-orders") else { return };
    assert_eq!(given.reasons(), [""; 0]);
    let orders = table("retail/orders.csv");
    let lines = table("retail/order_lines.csv");
    let (mut bought, mut total, mut refunded, mut worth, mut articles) = (0, 0, 0, 0, 0);
    for request in &given.entries {
        match entry(request).content.as_ref().unwrap() {
            Content::Purchase(purchase) => {
                bought += 1;
                total += purchase.total.as_ref().unwrap().minor_units;
                articles += purchase.lines.len();
                let price = |line: &pb::PurchaseLine| {
                    line.quantity * line.unit_price.as_ref().unwrap().minor_units
                };
                worth += purchase.lines.iter().map(price).sum::<i64>();
            }
            Content::Returned(returned) => {
                refunded += returned.refund.as_ref().unwrap().minor_units;
                assert_eq!(entry(request).order_numbers.len(), 1);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((bought, articles), (1000, 2978));
    assert_eq!(
        given.entries.len() - bought,
        orders.iter().filter(|it| !it["refund_usd"].is_empty()).count()
    );
    assert_eq!(total, orders.iter().map(|it| cents(&it["payment_usd"])).sum::<i64>());
    assert_eq!(refunded, orders.iter().map(|it| cents(&it["refund_usd"])).sum::<i64>());
    let listed = lines.iter().map(|it| cents(&it["unit_price_usd"]) * cents(&it["quantity"]));
    assert_eq!(worth, listed.sum::<i64>());
    let tracked = given.entries.iter().filter(|request| match &entry(request).content {
        Some(Content::Purchase(purchase)) => !purchase.tracking_number.is_empty(),
        _ => false,
    });
    assert_eq!(tracked.count(), orders.iter().filter(|it| !it["tracking_id"].is_empty()).count());
}

#[test]
fn conversations() {
    let name = "retail/conversations.ndjson";
    let Some(given) = real(name, "retail-conversations") else { return };
    assert_eq!(given.reasons(), [""; 0]);
    let text = std::fs::read_to_string(outside_data(name).unwrap()).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((given.entries.len(), rows.len()), (69, 69));
    let mut count = 0;
    for (request, row) in given.entries.iter().zip(&rows) {
        let found = entry(request);
        let channel = format!("CHANNEL_{}", row["channel"].as_str().unwrap().to_uppercase());
        assert_eq!(found.channel().as_str_name(), channel);
        let orders: Vec<_> =
            row["order_ids"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert_eq!(found.order_numbers, orders);
        let Some(Content::Interaction(conversation)) = &found.content else { panic!() };
        let messages = row["messages"].as_array().unwrap();
        count += messages.len();
        assert_eq!(conversation.messages.len(), messages.len());
        for (message, row) in conversation.messages.iter().zip(messages) {
            assert_eq!(message.text, row["text"].as_str().unwrap().trim());
            let author = format!("AUTHOR_{}", row["from"].as_str().unwrap().to_uppercase());
            assert_eq!(message.author().as_str_name(), author);
        }
    }
    assert_eq!(count, 1036);
    // One conversation has no account: it is of somebody not known yet.
    let kinds = given.entries.iter().map(|request| request.identifiers[0].kind());
    assert_eq!(kinds.filter(|kind| *kind == pb::IdentifierKind::External).count(), 1);
}

#[test]
fn purchases_of_cdnow() {
    let name = "purchases/CDNOW_sample.txt";
    let Some(given) = real(name, "cdnow") else { return };
    assert_eq!(given.reasons(), [""; 0]);
    let text = std::fs::read_to_string(outside_data(name).unwrap()).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|it| it.split_whitespace().collect()).collect();
    assert_eq!((given.entries.len(), rows.len()), (6919, 6919));
    let customers: HashSet<_> = given.entries.iter().map(|it| &it.identifiers[0].value).collect();
    let names: HashSet<_> = given.entries.iter().map(|it| &entry(it).source_ref).collect();
    assert_eq!((customers.len(), names.len()), (2357, 6919));
    let (mut dollars, mut cds) = (0, 0);
    for request in &given.entries {
        let Some(Content::Purchase(purchase)) = &entry(request).content else { panic!() };
        dollars += purchase.total.as_ref().unwrap().minor_units;
        cds += purchase.lines[0].quantity;
    }
    assert_eq!(dollars, rows.iter().map(|row| cents(row[4])).sum::<i64>());
    assert_eq!(cds, rows.iter().map(|row| row[3].parse::<i64>().unwrap()).sum::<i64>());
    let first = entry(&given.entries[0]).occurred_at.unwrap().seconds;
    assert_eq!(first, 852_076_800, "1 January 1997");
}
