//! `throughline evaluate`, as a user calls it.

use std::{fs, process::Command};

use insta::assert_snapshot;

use crate::support::TempFolder;

/// Ten people with two records each, the second with another mailbox.
fn file(folder: &TempFolder) {
    let names = ["Anna", "Bram", "Carla", "Daan", "Emma", "Finn", "Greet", "Hugo", "Iris", "Jan"];
    let mut text = "nr,klant,First Name,Surname,DOB,E-mail\n".to_owned();
    for (number, name) in names.iter().enumerate() {
        for record in 0..2 {
            text += &format!(
                "{number}-{record},{number},{name},Zonneveld{number},19{number}1-03-14,\
                 {name}{record}@example.com\n"
            );
        }
    }
    fs::write(folder.path().join("people.csv"), text).unwrap();
}

/// The exit code with what is printed, without the seconds.
fn run(folder: &TempFolder, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    command.current_dir(folder.path()).arg("evaluate").args(arguments);
    let output = command.output().unwrap();
    let out =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let line = |line: &str| match line.strip_prefix("people.csv") {
        Some(_) => line.rsplit_once("  ").unwrap().0.to_owned(),
        None => line.to_owned(),
    };
    let lines: Vec<String> = out.lines().map(line).collect();
    format!("{}: {}", output.status.code().unwrap(), lines.join("\n"))
}

#[test]
fn a_file_is_compared_with_the_truth() {
    let folder = TempFolder::new();
    file(&folder);
    let table = run(&folder, &["people.csv", "--truth", "klant", "--ignore", "nr"]);
    assert_snapshot!(table, @"
    0: file        rows  true pairs  compared  found  precision  recall      F1    s
    people.csv    20          10        14     10     1.0000  1.0000  1.0000
    ");

    let saved = ["people.csv", "--truth", "klant", "--save-model", "model.json", "--json"];
    let json = run(&folder, &saved);
    assert!(json.contains("\"columns\":\"First Name=given_name, Surname=family_name"), "{json}");
    let again = ["people.csv", "--truth", "klant", "--model", "model.json", "--ignore", "nr"];
    assert_eq!(run(&folder, &again), table);
}

#[test]
fn what_is_missed_is_shown_with_the_reasons() {
    let folder = TempFolder::new();
    file(&folder);
    let names = ["people.csv", "--truth", "klant", "--built-in", "--threshold", "1"];
    let shown = run(&folder, &[&names[..], &["--wrong", "1"]].concat());
    assert!(shown.contains("One person's, but missed"), "{shown}");
    assert!(shown.contains("birth_date       exact"), "{shown}");
}

#[test]
fn what_cannot_be_evaluated_says_what_to_do() {
    let folder = TempFolder::new();
    file(&folder);
    let run = |arguments: &[&str]| run(&folder, arguments);
    assert_snapshot!(run(&["people.csv", "--truth", "person"]), @r#"2: throughline: people.csv has no column "person", but "nr", "klant", "First Name", "Surname", "DOB", "E-mail""#);
    assert_snapshot!(run(&["people.csv", "--truth", "klant", "--column", "nr=number"]), @r#"2: throughline: --column: there is no field "number": use name, given_name, family_name, organisation, birth_date, house_number, address_line, locality, region, postcode, phone, email, account, customer_number, loyalty_card, external, social"#);
    assert_snapshot!(run(&["people.csv", "--truth", "klant", "--model", "people.csv"]), @"1: throughline: people.csv holds no weights; --save-model writes such a file: expected ident at line 1 column 2");
    assert_snapshot!(run(&["people.csv", "--truth", "klant", "--threshold", "2"]), @"2: throughline: --threshold: give a number from 0 to 1");
}
