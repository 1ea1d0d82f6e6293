//! The story that the product is for, told through the three example programs: a television bought
//! in a store breaks, and its owner tells so once, on four channels. With the briefing withheld the
//! same story has three questions asked again.

#[allow(dead_code)]
#[path = "../../examples/call_centre.rs"]
mod call_centre;
#[allow(dead_code)]
#[path = "../../examples/social_care.rs"]
mod social_care;
#[allow(dead_code)]
#[path = "../../examples/webshop.rs"]
mod webshop;

use std::{fmt::Write as _, sync::LazyLock};

use jiff::{Timestamp, tz::TimeZone};
use throughline::{
    cli::render::{self, Look, Story},
    clock::{Clock, MovedClock},
    pb::{self, IdentifierKind as Kind, Money, message::Author},
    store::Store,
};

use crate::{
    calls::identifier,
    support::{Database, Server, on_both, settings},
};
use call_centre::{Desktop, Question};
use social_care::SocialCare;
use webshop::Webshop;

/// What everybody sees. Ids, which differ from run to run, are left out.
const TRANSCRIPT: &str = include_str!("television.txt");

const FACTS: [(&str, &str); 3] = [
    ("serial_number", "SN-4471-0093"),
    ("fault", "The screen stays dark, the sound works"),
    ("tried", "Unplugged it overnight, reset it, another cable"),
];

fn micros(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_microsecond()
}

fn social(id: &str) -> pb::Identifier {
    pb::Identifier { namespace: "facebook".to_owned(), ..identifier(Kind::Social, id) }
}

/// A story as it is told, with its time.
struct Telling {
    database: String,
    moved: &'static MovedClock,
    now: i64,
    text: String,
}

impl Telling {
    fn look() -> Look {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        Look { width: 92, colour: false, zone, full: false }
    }

    /// Goes on at a later time; what fell due meanwhile is broken.
    async fn at(&mut self, time: &str, title: &str) {
        self.moved.forward(micros(time) - self.now);
        self.now = micros(time);
        let store = Store::open(&self.database, 2, Clock::Moved(self.moved)).await.unwrap();
        store.break_due_promises().await.unwrap();
        store.close().await;
        write!(self.text, "\n=== {title} ({time})\n\n").unwrap();
    }

    /// Every call takes a moment.
    fn moment(&mut self) {
        self.moved.forward(1_000_000);
        self.now += 1_000_000;
    }

    fn say(&mut self, text: &str) {
        writeln!(self.text, "{text}").unwrap();
    }

    fn show(&mut self, briefing: Option<&pb::Briefing>) {
        let screen = match briefing {
            None => "Nobody is known by that.\n".to_owned(),
            Some(briefing) => render::briefing(briefing, &Self::look()),
        };
        let lines = screen.lines().filter(|line| !line.starts_with("  customer"));
        for line in lines {
            writeln!(self.text, "  | {line}").unwrap();
        }
        self.text.push('\n');
    }

    /// Asks for each of the facts.
    async fn ask(&mut self, desk: &mut Desktop, screen: Option<&pb::Briefing>, case_id: &str) {
        for (key, value) in FACTS {
            let question = desk.ask(screen, case_id, key, value).await.unwrap();
            self.moment();
            let key = key.replace('_', " ");
            match question {
                Question::Spared => self.say(&format!("(the {key} stands on the screen)")),
                Question::Told => self.say(&format!("Agent: {key}?  Customer: {value}.")),
                Question::Repeated => {
                    self.say(&format!("Agent: {key}?  Customer: AGAIN? {value}."))
                }
            }
        }
    }
}

/// Tells the story. Gives what everybody saw, and how often what was known was asked again.
async fn tell(
    database: &Database,
    moved: &'static MovedClock,
    briefed: bool,
) -> (String, pb::ReaskRate) {
    let begin = "2025-01-11T14:40:00+01:00";
    moved.begin(micros(begin), 4, 1);
    let clock = Clock::Moved(moved);
    let server = Server::start_with(database, settings(clock)).await;
    let services = server.connect().await;
    let (database, now) = (database.url.clone(), micros(begin));
    let mut story = Telling { database, moved, now, text: String::new() };
    let (phone, card) = ("+31612345678", "6062100483705");
    let mut till = Webshop::new(&services, clock);
    let mut call = Desktop::new(&services, clock, pb::Channel::Phone, "Joost");
    let mut counter = Desktop::new(&services, clock, pb::Channel::Store, "Amira");
    let mut tool = SocialCare::new(&services, clock, "Femke");
    let screen = |briefing: Option<pb::Briefing>| briefing.filter(|_| briefed);

    story.at(begin, "In the store: a television is bought").await;
    let line = pb::PurchaseLine {
        sku: "TV-55".to_owned(),
        name: "Television 55 inch".to_owned(),
        quantity: 1,
        unit_price: Some(Money { currency_code: "EUR".to_owned(), minor_units: 64_900 }),
        serial_number: "SN-4471-0093".to_owned(),
        warranty_months: 24,
        ..Default::default()
    };
    let purchase = pb::Purchase {
        order_number: "S-48213".to_owned(),
        lines: vec![line],
        ..Default::default()
    };
    let who = vec![
        identifier(Kind::LoyaltyCard, card),
        identifier(Kind::Phone, phone),
        identifier(Kind::Account, "sanne.bakker"),
    ];
    let profile = pb::Profile {
        given_name: "Sanne".to_owned(),
        family_name: "Bakker".to_owned(),
        ..Default::default()
    };
    let sold = till.sell(who, profile, pb::Channel::Store, purchase).await.unwrap();
    story.say("Till: order S-48213, one television, 24 months of warranty.");

    story.at("2026-03-03T09:12:00+01:00", "On the phone: it broke").await;
    let briefing = screen(call.ring(identifier(Kind::Phone, phone)).await.unwrap());
    story.show(briefing.as_ref());
    let subject = "The television stays dark";
    let case = call.open_case(&sold.customer_id, subject, "S-48213").await.unwrap();
    story.moment();
    story.ask(&mut call, briefing.as_ref(), &case.id).await;
    let said = [
        (Author::Customer, "My television stays dark since yesterday."),
        (Author::Agent, "Please bring it to the shop."),
    ];
    call.note_call(&sold.customer_id, &case.id, &said).await.unwrap();
    story.moment();
    let (note, next) = ("She brings it in. Reset done on the phone.", "Check the panel");
    call.hand_over(&case.id, "service-desk", note, next).await.unwrap();
    story.say("Agent: please bring it to the shop.");

    story.at("2026-03-04T15:05:00+01:00", "In the store: it is brought in").await;
    let briefing = screen(counter.ring(identifier(Kind::LoyaltyCard, card)).await.unwrap());
    story.show(briefing.as_ref());
    counter.take_over(&case.id).await.unwrap();
    story.moment();
    story.ask(&mut counter, briefing.as_ref(), &case.id).await;
    let account = till.account(identifier(Kind::Account, "sanne.bakker")).await.unwrap();
    let warranty = account.purchases[0].lines[0].warranty.clone().unwrap();
    story.say(&format!("Warranty until {}.", warranty.last_day));
    let until = pb::LocalTime {
        time: "2026-03-06T17:00".to_owned(),
        time_zone: "Europe/Amsterdam".to_owned(),
    };
    counter.promise(&case.id, "The television is repaired", until).await.unwrap();
    let code = counter.case_pass(&case.id).await.unwrap();
    story.say("Agent: it is repaired by Friday. The case pass is on your receipt.");

    story.at("2026-03-07T10:31:00+01:00", "On Facebook, on Saturday: where is it?").await;
    let handle = social("100004837265911");
    let found = tool.recognise(&handle, &code).await.unwrap();
    assert_eq!(found.id, case.id);
    story.moment();
    let question = "You said Friday. Where is my television SN-4471-0093?";
    let logged = tool.log(&handle, pb::Direction::Inbound, question).await.unwrap();
    assert_eq!((&logged.customer_id, &logged.case_id), (&sold.customer_id, &case.id));
    story.say(&format!("Customer: {question}"));
    let briefing = tool.briefing(&handle).await.unwrap();
    let first = briefing.as_ref().unwrap().promises[0].state();
    assert_eq!(first, pb::PromiseState::Broken);
    story.show(screen(briefing).as_ref());
    let sorry = "We did not keep our word. It is ready on Monday, and we bring it to you.";
    tool.log(&handle, pb::Direction::Outbound, sorry).await.unwrap();
    story.say(&format!("Agent: {sorry}"));

    story.at("2026-03-09T11:20:00+01:00", "On the web: it is solved").await;
    let account = till.account(identifier(Kind::Account, "sanne.bakker")).await.unwrap();
    let [open] = &account.open_cases[..] else { panic!("{:?}", account.open_cases) };
    let done = "The panel was replaced. Your television is on its way.";
    till.finish(open, &account.promises, done).await.unwrap();
    story.say(&format!("Web site: {done}\n"));
    let account = till.account(identifier(Kind::Account, "sanne.bakker")).await.unwrap();
    assert_eq!((account.open_cases.len(), account.promises.len()), (0, 0));
    let look = Telling::look();
    let mut lines = Story::new(&look);
    let mut entries = server.timeline_of(&sold.customer_id).await;
    entries.sort_by_key(|entry| entry.revision);
    for entry in entries {
        story.text.push_str(&lines.entry(&entry, None));
    }
    let request = pb::GetReaskRateRequest {
        of: Some(pb::get_reask_rate_request::Of::CustomerId(sold.customer_id)),
        ..Default::default()
    };
    let rate = server.cases.clone().get_reask_rate(request).await.unwrap().into_inner();
    server.stop().await;
    (story.text.trim_start().to_owned(), rate.total.unwrap())
}

#[tokio::test]
async fn the_customer_tells_the_story_once() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        let (text, rate) = tell(database, moved, true).await;
        assert_eq!((rate.told, rate.asked_again), (3, 0));
        if text != TRANSCRIPT {
            println!("{text}");
            panic!("the transcript is another one: compare it with tests/it/television.txt");
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_briefing_three_questions_are_asked_again() {
    static TIMES: LazyLock<[MovedClock; 2]> = LazyLock::new(Default::default);
    on_both(async |database| {
        let moved = &TIMES[usize::from(database.url.starts_with("postgres"))];
        let (text, rate) = tell(database, moved, false).await;
        assert_eq!((rate.told, rate.asked_again), (3, 3));
        assert_eq!(text.matches("AGAIN?").count(), 3);
    })
    .await;
}
