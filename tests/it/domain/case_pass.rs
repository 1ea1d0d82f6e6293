//! Codes of case passes.

use std::collections::{HashMap, HashSet};

use throughline::domain::case_pass::{Code, LOCATOR_CHARS, MAX_TRIES};

use crate::random::Random;

const ALPHABET: &str = "23456789CDFHJKLMNPRTVWX";
const KEY: &[u8] = b"key of the test";

fn bytes(random: &mut Random) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&random.next().to_be_bytes()));
    bytes
}

/// A code as 12 signs without groups.
fn signs(code: &Code) -> Vec<char> {
    code.display().chars().filter(|sign| *sign != '-').collect()
}

fn read(signs: &[char]) -> Result<Code, &'static str> {
    Code::read(&signs.iter().collect::<String>())
}

#[test]
fn a_code_is_read_as_it_is_shown_however_it_is_written() {
    let mut random = Random::new(1);
    for _ in 0..2000 {
        let code = Code::new(bytes(&mut random));
        let shown = code.display();
        assert_eq!(shown.len(), 14, "{shown}");
        assert!(shown.chars().all(|sign| sign == '-' || ALPHABET.contains(sign)), "{shown}");
        assert!(signs(&code).starts_with(&code.locator().chars().collect::<Vec<_>>()));
        assert_eq!(code.locator().len(), LOCATOR_CHARS);
        let wide = |sign: char| char::from_u32(u32::from(sign) + 0xfee0).unwrap();
        for written in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            shown.replace('-', " \u{2013} "),
            format!("  {}\n", shown.replace('-', "\u{a0}")),
            signs(&code).into_iter().map(|sign| format!("{sign} ")).collect(),
            shown.replace('L', "1").replace('8', "b").replace('6', "g").replace('5', "S"),
            shown.replace('L', "i").replace('V', "U").replace('2', "z"),
            signs(&code).into_iter().map(wide).collect(),
        ] {
            assert_eq!(Code::read(&written).as_ref(), Ok(&code), "{written}");
        }
    }
}

#[test]
fn what_is_no_code_is_refused_with_its_rule() {
    let shown = Code::new([7; 32]).display();
    let length = Err("must be the 12 letters and digits of a case pass");
    let sign = Err("has a sign that no case pass has");
    for text in ["", "-", &shown[..13], &format!("{shown}2"), &"2".repeat(101), &" ".repeat(101)] {
        assert_eq!(Code::read(text), length, "{text}");
    }
    for other in ["0", "O", "Q", "A", "E", "Y", "_", "é", "\u{0}", "С", "🙂"] {
        assert_eq!(Code::read(&format!("{other}{}", &shown[1..])), sign, "{other}");
    }
    // The first of all signs in every place, as a form that was not filled in may hold.
    assert!(Code::read("2222-2222-2222").is_err());
}

/// Each character at each position replaced by each other one.
#[test]
fn every_wrong_sign_is_told() {
    let mut random = Random::new(2);
    for _ in 0..200 {
        let right = signs(&Code::new(bytes(&mut random)));
        for place in 0..right.len() {
            for sign in ALPHABET.chars().filter(|sign| *sign != right[place]) {
                let mut wrong = right.clone();
                wrong[place] = sign;
                assert!(read(&wrong).is_err(), "{right:?} {wrong:?}");
            }
        }
    }
}

/// Every pair of characters at every pair of positions: the checksum is linear, so that the other
/// characters do not matter, and one code for each is proof.
#[test]
fn every_exchange_of_two_signs_is_told() {
    let mut exchanges = 0;
    for first in 0..12 {
        for second in first + 1..12 {
            let free = (0..12).find(|place| *place != first && *place != second).unwrap();
            for a in ALPHABET.chars() {
                for b in ALPHABET.chars().filter(|b| *b != a) {
                    let mut right = ['7'; 12];
                    (right[first], right[second]) = (a, b);
                    let mut fits = ALPHABET.chars().filter(|sign| {
                        right[free] = *sign;
                        read(&right).is_ok()
                    });
                    let sign = fits.next().expect("one sign of each place makes it a code");
                    assert_eq!(fits.next(), None);
                    right[free] = sign;
                    assert!(read(&right).is_ok());
                    right.swap(first, second);
                    assert!(read(&right).is_err(), "{right:?}");
                    exchanges += 1;
                }
            }
        }
    }
    assert_eq!(exchanges, 66 * 23 * 22);
}

#[test]
fn codes_are_spread_over_all_there_are() {
    let mut random = Random::new(3);
    let mut counts = vec![HashMap::<char, u32>::new(); 12];
    let mut codes = HashSet::new();
    for _ in 0..46_000 {
        let code = Code::new(bytes(&mut random));
        for (count, sign) in counts.iter_mut().zip(signs(&code)) {
            *count.entry(sign).or_default() += 1;
        }
        codes.insert(code);
    }
    // Two equal codes occur once in 900,000 runs.
    assert_eq!(codes.len(), 46_000);
    for (place, count) in counts.iter().enumerate() {
        // 2,000 of each are expected, with a standard deviation of 44.
        assert_eq!(count.len(), 23);
        assert!(count.values().all(|count| (1780..2220).contains(count)), "{place}: {count:?}");
    }
    // Each half of the bytes says one part alone.
    let mut other = [7; 32];
    other[16..].fill(8);
    let (one, two) = (Code::new([7; 32]), Code::new(other));
    assert!(one.locator() == two.locator() && one != two);
}

#[test]
fn a_kept_hash_tells_its_code_and_shows_nothing_of_it() {
    let mut random = Random::new(4);
    let (code, other) = (Code::new(bytes(&mut random)), Code::new(bytes(&mut random)));
    let hash = code.hash(KEY);
    assert!(code.matches(KEY, &hash));
    assert!(!other.matches(KEY, &hash) && !code.matches(b"another key", &hash));
    assert!(!code.matches(KEY, &hash[..31]) && !code.matches(KEY, &[]));
    let shown = format!("{code:?}");
    assert_eq!(shown, format!("Code({}-***)", code.locator()));
}

/// A server's table of passes: by locator, with the tries that are left.
struct Passes {
    live: HashMap<String, ([u8; 32], u32)>,
    met: u32,
}

impl Passes {
    fn new(random: &mut Random, count: usize) -> Self {
        let mut live = HashMap::new();
        while live.len() < count {
            let code = Code::new(bytes(random));
            live.entry(code.locator().to_owned()).or_insert((code.hash(KEY), MAX_TRIES));
        }
        Self { live, met: 0 }
    }

    /// Whether the code opens a pass.
    fn redeem(&mut self, code: &Code) -> bool {
        let Some((hash, left)) = self.live.get_mut(code.locator()) else { return false };
        self.met += 1;
        if *left == 0 {
            return false;
        }
        *left -= 1;
        code.matches(KEY, hash)
    }
}

#[test]
fn a_million_guesses_open_none_of_ten_thousand_passes() {
    let mut random = Random::new(5);
    let mut passes = Passes::new(&mut random, 10_000);
    let opened = (0..1_000_000).filter(|_| passes.redeem(&Code::new(bytes(&mut random)))).count();
    assert_eq!(opened, 0);
    // 1,554 are expected, with a standard deviation of 39.
    assert!((1350..1750).contains(&passes.met), "{} guesses met a pass", passes.met);
}

#[test]
fn who_knows_every_locator_opens_nothing_within_the_tries() {
    let mut random = Random::new(6);
    let mut passes = Passes::new(&mut random, 10_000);
    let mut locators: Vec<String> = passes.live.keys().cloned().collect();
    locators.sort_unstable();
    for locator in &locators {
        for _ in 0..MAX_TRIES {
            // The locator, and the rest of a random code with a valid check character.
            let mut guess = signs(&Code::new(bytes(&mut random)));
            guess.splice(..LOCATOR_CHARS, locator.chars());
            let code = ALPHABET.chars().find_map(|sign| {
                guess[11] = sign;
                read(&guess).ok()
            });
            assert!(!passes.redeem(&code.unwrap()));
        }
    }
    assert_eq!(passes.met, 10_000 * MAX_TRIES);
    assert!(passes.live.values().all(|(_, left)| *left == 0));
}
