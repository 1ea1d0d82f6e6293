//! Case passes: short codes by which a customer takes a case to another channel.
//!
//! A code has 12 characters in three groups, such as `7KXM-4TR9-WC2P`. Five of them are the
//! locator, by which the pass is found, six the secret, and one is the check character.
//!
//! # Guessing
//! A pass is locked after [`MAX_TRIES`] codes with its locator and a wrong secret. Each such code
//! is right with a probability of 1 in 23^6 = 148,035,889, and its locator must be hit first: 1 in
//! 23^5 = 6,436,343 for each live pass. So for codes with a valid check character:
//!
//! | | 10,000 live passes | 1,000,000 |
//! |---|---|---|
//! | one random code opens a pass | 1.0e-11 | 1.0e-9 |
//! | one of 1,000,000 random codes opens a pass | 1.0e-5 | 1.0e-3 |
//! | some pass is opened, however many codes are tried | 3.4e-4 | 3.4e-2 |
//!
//! The last line is passes * `MAX_TRIES` / 23^6, for an attacker who uses up the tries of every
//! pass. It is the reason why passes must expire soon: what counts is how many are live at one
//! time, and how often they are replaced. An attacker who locks passes on purpose needs on average
//! 644 random codes for each try that one of 10,000 passes loses. A code with a wrong check
//! character does not count as a try: it cannot open anything.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use super::digit;

/// Digits and capital letters that are hard to confuse in print. Of look-alikes only one is used:
/// no B (8), G (6), I and 1 (L), O, Q and 0 (D and each other), S (5), U and Y (V), Z (2). There
/// are no vowels, so that no code is a word. Some still sound alike, such as C, D, P, T and V: the
/// check character detects a confusion.
///
/// There are 23, a prime number, which the check character requires.
const ALPHABET: &[u8; RADIX] = b"23456789CDFHJKLMNPRTVWX";
const RADIX: usize = 23;
/// Characters that no code contains, with the only character that they can stand for.
const LOOK_ALIKES: [(u8, u8); 7] = [
    (b'1', b'L'),
    (b'I', b'L'),
    (b'B', b'8'),
    (b'G', b'6'),
    (b'S', b'5'),
    (b'U', b'V'),
    (b'Z', b'2'),
];

pub const LOCATOR_CHARS: usize = 5;
const SECRET_CHARS: usize = 6;
const CODE_CHARS: usize = LOCATOR_CHARS + SECRET_CHARS + 1;
const GROUP_CHARS: usize = 4;
/// The longest text that is parsed, including ignored characters.
const MAX_BYTES: usize = 100;
/// The base of the weights: it generates 1 to 22 modulo 23.
const WEIGHT: usize = 5;

/// How many wrong secrets a locator allows before its pass is locked.
pub const MAX_TRIES: u32 = 5;

/// The code of a pass. Only its locator and its hash are stored: reading the database without the
/// key does not reveal a code.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Code([u8; CODE_CHARS]);

impl Code {
    /// The code of 32 random bytes. The locator is the first half modulo 23^5, the secret the
    /// second half modulo 23^6, so that they are independent; no value is more likely than another
    /// by a factor of more than 1 + 2^-100.
    ///
    /// Locators are few: if a live pass has this one, draw other bytes.
    pub fn new(random: [u8; 32]) -> Self {
        let mut digits = [0; CODE_CHARS];
        let (first, second) = random.split_at(16);
        let (locator, rest) = digits.split_at_mut(LOCATOR_CHARS);
        write_digits(first, locator);
        write_digits(second, &mut rest[..SECRET_CHARS]);
        // The last weight is 1, so the check character is what the sum lacks to 1.
        digits[CODE_CHARS - 1] = (RADIX + 1 - sum(&digits)) % RADIX;
        Self(digits.map(|digit| ALPHABET[digit]))
    }

    /// Parses a code that was typed or heard, or returns the rule that it violates. Case, spaces
    /// and hyphens are ignored, digits and letters may be full-width, and a character that can
    /// stand for only one other is replaced by it.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        const LENGTH: &str = "must be the 12 letters and digits of a case pass";
        const SIGN: &str = "has a sign that no case pass has";
        const CHECK: &str = "is not a case pass as it is: one sign or more is another";
        if text.len() > MAX_BYTES {
            return Err(LENGTH);
        }
        let mut digits = [0; CODE_CHARS];
        let mut length = 0;
        for sign in text.chars().filter(|c| !c.is_whitespace() && !digit::is_dash(*c)) {
            let digit = value(sign).ok_or(SIGN)?;
            *digits.get_mut(length).ok_or(LENGTH)? = digit;
            length += 1;
        }
        match (length, sum(&digits)) {
            (CODE_CHARS, 1) => Ok(Self(digits.map(|digit| ALPHABET[digit]))),
            (CODE_CHARS, _) => Err(CHECK),
            _ => Err(LENGTH),
        }
    }

    /// The locator: not secret, and unique among live passes.
    pub fn locator(&self) -> &str {
        let locator = str::from_utf8(&self.0[..LOCATOR_CHARS]);
        locator.unwrap_or_default()
    }

    /// The code in groups, as the customer receives it.
    pub fn display(&self) -> String {
        let groups = self.0.chunks(GROUP_CHARS).map(String::from_utf8_lossy);
        groups.collect::<Vec<_>>().join("-")
    }

    /// The stored hash: an HMAC-SHA256 of the whole code.
    pub fn hash(&self, key: &[u8]) -> [u8; 32] {
        self.mac(key).finalize().into_bytes().into()
    }

    /// Whether a stored hash belongs to this code, in constant time.
    pub fn matches(&self, key: &[u8], hash: &[u8]) -> bool {
        self.mac(key).verify_slice(hash).is_ok()
    }

    fn mac(&self, key: &[u8]) -> Hmac<Sha256> {
        // The key may be used for other purposes, whose texts begin differently.
        let mut mac = keyed(key, b"case pass\0");
        mac.update(&self.0);
        mac
    }
}

/// The random bytes of the code of a pass: an HMAC-SHA256 of its id, so that the holder of the key
/// can derive the code again, and nobody has to store it.
pub fn seed(key: &[u8], pass_id: Uuid) -> [u8; 32] {
    let mut mac = keyed(key, b"case pass code\0");
    mac.update(pass_id.as_bytes());
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8], about: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(about);
    mac
}

/// Prints only the locator.
impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Code({}-***)", self.locator())
    }
}

/// Writes 16 bytes as the last digits of a number to the base of the alphabet.
fn write_digits(bytes: &[u8], digits: &mut [usize]) {
    let mut rest = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    for digit in digits {
        *digit = usize::try_from(rest % RADIX as u128).unwrap_or_default();
        rest /= RADIX as u128;
    }
}

/// The weighted sum of a code modulo 23, which is 1 for every code: the pure system of ISO 7064
/// with modulus 23 and radix 5, instead of 37 and 2.
///
/// The weights are the powers of 5, from 5^11 down to 1. Modulo a prime none of them is 0, so a
/// single wrong character changes the sum by weight * difference, which is not 0. As 5 generates 1
/// to 22, all weights differ, so swapping two different characters changes the sum by the product
/// of two differences, which is not 0 either.
fn sum(digits: &[usize; CODE_CHARS]) -> usize {
    digits.iter().fold(0, |sum, digit| (sum * WEIGHT + digit) % RADIX)
}

/// The value of a character in the alphabet.
fn value(sign: char) -> Option<usize> {
    let sign = u8::try_from(digit::to_ascii(sign)).ok()?.to_ascii_uppercase();
    let meant = LOOK_ALIKES.iter().find(|(is, _)| *is == sign).map_or(sign, |(_, meant)| *meant);
    ALPHABET.iter().position(|known| *known == meant)
}
