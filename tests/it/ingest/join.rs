//! Lines of orders in a file of their own.

use throughline::pb::entry::Content;

use super::{Given, entry, input, read};
use crate::support::TempFolder;

const MAP: &str = r#"
    source = "shop"
    [money]
    currency = "EUR"
    [lines]
    file = "lines.csv"
    key = "order"
    row_key = "id"
    [[customer.identifier]]
    kind = "account"
    value = "account"
    [[entry]]
    kind = "purchase"
    channel = "web"
    occurred_at = "at"
    source_ref = "id"
    [entry.line]
    sku = "sku"
    quantity = "quantity"
"#;

const ORDERS: &str = "id,account,at\n\
    o1,a,2025-01-01T00:00:00Z\no2,b,2025-01-01T00:00:00Z\no3,a,2025-01-01T00:00:00Z\n";

fn joined(lines: &str) -> Given {
    let folder = TempFolder::new();
    std::fs::write(folder.path().join("lines.csv"), lines).unwrap();
    read(&input(&folder, "orders.csv", ORDERS, MAP)).unwrap()
}

/// The articles of each order.
fn articles(given: &Given) -> Vec<String> {
    let skus = |request| match &entry(request).content {
        Some(Content::Purchase(purchase)) => {
            purchase.lines.iter().map(|line| line.sku.as_str()).collect::<Vec<_>>().join(" ")
        }
        other => panic!("{other:?}"),
    };
    given.entries.iter().map(skus).collect()
}

#[test]
fn lines_find_their_order_however_they_are_sorted() {
    let wanted = ["x y", "", "z x y"];
    let sorted = "order,sku,quantity\no1,x,1\no1,y,1\no3,z,1\no3,x,1\no3,y,1\n";
    let mixed = "order,sku,quantity\no3,z,1\no1,x,1\no3,x,1\n\no3,\"y\",1\no1,y,1\n";
    for lines in [sorted, mixed] {
        let given = joined(lines);
        assert_eq!(given.reasons(), [""; 0]);
        assert_eq!(articles(&given), wanted);
    }
}

#[test]
fn lines_of_no_order_are_rejected_with_their_place() {
    let given = joined("order,sku,quantity\no1,x,1\no9,y,1\n,z,1\no1,\"u\nv\",1\no3,w\n");
    assert_eq!(articles(&given), ["x u\nv", "", ""]);
    let found: Vec<_> = given
        .rejects
        .iter()
        .map(|it| (it.file.as_str(), it.line, it.byte_offset, it.reason.as_str()))
        .collect();
    let no_key = "column \"order\" is empty, so that its row is unknown";
    assert_eq!(
        found,
        [
            ("lines.csv", 4, 33, no_key),
            ("lines.csv", 7, 49, "has 2 cells where the file has 3 columns"),
            ("lines.csv", 3, 26, "no row of the other file has this key"),
        ]
    );
}

#[test]
fn the_lines_may_be_elsewhere() {
    let (folder, other) = (TempFolder::new(), TempFolder::new());
    let path = other.path().join("other.csv");
    std::fs::write(&path, "order,sku,quantity\no1,x,1\n").unwrap();
    let mut input = input(&folder, "orders.csv", ORDERS, MAP);
    assert!(format!("{:#}", read(&input).unwrap_err()).contains("lines.csv"));
    input.lines = Some(path);
    assert_eq!(articles(&read(&input).unwrap()), ["x", "", ""]);
}

#[test]
fn many_keys_keep_apart() {
    let orders: String = (0..3000).map(|id| format!("o{id},a,2025-01-01T00:00:00Z\n")).collect();
    let lines: String = (0..9000).map(|at| format!("o{},s{at},1\n", at % 3000)).collect();
    let folder = TempFolder::new();
    std::fs::write(folder.path().join("lines.csv"), format!("order,sku,quantity\n{lines}"))
        .unwrap();
    let given =
        read(&input(&folder, "orders.csv", format!("id,account,at\n{orders}"), MAP)).unwrap();
    assert_eq!(given.reasons(), [""; 0]);
    let wanted: Vec<_> =
        (0..3000).map(|id| format!("s{id} s{} s{}", id + 3000, id + 6000)).collect();
    assert_eq!(articles(&given), wanted);
}
