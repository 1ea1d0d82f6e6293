//! How changes of identity look in a terminal.

use insta::assert_snapshot;
use jiff::tz::TimeZone;
use throughline::{
    cli::render::{self, EntryPrinter, TerminalStyle},
    pb::{self, IdentifierVerification as Verification, entry::Content, identity_change::Change},
};

use crate::calls::{at, identifier};

fn style(width: usize) -> TerminalStyle {
    TerminalStyle { width, colour: false, zone: TimeZone::UTC, full: false }
}

fn told(minute: i64, change: pb::IdentityChange) -> pb::Entry {
    pb::Entry {
        occurred_at: Some(at(60 * minute)),
        content: Some(Content::IdentityChange(change)),
        ..pb::Entry::default()
    }
}

fn change(change: Change, reason: &str) -> pb::IdentityChange {
    pb::IdentityChange {
        change: change.into(),
        actor: "Karin".to_owned(),
        reason: reason.to_owned(),
        other_customer_id: "019cec37-b600-77b1-879d-e6c57cc4cf44".to_owned(),
        ..pb::IdentityChange::default()
    }
}

fn of_identifier(sort: Change, verification: Verification, namespace: &str) -> pb::IdentityChange {
    let identifier = pb::Identifier {
        namespace: namespace.to_owned(),
        ..identifier(pb::IdentifierKind::Account, "anna")
    };
    pb::IdentityChange {
        identifier: Some(identifier),
        verification: verification.into(),
        other_customer_id: String::new(),
        ..change(sort, "")
    }
}

fn show(entries: &[pb::Entry], style: &TerminalStyle) -> String {
    let mut printer = EntryPrinter::new(style);
    entries.iter().map(|entry| printer.entry(entry, None)).collect()
}

#[test]
fn each_change_is_a_line_in_plain_words() {
    let merged = pb::IdentityChange {
        evidence: vec!["the same card shown in the store".to_owned()],
        ..change(Change::Merged, "one person with two mailboxes")
    };
    let entries = [
        told(9, change(Change::MergeExclusionLifted, "a slip")),
        told(8, change(Change::MergeExcluded, "twins")),
        told(7, change(Change::Unmerged, "father and son, says he")),
        told(6, merged),
        told(5, of_identifier(Change::Unlinked, Verification::Unspecified, "")),
        told(4, of_identifier(Change::Linked, Verification::Shared, "outlet")),
        told(3, of_identifier(Change::Linked, Verification::Verified, "")),
        told(2, of_identifier(Change::Linked, Verification::Claimed, "")),
        told(1, pb::IdentityChange::default()),
    ];
    assert_snapshot!(show(&entries, &style(100)), @"

    Saturday 14 March 2026
      12:09             identity     May be merged again with 019cec37-b600-77b1-879d-e6c57cc4cf44
             by Karin · a slip
      12:08             identity     Excluded from merging with 019cec37-b600-77b1-879d-e6c57cc4cf44
             by Karin · twins
      12:07             identity     Unmerged from 019cec37-b600-77b1-879d-e6c57cc4cf44
             by Karin · father and son, says he
      12:06             identity     Merged into 019cec37-b600-77b1-879d-e6c57cc4cf44
             by Karin · one person with two mailboxes
             the same card shown in the store
      12:05             identity     Unlinked account anna
             by Karin
      12:04             identity     Linked account anna (outlet), as one that several people use
             by Karin
      12:03             identity     Linked account anna, verified
             by Karin
      12:02             identity     Linked account anna
             by Karin
      12:01             identity     Of a kind this version does not know
    ");
}

#[test]
fn a_merged_customer_shows_what_it_is_of() {
    let kept = |kind: pb::IdentifierKind, value: &str, verification: Verification| {
        pb::CustomerIdentifier {
            kind: kind.into(),
            value: value.to_owned(),
            verification: verification.into(),
            ..pb::CustomerIdentifier::default()
        }
    };
    let customer = pb::Customer {
        id: "019cec37-b600-77b1-879d-e6c57cc4cf44".to_owned(),
        identifiers: vec![
            kept(pb::IdentifierKind::Account, "anna", Verification::Verified),
            kept(pb::IdentifierKind::Phone, "+31612345678", Verification::Shared),
            kept(pb::IdentifierKind::Email, "anna@example.net", Verification::Claimed),
        ],
        record_ids: vec!["a".to_owned(), "b".to_owned()],
        ..pb::Customer::default()
    };
    assert_snapshot!(render::customer(&customer, &style(80)), @"
    a customer without a name
      customer        019cec37-b600-77b1-879d-e6c57cc4cf44
      account         anna, verified
      phone           +31612345678, used by several people
      e-mail          anna@example.net
      merged          of 2 records
    ");
}

#[test]
fn nothing_in_a_change_steers_the_terminal() {
    let trick = "\x1b[2J\x1b]0;owned\x07\u{202e}gnp.exe\r\x08\u{9b}31m\tx\ny";
    let identifier = pb::Identifier {
        namespace: trick.to_owned(),
        value: trick.to_owned(),
        ..pb::Identifier::default()
    };
    let hostile = pb::IdentityChange {
        change: Change::Linked.into(),
        actor: trick.to_owned(),
        reason: trick.to_owned(),
        identifier: Some(identifier),
        other_customer_id: trick.to_owned(),
        merge_id: trick.to_owned(),
        evidence: vec![trick.to_owned()],
        ..pb::IdentityChange::default()
    };
    let merged = pb::IdentityChange { change: Change::Merged.into(), ..hostile.clone() };
    let text = show(&[told(2, hostile), told(1, merged)], &style(80));
    let steers = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    assert_eq!(text.chars().find(steers), None, "{text}");
}
