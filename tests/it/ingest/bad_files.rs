//! Number 117 of the bad inputs: errors in a file are rejected, row by row if possible, with their
//! offset in bytes, and the rest is imported.

use throughline::{ingest::encoding::MAX_ROW_BYTES, pb};

use super::{Given, entry, given, notes_map, refused};

const AT: &str = "2025-01-01T00:00:00Z";

/// The texts of the notes of a file.
fn texts(given: &Given) -> Vec<String> {
    let text = |request| match &entry(request).content {
        Some(pb::entry::Content::Note(note)) => note.text.clone(),
        other => panic!("{other:?}"),
    };
    given.entries.iter().map(text).collect()
}

/// A file with a header, these rows, and a final one.
fn file(rows: &str) -> String {
    format!("id,at,text\n{rows}9,{AT},last\n")
}

/// The rejects of a file as line, byte offset and reason; its last row must be imported.
#[track_caller]
fn faults(content: impl AsRef<[u8]>) -> Vec<(u64, u64, String)> {
    let given = given("a.csv", content, &notes_map(""));
    assert_eq!(texts(&given).last().map(String::as_str), Some("last"), "{:?}", given.rejects);
    let fault = given.rejects.iter();
    fault.map(|reject| (reject.line, reject.byte_offset, reject.reason.clone())).collect()
}

#[test]
fn every_encoding_gives_the_same_text() {
    let text = "Ærlig talt: 5 € à Kåre";
    let content = format!("id,at,text\r\n1,{AT},{text}\r\n2,{AT},\"{text}\r\nto\"\r\n");
    let wide = |unit: fn(u16) -> [u8; 2], mark: bool| {
        let mark = mark.then_some(0xfeff);
        mark.into_iter().chain(content.encode_utf16()).flat_map(unit).collect::<Vec<u8>>()
    };
    let utf16 = [u16::to_le_bytes, u16::to_be_bytes];
    let windows = encoding_rs::WINDOWS_1252.encode(&content).0.into_owned();
    for (encoding, bytes) in [
        ("utf-8", content.clone().into_bytes()),
        ("utf-8", format!("\u{feff}{content}").into_bytes()),
        ("windows-1252", format!("\u{feff}{content}").into_bytes()),
        ("cp1252", windows.clone()),
        ("latin-1", windows),
        ("utf-8", wide(utf16[0], true)),
        ("utf-16", wide(utf16[0], true)),
        ("utf-16le", wide(utf16[0], false)),
        ("utf-8", wide(utf16[1], true)),
        ("utf-16be", wide(utf16[1], false)),
    ] {
        let map = notes_map(&format!("[file]\nencoding = \"{encoding}\"\n"));
        let given = given("a.csv", bytes, &map);
        assert_eq!(texts(&given), [text.to_owned(), format!("{text}\nto")], "{encoding}");
        assert_eq!(given.rejects, []);
    }
}

#[test]
fn line_ends_of_wide_text_are_whole_units() {
    // U+0A00 to U+0A0A and U+010A hold the byte of a line end.
    let text = "\u{a05}\u{10a}\u{a0a}x";
    let content = format!("id,at,text\n1,{AT},{text}\n");
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> =
            [0xfeff].into_iter().chain(content.encode_utf16()).flat_map(unit).collect();
        assert_eq!(texts(&given("a.csv", bytes, &notes_map(""))), [text]);
    }
}

#[test]
fn bytes_of_another_encoding() {
    let mut content = format!("id,at,text\n1,{AT},caf").into_bytes();
    let at = content.len();
    content.extend_from_slice(b"\xe9\n");
    content.extend_from_slice(format!("9,{AT},last\n").as_bytes());
    assert_eq!(faults(content), [(2, 11, format!("is not UTF-8 from byte offset {at} on"))]);
}

#[test]
fn mixed_separators() {
    let row = format!("1;{AT};a\n");
    let reason = "has 1 cells where the file has 3 columns".to_owned();
    assert_eq!(faults(file(&row)), [(2, 11, reason)]);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_row() {
    let reason = "has a quote that is never closed";
    let plain: String = (2..5).map(|id| format!("{id},{AT},a\n")).collect();
    assert_eq!(faults(file(&format!("1,{AT},\"a\n{plain}"))), [(2, 11, reason.to_owned())]);
    // The quote of a later row seems to close it.
    let quoted = format!("1,{AT},\"a\n2,{AT},\"b\"\n3,{AT},c\n");
    let found = faults(file(&quoted));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].1), (2, 11));
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_file() {
    let line = format!("2,{AT},{}\n", "x".repeat(1000));
    let rows = line.repeat(2 * MAX_ROW_BYTES / line.len());
    let given = given("a.csv", file(&format!("1,{AT},\"a\n{rows}")), &notes_map(""));
    assert_eq!(given.reasons(), ["2 : has a quote that is never closed"]);
    assert_eq!(given.entries.len(), rows.lines().count() + 1);
}

#[test]
fn quotes_within_cells() {
    let rows =
        format!("1,{AT},\"say \"\"hi\"\", he said\"\n2,{AT},5\" screen\n3,{AT}, \"a, b\" \n");
    let given = given("a.csv", file(&rows), &notes_map(""));
    assert_eq!(texts(&given), ["say \"hi\", he said", "5\" screen", "a, b", "last"]);
}

#[test]
fn escapes_in_place_of_doubled_quotes() {
    let rows = format!("1,{AT},\"say \\\"hi\\\", \\\\ he said\"\n2,{AT},a\\,b\n");
    let given = given("a.csv", file(&rows), &notes_map("[file]\nescape = '\\'\n"));
    assert_eq!(texts(&given), ["say \"hi\", \\ he said", "a,b", "last"]);
}

#[test]
fn a_million_columns() {
    let row = format!("1,{AT},a{}\n", ",b".repeat(1_000_000));
    assert_eq!(faults(file(&row)), [(2, 11, "has more than 3 cells".to_owned())]);
    let header = format!("id,at,text{}\n", ",b".repeat(1_000_000));
    let fault = refused("a.csv", header, &notes_map(""));
    assert!(fault.contains("the header, has more than 4096 cells"), "{fault}");
}

#[test]
fn a_line_without_end() {
    let long = "x".repeat(3 * MAX_ROW_BYTES);
    let row = format!("1,{AT},{long}\n");
    let reason = format!("has {} bytes, and a row has at most {MAX_ROW_BYTES}", row.len());
    let given = given("a.csv", file(&row), &notes_map(""));
    assert_eq!(given.reasons(), [format!("2 : {reason}")]);
    assert_eq!(given.rejects[0].raw, None);
    assert_eq!(texts(&given), ["last"]);
}

#[test]
fn nul_characters() {
    let found = faults(file(&format!("1,{AT},a\0b\n")));
    assert!(found[0].2.starts_with("holds a NUL character"), "{found:?}");
    let wide: Vec<u8> = file("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let fault = refused("a.csv", wide, &notes_map(""));
    assert!(fault.contains("it is UTF-16: give `encoding`"), "{fault}");
}

#[test]
fn the_header_again() {
    let rows = format!("1,{AT},a\nid,at,text\n2,{AT},b\n");
    let at = 11 + format!("1,{AT},a\n").len() as u64;
    assert_eq!(faults(file(&rows)), [(3, at, "is the header again".to_owned())]);
}

#[test]
fn rows_without_anything_are_no_rows() {
    let given = given("a.csv", file(&format!("\n,,\n  \n1,{AT},a\n")), &notes_map(""));
    assert_eq!((texts(&given).len(), given.rejects.len()), (2, 0));
}

#[test]
fn short_rows_only_where_the_map_says_so() {
    let map =
        notes_map("").replace("text = \"text\"", "text = { column = \"text\", default = \"-\" }");
    let rows = format!("1,{AT}\n");
    let found = given("a.csv", file(&rows), &map);
    assert_eq!(found.reasons(), ["2 : has 2 cells where the file has 3 columns"]);
    let found = given("a.csv", file(&rows), &format!("[file]\nragged = true\n{map}"));
    assert_eq!(texts(&found), ["-", "last"]);
}

#[test]
fn files_that_are_none() {
    let fault = refused("a.csv", "", &notes_map(""));
    assert!(fault.contains("the file is empty"), "{fault}");
    let fault = refused("a.csv", b"PK\x03\x04abc", &notes_map(""));
    assert!(fault.contains("is compressed: unpack it first"), "{fault}");
    let fault = refused("a.csv", b"\x1f\x8babc", &notes_map(""));
    assert!(fault.contains("is compressed: unpack it first"), "{fault}");
}

#[test]
fn json_that_is_none() {
    let good = format!(r#"{{"id":1,"at":"{AT}","text":"last"}}"#);
    let deep = "[".repeat(10_000);
    let map = notes_map("");
    for (line, reason) in [
        ("{\"id\": 1", "ends in the middle of its JSON, at byte offset 7"),
        ("{\"id\": x}", "is not JSON, at byte offset 7"),
        ("[1, 2]", "is not a JSON object"),
        ("{\"text\": \"\\ud800\"}", "is not JSON"),
        ("{\"id\": 1e400}", "is not JSON"),
        (deep.as_str(), "is not JSON"),
        ("{\"id\": 12345678901234567890123}", "too many digits: write it as a text"),
    ] {
        let given = given("a.ndjson", format!("{line}\n{good}\n"), &map);
        assert_eq!(texts(&given), ["last"]);
        let found = given.reasons().concat();
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn columns_of_an_ndjson_file_may_be_paths() {
    let map = notes_map("").replace("text = \"text\"", "text = \"{m.text} {m.tags.1} {a.b}\"");
    let row =
        format!(r#"{{"id":1,"at":"{AT}","m":{{"text":"x","tags":[1,2.50,true]}},"a.b":null}}"#);
    assert_eq!(texts(&given("a.ndjson", row, &map)), ["x 2.5"]);
}
