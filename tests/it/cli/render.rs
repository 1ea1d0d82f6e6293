use insta::assert_snapshot;
use jiff::{Timestamp, tz::TimeZone};
use throughline::{
    cli::render::{self, EntryPrinter, TerminalStyle},
    pb::{self, entry::Content, feedback::Metric, message::Author},
};

fn style(width: usize) -> TerminalStyle {
    TerminalStyle { width, colour: false, zone: TimeZone::fixed(jiff::tz::offset(1)), full: false }
}

fn at(time: &str) -> Option<prost_types::Timestamp> {
    let time: Timestamp = time.parse().unwrap();
    Some(prost_types::Timestamp { seconds: time.as_second(), nanos: 0 })
}

fn entry(time: &str, channel: pb::Channel, content: Content) -> pb::Entry {
    pb::Entry {
        occurred_at: at(time),
        channel: channel.into(),
        content: Some(content),
        ..pb::Entry::default()
    }
}

fn euro(cents: i64) -> Option<pb::Money> {
    Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: cents })
}

fn message(author: Author, text: &str) -> pb::Message {
    pb::Message { author: author.into(), text: text.to_owned(), sent_at: None }
}

fn show(entries: &[pb::Entry], style: &TerminalStyle) -> String {
    let mut printer = EntryPrinter::new(style);
    let mut text: String = entries.iter().map(|entry| printer.entry(entry, None)).collect();
    text.push_str(&render::end(entries.len(), false, style));
    text
}

fn note(text: &str) -> pb::Entry {
    let note = Content::Note(pb::Note { text: text.to_owned() });
    entry("2025-03-04T15:20:00Z", pb::Channel::Store, note)
}

fn purchase() -> pb::Entry {
    let line = |sku: &str, name: &str, quantity, cents| pb::PurchaseLine {
        sku: sku.to_owned(),
        name: name.to_owned(),
        quantity,
        unit_price: euro(cents),
        ..pb::PurchaseLine::default()
    };
    let mut television = line("VX55", "Vistra 55 inch OLED television", 1, 104_900);
    television.serial_number = "VX55-7741-0093".to_owned();
    television.warranty_end = "2027-01-11".to_owned();
    let purchase = pb::Purchase {
        order_number: "S-48213".to_owned(),
        lines: vec![television, line("", "HDMI cable, 2 m", 2, 1495), line("BAG", "", 1, 5)],
        total: euro(107_895),
        tracking_number: String::new(),
    };
    pb::Entry {
        agent: "Karin, till 4".to_owned(),
        ..entry("2025-01-11T23:40:00Z", pb::Channel::Store, Content::Purchase(purchase))
    }
}

fn call() -> pb::Entry {
    let call = pb::Interaction {
        direction: pb::Direction::Inbound.into(),
        subject: "The television has sound but no picture".to_owned(),
        messages: vec![
            message(Author::Customer, "I have tried another socket and a factory reset."),
            message(Author::Agent, "Please bring it to the shop in Utrecht; they see all of this."),
            message(Author::Bot, "Thank you for calling."),
        ],
        ended_at: at("2025-03-03T09:21:30Z"),
        sentiment: Some(-0.4),
        attachments: vec![pb::Attachment {
            name: "picture.jpg".to_owned(),
            media_type: "image/jpeg".to_owned(),
            size_bytes: 812_345,
            ..pb::Attachment::default()
        }],
        ..pb::Interaction::default()
    };
    pb::Entry {
        agent: "Joost".to_owned(),
        order_numbers: vec!["S-48213".to_owned()],
        flags: vec![pb::EntryFlag::CardNumberRedacted.into()],
        ..entry("2025-03-03T09:12:00Z", pb::Channel::Phone, Content::Interaction(call))
    }
}

fn feedback(metric: Metric, score: f64, scale_max: i32, text: &str) -> pb::Entry {
    let feedback = pb::Feedback {
        metric: metric.into(),
        score: Some(score),
        scale_max,
        text: text.to_owned(),
    };
    entry("2025-03-11T08:05:00Z", pb::Channel::Email, Content::Feedback(feedback))
}

fn customer() -> pb::Customer {
    let identifier =
        |kind: pb::IdentifierKind, namespace: &str, value: &str| pb::CustomerIdentifier {
            kind: kind.into(),
            namespace: namespace.to_owned(),
            value: value.to_owned(),
            ..pb::CustomerIdentifier::default()
        };
    pb::Customer {
        id: "0194a000-0000-7000-8000-000000000001".to_owned(),
        created_at: at("2025-01-11T13:40:00Z"),
        profile: Some(pb::Profile {
            given_name: "Sanne".to_owned(),
            family_name: "Bakker".to_owned(),
            language: "nl".to_owned(),
            address: Some(pb::PostalAddress {
                lines: vec!["Lange Nieuwstraat 12".to_owned()],
                postcode: "3512 PH".to_owned(),
                locality: "Utrecht".to_owned(),
                country_code: "NL".to_owned(),
                ..pb::PostalAddress::default()
            }),
            ..pb::Profile::default()
        }),
        identifiers: vec![
            identifier(pb::IdentifierKind::Phone, "", "+31612345678"),
            identifier(pb::IdentifierKind::Social, "facebook", "100004837265911"),
        ],
        ..pb::Customer::default()
    }
}

#[test]
fn a_customer() {
    assert_snapshot!(render::customer(&customer(), &style(80)), @"
    Sanne Bakker
      customer        0194a000-0000-7000-8000-000000000001
      phone           +31612345678
      social          100004837265911 (facebook)
      address         Lange Nieuwstraat 12, 3512 PH Utrecht, NL
      language        nl
      recorded since  11 January 2025
    ");
    let nobody = pb::Customer { id: "1".to_owned(), ..pb::Customer::default() };
    assert_snapshot!(render::customer(&nobody, &style(80)), @"
    a customer without a name
      customer        1
    ");
}

#[test]
fn a_story_of_every_kind() {
    let returned = Content::Returned(pb::Return {
        lines: vec![pb::ReturnLine {
            name: "HDMI cable, 2 m".to_owned(),
            quantity: 1,
            ..pb::ReturnLine::default()
        }],
        refund: euro(1495),
        reason: "One was enough".to_owned(),
    });
    let entries = [
        feedback(Metric::Csat, 4.0, 5, "Nobody asked me the same thing twice."),
        feedback(Metric::StarRating, 4.5, 5, ""),
        feedback(Metric::Nps, 9.0, 0, ""),
        feedback(Metric::Ces, 2.0, 7, ""),
        note("Promised: repaired and ready by Friday 7 March."),
        entry("2025-03-04T15:05:00Z", pb::Channel::Store, returned),
        call(),
        purchase(),
    ];
    assert_snapshot!(show(&entries, &style(80)), @"

    Tuesday 11 March 2025
      09:05  email      feedback     Satisfaction (CSAT): 4 of 5
             Nobody asked me the same thing twice.
      09:05  email      feedback     4.5 of 5 stars
      09:05  email      feedback     Would recommend us (NPS): 9 of 10
      09:05  email      feedback     Effort (CES): 2 of 7

    Tuesday 4 March 2025
      16:20  store      note         Promised: repaired and ready by Friday 7 March.
      16:05  store      return       EUR 14.95 back
             1 × HDMI cable, 2 m
             One was enough

    Monday 3 March 2025
      10:12  phone      interaction  The television has sound but no picture
             from the customer · 9 min · unhappy (-0.4) · with Joost · order S-48213
             customer  I have tried another socket and a factory reset.
             agent     Please bring it to the shop in Utrecht; they see all of this.
             bot       Thank you for calling.
             attached: picture.jpg (image/jpeg, 812 kB)
             ! a payment card number was removed

    Sunday 12 January 2025
      00:40  store      purchase     Order S-48213, EUR 1078.95
             by Karin, till 4
             1 × Vistra 55 inch OLED television (VX55)  EUR 1049.00
                 serial number VX55-7741-0093, warranty until 11 January 2027
             2 × HDMI cable, 2 m                          EUR 29.90
             1 × BAG                                       EUR 0.05

    8 entries.
    ");
}

#[test]
fn an_exchange_without_a_subject_says_what_it_was() {
    let entries: Vec<pb::Entry> = [
        (pb::Channel::Phone, pb::Direction::Outbound),
        (pb::Channel::Store, pb::Direction::Inbound),
        (pb::Channel::Social, pb::Direction::Inbound),
    ]
    .into_iter()
    .map(|(channel, direction)| {
        let said = pb::Interaction {
            direction: direction.into(),
            text: "Hello.\n\n\n  It  is   me.".to_owned(),
            ..pb::Interaction::default()
        };
        entry("2025-03-04T15:05:00Z", channel, Content::Interaction(said))
    })
    .collect();
    assert_snapshot!(show(&entries, &style(80)), @"

    Tuesday 4 March 2025
      16:05  phone      interaction  Call to the customer
             Hello.

             It is me.
      16:05  store      interaction  Visit from the customer
             Hello.

             It is me.
      16:05  social     interaction  Post from the customer
             Hello.

             It is me.

    3 entries.
    ");
}

#[test]
fn a_small_terminal_gets_short_lines() {
    let wide =
        note("家に帰りました。テレビは映りません。 Donaudampfschifffahrtsgesellschaftskapitän!");
    let text = show(&[call(), purchase(), wide], &style(44));
    assert_snapshot!(text, @"

    Monday 3 March 2025
      10:12  phone      interaction  The television has sound
                                     but no picture
             from the customer · 9 min · unhappy
             (-0.4) · with Joost · order S-48213
             customer  I have tried another
                       socket and a factory
                       reset.
             agent     Please bring it to the
                       shop in Utrecht; they see
                       all of this.
             bot       Thank you for calling.
             attached: picture.jpg (image/jpeg,
             812 kB)
             ! a payment card number was removed

    Sunday 12 January 2025
      00:40  store      purchase     Order S-48213, EUR
                                     1078.95
             by Karin, till 4
             1 × Vistra 55 inch OLED   EUR 1049.00
                 television (VX55)
                 serial number VX55-7741-0093,
                 warranty until 11 January 2027
             2 × HDMI cable, 2 m         EUR 29.90
             1 × BAG                      EUR 0.05

    Tuesday 4 March 2025
      16:20  store      note         For colleagues
             家に帰りました。テレビは映りません
             。
             Donaudampfschifffahrtsgesellschafts
             kapitän!

    3 entries.
    ");
}

#[test]
fn what_is_long_is_cut_unless_all_is_wanted() {
    let many = pb::Interaction {
        direction: pb::Direction::Inbound.into(),
        messages: (1..=15).map(|n| message(Author::Customer, &format!("No. {n}"))).collect(),
        ..pb::Interaction::default()
    };
    let many = entry("2025-03-04T15:05:00Z", pb::Channel::Chat, Content::Interaction(many));
    let long = note(&(1..=20).map(|n| format!("line {n}\n")).collect::<String>());
    let entries = [many, long];
    let short = show(&entries, &style(80));
    assert!(short.contains("… 3 more messages: see --full"), "{short}");
    assert!(short.contains("line 12\n") && !short.contains("line 13"), "{short}");
    assert!(short.contains("… 8 more lines: see --full"), "{short}");
    let full = show(&entries, &TerminalStyle { full: true, ..style(80) });
    assert!(full.contains("No. 15") && full.contains("line 20") && !full.contains('…'), "{full}");
}

#[test]
fn nothing_that_a_customer_wrote_steers_the_terminal() {
    let mut hostile = call();
    let trick = "\x1b[2J\x1b]0;owned\x07\u{202e}gnp.exe\r\x08\u{9b}31m\tx\ny";
    hostile.agent = trick.to_owned();
    hostile.order_numbers = vec![trick.to_owned()];
    if let Some(Content::Interaction(said)) = &mut hostile.content {
        said.subject = trick.to_owned();
        said.text = trick.to_owned();
        said.messages[0].text = trick.to_owned();
        said.attachments[0].name = trick.to_owned();
    }
    let mut bought = purchase();
    if let Some(Content::Purchase(purchase)) = &mut bought.content {
        purchase.order_number = trick.to_owned();
        purchase.tracking_number = trick.to_owned();
        purchase.lines[0].name = trick.to_owned();
        purchase.lines[0].serial_number = trick.to_owned();
        purchase.lines[0].warranty_end = trick.to_owned();
    }
    let mut owner = customer();
    owner.identifiers[0].value = trick.to_owned();
    if let Some(profile) = &mut owner.profile {
        profile.given_name = trick.to_owned();
        profile.birth_date = trick.to_owned();
    }
    let style = style(80);
    let text = render::customer(&owner, &style) + &show(&[hostile, bought, note(trick)], &style);
    let steers = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    assert_eq!(text.chars().find(steers), None, "{text}");
    let lines_in_the_header = render::customer(&owner, &style).lines().count();
    assert_eq!(lines_in_the_header, render::customer(&customer(), &style).lines().count() + 1);
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let coloured = TerminalStyle { colour: true, ..style(80) };
    let entries = [call(), purchase(), note("Called back.")];
    let text = show(&entries, &coloured);
    assert!(text.contains("\x1b[1m"), "{text}");
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, show(&entries, &style(80)));
}
