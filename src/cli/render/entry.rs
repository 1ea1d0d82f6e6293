//! One entry of a timeline, and the heading of its day.

use jiff::civil::Date;

use super::{
    Ink, TerminalStyle,
    case::{self, label},
    identity, long_day, order,
    text::{amount, channel, columns, money, pad, safe, wrap},
};
use crate::pb::{
    self, Channel, Direction, EntryFlag, entry::Content, feedback::Metric, message::Author,
    promise_change::Change,
};

/// The columns where the details of an entry and its summary begin.
const DETAILS_AT: usize = 9;
const SUMMARY_AT: usize = 33;
/// The narrowest column of text, however small the terminal.
const LEAST_WIDTH: usize = 24;
/// How many lines of a text and messages of a conversation are shown without --full.
const FEW: usize = 12;

/// Renders a timeline, entry by entry.
pub struct EntryPrinter<'a> {
    style: &'a TerminalStyle,
    day: Option<Date>,
}

impl<'a> EntryPrinter<'a> {
    pub fn new(style: &'a TerminalStyle) -> Self {
        Self { style, day: None }
    }

    /// The next entry, below a heading if its day differs from the previous one; `customer` is the
    /// customer's name, if it is not obvious.
    pub fn entry(&mut self, entry: &pb::Entry, customer: Option<&str>) -> String {
        let style = self.style;
        let mut text = String::new();
        let mut time = "--:--".to_owned();
        if let Some((day, hour)) = style.moment(entry.occurred_at.as_ref()) {
            time = hour;
            if self.day != Some(day) {
                self.day = Some(day);
                text.push_str(&format!("\n{}\n", style.paint(Ink::Strong, &long_day(day))));
            }
        }
        let (kind, summary) = summary(entry);
        let mut lines = wrap(&summary, room(style, SUMMARY_AT)).into_iter();
        text.push_str(&format!(
            "  {time}  {}  {}  {}\n",
            style.paint(Ink::Channel, &pad(&channel(entry.channel()), 9)),
            style.paint(ink(entry), &pad(kind, 11)),
            style.paint(Ink::Strong, &lines.next().unwrap_or_default()),
        ));
        for line in lines {
            let line = style.paint(Ink::Strong, &line);
            text.push_str(&format!("{:SUMMARY_AT$}{line}\n", ""));
        }
        for line in details(entry, customer, style) {
            let line = format!("{:DETAILS_AT$}{line}", "");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn room(style: &TerminalStyle, indent: usize) -> usize {
    style.width.saturating_sub(indent).max(LEAST_WIDTH)
}

fn ink(entry: &pb::Entry) -> Ink {
    match entry.content {
        Some(Content::Purchase(_)) => Ink::Good,
        Some(Content::Returned(_)) => Ink::Warning,
        Some(Content::OrderChange(ref change)) => order::ink(change),
        Some(Content::Feedback(_)) => Ink::Voice,
        Some(Content::Note(_) | Content::IdentityChange(_)) | None => Ink::Faint,
        Some(Content::Interaction(_)) => Ink::Channel,
        Some(Content::FactChange(_) | Content::QuoteChange(_)) => Ink::Voice,
        Some(Content::PromiseChange(ref change)) => match change.change() {
            Change::Broken => Ink::Warning,
            Change::Kept => Ink::Good,
            _ => Ink::Voice,
        },
        Some(Content::CaseChange(_) | Content::HandoverChange(_)) => Ink::Channel,
    }
}

/// The kind of an entry, and its summary in one line.
fn summary(entry: &pb::Entry) -> (&'static str, String) {
    match &entry.content {
        Some(Content::Interaction(interaction)) => {
            let subject = interaction.subject.trim();
            let text = match subject.is_empty() {
                true => format!(
                    "{} {}",
                    form(entry.channel(), interaction.direction()),
                    side(interaction.direction())
                ),
                false => subject.to_owned(),
            };
            ("interaction", text)
        }
        Some(Content::Purchase(purchase)) => {
            let order = match purchase.order_number.is_empty() {
                true => "Order".to_owned(),
                false => format!("Order {}", purchase.order_number),
            };
            let total = purchase.total.as_ref().map(|total| format!(", {}", money(total)));
            ("purchase", order + &total.unwrap_or_default())
        }
        Some(Content::Returned(returned)) => {
            let refund = returned.refund.as_ref().map(|refund| format!("{} back", money(refund)));
            ("return", refund.unwrap_or_else(|| "Brought back".to_owned()))
        }
        Some(Content::OrderChange(change)) => ("order", order::summary(change)),
        Some(Content::Feedback(feedback)) => ("feedback", score(feedback)),
        Some(Content::Note(note)) if is_short(note) => ("note", note.text.clone()),
        Some(Content::Note(_)) => ("note", "For colleagues".to_owned()),
        Some(Content::IdentityChange(change)) => ("identity", identity::summary(change)),
        Some(Content::CaseChange(change)) => ("case", case::summary(change)),
        Some(Content::FactChange(change)) => ("fact", case::fact(change)),
        Some(Content::PromiseChange(change)) => ("promise", case::promise(change)),
        Some(Content::QuoteChange(change)) => ("quote", case::quote(change)),
        Some(Content::HandoverChange(change)) => ("handover", case::handover(change)),
        None => ("entry", "Of a kind this version does not know".to_owned()),
    }
}

/// Whether a note is its own summary.
fn is_short(note: &pb::Note) -> bool {
    note.text.len() <= 80 && note.text.trim().lines().count() == 1
}

/// The name of an exchange on a channel.
fn form(channel: Channel, direction: Direction) -> &'static str {
    match channel {
        Channel::Phone => "Call",
        Channel::Web => "Message on the web site",
        Channel::Email => "E-mail",
        Channel::Chat => "Chat",
        Channel::Messaging => "Message",
        Channel::Social => "Post",
        Channel::Store if direction == Direction::Inbound => "Visit",
        Channel::Store => "Conversation in the store",
        Channel::App => "Message in the app",
        Channel::Letter => "Letter",
        Channel::Unspecified => "Contact",
    }
}

fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "from the customer",
        Direction::Outbound => "to the customer",
        Direction::Unspecified => "",
    }
}

/// A score in words, such as "4 of 5 stars".
fn score(feedback: &pb::Feedback) -> String {
    let best = if feedback.scale_max == 0 { 10 } else { feedback.scale_max };
    let score = feedback.score.unwrap_or_default();
    let of = format!("{score} of {best}");
    match feedback.metric() {
        Metric::StarRating => format!("{of} stars"),
        Metric::Csat => format!("Satisfaction (CSAT): {of}"),
        Metric::Nps => format!("Would recommend us (NPS): {of}"),
        Metric::Ces => format!("Effort (CES): {of}"),
        Metric::Unspecified => of,
    }
}

/// The lines below the first.
fn details(entry: &pb::Entry, customer: Option<&str>, style: &TerminalStyle) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(name) = customer {
        lines.push(format!("{name}  {}", style.paint(Ink::Faint, &safe(&entry.customer_id))));
    }
    let context = context(entry, style);
    for line in wrap(&context.join(" · "), room(style, DETAILS_AT)) {
        lines.push(style.paint(Ink::Faint, &line));
    }
    match &entry.content {
        Some(Content::Interaction(interaction)) => said(interaction, style, &mut lines),
        Some(Content::Purchase(purchase)) => bought(purchase, style, &mut lines),
        Some(Content::Returned(returned)) => brought_back(returned, style, &mut lines),
        Some(Content::OrderChange(change)) => body(&change.reason, style, &mut lines),
        Some(Content::Feedback(feedback)) => body(&feedback.text, style, &mut lines),
        Some(Content::Note(note)) if is_short(note) => {}
        Some(Content::Note(note)) => body(&note.text, style, &mut lines),
        Some(Content::IdentityChange(change)) => {
            for evidence in &change.evidence {
                body(evidence, style, &mut lines);
            }
        }
        Some(Content::HandoverChange(change)) => {
            for text in case::handover_texts(change) {
                body(&text, style, &mut lines);
            }
        }
        // All of it is shown above.
        Some(
            Content::CaseChange(_)
            | Content::FactChange(_)
            | Content::PromiseChange(_)
            | Content::QuoteChange(_),
        ) => {}
        None => {}
    }
    for flag in entry.flags() {
        lines.push(style.paint(Ink::Warning, &format!("! {}", notice(flag))));
    }
    lines
}

/// Who, how long, about which orders.
fn context(entry: &pb::Entry, style: &TerminalStyle) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(Content::Interaction(interaction)) = &entry.content {
        if !interaction.subject.trim().is_empty() {
            parts.push(side(interaction.direction()).to_owned());
        }
        let ends = interaction.ended_at.as_ref().zip(entry.occurred_at.as_ref());
        if let Some((end, start)) = ends.filter(|(end, start)| end.seconds > start.seconds) {
            parts.push(duration(end.seconds - start.seconds));
        }
        if let Some(mood) = interaction.sentiment {
            parts.push(format!("{} ({mood:+.1})", feeling(mood)));
        }
    }
    match &entry.content {
        Some(Content::IdentityChange(change)) => parts.extend(identity::context(change)),
        Some(Content::CaseChange(change)) => {
            parts.extend(case::context(change));
            let until = moment(change.pass_expires_at.as_ref(), style);
            parts.extend(until.map(|until| format!("valid until {until}")));
        }
        Some(Content::OrderChange(change)) => parts.push(order::shipment(change)),
        Some(Content::FactChange(change)) => parts.push(case::by(&change.actor)),
        Some(Content::HandoverChange(change)) => {
            parts.extend([case::by(&change.actor), change.reason.clone()]);
        }
        Some(Content::PromiseChange(change)) => {
            parts.extend(case::promise_context(change, moment(change.due_at.as_ref(), style)));
        }
        Some(Content::QuoteChange(change)) => {
            parts.extend(case::quote_context(change, moment(change.valid_until.as_ref(), style)));
        }
        _ => {}
    }
    if !entry.agent.is_empty() {
        let word = if answered(entry) { "with" } else { "by" };
        parts.push(format!("{word} {}", entry.agent));
    }
    if !entry.order_numbers.is_empty() {
        let word = if entry.order_numbers.len() == 1 { "order" } else { "orders" };
        parts.push(format!("{word} {}", entry.order_numbers.join(", ")));
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A day and time.
fn moment(at: Option<&prost_types::Timestamp>, style: &TerminalStyle) -> Option<String> {
    style.moment(at).map(|(day, hour)| format!("{} {hour}", long_day(day)))
}

/// Whether the customer began it and an agent answered.
fn answered(entry: &pb::Entry) -> bool {
    matches!(&entry.content, Some(Content::Interaction(interaction))
        if interaction.direction() == Direction::Inbound)
}

/// A sentiment from -1 to 1 in a word.
fn feeling(mood: f64) -> &'static str {
    match mood {
        ..-0.25 => "unhappy",
        0.25.. => "happy",
        _ => "neutral",
    }
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn said(interaction: &pb::Interaction, style: &TerminalStyle, lines: &mut Vec<String>) {
    body(&interaction.text, style, lines);
    let shown = if style.full { interaction.messages.len() } else { FEW };
    for message in interaction.messages.iter().take(shown) {
        let voice = match message.author() {
            Author::Customer => style.paint(Ink::Voice, "customer  "),
            Author::Agent => style.paint(Ink::Good, "agent     "),
            Author::Bot => style.paint(Ink::Faint, "bot       "),
            Author::Unspecified => "?         ".to_owned(),
        };
        let mut said = Vec::new();
        clip(wrap(&message.text, room(style, DETAILS_AT + 10)), style, &mut said);
        for (index, line) in said.into_iter().enumerate() {
            let before = if index == 0 { voice.as_str() } else { "          " };
            lines.push(format!("{before}{line}"));
        }
    }
    if interaction.messages.len() > shown {
        let left = interaction.messages.len() - shown;
        lines.push(style.paint(Ink::Faint, &format!("… {left} more messages: see --full")));
    }
    for file in &interaction.attachments {
        let name = if file.name.is_empty() { "a file" } else { &file.name };
        let line = format!("attached: {} ({}, {})", name, file.media_type, bytes(file.size_bytes));
        lines.extend(wrap(&line, room(style, DETAILS_AT)));
    }
}

fn bytes(size: i64) -> String {
    match size {
        ..10_000 => format!("{size} bytes"),
        10_000..10_000_000 => format!("{} kB", size / 1000),
        _ => format!("{} MB", size / 1_000_000),
    }
}

fn bought(purchase: &pb::Purchase, style: &TerminalStyle, lines: &mut Vec<String>) {
    let articles: Vec<(String, String)> = purchase.lines.iter().map(article).collect();
    let prices = articles.iter().map(|(_, price)| columns(price)).max().unwrap_or(0);
    let space = room(style, DETAILS_AT).saturating_sub(prices + 2).max(LEAST_WIDTH);
    let names = articles.iter().map(|(name, _)| columns(name)).max().unwrap_or(0).min(space);
    for (line, (name, price)) in purchase.lines.iter().zip(articles) {
        let mut rows = wrap(&name, names.max(1)).into_iter();
        let first = pad(&rows.next().unwrap_or_default(), names);
        let gap = " ".repeat(prices - columns(&price));
        lines.push(format!("{first}  {gap}{price}").trim_end().to_owned());
        lines.extend(rows.map(|row| format!("    {row}")));
        let mut more = Vec::new();
        if !line.serial_number.is_empty() {
            more.push(format!("serial number {}", line.serial_number));
        }
        more.extend(order::warranty(line));
        for text in wrap(&more.join(", "), room(style, DETAILS_AT + 4)) {
            lines.push(style.paint(Ink::Faint, &format!("    {text}")));
        }
    }
    if !purchase.tracking_number.is_empty() {
        lines.push(format!("shipment {}", safe(&purchase.tracking_number)));
    }
}

/// The description of an order line, and its price.
fn article(line: &pb::PurchaseLine) -> (String, String) {
    let name = format!("{} × {}", line.quantity, label(&line.name, &line.sku));
    let price = line.unit_price.as_ref().map(|each| {
        let all = i128::from(each.minor_units) * i128::from(line.quantity);
        amount(&each.currency_code, all)
    });
    (name, price.unwrap_or_default())
}

fn brought_back(returned: &pb::Return, style: &TerminalStyle, lines: &mut Vec<String>) {
    for line in &returned.lines {
        let mut text = format!("{} × {}", line.quantity, label(&line.name, &line.sku));
        if !line.serial_number.is_empty() {
            text.push_str(&format!(", serial number {}", line.serial_number));
        }
        text.push_str(&order::refund(line));
        lines.extend(wrap(&text, room(style, DETAILS_AT)));
    }
    body(&returned.reason, style, lines);
}

fn body(text: &str, style: &TerminalStyle, lines: &mut Vec<String>) {
    clip(wrap(text, room(style, DETAILS_AT)), style, lines);
}

/// Adds the first lines, and says how many are left.
fn clip(text: Vec<String>, style: &TerminalStyle, lines: &mut Vec<String>) {
    let left = text.len().saturating_sub(FEW);
    if style.full || left < 2 {
        lines.extend(text);
        return;
    }
    lines.extend(text.into_iter().take(FEW));
    lines.push(style.paint(Ink::Faint, &format!("… {left} more lines: see --full")));
}

/// An observation of the server, in words.
fn notice(flag: EntryFlag) -> &'static str {
    match flag {
        EntryFlag::CardNumberRedacted => "a payment card number was removed",
        EntryFlag::SecurityCodeRedacted => "a card's security code was removed",
        EntryFlag::NationalIdRedacted => "a national identity number was removed",
        EntryFlag::PasswordRedacted => "a password was removed",
        EntryFlag::BidiControl => "holds characters that change the direction of writing",
        EntryFlag::Unspecified => "a remark this version does not know",
    }
}
