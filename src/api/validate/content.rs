//! Validates the content of entries.

use uuid::Uuid;

use super::{Checker, Rules};
use crate::{
    domain::{money, order, text, words::index_words},
    model::{EntryKind, Micros},
    pb::{self, entry::Content},
};

const MAX_TEXT_BYTES: usize = 256 << 10;
const MAX_MESSAGES: usize = 1000;
const MAX_ATTACHMENTS: usize = 50;
const MAX_ATTACHMENT_BYTES: i64 = 100 << 20;
const MAX_LINES: usize = 500;
const MAX_QUANTITY: i64 = 1_000_000_000;
const MAX_WARRANTY_MONTHS: i32 = 1200;
const MAX_REASON_CHARS: usize = 2000;
const MAX_MINOR_UNITS: i64 = 1_000_000_000_000_000;
/// In microseconds: 48 hours.
const MAX_DURATION: Micros = 48 * 3_600_000_000;

/// What the store needs to know of the content.
pub(super) struct Checked {
    pub kind: EntryKind,
    /// The order key of a purchase that has one.
    pub purchase: Option<String>,
    pub complaint: bool,
    pub reply_to: Option<Uuid>,
}

impl Checked {
    fn of(kind: EntryKind) -> Option<Self> {
        Some(Self { kind, purchase: None, complaint: false, reply_to: None })
    }
}

impl Checker {
    /// Validates the content and redacts its texts.
    pub(super) fn content(&mut self, entry: &mut pb::Entry, rules: &Rules) -> Option<Checked> {
        let (occurred_at, orders) = (entry.occurred_at, entry.order_numbers.len());
        match &mut entry.content {
            None => {
                self.fail("entry.content", "one of the kinds is required");
                None
            }
            Some(
                Content::IdentityChange(_)
                | Content::CaseChange(_)
                | Content::FactChange(_)
                | Content::PromiseChange(_)
                | Content::HandoverChange(_)
                | Content::QuoteChange(_),
            ) => {
                self.fail("entry.content", "only the server changes the state");
                None
            }
            Some(Content::Interaction(interaction)) => {
                self.interaction(interaction, occurred_at, rules)
            }
            Some(Content::Purchase(purchase)) => self.purchase(purchase),
            Some(Content::Returned(returned)) => self.returned(returned),
            Some(Content::OrderChange(change)) => self.order_change(orders, change),
            Some(Content::Feedback(feedback)) => self.feedback(feedback),
            Some(Content::Note(note)) => {
                self.prose("entry.note.text", &mut note.text, MAX_TEXT_BYTES);
                if text::is_blank(&note.text) {
                    self.fail("entry.note.text", "is required");
                }
                Checked::of(EntryKind::Note)
            }
        }
    }

    fn interaction(
        &mut self,
        interaction: &mut pb::Interaction,
        occurred_at: Option<prost_types::Timestamp>,
        rules: &Rules,
    ) -> Option<Checked> {
        if !matches!(interaction.direction, 1 | 2) {
            self.unknown_enum("entry.interaction.direction");
        }
        self.prose("entry.interaction.subject", &mut interaction.subject, 4 * 500);
        if interaction.subject.chars().count() > 500 {
            self.fail("entry.interaction.subject", "is longer than 500 characters");
        }
        self.prose("entry.interaction.text", &mut interaction.text, MAX_TEXT_BYTES);
        self.messages(interaction, rules);
        let texts = [&interaction.subject, &interaction.text];
        if texts.iter().all(|text| text::is_blank(text)) && interaction.messages.is_empty() {
            self.fail("entry.interaction.text", "it, subject or messages is required");
        }
        self.ended_at(interaction, occurred_at);
        if let Some(sentiment) = interaction.sentiment
            && !(is_plain(sentiment) && (-1.0..=1.0).contains(&sentiment))
        {
            self.fail("entry.interaction.sentiment", "must be between -1 and 1");
        }
        self.attachments(&mut interaction.attachments);
        let reply_to = (!interaction.reply_to_entry_id.is_empty()).then(|| {
            let field = "entry.interaction.reply_to_entry_id";
            self.uuid(field, &interaction.reply_to_entry_id)
        });
        let (kind, complaint) = (EntryKind::Interaction, interaction.complaint);
        Some(Checked { kind, purchase: None, complaint, reply_to })
    }

    fn messages(&mut self, interaction: &mut pb::Interaction, rules: &Rules) {
        self.count("entry.interaction.messages", interaction.messages.len(), MAX_MESSAGES);
        let mut bytes = interaction.text.len();
        for (index, message) in interaction.messages.iter_mut().enumerate() {
            let field = format!("entry.interaction.messages[{index}]");
            if !matches!(message.author, 1..=3) {
                self.unknown_enum(&format!("{field}.author"));
            }
            self.prose(&format!("{field}.text"), &mut message.text, MAX_TEXT_BYTES);
            if text::is_blank(&message.text) {
                self.fail(format!("{field}.text"), "is required");
            }
            if message.sent_at.is_some() {
                self.past_time(&format!("{field}.sent_at"), &mut message.sent_at, rules);
            }
            bytes += message.text.len();
        }
        if bytes > MAX_TEXT_BYTES && !interaction.messages.is_empty() {
            let rule = format!("are larger than {MAX_TEXT_BYTES} bytes together with the text");
            self.fail("entry.interaction.messages", rule);
        }
    }

    fn ended_at(
        &mut self,
        interaction: &mut pb::Interaction,
        occurred_at: Option<prost_types::Timestamp>,
    ) {
        let Some(ended_at) = &mut interaction.ended_at else { return };
        let Some(end) = self.time("entry.interaction.ended_at", ended_at) else { return };
        let Some(start) = occurred_at else { return };
        let start = start.seconds.saturating_mul(1_000_000) + i64::from(start.nanos / 1000);
        if end < start {
            self.fail("entry.interaction.ended_at", "is before occurred_at");
        } else if end - start > MAX_DURATION {
            self.fail("entry.interaction.ended_at", "is more than 48 hours after occurred_at");
        }
    }

    fn attachments(&mut self, attachments: &mut [pb::Attachment]) {
        self.count("entry.interaction.attachments", attachments.len(), MAX_ATTACHMENTS);
        for (index, attachment) in attachments.iter_mut().enumerate() {
            let field = format!("entry.interaction.attachments[{index}]");
            self.line(&format!("{field}.name"), &mut attachment.name, 255);
            if attachment.name.is_empty() || attachment.name.contains(['/', '\\']) {
                self.fail(format!("{field}.name"), "must be a file name without a path");
            }
            if !is_media_type(&attachment.media_type) {
                self.fail(format!("{field}.media_type"), "must be like image/jpeg");
            }
            if !(0..=MAX_ATTACHMENT_BYTES).contains(&attachment.size_bytes) {
                let rule = format!("must be between 0 and {MAX_ATTACHMENT_BYTES}");
                self.fail(format!("{field}.size_bytes"), rule);
            }
            let hash = attachment.sha256.as_bytes();
            if !(hash.is_empty() || hash.len() == 64 && hash.iter().all(u8::is_ascii_hexdigit)) {
                self.fail(format!("{field}.sha256"), "must be 64 hexadecimal digits");
            }
            if !(attachment.url.is_empty() || is_public_https(&attachment.url)) {
                self.fail(format!("{field}.url"), "must be an https URL with a host name");
            }
        }
    }

    fn purchase(&mut self, purchase: &mut pb::Purchase) -> Option<Checked> {
        self.line("entry.purchase.order_number", &mut purchase.order_number, 64);
        self.line("entry.purchase.tracking_number", &mut purchase.tracking_number, 64);
        self.price("entry.purchase.total", purchase.total.as_ref());
        self.count("entry.purchase.lines", purchase.lines.len(), MAX_LINES);
        for (index, line) in purchase.lines.iter_mut().enumerate() {
            let field = format!("entry.purchase.lines[{index}]");
            let article = (&mut line.sku, &mut line.name, &mut line.serial_number);
            self.article(&field, article, line.quantity);
            self.price(&format!("{field}.unit_price"), line.unit_price.as_ref());
            self.date(&format!("{field}.warranty_end"), &line.warranty_end);
            if !(0..=MAX_WARRANTY_MONTHS).contains(&line.warranty_months) {
                let rule = format!("must be 1 to {MAX_WARRANTY_MONTHS}, or 0");
                self.fail(format!("{field}.warranty_months"), rule);
            }
        }
        let purchase = order::order_key(&purchase.order_number);
        Some(Checked { purchase, ..Checked::of(EntryKind::Purchase)? })
    }

    fn returned(&mut self, returned: &mut pb::Return) -> Option<Checked> {
        self.count("entry.returned.lines", returned.lines.len(), MAX_LINES);
        for (index, line) in returned.lines.iter_mut().enumerate() {
            let field = format!("entry.returned.lines[{index}]");
            let article = (&mut line.sku, &mut line.name, &mut line.serial_number);
            self.article(&field, article, line.quantity);
            self.price(&format!("{field}.refund"), line.refund.as_ref());
        }
        self.price("entry.returned.refund", returned.refund.as_ref());
        self.refunds(returned);
        self.prose("entry.returned.reason", &mut returned.reason, 4 * MAX_REASON_CHARS);
        if returned.reason.chars().count() > MAX_REASON_CHARS {
            let rule = format!("is longer than {MAX_REASON_CHARS} characters");
            self.fail("entry.returned.reason", rule);
        }
        if returned.lines.is_empty() && returned.refund.is_none() {
            self.fail("entry.returned.lines", "either they or refund is required");
        }
        Checked::of(EntryKind::Return)
    }

    /// The refunds of the lines: in one currency, and not more than the total.
    fn refunds(&mut self, returned: &pb::Return) {
        let of_lines = || returned.lines.iter().filter_map(|line| line.refund.as_ref());
        let Some(first) = returned.refund.as_ref().or_else(|| of_lines().next()) else { return };
        for (index, line) in returned.lines.iter().enumerate() {
            let refund = line.refund.as_ref();
            if refund.is_some_and(|refund| refund.currency_code != first.currency_code) {
                let field = format!("entry.returned.lines[{index}].refund.currency_code");
                self.fail(field, "must be that of the other refunds");
            }
        }
        let sum: i128 = of_lines().map(|refund| i128::from(refund.minor_units)).sum();
        let all = returned.refund.as_ref().map(|refund| i128::from(refund.minor_units));
        if all.is_some_and(|all| all < sum) {
            let rule = "must not be less than the refunds of the lines together";
            self.fail("entry.returned.refund.minor_units", rule);
        }
    }

    fn order_change(&mut self, orders: usize, change: &mut pb::OrderChange) -> Option<Checked> {
        let status = pb::OrderStatus::try_from(change.status).unwrap_or_default();
        if status == pb::OrderStatus::Unspecified {
            self.unknown_enum("entry.order_change.status");
        }
        if orders != 1 {
            self.fail("entry.order_numbers", "must name exactly one order for its change");
        }
        self.line("entry.order_change.tracking_number", &mut change.tracking_number, 64);
        let reason = "entry.order_change.reason";
        self.prose(reason, &mut change.reason, 4 * MAX_REASON_CHARS);
        if change.reason.chars().count() > MAX_REASON_CHARS {
            self.fail(reason, format!("is longer than {MAX_REASON_CHARS} characters"));
        }
        if status != pb::OrderStatus::Cancelled && !change.reason.is_empty() {
            self.fail(reason, "is only allowed with CANCELLED");
        }
        Checked::of(EntryKind::OrderChange)
    }

    /// The article of a line: number, name, serial number and quantity.
    fn article(
        &mut self,
        field: &str,
        (sku, name, serial_number): (&mut String, &mut String, &mut String),
        quantity: i64,
    ) {
        self.line(&format!("{field}.sku"), sku, 64);
        self.line(&format!("{field}.name"), name, 500);
        self.line(&format!("{field}.serial_number"), serial_number, 64);
        if sku.is_empty() && name.is_empty() {
            self.fail(format!("{field}.sku"), "either it or name is required");
        }
        if !(1..=MAX_QUANTITY).contains(&quantity) {
            self.fail(format!("{field}.quantity"), format!("must be 1 to {MAX_QUANTITY}"));
        }
    }

    /// An amount that is absent or not negative.
    pub(super) fn price(&mut self, field: &str, money: Option<&pb::Money>) {
        let Some(money) = money else { return };
        if money::minor_unit_digits(&money.currency_code).is_none() {
            let rule = "must be a currency of ISO 4217 in capital letters";
            self.fail(format!("{field}.currency_code"), rule);
        }
        if !(0..=MAX_MINOR_UNITS).contains(&money.minor_units) {
            self.fail(format!("{field}.minor_units"), "must be between 0 and 10^15");
        }
    }

    fn feedback(&mut self, feedback: &mut pb::Feedback) -> Option<Checked> {
        use pb::feedback::Metric;
        let metric = Metric::try_from(feedback.metric).unwrap_or(Metric::Unspecified);
        if metric == Metric::Unspecified {
            self.unknown_enum("entry.feedback.metric");
        }
        if metric == Metric::Nps && feedback.scale_max == 0 {
            feedback.scale_max = 10;
        }
        let scale_fits = match metric {
            Metric::Unspecified => false,
            Metric::Nps => feedback.scale_max == 10,
            _ => (2..=100).contains(&feedback.scale_max),
        };
        if !scale_fits && metric != Metric::Unspecified {
            self.fail("entry.feedback.scale_max", "must be from 2 to 100, and 10 for NPS");
        }
        let least = match metric {
            Metric::Nps | Metric::StarRating => 0.0,
            _ => 1.0,
        };
        match feedback.score {
            None => self.fail("entry.feedback.score", "is required"),
            // Without a valid scale the score cannot be checked.
            Some(score) => {
                let scale = least..=f64::from(feedback.scale_max);
                if !is_plain(score) || (scale_fits && !scale.contains(&score)) {
                    self.fail("entry.feedback.score", "must be within the scale");
                }
            }
        }
        self.prose("entry.feedback.text", &mut feedback.text, MAX_TEXT_BYTES);
        Checked::of(EntryKind::Feedback)
    }
}

/// The index words of an entry, from all of its texts after validation.
pub(super) fn words(entry: &pb::Entry) -> String {
    let mut texts: Vec<&str> = vec![&entry.source_ref];
    texts.extend(entry.order_numbers.iter().map(String::as_str));
    texts.extend(entry.attributes.values().map(String::as_str));
    match &entry.content {
        // Entries that the server creates are not indexed.
        None
        | Some(
            Content::IdentityChange(_)
            | Content::CaseChange(_)
            | Content::FactChange(_)
            | Content::PromiseChange(_)
            | Content::HandoverChange(_)
            | Content::QuoteChange(_),
        ) => {}
        Some(Content::Interaction(interaction)) => {
            texts.extend([interaction.subject.as_str(), interaction.text.as_str()]);
            texts.extend(interaction.messages.iter().map(|message| message.text.as_str()));
            texts.extend(interaction.attachments.iter().map(|file| file.name.as_str()));
        }
        Some(Content::Purchase(purchase)) => {
            texts.extend([purchase.order_number.as_str(), purchase.tracking_number.as_str()]);
            for line in &purchase.lines {
                texts.extend([line.sku.as_str(), &line.name, &line.serial_number]);
            }
        }
        Some(Content::Returned(returned)) => {
            texts.push(&returned.reason);
            for line in &returned.lines {
                texts.extend([line.sku.as_str(), &line.name, &line.serial_number]);
            }
        }
        Some(Content::OrderChange(change)) => {
            texts.extend([change.tracking_number.as_str(), &change.reason]);
        }
        Some(Content::Feedback(feedback)) => texts.push(&feedback.text),
        Some(Content::Note(note)) => texts.push(&note.text),
    }
    index_words(texts)
}

/// Whether a number is finite and not the negative zero.
fn is_plain(number: f64) -> bool {
    number.is_finite() && !(number == 0.0 && number.is_sign_negative())
}

/// `type/subtype` of RFC 6838, without parameters.
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        (1..=127).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.split_once('/').is_some_and(|(kind, sub)| is_name(kind) && is_name(sub))
}

/// An https URL whose host is a name with a dot, not an address or a local machine. It is never
/// fetched; a client may display it as a link.
fn is_public_https(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let mut labels = host.rsplit('.');
    let top = labels.next().unwrap_or_default();
    url.len() <= 2000
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && top.starts_with(|c: char| c.is_ascii_alphabetic())
        && host.contains('.')
        && host.split('.').all(is_label)
}
