//! Numbers 63 to 84 and 88 to 92: entries.

use prost_types::Timestamp;
use throughline::pb::{self, entry::Content, message::Author};
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::{World, anna, at, content, feedback, interaction, record, with},
};

pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = whose(world);
    cases.extend(how(world));
    cases.extend(when());
    cases.extend(texts());
    cases.extend(scores());
    cases.extend(attributes());
    cases.extend(attachments());
    cases
}

/// Numbers 63 and 64, and the required fields of a batch and an entry.
fn whose(world: &World) -> Vec<Case> {
    let mut nobody = record();
    nobody.identifiers.clear();
    let mut both = record();
    both.customer_id = world.customer_id.clone();
    let mut unknown = record();
    unknown.identifiers.clear();
    unknown.customer_id = "0190f3c4-7b1a-7cc0-8000-00000000beef".to_owned();
    let mut empty = record();
    empty.entry = None;

    let batch = |requests| Call::Batch(pb::BatchRecordEntriesRequest { requests });
    let many = batch((0..501).map(|_| record()).collect());
    let mut third_wrong = record();
    third_wrong.entry = None;
    let parts = batch(vec![record(), nobody.clone(), third_wrong]);
    let unknown_part = batch(vec![record(), unknown.clone()]);
    vec![
        refused(63, "neither a customer nor identifiers", nobody, &["customer_id"]),
        refused(63, "a customer and identifiers", both, &["customer_id"]),
        refused(63, "no entry", empty, &["entry"]),
        refused(63, "no content", with(|it| it.content = None), &["entry.content"]),
        refused(63, "an empty batch", batch(Vec::new()), &["requests"]),
        refused(63, "a batch of 501", many, &["requests"]),
        refused(
            63,
            "two bad parts of a batch",
            parts,
            &["requests[1].customer_id", "requests[2].entry"],
        ),
        refused(64, "an unknown customer", unknown, &[])
            .code(Code::NotFound)
            .reason("CUSTOMER_NOT_FOUND"),
        refused(64, "an unknown customer in a batch", unknown_part, &[])
            .code(Code::NotFound)
            .reason("CUSTOMER_NOT_FOUND"),
    ]
}

/// Numbers 68, 69, 83, 91 and 92.
fn how(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for channel in [0, 10, 999, -1] {
        let entry = with(|it| it.channel = channel);
        let what = format!("channel {channel}");
        cases.push(refused(68, what, entry, &["entry.channel"]).reason("UNKNOWN_ENUM"));
    }
    for direction in [0, 3, 999] {
        let entry = interaction(|it| it.direction = direction);
        let what = format!("direction {direction}");
        let field = "entry.interaction.direction";
        cases.push(refused(69, what, entry, &[field]).reason("UNKNOWN_ENUM"));
    }
    for tag in ["xx-invalid!!", "dutch language", "n", "nl_NL_", "-nl", &"nl-".repeat(40)] {
        let entry = with(|it| it.language = tag.to_owned());
        cases.push(refused(83, format!("language {tag:.20}"), entry, &["entry.language"]));
    }
    let agent = with(|it| it.agent = "a".repeat(101));
    cases.push(refused(83, "an agent of 101 characters", agent, &["entry.agent"]));

    let field = "entry.interaction.reply_to_entry_id";
    for (number, what, id) in [
        (91, "an entry of another customer", world.others_entry_id.as_str()),
        (92, "an entry that is not there", "0190f3c4-7b1a-7cc0-8000-00000000beef"),
    ] {
        let reply = interaction(|it| it.reply_to_entry_id = id.to_owned());
        let case = refused(number, format!("a reply to {what}"), reply, &[field]);
        cases.push(case.code(Code::NotFound).reason("ENTRY_NOT_FOUND"));
    }
    let reply = interaction(|it| it.reply_to_entry_id = "itself".to_owned());
    cases.push(refused(92, "a reply to no id", reply, &[field]));
    cases
}

/// Numbers 70 to 73.
fn when() -> Vec<Case> {
    let year_0 = -62_167_219_200;
    let year_1800 = -5_364_662_400;
    let year_10000 = 253_402_300_800;
    let times = [
        ("none", None),
        ("year 0", Some(Timestamp { seconds: year_0, nanos: 0 })),
        ("year 1800", Some(Timestamp { seconds: year_1800, nanos: 0 })),
        ("year 10000", Some(Timestamp { seconds: year_10000, nanos: 0 })),
        ("the least second", Some(Timestamp { seconds: i64::MIN, nanos: 0 })),
        ("the last second", Some(Timestamp { seconds: i64::MAX, nanos: 999_999_999 })),
        ("10^9 nanoseconds", Some(Timestamp { nanos: 1_000_000_000, ..at(-60) })),
        ("nanoseconds below 0", Some(Timestamp { nanos: -1, ..at(-60) })),
    ];
    let mut cases = Vec::new();
    for (what, time) in times {
        let entry = with(|it| it.occurred_at = time);
        cases.push(refused(70, format!("occurred_at: {what}"), entry, &["entry.occurred_at"]));
        if time.is_some() {
            let ended = interaction(|it| it.ended_at = time);
            let field = "entry.interaction.ended_at";
            cases.push(refused(70, format!("ended_at: {what}"), ended, &[field]));
            let sent = interaction(|it| it.messages = vec![message("Hello", time)]);
            let field = "entry.interaction.messages[0].sent_at";
            cases.push(refused(70, format!("sent_at: {what}"), sent, &[field]));
        }
    }
    for (what, seconds) in [("a day from now", 86_400), ("more than an hour from now", 3601)] {
        let entry = with(|it| it.occurred_at = Some(at(seconds)));
        cases.push(refused(71, what, entry, &["entry.occurred_at"]));
    }
    // The entries of these cases occurred an hour ago.
    for (number, what, seconds) in
        [(72, "an end before the beginning", -3601), (73, "an end 48 hours after", 169_201)]
    {
        let entry = interaction(|it| it.ended_at = Some(at(seconds)));
        cases.push(refused(number, what, entry, &["entry.interaction.ended_at"]));
    }
    cases
}

fn message(text: &str, sent_at: Option<Timestamp>) -> pb::Message {
    pb::Message { author: Author::Customer.into(), text: text.to_owned(), sent_at }
}

/// Numbers 75 to 80, without 78, which is no message at all.
fn texts() -> Vec<Case> {
    let note = |text: &str| content(Content::Note(pb::Note { text: text.to_owned() }));
    let said = |text: &str| interaction(|it| it.messages = vec![message(text, None)]);
    let nothing = interaction(|it| it.text.clear());
    let nobody = interaction(|it| {
        it.messages = vec![pb::Message { author: 0, ..message("Hello", None) }];
    });
    let long = "x".repeat(256 * 1024 + 1);
    let halves = interaction(|it| {
        it.text = "x".repeat(128 * 1024);
        it.messages = vec![message(&"y".repeat(128 * 1024 + 1), None)];
    });
    let marks = format!("a{}", "\u{301}".repeat(100_000));
    let million = format!("a{}", "\u{301}".repeat(1_000_000));
    let text = "entry.interaction.text";
    let (note_text, said_text) = ("entry.note.text", "entry.interaction.messages[0].text");
    let mut cases = vec![
        refused(75, "an interaction without a text", nothing, &[text]),
        refused(75, "a note without a text", note(""), &[note_text]),
        refused(75, "a note of spaces", note(" \n\t "), &[note_text]),
        refused(75, "a message without a text", said(""), &[said_text]),
        refused(75, "a message of nobody", nobody, &["entry.interaction.messages[0].author"])
            .reason("UNKNOWN_ENUM"),
        refused(77, "a text too long", interaction(|it| it.text = long.clone()), &[text]),
        refused(77, "a note too long", note(&long), &[note_text]),
        refused(77, "a text and messages too long", halves, &["entry.interaction.messages"]),
        refused(79, "100,000 marks on a letter", interaction(|it| it.text = marks), &[text]),
        refused(79, "1,000,000 marks on a letter", note(&million), &["entry", note_text]),
    ];
    for (number, bad) in [(76, "before\0after"), (80, "\u{200b}\u{200d}\u{feff}\u{2060}")] {
        let what = format!("{bad:?}");
        cases.push(refused(number, &what, interaction(|it| it.text = bad.to_owned()), &[text]));
        cases.push(refused(number, &what, note(bad), &[note_text]));
        cases.push(refused(number, &what, said(bad), &[said_text]));
    }
    let subject = interaction(|it| it.subject = "a\0b".to_owned());
    cases.push(refused(76, "a subject with NUL", subject, &["entry.interaction.subject"]));
    let agent = with(|it| it.agent = "a\0b".to_owned());
    cases.push(refused(76, "an agent with NUL", agent, &["entry.agent"]));
    let source_ref = with(|it| it.source_ref = "a\0b".to_owned());
    cases.push(refused(76, "a source_ref with NUL", source_ref, &["entry.source_ref"]));
    let mut profile = record();
    profile.identifiers = vec![anna()];
    profile.profile = Some(pb::Profile { family_name: "a\0b".to_owned(), ..Default::default() });
    cases.push(refused(76, "a name with NUL", profile, &["profile.family_name"]));
    cases
}

/// Numbers 84 and 85.
fn scores() -> Vec<Case> {
    use pb::feedback::Metric;
    let mut cases = Vec::new();
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1.01, -1.01] {
        let entry = interaction(|it| it.sentiment = Some(wrong));
        let field = "entry.interaction.sentiment";
        cases.push(refused(84, format!("sentiment {wrong}"), entry, &[field]));
    }
    for wrong in [f64::NAN, f64::INFINITY, -0.0, 11.0, -1.0] {
        let entry = feedback(|it| it.score = Some(wrong));
        cases.push(refused(84, format!("score {wrong}"), entry, &["entry.feedback.score"]));
    }
    let missing = feedback(|it| it.score = None);
    cases.push(refused(84, "no score", missing, &["entry.feedback.score"]));
    for metric in [Metric::Csat, Metric::Ces, Metric::StarRating] {
        for scale_max in [0, 1, 101, -5] {
            let entry = feedback(|it| {
                (it.metric, it.score, it.scale_max) = (metric.into(), Some(1.0), scale_max);
            });
            let what = format!("{metric:?} on a scale to {scale_max}");
            cases.push(refused(85, what, entry, &["entry.feedback.scale_max"]));
        }
    }
    let above = feedback(|it| {
        (it.metric, it.score, it.scale_max) = (Metric::StarRating.into(), Some(5.5), 5);
    });
    cases.push(refused(84, "5.5 of 5 stars", above, &["entry.feedback.score"]));
    for metric in [0, 99] {
        let entry = feedback(|it| it.metric = metric);
        let case = refused(85, format!("metric {metric}"), entry, &["entry.feedback.metric"]);
        cases.push(case.reason("UNKNOWN_ENUM"));
    }
    cases
}

/// Number 88.
fn attributes() -> Vec<Case> {
    let attributes = |all: &[(&str, &str)]| {
        with(|it| {
            let owned = all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            it.attributes = owned.collect();
        })
    };
    let keys: Vec<_> = (0..1001).map(|number| format!("key{number}")).collect();
    let many: Vec<_> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    let large = "x".repeat(900 << 10);
    let long_key = "k".repeat(65);
    let cases: [(&str, Vec<(&str, &str)>); 8] = [
        ("1,001 keys", many),
        ("an empty key", vec![("", "v")]),
        ("keys that differ in case", vec![("Colour", "red"), ("colour", "blue")]),
        ("the key __proto__", vec![("__proto__", "v")]),
        ("a value of 900 KiB", vec![("key", &large)]),
        ("a key of 65 letters", vec![(&long_key, "v")]),
        ("a key with a space", vec![("a key", "v")]),
        ("a value with NUL", vec![("key", "a\0b")]),
    ];
    let mib = "x".repeat(1 << 20);
    let fields = ["entry", "entry.attributes"];
    let too_large = refused(88, "a value of 1 MiB", attributes(&[("key", &mib)]), &fields);
    let cases = cases.into_iter();
    let cases = cases.map(|(what, all)| refused(88, what, attributes(&all), &["entry.attributes"]));
    cases.chain([too_large]).collect()
}

/// Numbers 89 and 90.
fn attachments() -> Vec<Case> {
    let attachment = |change: fn(&mut pb::Attachment)| {
        interaction(|it| {
            let mut attachment = pb::Attachment {
                name: "photo.jpg".to_owned(),
                media_type: "image/jpeg".to_owned(),
                size_bytes: 120_000,
                ..Default::default()
            };
            change(&mut attachment);
            it.attachments.push(attachment);
        })
    };
    let mut cases = Vec::new();
    let mut push = |number, what: &str, field: &'static str, change: fn(&mut pb::Attachment)| {
        cases.push(refused(number, what, attachment(change), &[field]));
    };
    let url = "entry.interaction.attachments[0].url";
    push(89, "javascript:", url, |it| it.url = "javascript:alert(1)".to_owned());
    push(89, "a file", url, |it| it.url = "file:///etc/passwd".to_owned());
    push(89, "http", url, |it| it.url = "http://169.254.169.254/latest".to_owned());
    push(89, "an address of a cloud", url, |it| it.url = "https://169.254.169.254/".to_owned());
    push(89, "an IPv6 address", url, |it| it.url = "https://[::1]/x".to_owned());
    push(89, "a password", url, |it| it.url = "https://me:secret@files.example/x".to_owned());
    push(89, "2,001 characters", url, |it| {
        it.url = format!("https://files.example/{}", "x".repeat(1979));
    });
    let size = "entry.interaction.attachments[0].size_bytes";
    push(90, "10 GiB", size, |it| it.size_bytes = 10 << 30);
    push(90, "-1 bytes", size, |it| it.size_bytes = -1);
    let sha256 = "entry.interaction.attachments[0].sha256";
    push(90, "a short hash", sha256, |it| it.sha256 = "abc123".to_owned());
    push(90, "a hash that is no number", sha256, |it| it.sha256 = "z".repeat(64));
    let media_type = "entry.interaction.attachments[0].media_type";
    push(90, "no media type", media_type, |it| it.media_type.clear());
    push(90, "half a media type", media_type, |it| it.media_type = "picture".to_owned());
    let name = "entry.interaction.attachments[0].name";
    push(90, "a path", name, |it| it.name = "../../etc/passwd".to_owned());
    let many = interaction(|it| {
        let attachment = pb::Attachment {
            name: "photo.jpg".to_owned(),
            media_type: "image/jpeg".to_owned(),
            ..Default::default()
        };
        it.attachments = vec![attachment; 51];
    });
    cases.push(refused(90, "51 attachments", many, &["entry.interaction.attachments"]));
    cases
}
