//! Texts of customers and agents in four languages, each with what must be redacted and what must
//! stay.

use throughline::domain::redact::Redaction;

use super::numbers;
use crate::random::Random;

/// The kind of secret in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Card,
    SecurityCode,
    /// The security code after a card number, without a label.
    CodeBehindCard,
    NationalId,
    Password,
}

impl Kind {
    fn replacement(self) -> &'static str {
        match self {
            Self::Card => Redaction::CardNumber,
            Self::SecurityCode | Self::CodeBehindCard => Redaction::SecurityCode,
            Self::NationalId => Redaction::NationalId,
            Self::Password => Redaction::Password,
        }
        .replacement()
    }
}

/// A text with its label.
pub struct Labelled {
    pub text: String,
    /// The secret in it.
    pub secret: Option<Kind>,
    /// The expected result: nothing but the secret is redacted.
    pub wanted: Vec<String>,
}

const CARD: [&str; 24] = [
    "I paid with {} last week.",
    "My card number is {}, please refund it there.",
    "{}",
    "card: {} exp 04/28",
    "Please charge my visa {} instead!",
    "You may use {} and it expires in May",
    "Here you go:\n{}\nThanks",
    "Ik heb betaald met {} vorige week.",
    "Mijn creditcard {} werkt niet meer",
    "kaartnummer {}, geldig tot 05/27",
    "Het nummer van de pas is {}.",
    "Kunt u het terugboeken op {}?",
    "creditcardnummer={}",
    "Jeg betalte med kortet {} i går.",
    "Kortnummer: {}",
    "Kan dere trekke {} i stedet?",
    "Mitt visakort er {}, det virker ikke",
    "Nummeret på kortet er {} og det utløper snart",
    "Jeg betalte med dankort {}.",
    "Mit kort {} bliver afvist",
    "Kortnummeret er {}",
    "Kan I hæve det på {} i stedet for?",
    "Træk venligst pengene fra {} i dag",
    "mastercard ({}) afvist",
];

const CODE: [&str; 20] = [
    "The cvv is {}.",
    "CVV: {}",
    "cvc {}",
    "security code {}",
    "The three digits on the back are {}",
    "CVC-code: {}",
    "De cvc is {}",
    "beveiligingscode {}",
    "De drie cijfers achterop zijn {}",
    "mijn cvc-code is {}, klopt dat?",
    "controlegetal {}",
    "CVC-koden er {}",
    "Sikkerhetskode: {}",
    "De tre siste sifrene på baksiden er {}",
    "sikkerhetskoden på kortet er {}",
    "Sikkerhedskoden er {}",
    "cvv-kode {}",
    "De tre cifre på bagsiden er {}",
    "kontrolcifre: {}",
    "CVV2={}",
];

const BEHIND: [&str; 9] = [
    "{} 12/27 {}",
    "{} 3/27 {}",
    "{} 04/28, {}",
    "{} {}",
    "{}, exp 11/26, {}",
    "{} / 0927 / {}",
    "{}\n05-29\n{}",
    "{} {} 12/27",
    "{} {}\r\nThanks",
];

const BSN: [&str; 7] = [
    "Mijn BSN is {}",
    "bsn: {}",
    "Burgerservicenummer {} staat op de brief",
    "BSN-nummer {}",
    "mijn sofinummer is {}",
    "My Dutch BSN is {}.",
    "het bsn van mijn vrouw is {}",
];
const CPR: [&str; 5] = [
    "Mit cpr-nummer er {}",
    "CPR: {}",
    "mit personnummer er {}.",
    "Cpr nr. {} tak",
    "My Danish CPR number is {}",
];
const CPR_BARE: [&str; 3] = ["Jeg hedder Mette, {}", "{} er mig", "Født: {}"];
const FNR: [&str; 6] = [
    "Fødselsnummer {}",
    "mitt personnummer er {}",
    "fnr. {}",
    "Jeg heter Ingrid, {}",
    "fødselsnummeret mitt er {}.",
    "My Norwegian ID is {}",
];

const PASSWORD: [&str; 16] = [
    "My password is {}",
    "password: {}",
    "I use the password {} everywhere",
    "Pwd={}",
    "pw: {}",
    "Mijn wachtwoord is {} maar ik kom er niet in",
    "wachtwoord: {}",
    "ww {}",
    "Het wachtwoord van mijn account is {}",
    "Passordet mitt er {}",
    "passord: {}",
    "Jeg brukte passordet {} men det virker ikke",
    "Min adgangskode er {}",
    "adgangskode: {}",
    "Kodeordet er {}",
    "mit kodeord {} virker ikke",
];

const HARMLESS: [&str; 35] = [
    "My password 2-step {}",
    "wachtwoord www.shop.example/reset?id={}",
    "The back of the set says {}",
    "My order {} has not arrived.",
    "Call me back on {} please",
    "The invoice says {}",
    "{}",
    "I ordered it on {} and it broke",
    "Tracking {} says delivered",
    "It cost {} and I want it back",
    "Serial number {}",
    "My customer number is {}.",
    "Bel mij terug op {}",
    "Bestelling {} is niet aangekomen.",
    "Bestelnummer: {}",
    "Het kostte {} euro",
    "Mijn klantnummer is {}",
    "pakket {} is zoek",
    "factuur {} klopt niet",
    "Ik heb de kaart gekregen, bestelling {}",
    "Ordrenummer {}",
    "Ring meg på {}",
    "Pakken {} er forsinket",
    "Kundenummer: {}",
    "Det kostet {}",
    "sporingsnummer {}",
    "Jeg fikk et kort i posten om ordre {}",
    "Ordren {} er ikke kommet",
    "Ring til mig på {}",
    "Pakken {} er væk",
    "Fakturaen lyder på {}",
    "Mit kundenummer er {}",
    "What is my password? My account is {}",
    "Ik ben mijn wachtwoord vergeten, mijn account is {}",
    "Passordet virker ikke, ordre {}",
];

/// Texts about secrets that contain none.
const NO_SECRETS: [&str; 20] = [
    "I forgot my password and cannot log in.",
    "Where do I find the security code on my card?",
    "Is it safe to give you my credit card number?",
    "The password is not accepted",
    "Do not send us your card number or the cvv.",
    "My card was charged twice",
    "Ik ben mijn wachtwoord vergeten.",
    "Waar staat de beveiligingscode?",
    "Mijn wachtwoord is verlopen",
    "Mijn pas is geblokkeerd na 3 keer",
    "Waarom vraagt u mijn bsn?",
    "Jeg har glemt passordet mitt.",
    "Hvor finner jeg sikkerhetskoden?",
    "Passordet er feil, sier siden",
    "Kortet mitt ble trukket to ganger",
    "Hvorfor trenger dere fødselsnummeret?",
    "Jeg har glemt min adgangskode",
    "Adgangskoden virker ikke længere",
    "Hvor står kontrolcifrene?",
    "Mit kort blev afvist 2 gange den 3. maj",
];

const AROUND: [&str; 12] = [
    "Hi,",
    "Hello, I wrote to you last week.",
    "Order #W4923227.",
    "Call me on 06-12345678.",
    "Goedemiddag,",
    "Graag zo snel mogelijk antwoord.",
    "Hei!",
    "Jeg venter fortsatt på svar.",
    "Ring +47 912 34 567.",
    "Hej,",
    "Jeg glæder mig til at høre fra jer.",
    "Bestilling 50123 af 2026-03-01.",
];

/// A text: every second one contains a secret.
pub fn make(random: &mut Random) -> Labelled {
    let Labelled { text, secret, wanted } = match random.below(16) {
        0..=2 => of(random, Kind::Card, &CARD, numbers::written_card),
        3 => of(random, Kind::SecurityCode, &CODE, |it| {
            let code = numbers::digits(it, 3);
            numbers::in_script(it, code)
        }),
        4 => behind(random),
        5 | 6 => national_id(random),
        7 => of(random, Kind::Password, &PASSWORD, numbers::password),
        8 => harmless(random.pick(&NO_SECRETS).to_owned()),
        _ => harmless(random.pick(&HARMLESS).replacen("{}", &numbers::harmless(random), 1)),
    };
    let (before, after) = (random.pick(&AROUND), random.pick(&AROUND));
    let form = random.below(4);
    let around = |text: &String| match form {
        0 => format!("{before} {text}"),
        1 => format!("{text}\n{after}"),
        2 => format!("{before}\n{text}\n{after}"),
        _ => text.clone(),
    };
    Labelled { text: around(&text), secret, wanted: wanted.iter().map(around).collect() }
}

fn harmless(text: String) -> Labelled {
    Labelled { wanted: vec![text.clone()], text, secret: None }
}

fn of(
    random: &mut Random,
    kind: Kind,
    templates: &[&'static str],
    secret: fn(&mut Random) -> String,
) -> Labelled {
    let (template, secret) = (random.pick(templates), secret(random));
    let wanted = vec![template.replacen("{}", kind.replacement(), 1)];
    Labelled { text: template.replacen("{}", &secret, 1), secret: Some(kind), wanted }
}

fn behind(random: &mut Random) -> Labelled {
    let template = random.pick(&BEHIND);
    let (card, groups) = numbers::card(random);
    let code = numbers::digits(random, if groups.len() == 4 { 3 } else { 4 });
    let separator = random.pick(&["", " ", "-"]);
    let both = |card: &str, code: &str| template.replacen("{}", card, 1).replacen("{}", code, 1);
    let text = both(&numbers::grouped(&card, groups, separator), &code);
    let (no_card, no_code) = (Kind::Card.replacement(), Kind::CodeBehindCard.replacement());
    let mut wanted = vec![both(no_card, no_code)];
    // Card and code together may be a longer number with a valid check digit: then both are
    // redacted as one.
    if separator != "-" {
        wanted.push(template.replacen("{} {}", no_card, 1));
    }
    Labelled { text, secret: Some(Kind::CodeBehindCard), wanted }
}

fn national_id(random: &mut Random) -> Labelled {
    let kind = Kind::NationalId;
    match random.below(4) {
        0 => of(random, kind, &BSN, numbers::bsn),
        1 => of(random, kind, &CPR, |it| {
            let separator = it.pick(&["-", "-", "", " "]);
            numbers::cpr(it, separator)
        }),
        2 => of(random, kind, &CPR_BARE, |it| numbers::cpr(it, "-")),
        _ => of(random, kind, &FNR, numbers::fodselsnummer),
    }
}
