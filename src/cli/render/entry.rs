//! One entry of a timeline, and the day it stands under.

use jiff::civil::Date;

use super::{
    Ink, Look, case, identity, long_day, order,
    text::{amount, channel, columns, money, pad, safe, wrap},
};
use crate::pb::{
    self, Channel, Direction, EntryFlag, entry::Content, feedback::Metric, message::Author,
    promise_change::Change,
};

/// Where the details of an entry begin, and where its summary.
const DETAILS_AT: usize = 9;
const SUMMARY_AT: usize = 33;
/// The least that text is given, however small the terminal.
const LEAST_WIDTH: usize = 24;
/// How many lines of a text and messages of a conversation are shown at first.
const FEW: usize = 12;

/// A timeline on its way to the terminal, entry by entry.
pub struct Story<'a> {
    look: &'a Look,
    day: Option<Date>,
}

impl<'a> Story<'a> {
    pub fn new(look: &'a Look) -> Self {
        Self { look, day: None }
    }

    /// The next entry, below its day where that is another than before; `customer` is whose it is,
    /// where that does not go without saying.
    pub fn entry(&mut self, entry: &pb::Entry, customer: Option<&str>) -> String {
        let look = self.look;
        let mut text = String::new();
        let mut time = "--:--".to_owned();
        if let Some((day, hour)) = look.moment(entry.occurred_at.as_ref()) {
            time = hour;
            if self.day != Some(day) {
                self.day = Some(day);
                text.push_str(&format!("\n{}\n", look.paint(Ink::Strong, &long_day(day))));
            }
        }
        let (kind, summary) = summary(entry);
        let mut lines = wrap(&summary, room(look, SUMMARY_AT)).into_iter();
        text.push_str(&format!(
            "  {time}  {}  {}  {}\n",
            look.paint(Ink::Channel, &pad(&channel(entry.channel()), 9)),
            look.paint(ink(entry), &pad(kind, 11)),
            look.paint(Ink::Strong, &lines.next().unwrap_or_default()),
        ));
        for line in lines {
            let line = look.paint(Ink::Strong, &line);
            text.push_str(&format!("{:SUMMARY_AT$}{line}\n", ""));
        }
        for line in details(entry, customer, look) {
            let line = format!("{:DETAILS_AT$}{line}", "");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn room(look: &Look, indent: usize) -> usize {
    look.width.saturating_sub(indent).max(LEAST_WIDTH)
}

fn ink(entry: &pb::Entry) -> Ink {
    match entry.content {
        Some(Content::Purchase(_)) => Ink::Good,
        Some(Content::Returned(_)) => Ink::Warning,
        Some(Content::OrderChange(ref change)) => order::ink(change),
        Some(Content::Feedback(_)) => Ink::Voice,
        Some(Content::Note(_) | Content::IdentityChange(_)) | None => Ink::Faint,
        Some(Content::Interaction(_)) => Ink::Channel,
        Some(Content::FactChange(_)) => Ink::Voice,
        Some(Content::PromiseChange(ref change)) => match change.change() {
            Change::Broken => Ink::Warning,
            Change::Kept => Ink::Good,
            _ => Ink::Voice,
        },
        Some(Content::CaseChange(_) | Content::HandOverChange(_)) => Ink::Channel,
    }
}

/// The kind of an entry, and what it is in one line.
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
        Some(Content::HandOverChange(change)) => ("hand-over", case::hand_over(change)),
        None => ("entry", "Of a kind this version does not know".to_owned()),
    }
}

/// Whether a note is its own summary.
fn is_short(note: &pb::Note) -> bool {
    note.text.len() <= 80 && note.text.trim().lines().count() == 1
}

/// What an exchange on a channel is called.
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
fn details(entry: &pb::Entry, customer: Option<&str>, look: &Look) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(name) = customer {
        lines.push(format!("{name}  {}", look.paint(Ink::Faint, &safe(&entry.customer_id))));
    }
    let context = context(entry, look);
    for line in wrap(&context.join(" · "), room(look, DETAILS_AT)) {
        lines.push(look.paint(Ink::Faint, &line));
    }
    match &entry.content {
        Some(Content::Interaction(interaction)) => said(interaction, look, &mut lines),
        Some(Content::Purchase(purchase)) => bought(purchase, look, &mut lines),
        Some(Content::Returned(returned)) => brought_back(returned, look, &mut lines),
        Some(Content::OrderChange(change)) => body(&change.reason, look, &mut lines),
        Some(Content::Feedback(feedback)) => body(&feedback.text, look, &mut lines),
        Some(Content::Note(note)) if is_short(note) => {}
        Some(Content::Note(note)) => body(&note.text, look, &mut lines),
        Some(Content::IdentityChange(change)) => {
            for evidence in &change.evidence {
                body(evidence, look, &mut lines);
            }
        }
        Some(Content::HandOverChange(change)) => {
            for text in case::hand_over_texts(change) {
                body(&text, look, &mut lines);
            }
        }
        // All of it stands above.
        Some(Content::CaseChange(_) | Content::FactChange(_) | Content::PromiseChange(_)) => {}
        None => {}
    }
    for flag in entry.flags() {
        lines.push(look.paint(Ink::Warning, &format!("! {}", notice(flag))));
    }
    lines
}

/// Who, how long, about which orders.
fn context(entry: &pb::Entry, look: &Look) -> Vec<String> {
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
        Some(Content::CaseChange(change)) => parts.extend(case::context(change)),
        Some(Content::OrderChange(change)) => parts.push(order::shipment(change)),
        Some(Content::FactChange(change)) => parts.push(case::by(&change.actor)),
        Some(Content::HandOverChange(change)) => {
            parts.extend([case::by(&change.actor), change.reason.clone()]);
        }
        Some(Content::PromiseChange(change)) => {
            let due = look.moment(change.due_at.as_ref());
            let due = due.map(|(day, hour)| format!("{} {hour}", long_day(day)));
            parts.extend(case::promise_context(change, due));
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

/// Whether the customer began it, and the agent was there for it.
fn answered(entry: &pb::Entry) -> bool {
    matches!(&entry.content, Some(Content::Interaction(interaction))
        if interaction.direction() == Direction::Inbound)
}

/// A mood from -1 to 1 in a word.
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

fn said(interaction: &pb::Interaction, look: &Look, lines: &mut Vec<String>) {
    body(&interaction.text, look, lines);
    let shown = if look.full { interaction.messages.len() } else { FEW };
    for message in interaction.messages.iter().take(shown) {
        let voice = match message.author() {
            Author::Customer => look.paint(Ink::Voice, "customer  "),
            Author::Agent => look.paint(Ink::Good, "agent     "),
            Author::Bot => look.paint(Ink::Faint, "bot       "),
            Author::Unspecified => "?         ".to_owned(),
        };
        let mut said = Vec::new();
        clip(wrap(&message.text, room(look, DETAILS_AT + 10)), look, &mut said);
        for (index, line) in said.into_iter().enumerate() {
            let before = if index == 0 { voice.as_str() } else { "          " };
            lines.push(format!("{before}{line}"));
        }
    }
    if interaction.messages.len() > shown {
        let left = interaction.messages.len() - shown;
        lines.push(look.paint(Ink::Faint, &format!("… {left} more messages: see --full")));
    }
    for file in &interaction.attachments {
        let name = if file.name.is_empty() { "a file" } else { &file.name };
        let line = format!("attached: {} ({}, {})", name, file.media_type, bytes(file.size_bytes));
        lines.extend(wrap(&line, room(look, DETAILS_AT)));
    }
}

fn bytes(size: i64) -> String {
    match size {
        ..10_000 => format!("{size} bytes"),
        10_000..10_000_000 => format!("{} kB", size / 1000),
        _ => format!("{} MB", size / 1_000_000),
    }
}

fn bought(purchase: &pb::Purchase, look: &Look, lines: &mut Vec<String>) {
    let articles: Vec<(String, String)> = purchase.lines.iter().map(article).collect();
    let prices = articles.iter().map(|(_, price)| columns(price)).max().unwrap_or(0);
    let space = room(look, DETAILS_AT).saturating_sub(prices + 2).max(LEAST_WIDTH);
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
        for text in wrap(&more.join(", "), room(look, DETAILS_AT + 4)) {
            lines.push(look.paint(Ink::Faint, &format!("    {text}")));
        }
    }
    if !purchase.tracking_number.is_empty() {
        lines.push(format!("shipment {}", safe(&purchase.tracking_number)));
    }
}

/// What a line of an order is, and what it cost.
fn article(line: &pb::PurchaseLine) -> (String, String) {
    let name = format!("{} × {}", line.quantity, label(&line.name, &line.sku));
    let price = line.unit_price.as_ref().map(|each| {
        let all = i128::from(each.minor_units) * i128::from(line.quantity);
        amount(&each.currency_code, all)
    });
    (name, price.unwrap_or_default())
}

/// The name of an article with its number behind it, or whichever is known.
fn label(name: &str, sku: &str) -> String {
    match (name.is_empty(), sku.is_empty()) {
        (false, false) => format!("{name} ({sku})"),
        (false, true) => name.to_owned(),
        (true, _) => sku.to_owned(),
    }
}

fn brought_back(returned: &pb::Return, look: &Look, lines: &mut Vec<String>) {
    for line in &returned.lines {
        let mut text = format!("{} × {}", line.quantity, label(&line.name, &line.sku));
        if !line.serial_number.is_empty() {
            text.push_str(&format!(", serial number {}", line.serial_number));
        }
        text.push_str(&order::refund(line));
        lines.extend(wrap(&text, room(look, DETAILS_AT)));
    }
    body(&returned.reason, look, lines);
}

fn body(text: &str, look: &Look, lines: &mut Vec<String>) {
    clip(wrap(text, room(look, DETAILS_AT)), look, lines);
}

/// Takes over the first lines, and says how many are left.
fn clip(text: Vec<String>, look: &Look, lines: &mut Vec<String>) {
    let left = text.len().saturating_sub(FEW);
    if look.full || left < 2 {
        lines.extend(text);
        return;
    }
    lines.extend(text.into_iter().take(FEW));
    lines.push(look.paint(Ink::Faint, &format!("… {left} more lines: see --full")));
}

/// What the server noticed, in words.
fn notice(flag: EntryFlag) -> &'static str {
    match flag {
        EntryFlag::CardNumberRedacted => "a payment card number was taken out",
        EntryFlag::SecurityCodeRedacted => "a card's security code was taken out",
        EntryFlag::NationalIdRedacted => "a national identity number was taken out",
        EntryFlag::PasswordRedacted => "a password was taken out",
        EntryFlag::BidiControl => "holds characters that change the direction of writing",
        EntryFlag::Unspecified => "a remark this version does not know",
    }
}
