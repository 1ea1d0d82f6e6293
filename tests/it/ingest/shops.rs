//! Exports of shops: one row for each line of an order, with the order's own columns repeated or
//! only in the first row.

use throughline::pb::{self, entry::Content};

use super::{Given, entry, given};

fn purchase(given: &Given, index: usize) -> &pb::Purchase {
    match &entry(&given.entries[index]).content {
        Some(Content::Purchase(purchase)) => purchase,
        other => panic!("{other:?}"),
    }
}

const BLANK_AFTER_FIRST: &str = "\
Name,Email,Created at,Currency,Total,Refunded Amount,Lineitem quantity,Lineitem name,\
Lineitem price,Lineitem sku,Shipping Name,Shipping Zip
#1001,ann@example.com,2024-02-21 10:13:51 +0100,EUR,30.00,0.00,1,Lamp,10.00,L-1,Ann Bee,'1011 AB
#1001,,,,,,2,Bulb,10.00,B-1,,
#1002,bob@example.com,2024-02-22 10:13:51 +0100,NOK,99.00,99.00,1,Chair,99.00,C-1,Bob Cee,0150
,,,,,,1,Cushion,0.00,,,
#1003,,2024-02-22 11:13:51 +0100,EUR,5.00,0.00,1,Cup,5.00,U-1,,
";

const BLANK_MAP: &str = r#"
source = "shop"

[time]
format = "%Y-%m-%d %H:%M:%S %z"

[money]
currency = { column = "Currency" }

[lines]
group_by = "Name"

[[customer.identifier]]
kind = "email"
value = "Email"

[[customer.identifier]]
fallback = true
kind = "external"
namespace = "shop-order"
value = "Name"

[customer.profile]
given_name = "Shipping Name"

[[entry]]
kind = "purchase"
channel = "web"
occurred_at = "Created at"
source_ref = "Name"
order_number = "Name"
total = "Total"
[entry.line]
sku = "Lineitem sku"
name = "Lineitem name"
quantity = "Lineitem quantity"
unit_price = { column = "Lineitem price", currency = { column = "Currency", default = "EUR" } }

[[entry]]
only = [{ column = "Refunded Amount", not = ["", "0.00"] }]
kind = "return"
channel = "web"
occurred_at = "Created at"
source_ref = "{Name}/refund"
order_numbers = "Name"
refund = "Refunded Amount"
"#;

#[test]
fn order_columns_only_in_the_first_row() {
    let given = given("orders.csv", BLANK_AFTER_FIRST, BLANK_MAP);
    assert_eq!(given.reasons(), [""; 0]);
    let references: Vec<_> =
        given.entries.iter().map(|request| entry(request).source_ref.as_str()).collect();
    assert_eq!(references, ["#1001", "#1002", "#1002/refund", "#1003"]);
    let first = purchase(&given, 0);
    let lines: Vec<_> = first.lines.iter().map(|line| (line.sku.as_str(), line.quantity)).collect();
    assert_eq!(lines, [("L-1", 1), ("B-1", 2)]);
    assert_eq!(first.total.as_ref().unwrap().minor_units, 3000);
    assert_eq!(purchase(&given, 1).lines.len(), 2, "a row without a key is of the order before");
    let guest = &given.entries[3].identifiers[0];
    assert_eq!((guest.kind(), guest.value.as_str()), (pb::IdentifierKind::External, "#1003"));
}

#[test]
fn the_currency_of_the_order_holds_for_its_lines() {
    let map = BLANK_MAP.replace(
        "{ column = \"Lineitem price\", currency = { column = \"Currency\", default = \"EUR\" } }",
        "\"Lineitem price\"",
    );
    let given = given("orders.csv", BLANK_AFTER_FIRST, &map);
    assert_eq!(given.reasons(), [""; 0]);
    let price = purchase(&given, 1).lines[1].unit_price.as_ref().unwrap();
    assert_eq!(price.currency_code, "NOK");
}

#[test]
fn an_unreadable_row_takes_the_orders_beside_it_along() {
    let bad = BLANK_AFTER_FIRST.replace("#1001,,,,,,2,Bulb", "#1001,,,,,,2,Bulb,too,many");
    let given = given("orders.csv", bad, BLANK_MAP);
    let references: Vec<_> =
        given.entries.iter().map(|request| entry(request).source_ref.as_str()).collect();
    assert_eq!(references, ["#1003"], "an order without one of its lines would be a wrong one");
    let unsure = "an adjacent row cannot be read and may belong to it";
    assert_eq!(
        given.reasons(),
        [format!("2 : {unsure}"), "3 : has more than 12 cells".to_owned(), format!("4 : {unsure}")]
    );
}

const EUROPEAN: &str = "\
Bestelnr;Datum;Klantnr;Naam;Telefoon;Artikel;Aantal;Prijs;Totaal;Serienummer;Garantie tot
B-1;31-12-2024 23:59;K1;Zoë Brûlé;06 1234 5678;Télé 50\";1;€ 1.049,00;€ 1.074,95;SN-1;31-12-2026
B-1;31-12-2024 23:59;K1;Zoë Brûlé;06 1234 5678;Kabel;2;€ 12,975;€ 1.074,95;;
B-2;01-02-2025 08:00;K2;Ali;n.v.t.;Kabel;1.000;€ 12,-;€ 12.000,00;;
";

const EUROPEAN_MAP: &str = r#"
source = "kassa"

[file]
separator = ";"
encoding = "windows-1252"
empty = ["n.v.t."]

[time]
format = "%d-%m-%Y %H:%M"
zone = "Europe/Amsterdam"

[money]
currency = "EUR"
decimal = ","
thousands = "."

[lines]
group_by = "Bestelnr"

[[customer.identifier]]
kind = "customer_number"
value = "Klantnr"

[[customer.identifier]]
kind = "phone"
value = "Telefoon"
region = "NL"

[customer.profile]
family_name = "Naam"

[[entry]]
kind = "purchase"
channel = "store"
occurred_at = "Datum"
source_ref = "Bestelnr"
order_number = "Bestelnr"
total = "Totaal"
[entry.line]
name = "Artikel"
quantity = "Aantal"
unit_price = "Prijs"
serial_number = "Serienummer"
warranty_end = { column = "Garantie tot", format = "%d-%m-%Y" }
"#;

#[test]
fn semicolons_commas_and_an_old_encoding() {
    let good = EUROPEAN.replace("12,975", "12,97");
    let bytes = encoding_rs::WINDOWS_1252.encode(&good).0.into_owned();
    let found = given("kassa.csv", bytes, EUROPEAN_MAP);
    assert_eq!(found.reasons(), [""; 0]);
    assert_eq!(found.entries.len(), 2);
    assert_eq!(found.entries[0].profile.as_ref().unwrap().family_name, "Zoë Brûlé");
    assert_eq!(found.entries[0].identifiers.len(), 2);
    assert_eq!(found.entries[1].identifiers.len(), 1, "n.v.t. is no telephone");
    let first = purchase(&found, 0);
    assert_eq!(first.total.as_ref().unwrap().minor_units, 107_495);
    assert_eq!(first.lines[0].name, "Télé 50\"");
    assert_eq!(first.lines[0].serial_number, "SN-1");
    assert_eq!(first.lines[0].warranty_end, "2026-12-31");
    assert_eq!(first.lines[0].unit_price.as_ref().unwrap().minor_units, 104_900);
    let second = &purchase(&found, 1).lines[0];
    assert_eq!((second.quantity, second.unit_price.as_ref().unwrap().minor_units), (1000, 1200));

    let found = given("kassa.csv", encoding_rs::WINDOWS_1252.encode(EUROPEAN).0, EUROPEAN_MAP);
    assert_eq!(found.entries.len(), 1);
    let reason = "entry.purchase.lines: column \"Prijs\" has more decimals than the currency";
    assert_eq!(found.reasons(), [format!("2 {reason}")]);
}

#[test]
fn lines_in_an_array_of_the_order() {
    let map = r#"
        source = "api"
        [money]
        currency = { column = "currency" }
        unit = "minor"
        [[customer.identifier]]
        kind = "external"
        namespace = "api"
        value = "customer.id"
        [[entry]]
        kind = "purchase"
        channel = "app"
        occurred_at = { column = "created", format = "unix" }
        source_ref = "id"
        total = "amount"
        [entry.line]
        array = "items"
        sku = "sku"
        unit_price = "price"
    "#;
    let row = r#"{"id":"o1","created":1740828000,"currency":"eur","amount":300,
        "customer":{"id":77},"items":[{"sku":"a","price":100},{"sku":"b","price":200}]}"#;
    let given = given("orders.ndjson", row.replace('\n', ""), map);
    assert_eq!(given.entry().source_ref, "o1");
    assert_eq!(given.entries[0].identifiers[0].value, "77");
    let purchase = purchase(&given, 0);
    let prices: Vec<_> =
        purchase.lines.iter().map(|line| line.unit_price.clone().unwrap()).collect();
    let euro = |minor_units| pb::Money { currency_code: "EUR".to_owned(), minor_units };
    assert_eq!((purchase.total.clone().unwrap(), prices), (euro(300), vec![euro(100), euro(200)]));
    assert!(purchase.lines.iter().all(|line| line.quantity == 1));
}

#[test]
fn messages_in_rows_of_their_own() {
    let map = r#"
        source = "chat"
        [time]
        zone = "UTC"
        [lines]
        group_by = "chat"
        [[customer.identifier]]
        kind = "cookie"
        value = "visitor"
        [[entry]]
        kind = "interaction"
        channel = "chat"
        direction = "inbound"
        occurred_at = "at"
        source_ref = "chat"
        [entry.message]
        author = { column = "who", table = { visitor = "customer" }, default = "agent" }
        text = "said"
        sent_at = "at"
    "#;
    let rows = "chat,visitor,at,who,said\nc1,v1,2025-01-01 10:00,visitor,Hi\n\
                c1,v1,2025-01-01 10:01,Kim,Hello\nc1,v1,2025-01-01 10:02,Kim,\n\
                c2,v2,2025-01-01 10:00,visitor,Hey\n";
    let given = given("chat.csv", rows, map);
    assert_eq!(given.entries.len(), 2);
    let Some(Content::Interaction(chat)) = &entry(&given.entries[0]).content else { panic!() };
    let said: Vec<_> = chat.messages.iter().map(|it| (it.author(), it.text.as_str())).collect();
    let (customer, agent) = (pb::message::Author::Customer, pb::message::Author::Agent);
    assert_eq!(said, [(customer, "Hi"), (agent, "Hello")]);
}
