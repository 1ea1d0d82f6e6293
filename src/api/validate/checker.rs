//! Collects every rule that a call breaks, and what the server changed in its texts.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Rules;
use crate::{
    api::caller::Actor,
    error::{Error, InvalidReason, Violation},
    model::Channel,
    pb::EntryFlag,
    story::{redact, text},
};

/// The checks of one call so far.
#[derive(Debug, Default)]
pub(super) struct Checker {
    violations: Vec<Violation>,
    /// Broken rules that hang on the clock.
    time_violations: Vec<Violation>,
    /// The first field that says more than the caller has the right to.
    may_not_verify: Option<String>,
    /// The first field with a channel that the caller does not work on.
    channel_may_not: Option<String>,
    pub flags: BTreeSet<i32>,
}

impl Checker {
    pub fn fail(&mut self, field: impl Into<String>, rule: impl Into<String>) {
        self.violations.push(Violation::new(field, rule));
    }

    /// A rule that is broken by now, and may not have been when the call was first sent.
    pub fn fail_by_clock(&mut self, field: &str, rule: &str, rules: &Rules) {
        let reason = match rules.is_clock_off() {
            true => InvalidReason::ClockSkew,
            false => InvalidReason::Field,
        };
        self.time_violations.push(Violation { reason, ..Violation::new(field, rule) });
    }

    /// The broken rules that hang on the clock, for the write to ask once no earlier one is found.
    /// Those that nobody takes refuse the call like all others.
    pub fn take_time_violations(&mut self) -> Vec<Violation> {
        // Where another rule is broken the answer names them all.
        if self.is_clean() { std::mem::take(&mut self.time_violations) } else { Vec::new() }
    }

    /// An enum that is missing, or has a value that is not known here.
    pub fn unknown_enum(&mut self, field: &str) {
        let violation = Violation::new(field, "must be one of the known values");
        self.violations.push(Violation { reason: InvalidReason::UnknownEnum, ..violation });
    }

    /// An identifier that many people have.
    pub fn blocked(&mut self, field: &str) {
        let violation = Violation::new(field, "names nobody in particular");
        self.violations.push(Violation { reason: InvalidReason::BlockedIdentifier, ..violation });
    }

    /// Something is said to be verified by a caller without the right to say so.
    pub fn may_not_verify(&mut self, field: String) {
        self.may_not_verify.get_or_insert(field);
    }

    /// Something is to be recorded on a channel that the caller does not work on.
    pub fn works_on(&mut self, field: &str, channel: Option<Channel>, actor: &Actor) {
        if channel.is_some_and(|channel| !actor.scope().works_on(channel)) {
            self.channel_may_not.get_or_insert_with(|| field.to_owned());
        }
    }

    /// Whether no rule is broken but such that hang on the clock.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// How many rules are broken so far.
    pub fn violations(&self) -> usize {
        self.violations.len()
    }

    /// The result, unless a rule is broken, or else the caller has no right to the call.
    pub fn finish<T>(mut self, value: T) -> Result<T, Error> {
        let is_clean = self.is_clean();
        self.violations.append(&mut self.time_violations);
        match (self.may_not_verify, self.channel_may_not) {
            _ if !is_clean => Err(Error::Invalid(self.violations)),
            _ if !self.violations.is_empty() => Err(Error::untimely(self.violations)),
            (Some(field), _) => Err(Error::MayNotVerify { field }),
            (_, Some(field)) => Err(Error::ChannelMayNot { field }),
            (None, None) => Ok(value),
        }
    }

    /// A UUID in its usual form of 36 characters, in either case. A broken one leaves a violation
    /// and the nil UUID, which is never accepted.
    pub fn uuid(&mut self, field: impl Into<String>, value: &str) -> Uuid {
        let field = field.into();
        if value.is_empty() {
            self.fail(field, "is required");
            return Uuid::nil();
        }
        let id = if value.len() == 36 { Uuid::try_parse(value).ok() } else { None };
        match id {
            Some(id) if !id.is_nil() => id,
            _ => {
                self.fail(field, "must be a UUID in the form of 36 characters, not the nil one");
                Uuid::nil()
            }
        }
    }

    /// A short text on one line; spaces at its ends are taken off. It may be empty.
    pub fn line(&mut self, field: &str, value: &mut String, max_chars: usize) {
        if value.is_empty() {
            return;
        }
        if let Err(rule) = text::one_line(value) {
            self.fail(field, rule);
        } else if value.chars().count() > max_chars {
            self.fail(field, format!("is longer than {max_chars} characters"));
        }
        let trimmed = value.trim();
        if trimmed.len() != value.len() {
            *value = trimmed.to_owned();
        }
    }

    /// A text that people wrote. It may be empty; what must not be kept is taken out of it, and
    /// what a reader should know is flagged.
    pub fn prose(&mut self, field: &str, value: &mut String, max_bytes: usize) {
        if value.is_empty() {
            return;
        }
        if let Err(rule) = text::check(value, max_bytes) {
            self.fail(field, rule);
            return;
        }
        if text::has_bidi_control(value) {
            self.flags.insert(EntryFlag::BidiControl.into());
        }
        let (redacted, found) = redact::redact(value);
        for redaction in &found {
            let flag = match redaction {
                redact::Redaction::CardNumber => EntryFlag::CardNumberRedacted,
                redact::Redaction::SecurityCode => EntryFlag::SecurityCodeRedacted,
                redact::Redaction::NationalId => EntryFlag::NationalIdRedacted,
                redact::Redaction::Password => EntryFlag::PasswordRedacted,
            };
            self.flags.insert(flag.into());
        }
        if !found.is_empty() {
            *value = redacted.into_owned();
        }
    }

    /// Why something is done, in the words of whoever does it.
    pub fn remark(&mut self, field: &str, value: &mut String, max_chars: usize) {
        // Where it is shown there is no flag to warn of them.
        if text::has_bidi_control(value) {
            self.fail(field, "must not hold characters that change the direction of writing");
        }
        self.prose(field, value, 4 * max_chars);
        if value.chars().count() > max_chars {
            self.fail(field, format!("is longer than {max_chars} characters"));
        }
    }

    /// The name of a system, or nothing.
    pub fn source(&mut self, field: &str, source: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
        if source.len() > 64 || !source.chars().all(allowed) {
            let rule = "must be at most 64 of: lower case letters, digits, '.', '_', '-', '/' and \
                ':'";
            self.fail(field, rule);
        }
    }

    /// A list that holds at most so many.
    pub fn count(&mut self, field: &str, count: usize, max: usize) {
        if count > max {
            self.fail(field, format!("has more than {max} elements"));
        }
    }

    /// Two capital letters.
    pub fn country(&mut self, field: &str, value: &str) {
        let known = value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase());
        if !value.is_empty() && !known {
            self.fail(field, "must be two capital letters (ISO 3166-1)");
        }
    }
}
