//! Invalid maps are refused before the first row, and the message names the key.

use throughline::ingest::map::Map;

use super::{given, notes_map, refused};

#[track_caller]
fn check(map: &str, wanted: &[&str]) {
    let fault = Map::parse(map).expect_err(map);
    for part in wanted {
        assert!(fault.contains(part), "{part:?} is not in:\n{fault}");
    }
}

/// A valid map with an additional line in its entry.
fn with(line: &str) -> String {
    format!("{}\n{line}\n", notes_map(""))
}

#[test]
fn what_a_map_does_not_know_is_named() {
    check(&with("colour = \"red\""), &["colour", "unknown field"]);
    check(&with("only = [{ column = \"a\", iss = \"b\" }]"), &["iss"]);
    check("[customer]\nidentifier = [{ value = \"a\" }]", &["missing field `kind`"]);
    check(&with("agent = { columm = \"a\" }"), &["columm"]);
    check("[customer", &["customer"]);
}

#[test]
fn words_must_be_those_of_the_product() {
    let map = notes_map("").replace("\"store\"", "\"shop\"");
    check(&map, &["entry 1.channel", "\"shop\" is not one of phone, web"]);
    let table = "{ column = \"c\", table = { a = \"phone\", b = \"fax\" } }";
    check(&notes_map("").replace("\"store\"", table), &["entry 1.channel", "\"fax\""]);
    let map = notes_map("").replace("customer_number", "customer");
    check(&map, &["customer.identifier 1.kind", "external"]);
}

#[test]
fn an_entry_has_the_fields_of_its_kind() {
    check(&with("total = \"t\""), &["entry 1.total: the kind", "give `currency`"]);
    check(&notes_map("").replace("text = \"text\"", ""), &["entry 1.text: is needed"]);
    let call = notes_map("").replace("\"note\"", "\"interaction\"");
    check(&call, &["entry 1.direction: is needed: inbound or outbound"]);
    let score = notes_map("").replace("\"note\"", "\"feedback\"");
    check(&score, &["entry 1.metric", "entry 1.score", "entry 1.scale_max"]);
    check(&notes_map("").replace("source = \"test\"", ""), &["entry 1.source: is needed"]);
}

#[test]
fn a_kind_by_table_has_the_fields_of_all_its_kinds() {
    let map = notes_map("").replace(
        "kind = \"note\"",
        "kind = { column = \"k\", table = { n = \"note\", c = \"interaction\" } }\n\
         direction = \"inbound\"",
    );
    let rows = "id,at,text,k\n1,2025-01-01T00:00:00Z,a,n\n2,2025-01-01T00:00:00Z,b,c\n\
                3,2025-01-01T00:00:00Z,c,x\n";
    let given = given("a.csv", rows, &map);
    assert_eq!(given.entries.len(), 2);
    assert_eq!(
        given.reasons(),
        ["4 entry.kind: column \"k\" holds a word that the table does not have"]
    );
}

#[test]
fn identifiers_say_where_they_are_unique() {
    let map = notes_map("").replace("customer_number", "external");
    check(&map, &["customer.identifier 1.namespace", "is needed"]);
    let region = "value = \"id\"\nregion = \"NL\"";
    let map = notes_map("").replace("value = \"id\"", region);
    check(&map, &["customer.identifier 1.region", "phone"]);
    check(
        "source = \"a\"\n[customer]\nidentifier = []",
        &["customer.identifier: give at least one"],
    );
}

#[test]
fn names_of_entries_differ() {
    let fixed = notes_map("").replace("source_ref = \"id\"", "source_ref = { value = \"x\" }");
    check(&fixed, &["entry 1.source_ref", "is the same for every row"]);
    let both =
        format!("{0}{1}", notes_map(""), &notes_map("")[notes_map("").find("[[entry").unwrap()..]);
    check(&both, &["entry 2.source_ref", "{order_id}/return"]);
}

#[test]
fn day_and_month_are_never_guessed() {
    let both = "[time]\nzone = \"UTC\"\nformat = [\"%d/%m/%Y\", \"%m/%d/%Y\"]";
    check(&notes_map(both), &["both orders"]);
    check(&notes_map("[time]\nformat = \"dd/mm/yyyy\""), &["dd/mm/yyyy", "%d/%m/%Y"]);
    check(
        &notes_map("[time]\nformat = \"%d/%m\""),
        &["does not say the day, the month and the year"],
    );
    check(&notes_map("[time]\nformat = \"%d/%m/%Y\""), &["entry 1.occurred_at", "`zone`"]);
    check(&notes_map("[time]\nzone = \"Amsterdam\""), &["\"Amsterdam\" is not a time zone"]);
}

#[test]
fn the_form_of_a_file_makes_sense() {
    check(&notes_map("[file]\nseparator = \"::\""), &["\"::\" is not one character"]);
    check(&notes_map("[file]\nencoding = \"klingon\""), &["klingon", "windows-1252"]);
    check(&notes_map("[file]\nheader = false"), &["file.columns", "name the columns"]);
    check(&notes_map("[file]\nquote = \"''\""), &["file.quote"]);
    check(&notes_map("[file]\nformat = \"ndjson\"\nseparator = \";\""), &["file", "NDJSON"]);
    check(&notes_map("[money]\ndecimal = \",\"\nthousands = \",\""), &["money", "the same"]);
}

#[test]
fn a_map_reads_no_file_of_another_folder() {
    for file in ["../../x", "/etc/passwd", "a/../../x", ""] {
        let lines = format!("[lines]\nfile = \"{file}\"\nkey = \"id\"");
        check(&notes_map(&lines), &["lines.file", "--lines PATH"]);
    }
    check(&notes_map("[lines]\nfile = \"x.csv\""), &["lines.key"]);
    check(&notes_map("[lines]"), &["lines: give `group_by` or `file`"]);
}

#[test]
fn templates_are_checked() {
    for (template, part) in [
        ("{id", "never closed"),
        ("{}", "names no column"),
        ("{@time}", "@line, @file or @hash"),
        ("{id}]", "closes nothing"),
        ("{id}[", "never closed"),
    ] {
        let map = notes_map("").replace("text = \"text\"", &format!("text = \"{template}\""));
        check(&map, &[part]);
    }
}

#[test]
fn columns_that_the_file_does_not_have_are_named_with_those_it_has() {
    let fault = refused("a.csv", "id;at;tekst\n", &notes_map("[file]\nseparator = \";\""));
    assert!(
        fault.contains(
            "the map uses \"text\", and the file has the columns \"id\", \"at\", \"tekst\""
        ),
        "{fault}"
    );
    let fault = refused("a.csv", "id;at;text\n", &notes_map(""));
    assert!(fault.contains("is the separator ';'?"), "{fault}");
    let fault = refused("a.csv", "id,at,text,text\n", &notes_map(""));
    assert!(fault.contains("\"text\" is twice in the header"), "{fault}");
}
