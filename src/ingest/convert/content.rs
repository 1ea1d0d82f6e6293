//! The part of an entry that depends on its kind.

use jiff::Timestamp;

use super::{
    Converter,
    fields::{Faults, timestamp},
    holds,
};
use crate::{
    ingest::{
        map::{Entry, Line, Message},
        row::Row,
        units::Unit,
        words::{AUTHORS, DIRECTIONS, METRICS},
    },
    pb::{self, entry::Content},
};

impl Converter {
    pub(super) fn content(
        &self,
        kind: pb::EntryKind,
        entry: &Entry,
        unit: &Unit,
        at: Timestamp,
        faults: &mut Faults,
    ) -> Content {
        match kind {
            pb::EntryKind::Purchase => Content::Purchase(self.purchase(entry, unit, faults)),
            pb::EntryKind::Return => Content::Returned(self.returned(entry, unit, faults)),
            pb::EntryKind::Feedback => Content::Feedback(self.feedback(entry, unit.head(), faults)),
            pb::EntryKind::Note => Content::Note(pb::Note {
                text: faults.text("entry.note.text", entry.text.as_ref(), unit.head()),
            }),
            // Entries that only the server records have no word in a map.
            pb::EntryKind::Interaction
            | pb::EntryKind::Unspecified
            | pb::EntryKind::IdentityChange
            | pb::EntryKind::CaseChange
            | pb::EntryKind::Fact
            | pb::EntryKind::PromiseChange
            | pb::EntryKind::Handover
            | pb::EntryKind::OrderChange
            | pb::EntryKind::Quote => {
                Content::Interaction(self.interaction(entry, unit, at, faults))
            }
        }
    }

    fn interaction(
        &self,
        entry: &Entry,
        unit: &Unit,
        at: Timestamp,
        faults: &mut Faults,
    ) -> pb::Interaction {
        let head = unit.head();
        let field = "entry.interaction.direction";
        let direction = entry.direction.as_ref().map_or(pb::Direction::Unspecified, |word| {
            faults.word(field, word, head, &DIRECTIONS).unwrap_or(pb::Direction::Unspecified)
        });
        let field = "entry.interaction.ended_at";
        let ended_at = match (&entry.ended_at, &entry.duration) {
            (Some(day), _) => faults.time(field, day, head, &self.map),
            (None, Some(duration)) => {
                let length = faults.duration(field, duration, head, &self.map);
                length.and_then(|length| at.checked_add(length).ok())
            }
            (None, None) => None,
        };
        let field = "entry.interaction.sentiment";
        pb::Interaction {
            direction: direction.into(),
            subject: faults.text("entry.interaction.subject", entry.subject.as_ref(), head),
            text: faults.text("entry.interaction.text", entry.text.as_ref(), head),
            messages: self.messages(entry.message.as_ref(), unit, faults),
            ended_at: ended_at.map(timestamp),
            sentiment: faults.float(field, entry.sentiment.as_ref(), head, &self.map),
            ..pb::Interaction::default()
        }
    }

    fn messages(
        &self,
        message: Option<&Message>,
        unit: &Unit,
        faults: &mut Faults,
    ) -> Vec<pb::Message> {
        let Some(message) = message else { return Vec::new() };
        let field = "entry.interaction.messages";
        let mut messages = Vec::new();
        for row in rows(field, message.array.as_deref(), unit, faults).as_ref() {
            let text = faults.text(field, Some(&message.text), row);
            // An empty message, such as a line of a system, or a picture.
            if text.is_empty() || !holds(&message.only, row) {
                continue;
            }
            let author = faults.word(field, &message.author, row, &AUTHORS);
            let sent_at =
                message.sent_at.as_ref().and_then(|day| faults.time(field, day, row, &self.map));
            messages.push(pb::Message {
                author: author.unwrap_or_default().into(),
                text,
                sent_at: sent_at.map(timestamp),
            });
        }
        messages
    }

    fn purchase(&self, entry: &Entry, unit: &Unit, faults: &mut Faults) -> pb::Purchase {
        let head = unit.head();
        let tracking = entry.tracking_number.as_ref();
        pb::Purchase {
            order_number: faults.key(
                "entry.purchase.order_number",
                entry.order_number.as_ref(),
                head,
            ),
            lines: self.lines("entry.purchase.lines", entry.line.as_ref(), unit, faults),
            total: faults.money(
                "entry.purchase.total",
                entry.total.as_ref(),
                (head, head),
                &self.map,
            ),
            tracking_number: faults.key("entry.purchase.tracking_number", tracking, head),
        }
    }

    fn returned(&self, entry: &Entry, unit: &Unit, faults: &mut Faults) -> pb::Return {
        let head = unit.head();
        let lines = self.lines("entry.returned.lines", entry.line.as_ref(), unit, faults);
        let field = "entry.returned.refund";
        pb::Return {
            lines: lines.into_iter().map(return_line).collect(),
            refund: faults.money(field, entry.refund.as_ref(), (head, head), &self.map),
            reason: faults.text("entry.returned.reason", entry.reason.as_ref(), head),
        }
    }

    fn lines(
        &self,
        field: &str,
        line: Option<&Line>,
        unit: &Unit,
        faults: &mut Faults,
    ) -> Vec<pb::PurchaseLine> {
        let Some(line) = line else { return Vec::new() };
        let mut lines = Vec::new();
        for row in rows(field, line.array.as_deref(), unit, faults).as_ref() {
            if !holds(&line.only, row) {
                continue;
            }
            let price = line.unit_price.as_ref();
            let quantity = line.quantity.as_ref();
            let quantity = quantity.map(|value| faults.whole(field, value, row, &self.map));
            let read = pb::PurchaseLine {
                sku: faults.text(field, line.sku.as_ref(), row),
                name: faults.text(field, line.name.as_ref(), row),
                quantity: quantity.unwrap_or(Some(1)).unwrap_or(0),
                unit_price: faults.money(field, price, (row, unit.head()), &self.map),
                serial_number: faults.text(field, line.serial_number.as_ref(), row),
                warranty_end: faults.day(field, line.warranty_end.as_ref(), row, &self.map),
                ..pb::PurchaseLine::default()
            };
            // A row of a group may have no article, such as one that only has the address.
            let blank = read.sku.is_empty() && read.name.is_empty() && read.unit_price.is_none();
            if !(blank && quantity.is_none_or(|quantity| quantity.is_none())) {
                lines.push(read);
            }
        }
        lines
    }

    fn feedback(&self, entry: &Entry, head: &Row, faults: &mut Faults) -> pb::Feedback {
        let field = "entry.feedback.metric";
        let metric =
            entry.metric.as_ref().and_then(|word| faults.word(field, word, head, &METRICS));
        let field = "entry.feedback.scale_max";
        let scale = entry.scale_max.as_ref();
        let scale = scale.and_then(|word| faults.whole(field, &word.0, head, &self.map));
        let scale_max = i32::try_from(scale.unwrap_or(0)).unwrap_or(i32::MAX);
        let score = faults.float("entry.feedback.score", entry.score.as_ref(), head, &self.map);
        pb::Feedback {
            metric: metric.unwrap_or_default().into(),
            score,
            scale_max,
            text: faults.text("entry.feedback.text", entry.text.as_ref(), head),
        }
    }
}

/// The elements of an array of the first row, or the rows of `[lines]`.
fn rows<'a>(
    field: &str,
    array: Option<&str>,
    unit: &'a Unit,
    faults: &mut Faults,
) -> std::borrow::Cow<'a, [Row]> {
    match array {
        Some(column) => faults.take(field, unit.head().rows(column)).into(),
        None => unit.lines().into(),
    }
}

fn return_line(line: pb::PurchaseLine) -> pb::ReturnLine {
    let pb::PurchaseLine { sku, name, quantity, serial_number, .. } = line;
    pb::ReturnLine { sku, name, quantity, serial_number, ..pb::ReturnLine::default() }
}
