//! Write calls, with small numbers for customers, identifiers and merges, generated from a seed.

use throughline::model::{IdentifierKind, Micros, ProfileField};

use crate::random::Random;

/// The identifiers, by index: kind, namespace and the beginning of the value. Three systems have
/// two values each, which distinguish people.
pub const KEYS: [(IdentifierKind, &str, &str); 12] = [
    (IdentifierKind::CustomerNumber, "", "1001"),
    (IdentifierKind::CustomerNumber, "", "1002"),
    (IdentifierKind::Account, "shop", "anna"),
    (IdentifierKind::Account, "shop", "bert"),
    (IdentifierKind::External, "crm", "x1"),
    (IdentifierKind::External, "crm", "x2"),
    (IdentifierKind::LoyaltyCard, "", "card"),
    (IdentifierKind::Email, "", "anna@"),
    (IdentifierKind::Email, "", "bert@"),
    (IdentifierKind::Social, "facebook", "fb"),
    (IdentifierKind::Phone, "", "+3161"),
    (IdentifierKind::Cookie, "", "c0ffee"),
];

/// The fields that are written.
pub const FIELDS: [ProfileField; 3] =
    [ProfileField::GivenName, ProfileField::BirthDate, ProfileField::Address];

pub const SOURCES: [&str; 3] = ["", "crm", "webshop"];

pub const ACTORS: [&str; 2] = ["eve", "otto"];

/// A number that no customer and no merge has.
pub const UNKNOWN: usize = usize::MAX;

pub const SECOND: Micros = 1_000_000;
pub const DAY: Micros = 24 * 3600 * SECOND;

/// An identifier, and whether the caller verifies it.
pub type Key = (usize, bool);

/// A value for each of [`FIELDS`]; 0 means unset.
pub type Values = [u8; 3];

/// The origin of the values in a call: its index in [`SOURCES`], and whether it verifies profiles.
pub type Origin = (usize, bool);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Record(usize),
    Keys(Vec<Key>),
}

/// An entry to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub who: Who,
    pub values: Values,
    pub origin: Origin,
    /// Its name in the source.
    pub name: usize,
    /// The request_id of the call.
    pub request: Option<usize>,
    pub text: usize,
    /// Relative to the server's time.
    pub at: Micros,
    /// The order that it is.
    pub order: Option<usize>,
    /// The order that it is about.
    pub about: Option<usize>,
    /// The entry that it answers.
    pub reply: Option<usize>,
}

impl Item {
    /// What must be equal in a retry.
    pub fn body(&self) -> String {
        let Item { who, text, at, order, about, reply, .. } = self;
        format!("{who:?} {text} {at} {order:?} {about:?} {reply:?}")
    }
}

/// The etag of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Etag {
    None,
    Right,
    Stale,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Link {
        record: usize,
        key: Key,
        shared: bool,
        take_over: bool,
        may_verify: bool,
        source: usize,
    },
    Unlink {
        record: usize,
        key: usize,
        may_verify: bool,
    },
    Merge {
        into: usize,
        from: usize,
        choices: Vec<(usize, usize)>,
        etags: (Etag, Etag),
    },
    Approve {
        one: usize,
        other: usize,
    },
    Unmerge {
        merge: usize,
        exclude_merge: bool,
    },
    Apart {
        one: usize,
        other: usize,
        lift: bool,
    },
    /// One of the suggestions of a customer, or another customer.
    Dismiss {
        record: usize,
        other: usize,
        nth: Option<usize>,
    },
    Update {
        record: usize,
        fields: Vec<(usize, u8)>,
        origin: Origin,
        etag: Etag,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Identify {
        keys: Vec<Key>,
        values: Values,
        origin: Origin,
    },
    /// All or none; or each by itself, in one transaction.
    Record {
        items: Vec<Item>,
        each: bool,
    },
    /// A change by an actor, with an idempotency key.
    Change {
        change: Change,
        actor: usize,
        request: usize,
    },
}

/// The focus of the calls.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    Even,
    Merging,
    Linking,
}

impl Mood {
    pub fn of(seed: u64) -> Self {
        [Mood::Even, Mood::Merging, Mood::Linking][usize::try_from(seed % 3).unwrap()]
    }

    /// The weight of each kind of call: identify, record, batch, each, link, unlink, merge,
    /// approve, unmerge, exclude, dismiss, again, update.
    fn weights(self) -> [usize; 13] {
        match self {
            Mood::Even => [18, 20, 6, 6, 12, 6, 12, 3, 6, 4, 3, 9, 8],
            Mood::Merging => [14, 14, 3, 3, 5, 2, 30, 6, 14, 5, 3, 6, 8],
            Mood::Linking => [14, 10, 8, 8, 30, 10, 8, 2, 4, 2, 5, 6, 4],
        }
    }
}

/// What calls can be chosen from.
#[derive(Debug)]
pub struct Choices<'a> {
    pub records: usize,
    pub merges: usize,
    pub entries: usize,
    /// The calls so far.
    pub calls: &'a [Call],
    /// The next unused number of an idempotency key; a call uses a few.
    pub next: usize,
}

/// A call.
pub fn call(random: &mut Random, mood: Mood, from: &Choices<'_>) -> Call {
    let weights = mood.weights();
    let mut drawn = random.below(weights.iter().sum());
    let sort = weights.iter().position(|weight| {
        let hit = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        hit
    });
    match sort.unwrap_or(0) {
        0 => Call::Identify { keys: keys(random), values: values(random), origin: origin(random) },
        1 => Call::Record { items: vec![item(random, from, 0)], each: false },
        sort @ (2 | 3) => {
            let count = 2 + random.below(3);
            let items = (0..count).map(|place| item(random, from, place)).collect();
            Call::Record { items, each: sort == 3 }
        }
        11 => match from.calls.len() {
            0 => Call::Identify { keys: keys(random), values: [0; 3], origin: (0, false) },
            count => from.calls[random.below(count)].clone(),
        },
        sort => {
            let change = change(random, from, sort);
            let request = name(random, from.next);
            Call::Change { change, actor: random.below(ACTORS.len()), request }
        }
    }
}

/// Usually a new idempotency key; otherwise one that may have been used.
fn name(random: &mut Random, next: usize) -> usize {
    if next > 0 && random.one_in(25) { random.below(next) } else { next }
}

fn keys(random: &mut Random) -> Vec<Key> {
    let mut all: Vec<usize> = (0..KEYS.len()).collect();
    random.shuffle(&mut all);
    all.truncate(1 + random.below(3));
    all.into_iter().map(|key| (key, random.one_in(5))).collect()
}

fn values(random: &mut Random) -> Values {
    if random.one_in(2) {
        return [0; 3];
    }
    [0; 3].map(|_| u8::try_from(random.below(4)).unwrap())
}

fn origin(random: &mut Random) -> Origin {
    (random.below(SOURCES.len()), random.one_in(5))
}

fn record(random: &mut Random, from: &Choices<'_>) -> usize {
    if from.records == 0 || random.one_in(40) { UNKNOWN } else { random.below(from.records) }
}

fn item(random: &mut Random, from: &Choices<'_>, place: usize) -> Item {
    let who =
        if random.one_in(3) { Who::Record(record(random, from)) } else { Who::Keys(keys(random)) };
    let next = from.next + 2 * place;
    let order = |random: &mut Random, chances| random.one_in(chances).then(|| random.below(3));
    Item {
        who,
        values: values(random),
        origin: origin(random),
        name: name(random, next),
        request: random.one_in(4).then(|| name(random, next + 1)),
        text: random.below(3),
        at: -i64::try_from(random.below(4)).unwrap() * SECOND,
        order: order(random, 4),
        about: order(random, 8),
        reply: (from.entries > 0 && random.one_in(8)).then(|| random.below(from.entries)),
    }
}

fn change(random: &mut Random, from: &Choices<'_>, sort: usize) -> Change {
    let etag = |random: &mut Random| match random.below(12) {
        0 | 1 => Etag::Right,
        2 => Etag::Stale,
        _ => Etag::None,
    };
    match sort {
        4 => {
            let sort = random.below(10);
            let (shared, take_over) = (sort == 0, sort == 1 || sort == 2);
            let verified = take_over || (!shared && random.one_in(3));
            let key = (random.below(KEYS.len()), verified);
            let may_verify = verified || random.one_in(2);
            let (record, source) = (record(random, from), random.below(SOURCES.len()));
            Change::Link { record, key, shared, take_over, may_verify, source }
        }
        5 => {
            let may_verify = !random.one_in(4);
            Change::Unlink {
                record: record(random, from),
                key: random.below(KEYS.len()),
                may_verify,
            }
        }
        6 => {
            let (into, other) = (record(random, from), record(random, from));
            let count = if random.one_in(3) { 1 + random.below(FIELDS.len()) } else { 0 };
            let choices = (0..count).map(|field| {
                let of = if random.one_in(2) { into } else { other };
                (field, if random.one_in(3) { record(random, from) } else { of })
            });
            let choices = choices.collect();
            Change::Merge { into, from: other, choices, etags: (etag(random), etag(random)) }
        }
        7 => Change::Approve { one: record(random, from), other: record(random, from) },
        8 => {
            let known = from.merges > 0 && !random.one_in(20);
            let merge = if known { random.below(from.merges) } else { UNKNOWN };
            Change::Unmerge { merge, exclude_merge: random.one_in(6) }
        }
        9 => {
            let (one, other) = (record(random, from), record(random, from));
            Change::Apart { one, other, lift: random.one_in(2) }
        }
        10 => {
            let (record, other) = (record(random, from), record(random, from));
            let nth = (!random.one_in(3)).then(|| random.below(4));
            Change::Dismiss { record, other, nth }
        }
        _ => {
            let mut fields: Vec<usize> = (0..FIELDS.len()).collect();
            random.shuffle(&mut fields);
            fields.truncate(1 + random.below(2));
            let value = |random: &mut Random| u8::try_from(random.below(5)).unwrap();
            let fields = fields.into_iter().map(|field| (field, value(random))).collect();
            let record = record(random, from);
            Change::Update { record, fields, origin: origin(random), etag: etag(random) }
        }
    }
}

/// How far the clock advances before a call.
pub fn pause(random: &mut Random) -> Micros {
    match random.below(20) {
        0 => 4 * DAY,
        1 => DAY,
        2..=5 => 3600 * SECOND,
        6..=12 => SECOND,
        _ => 1,
    }
}
