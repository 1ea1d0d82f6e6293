//! Checks of a map that need no rows.

use std::path::{Component, Path};

use super::{Condition, Day, Entry, FileFormat, Format, Lines, Map, Money, Orders, Word};
use crate::{
    ingest::{
        csv::Separator,
        words::{AUTHORS, CHANNELS, DIRECTIONS, IDENTIFIERS, KINDS, METRICS, find, list},
    },
    pb,
};

/// The rules that a map breaks.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, key: &str, rule: &str) {
        self.0.push(format!("{key}: {rule}"));
    }

    fn unless(&mut self, holds: bool, key: &str, rule: &str) {
        if !holds {
            self.add(key, rule);
        }
    }

    /// Checks that the words in the map itself are words of the product.
    fn words<T: Copy>(&mut self, key: &str, word: Option<&Word>, known: &[(&str, T)]) {
        for text in word.iter().flat_map(|word| word.0.words()) {
            if find(known, text).is_none() {
                self.add(key, &format!("\"{text}\" is not one of {}", list(known)));
            }
        }
    }
}

impl Map {
    /// Checks what the types do not enforce.
    pub(super) fn verify(&self) -> Result<(), String> {
        let mut faults = Faults::default();
        verify_format("file", &self.file, &mut faults);
        verify_conditions("only", &self.only, &mut faults);
        if let Some(lines) = &self.lines {
            verify_lines(lines, &mut faults);
        }
        let marks = (self.money.decimal.unwrap_or('.'), self.money.thousands);
        faults.unless(Some(marks.0) != marks.1, "money", "decimal and thousands are the same");
        self.verify_customer(&mut faults);
        for (index, entry) in self.entries.iter().enumerate() {
            let key = format!("entry {}", index + 1);
            self.verify_entry(&key, entry, &mut faults);
            let same = self.entries[..index].iter().find(|other| {
                other.source_ref == entry.source_ref
                    && other.source == entry.source
                    && (other.only.is_empty() || entry.only.is_empty())
            });
            faults.unless(
                same.is_none(),
                &format!("{key}.source_ref"),
                "another entry of the row has the same: add a word, such as \"{order_id}/return\"",
            );
        }
        if faults.0.is_empty() { Ok(()) } else { Err(faults.0.join("\n")) }
    }

    fn verify_customer(&self, faults: &mut Faults) {
        faults.unless(
            !self.customer.identifiers.is_empty(),
            "customer.identifier",
            "give at least one: without it the customer of a row is unknown",
        );
        for (index, identifier) in self.customer.identifiers.iter().enumerate() {
            let key = format!("customer.identifier {}", index + 1);
            faults.words(&format!("{key}.kind"), Some(&identifier.kind), &IDENTIFIERS);
            let kinds: Vec<_> =
                identifier.kind.0.words().filter_map(|word| find(&IDENTIFIERS, word)).collect();
            let needs = [pb::IdentifierKind::External, pb::IdentifierKind::Social];
            faults.unless(
                identifier.namespace.is_some() || !kinds.iter().any(|kind| needs.contains(kind)),
                &format!("{key}.namespace"),
                "is needed: the system of an external id, the platform of a social one",
            );
            faults.unless(
                identifier.region.is_none() || kinds.contains(&pb::IdentifierKind::Phone),
                &format!("{key}.region"),
                "is only for the kind phone",
            );
        }
        if let Some(day) = &self.customer.profile.birth_date {
            faults.unless(
                day.value.fixed().is_none(),
                "customer.profile.birth_date",
                "needs a column",
            );
        }
    }

    fn verify_entry(&self, key: &str, entry: &Entry, faults: &mut Faults) {
        let at = |field: &str| format!("{key}.{field}");
        verify_conditions(&at("only"), &entry.only, faults);
        faults.words(&at("kind"), Some(&entry.kind), &KINDS);
        faults.words(&at("channel"), Some(&entry.channel), &CHANNELS);
        faults.words(&at("direction"), entry.direction.as_ref(), &DIRECTIONS);
        faults.words(&at("metric"), entry.metric.as_ref(), &METRICS);
        let source = entry.source.is_some() || self.source.is_some();
        faults.unless(source, &at("source"), "is needed, here or at the top of the map");
        faults.unless(
            !entry.source_ref.is_closed(),
            &at("source_ref"),
            "is the same for every row: use a column, or a template with {@line}",
        );
        for (field, day) in [("occurred_at", Some(&entry.occurred_at))]
            .into_iter()
            .chain([("ended_at", entry.ended_at.as_ref())])
            .chain([("message.sent_at", entry.message.as_ref().and_then(|m| m.sent_at.as_ref()))])
        {
            self.verify_time(&at(field), day, faults);
        }
        let price = entry.line.as_ref().and_then(|line| line.unit_price.as_ref());
        for (field, money) in [
            ("total", entry.total.as_ref()),
            ("refund", entry.refund.as_ref()),
            ("line.unit_price", price),
        ] {
            self.verify_money(&at(field), money, faults);
        }
        verify_rows(key, entry, faults);
        verify_kind(key, entry, faults);
    }

    /// A format without an offset needs a zone: reported once rather than for every row.
    fn verify_time(&self, key: &str, day: Option<&Day>, faults: &mut Faults) {
        let Some(day) = day else { return };
        let format = day.format.as_ref().or(self.time.format.as_ref());
        let zone = day.zone.as_ref().or(self.time.zone.as_ref());
        let local = format.is_some_and(|format| format.is_local());
        faults.unless(
            zone.is_some() || !local,
            key,
            "the format is a local time: give `zone`, here or in [time], such as \"Europe/Oslo\"",
        );
    }

    fn verify_money(&self, key: &str, money: Option<&Money>, faults: &mut Faults) {
        let Some(money) = money else { return };
        let currency = money.currency.is_some() || self.money.currency.is_some();
        faults.unless(currency, key, "give `currency`, here or in [money], such as \"EUR\"");
        let decimal = money.decimal.or(self.money.decimal).unwrap_or('.');
        let thousands = money.thousands.or(self.money.thousands);
        faults.unless(Some(decimal) != thousands, key, "decimal and thousands are the same");
    }
}

fn verify_rows(key: &str, entry: &Entry, faults: &mut Faults) {
    if let Some(line) = &entry.line {
        let key = format!("{key}.line");
        verify_conditions(&format!("{key}.only"), &line.only, faults);
        faults.unless(line.sku.is_some() || line.name.is_some(), &key, "give `sku` or `name`");
    }
    if let Some(message) = &entry.message {
        let key = format!("{key}.message");
        verify_conditions(&format!("{key}.only"), &message.only, faults);
        faults.words(&format!("{key}.author"), Some(&message.author), &AUTHORS);
    }
}

/// Which fields are required and allowed for an entry's kinds.
fn verify_kind(key: &str, entry: &Entry, faults: &mut Faults) {
    use pb::EntryKind::{Feedback, Interaction, Note, Purchase, Return};

    let kinds: Vec<pb::EntryKind> = match entry.kind.0.is_closed() {
        true => entry.kind.0.words().filter_map(|word| find(&KINDS, word)).collect(),
        false => KINDS.map(|(_, kind)| kind).to_vec(),
    };
    let at = |field: &str| format!("{key}.{field}");
    let fields: [(&str, bool, &[pb::EntryKind]); 16] = [
        ("direction", entry.direction.is_some(), &[Interaction]),
        ("subject", entry.subject.is_some(), &[Interaction]),
        ("ended_at", entry.ended_at.is_some(), &[Interaction]),
        ("duration", entry.duration.is_some(), &[Interaction]),
        ("sentiment", entry.sentiment.is_some(), &[Interaction]),
        ("message", entry.message.is_some(), &[Interaction]),
        ("text", entry.text.is_some(), &[Interaction, Feedback, Note]),
        ("order_number", entry.order_number.is_some(), &[Purchase]),
        ("total", entry.total.is_some(), &[Purchase]),
        ("tracking_number", entry.tracking_number.is_some(), &[Purchase]),
        ("line", entry.line.is_some(), &[Purchase, Return]),
        ("refund", entry.refund.is_some(), &[Return]),
        ("reason", entry.reason.is_some(), &[Return]),
        ("metric", entry.metric.is_some(), &[Feedback]),
        ("score", entry.score.is_some(), &[Feedback]),
        ("scale_max", entry.scale_max.is_some(), &[Feedback]),
    ];
    for (field, given, of) in fields {
        let fits = !given || of.iter().any(|kind| kinds.contains(kind));
        faults.unless(fits, &at(field), "the kind of the entry has no such field");
    }
    let needs = |kind, given: bool, field: &str, rule: &str, faults: &mut Faults| {
        faults.unless(given || !kinds.contains(&kind), &at(field), rule);
    };
    let said = entry.text.is_some() || entry.subject.is_some() || entry.message.is_some();
    let nps = entry.metric.as_ref().and_then(|metric| metric.0.fixed()) == Some("nps");
    needs(
        Interaction,
        entry.direction.is_some(),
        "direction",
        "is needed: inbound or outbound",
        faults,
    );
    needs(Interaction, said, "text", "give `text`, `subject` or `message`", faults);
    needs(
        Return,
        entry.refund.is_some() || entry.line.is_some(),
        "refund",
        "give it or `line`",
        faults,
    );
    needs(
        Feedback,
        entry.metric.is_some(),
        "metric",
        &format!("give one of {}", list(&METRICS)),
        faults,
    );
    needs(Feedback, entry.score.is_some(), "score", "is needed", faults);
    needs(Feedback, nps || entry.scale_max.is_some(), "scale_max", "is needed, such as 5", faults);
    needs(Note, entry.text.is_some(), "text", "is needed", faults);
    let orders = entry.order_numbers.is_some() || entry.unknown_orders == Orders::Reject;
    faults.unless(orders, &at("unknown_orders"), "goes with `order_numbers`");
    let ends = entry.ended_at.is_some() && entry.duration.is_some();
    faults.unless(!ends, &at("duration"), "give it or `ended_at`, not both");
}

fn verify_format(key: &str, format: &FileFormat, faults: &mut Faults) {
    let at = |field: &str| format!("{key}.{field}");
    let quote = format.quote.as_deref().unwrap_or_default();
    faults.unless(quote.chars().count() <= 1, &at("quote"), "give one character, or \"\" for none");
    if let (Some(Separator::Char(char)), Some(quoting)) = (format.separator, quote.chars().next()) {
        faults.unless(char != quoting, &at("quote"), "is the separator");
    }
    if format.header == Some(false) {
        faults.unless(
            !format.columns.is_empty(),
            &at("columns"),
            "name the columns of a file without a header, in their order",
        );
    }
    let doubled =
        format.columns.iter().enumerate().find(|(at, name)| format.columns[..*at].contains(name));
    faults.unless(doubled.is_none(), &at("columns"), "a name is listed twice");
    if format.format == Some(Format::Ndjson) {
        let plain =
            format.separator.is_none() && format.columns.is_empty() && format.header.is_none();
        faults.unless(plain, key, "an NDJSON file has no separator, columns or header");
    }
}

fn verify_lines(lines: &Lines, faults: &mut Faults) {
    match (&lines.group_by, &lines.file) {
        (Some(_), None) => {
            let alone = lines.key.is_none() && lines.row_key.is_none() && lines.format.is_none();
            faults.unless(alone, "lines", "`key`, `row_key` and `format` go with `file`");
        }
        (None, Some(file)) => {
            faults.unless(lines.key.is_some(), "lines.key", "name the column that both files have");
            let plain =
                Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
            faults.unless(
                plain && !file.is_empty(),
                "lines.file",
                "name a file next to the imported one; for another folder use --lines PATH",
            );
        }
        _ => faults.add("lines", "give `group_by` or `file`"),
    }
    if let Some(format) = &lines.format {
        verify_format("lines.format", format, faults);
    }
}

fn verify_conditions(key: &str, conditions: &[Condition], faults: &mut Faults) {
    for condition in conditions {
        let given = condition.is.is_some() || condition.not.is_some();
        faults.unless(
            given || condition.not_empty || condition.empty,
            key,
            "a condition needs `is`, `not`, `not_empty` or `empty`",
        );
    }
}
