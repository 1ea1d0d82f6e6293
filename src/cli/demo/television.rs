//! The story of the product, told through the three example programs: a television bought in a
//! store breaks, and its owner explains the problem only once, on four channels. Without briefings,
//! the same story has three questions asked again.

#[allow(dead_code, reason = "examples are programs too")]
#[path = "../../../examples/call_centre.rs"]
mod call_centre;
#[allow(dead_code, reason = "examples are programs too")]
#[path = "../../../examples/social_care.rs"]
mod social_care;
#[allow(dead_code, reason = "examples are programs too")]
#[path = "../../../examples/webshop.rs"]
mod webshop;

use anyhow::{Context as _, ensure};

use super::telling::{Stage, Telling};
use crate::{
    clock::Clock,
    pb::{
        self, IdentifierKind as Kind, Money, PromiseState, case_service_client::CaseServiceClient,
        get_reask_rate_request::Of, message::Author,
    },
};
use call_centre::{Desktop, Question};
use social_care::SocialCare;
use webshop::Webshop;

const CARD: &str = "6062100483705";
const PHONE: &str = "+31612345678";
const ACCOUNT: &str = "sanne.bakker";
const HANDLE: &str = "100004837265911";
const ORDER: &str = "S-48213";

const BOUGHT: &str = "2025-01-11T14:40:00+01:00";
const RUNG: &str = "2026-03-03T09:12:00+01:00";
const BROUGHT: &str = "2026-03-04T15:05:00+01:00";
const ASKED: &str = "2026-03-07T10:31:00+01:00";
const SOLVED: &str = "2026-03-09T11:20:00+01:00";

const LEGEND: &str = "
The story of a television. Lines with | are an agent's screen, lines with + are new entries of \
the timeline.";

/// What an agent must know: the key of the fact, the question and the answer.
const QUESTIONS: [(&str, &str, &str); 3] = [
    ("serial_number", "What is the serial number?", "VX55-7741-0093"),
    ("fault", "What is wrong with it?", "It has sound but no picture"),
    ("tried", "What have you tried?", "Another socket, another HDMI cable, a factory reset"),
];

/// The customer of the story.
pub fn customer() -> pb::Identifier {
    identifier(Kind::LoyaltyCard, CARD, "")
}

/// Tells the story, and returns how often a known fact was asked for again. The agents see no
/// briefing unless they are `briefed`.
pub async fn tell(stage: Stage<'_>, briefed: bool) -> anyhow::Result<pb::ReaskRate> {
    let (services, clock) = (stage.services.clone(), Clock::Moved(stage.moved));
    let mut till = Webshop::new(&services, clock);
    let mut call = Desktop::new(&services, clock, pb::Channel::Phone, "Joost");
    let mut counter = Desktop::new(&services, clock, pb::Channel::Store, "Amira");
    let mut tool = SocialCare::new(&services, clock, "Femke");
    let screen = |briefing: Option<pb::Briefing>| briefing.filter(|_| briefed);
    let mut story = Telling::begin(stage, BOUGHT, customer())?;
    story.say(LEGEND)?;

    story.scene(BOUGHT, "In the store: Sanne buys a television").await?;
    let customer_id =
        till.sell(who(), profile(), pb::Channel::Store, purchase()).await?.customer_id;
    story.catch_up().await?;

    story.scene(RUNG, "On the phone: it broke").await?;
    let briefing = screen(call.ring(identifier(Kind::Phone, PHONE, "")).await?);
    story.show(briefing.as_ref())?;
    let case = call.open_case(&customer_id, "The television has no picture", ORDER).await?;
    story.catch_up().await?;
    ask(&mut story, &mut call, briefing.as_ref(), &case.id).await?;
    let said = [
        (Author::Customer, "Since last night my television has sound but no picture."),
        (Author::Agent, "It is under warranty. Please bring it to the shop in Utrecht."),
    ];
    call.note_call(&customer_id, &case.id, &said).await?;
    story.catch_up().await?;
    let (note, next) = ("She brings it in. The reset is done.", "Check the power board");
    call.hand_over(&case.id, "service-desk", note, next).await?;
    story.catch_up().await?;

    story.scene(BROUGHT, "In the store: it is brought in").await?;
    let briefing = screen(counter.ring(customer()).await?);
    story.show(briefing.as_ref())?;
    counter.take_over(&case.id).await?;
    story.catch_up().await?;
    ask(&mut story, &mut counter, briefing.as_ref(), &case.id).await?;
    story.say("Amira: It is repaired by Friday. Here is a receipt with a code of your case.")?;
    let until = pb::LocalTime {
        time: "2026-03-06T17:00".to_owned(),
        time_zone: "Europe/Amsterdam".to_owned(),
    };
    counter.promise(&case.id, "The television is repaired", until).await?;
    story.catch_up().await?;
    let code = counter.case_pass(&case.id).await?;
    story.catch_up().await?;

    story.scene(ASKED, "On Facebook, on Saturday: where is it?").await?;
    story.catch_up().await?;
    let handle = identifier(Kind::Social, HANDLE, "facebook");
    story.say("Sanne sends the code of the receipt.")?;
    let found = tool.recognise(&handle, &code).await?;
    ensure!(found.id == case.id, "the case pass opens another case");
    story.catch_up().await?;
    let question = "You said Friday. Where is my television VX55-7741-0093?";
    let logged = tool.log(&handle, pb::Direction::Inbound, question).await?;
    ensure!(logged.case_id == case.id, "the message joins another case");
    story.catch_up().await?;
    let briefing = tool.briefing(&handle).await?.context("nobody is behind the handle")?;
    let first = briefing.promises.first().context("the promise is forgotten")?;
    ensure!(first.state() == PromiseState::Broken, "the promise was not broken");
    story.say("\n")?;
    story.show(screen(Some(briefing)).as_ref())?;
    let sorry = "We did not keep our word, Sanne. It is ready on Monday, and we bring it to you.";
    tool.log(&handle, pb::Direction::Outbound, sorry).await?;
    story.catch_up().await?;

    story.scene(SOLVED, "On the web site: it is solved").await?;
    let account = till.account(identifier(Kind::Account, ACCOUNT, "webshop")).await?;
    let open = account.open_cases.first().context("no case is open")?;
    let done = "The power board was replaced. Your television is on its way.";
    till.finish(open, &account.promises, done).await?;
    story.catch_up().await?;
    let account = till.account(identifier(Kind::Account, ACCOUNT, "webshop")).await?;
    ensure!(account.open_cases.is_empty() && account.promises.is_empty(), "something is open");

    let of = Some(Of::CustomerId(customer_id));
    let request = pb::GetReaskRateRequest { of, ..pb::GetReaskRateRequest::default() };
    let rate = CaseServiceClient::new(services).get_reask_rate(request).await?.into_inner();
    let rate = rate.total.unwrap_or_default();
    let (told, again) = (rate.told, rate.asked_again);
    story.say(&format!("\nSanne told {told} facts, and was asked again for {again} of them."))?;
    Ok(rate)
}

/// Asks for what is not on the screen.
async fn ask(
    story: &mut Telling<'_>,
    desk: &mut Desktop,
    screen: Option<&pb::Briefing>,
    case_id: &str,
) -> anyhow::Result<()> {
    for (key, question, answer) in QUESTIONS {
        let told = match desk.ask(screen, case_id, key, answer).await? {
            Question::Spared => format!("(on the screen, and not asked: {question})"),
            Question::Told => format!("Agent: {question}  Sanne: {answer}."),
            Question::Repeated => format!("Agent: {question}  Sanne: AGAIN? {answer}."),
        };
        story.say(&told)?;
        story.catch_up().await?;
    }
    Ok(())
}

fn identifier(kind: Kind, value: &str, namespace: &str) -> pb::Identifier {
    let (value, namespace) = (value.to_owned(), namespace.to_owned());
    pb::Identifier { kind: kind.into(), value, namespace, ..pb::Identifier::default() }
}

fn who() -> Vec<pb::Identifier> {
    vec![
        customer(),
        identifier(Kind::Phone, PHONE, ""),
        identifier(Kind::Email, "sanne.bakker@example.com", ""),
        identifier(Kind::Account, ACCOUNT, "webshop"),
    ]
}

fn profile() -> pb::Profile {
    pb::Profile {
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
    }
}

fn purchase() -> pb::Purchase {
    let price = |minor_units| Some(Money { currency_code: "EUR".to_owned(), minor_units });
    let television = pb::PurchaseLine {
        sku: "VX55".to_owned(),
        name: "Vistra 55 inch OLED television".to_owned(),
        quantity: 1,
        unit_price: price(104_900),
        serial_number: "VX55-7741-0093".to_owned(),
        warranty_months: 24,
        ..pb::PurchaseLine::default()
    };
    let cables = pb::PurchaseLine {
        sku: "HD2M".to_owned(),
        name: "HDMI cable, 2 m".to_owned(),
        quantity: 2,
        unit_price: price(1_495),
        ..pb::PurchaseLine::default()
    };
    pb::Purchase {
        order_number: ORDER.to_owned(),
        lines: vec![television, cables],
        total: price(107_890),
        ..pb::Purchase::default()
    }
}
