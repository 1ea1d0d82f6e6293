//! Files of other trades than retail: complaints to a bank, the log of a telephone exchange.

use throughline::pb::{self, entry::Content};

use super::{entry, given};

const COMPLAINTS: &str = "\
Date received,Product,Sub-product,Issue,Consumer complaint narrative,Company,State,ZIP code,\
Submitted via,Complaint ID
03/14/2024,Checking account,,Fees,\"They charged me twice,
and nobody called back.\",\"BANK, N.A.\",CA,941XX,Web,8557431
03/15/2024,Mortgage,FHA,Escrow,,\"BANK, N.A.\",,,Phone,8557432
03/15/2024,Mortgage,FHA,Escrow,,\"BANK, N.A.\",TX,N/A,Carrier pigeon,8557433
";

const COMPLAINTS_MAP: &str = r#"
source = "complaints"

[file]
empty = ["N/A"]

[time]
format = "%m/%d/%Y"
zone = "America/New_York"

[[customer.identifier]] # nobody is named: each complaint is somebody
kind = "external"
namespace = "complaints"
value = "Complaint ID"

[customer.profile.address]
region = "State"
postcode = "ZIP code"
country_code = "US"

[[entry]]
kind = "interaction"
direction = "inbound"
channel = { column = "Submitted via", table = { web = "web", Phone = "phone" } }
occurred_at = "Date received"
source_ref = "Complaint ID"
subject = "{Product}[ ({Sub-product})]: {Issue}"
text = "Consumer complaint narrative"
attributes = "rest"
"#;

#[test]
fn complaints_to_a_bank() {
    let given = given("complaints.csv", COMPLAINTS, COMPLAINTS_MAP);
    assert_eq!(
        given.reasons(),
        ["5 entry.channel: column \"Submitted via\" holds a word that the table does not have"]
    );
    assert_eq!(given.entries.len(), 2);

    let request = &given.entries[0];
    let identifier = &request.identifiers[0];
    assert_eq!(
        (identifier.namespace.as_str(), identifier.value.as_str()),
        ("complaints", "8557431")
    );
    let address = request.profile.as_ref().unwrap().address.as_ref().unwrap();
    assert_eq!((address.region.as_str(), address.country_code.as_str()), ("CA", "US"));
    let first = entry(request);
    assert_eq!(first.channel(), pb::Channel::Web);
    // Midnight in New York, after the clocks went forward.
    assert_eq!(first.occurred_at.unwrap().seconds, 1_710_388_800);
    let attributes: Vec<_> = first.attributes.iter().collect();
    assert_eq!(attributes, [(&"Company".to_owned(), &"BANK, N.A.".to_owned())]);
    let Some(Content::Interaction(complaint)) = &first.content else { panic!() };
    assert_eq!(complaint.subject, "Checking account: Fees");
    assert_eq!(complaint.text, "They charged me twice,\nand nobody called back.");

    let second = &given.entries[1];
    assert_eq!(second.profile, None, "a country alone is no address");
    let Some(Content::Interaction(complaint)) = &entry(second).content else { panic!() };
    assert_eq!(
        (complaint.subject.as_str(), complaint.text.as_str()),
        ("Mortgage (FHA): Escrow", "")
    );
}

const CALLS: &str = "\
Export of the exchange
Caller|Called|Start|Duration|Agent|Dir|Disposition
0612345678|0201234567|24.12.2024 09:05:10|00:12:30|Kim|I|ANSWERED
0201234567|+47 22 12 34 56|24.12.2024 10:00:00|00:00:45|Kim|O|ANSWERED
anonymous|0201234567|24.12.2024 10:05:00|00:01:00|Lee|I|ANSWERED
0612345678|0201234567|24.12.2024 11:00:00|01:75:00|Lee|I|ANSWERED
0612345678|0201234567|24.12.2024 12:00:00||Lee|I|BUSY
";

const CALLS_MAP: &str = r#"
source = "exchange"
only = [{ column = "Disposition", not = ["BUSY", "NO ANSWER"] }]

[file]
separator = "|"
skip_lines = 1

[time]
format = "%d.%m.%Y %H:%M:%S"
zone = "Europe/Amsterdam"

[[customer.identifier]]
kind = "phone"
value = "{Caller}"
region = "NL"
invalid = "skip"

[[customer.identifier]] # a caller without a number
kind = "external"
namespace = "exchange"
value = "{Start}/{@line}"
fallback = true

[[entry]]
kind = "interaction"
channel = "phone"
direction = { column = "Dir", table = { I = "inbound", O = "outbound" } }
occurred_at = "Start"
duration = { column = "Duration", unit = "hh:mm:ss" }
agent = "Agent"
subject = "Call to {Called}"
source_ref = "{@file}/{@line}"
attributes = { disposition = "Disposition" }
"#;

#[test]
fn a_log_of_calls() {
    let given = given("calls.csv", CALLS, CALLS_MAP);
    assert_eq!(
        given.reasons(),
        ["6 entry.interaction.ended_at: column \"Duration\" has more than 59 of a part"]
    );
    let kinds: Vec<_> =
        given.entries.iter().map(|request| request.identifiers[0].kind().as_str_name()).collect();
    let (phone, external) = ("IDENTIFIER_KIND_PHONE", "IDENTIFIER_KIND_EXTERNAL");
    assert_eq!(kinds, [phone, phone, external], "a caller who hides the number is nobody known");

    let call = entry(&given.entries[0]);
    assert_eq!(call.source_ref, "calls.csv/3");
    assert_eq!(call.agent, "Kim");
    assert_eq!(call.attributes["disposition"], "ANSWERED");
    let Some(Content::Interaction(interaction)) = &call.content else { panic!() };
    assert_eq!(interaction.direction(), pb::Direction::Inbound);
    let seconds = interaction.ended_at.unwrap().seconds - call.occurred_at.unwrap().seconds;
    assert_eq!(seconds, 12 * 60 + 30);
}

#[test]
fn lengths_of_time() {
    for (unit, text, seconds) in [
        ("seconds", "750", Some(750)),
        ("minutes", "12.5", Some(750)),
        ("hours", "0.5", Some(1800)),
        ("milliseconds", "750000", Some(750)),
        ("hh:mm:ss", "1:02:03", Some(3723)),
        ("mm:ss", "75:03", Some(4503)),
        ("hh:mm", "01:02", Some(3720)),
        ("mm:ss", "1:02:03", None),
        ("seconds", "12:30", None),
        ("seconds", "soon", None),
    ] {
        let map = CALLS_MAP.replace("hh:mm:ss", unit);
        let rows = CALLS.lines().take(3).collect::<Vec<_>>().join("\n").replace("00:12:30", text);
        let given = given("calls.csv", rows, &map);
        let length = given.entries.first().map(|request| match &entry(request).content {
            Some(Content::Interaction(call)) => {
                call.ended_at.unwrap().seconds - entry(request).occurred_at.unwrap().seconds
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(length, seconds, "{text} in {unit}");
    }
}

#[test]
fn scores() {
    let map = r#"
        source = "survey"
        [customer]
        identifier = [{ kind = "email", value = "email" }]
        [[entry]]
        kind = "feedback"
        channel = { column = "via", default = "email" }
        metric = { column = "question", table = { recommend = "nps", effort = "ces" } }
        score = "score"
        scale_max = { column = "question", table = { recommend = "10", effort = "7" } }
        text = "comment"
        source_ref = "{email}/{question}"
        occurred_at = { column = "at", format = "unix" }
    "#;
    let rows = "email,question,score,at,via,comment\n\
                a@b.nl,recommend,9,1740828000,,Fine\na@b.nl,effort,2.5,1740828000,app,\n\
                a@b.nl,effort,NaN,1740828000,app,\n";
    let given = given("a.csv", rows, map);
    let scores: Vec<_> = given
        .entries
        .iter()
        .map(|request| match &entry(request).content {
            Some(Content::Feedback(it)) => {
                (entry(request).channel(), it.metric(), it.score, it.scale_max, it.text.as_str())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let (nps, ces) = (pb::feedback::Metric::Nps, pb::feedback::Metric::Ces);
    assert_eq!(
        scores,
        [
            (pb::Channel::Email, nps, Some(9.0), 10, "Fine"),
            (pb::Channel::App, ces, Some(2.5), 7, "")
        ]
    );
    assert_eq!(given.reasons().len(), 1);
}
