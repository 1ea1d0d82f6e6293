//! Collects all violations of a call, and what the server changed in its texts.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Rules;
use crate::{
    api::caller::Actor,
    domain::{redact, text},
    error::{Error, InvalidReason, Violation},
    model::Channel,
    pb::EntryFlag,
};

/// The result of the checks so far.
#[derive(Debug, Default)]
pub(super) struct Checker {
    violations: Vec<Violation>,
    /// Violated rules about time.
    time_violations: Vec<Violation>,
    /// The first field that the caller has no right to verify.
    verification_not_permitted: Option<String>,
    /// The first field with a channel outside of the caller's scope.
    channel_not_permitted: Option<String>,
    pub flags: BTreeSet<i32>,
}

impl Checker {
    pub fn fail(&mut self, field: impl Into<String>, rule: impl Into<String>) {
        self.violations.push(Violation::new(field, rule));
    }

    /// A rule about time that is violated now, but may not have been when the call was first sent.
    pub fn fail_by_clock(&mut self, field: &str, rule: &str, rules: &Rules) {
        let reason = match rules.is_clock_off() {
            true => InvalidReason::ClockSkew,
            false => InvalidReason::Field,
        };
        self.time_violations.push(Violation { reason, ..Violation::new(field, rule) });
    }

    /// Takes the violated rules about time, which the write checks if it finds no earlier one. If
    /// nobody takes them, they refuse the call like all others.
    pub fn take_time_violations(&mut self) -> Vec<Violation> {
        // If another rule is violated, the error names them all.
        if self.is_clean() { std::mem::take(&mut self.time_violations) } else { Vec::new() }
    }

    /// An enum that is missing, or has an unknown value.
    pub fn unknown_enum(&mut self, field: &str) {
        let violation = Violation::new(field, "must be one of the known values");
        self.violations.push(Violation { reason: InvalidReason::UnknownEnum, ..violation });
    }

    /// A placeholder identifier.
    pub fn blocked(&mut self, field: &str) {
        let violation = Violation::new(field, "identifies nobody in particular");
        self.violations.push(Violation { reason: InvalidReason::BlockedIdentifier, ..violation });
    }

    /// A caller without the right to verify marks something as verified.
    pub fn verification_not_permitted(&mut self, field: String) {
        self.verification_not_permitted.get_or_insert(field);
    }

    /// Checks that the caller works on a channel.
    pub fn works_on(&mut self, field: &str, channel: Option<Channel>, actor: &Actor) {
        if channel.is_some_and(|channel| !actor.scope().works_on(channel)) {
            self.channel_not_permitted.get_or_insert_with(|| field.to_owned());
        }
    }

    /// Whether no rule is violated except those about time.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// How many violations there are so far.
    pub fn violations(&self) -> usize {
        self.violations.len()
    }

    /// The result, unless a rule is violated or the caller lacks a right.
    pub fn finish<T>(mut self, value: T) -> Result<T, Error> {
        let is_clean = self.is_clean();
        self.violations.append(&mut self.time_violations);
        match (self.verification_not_permitted, self.channel_not_permitted) {
            _ if !is_clean => Err(Error::Invalid(self.violations)),
            _ if !self.violations.is_empty() => Err(Error::untimely(self.violations)),
            (Some(field), _) => Err(Error::VerificationNotPermitted { field }),
            (_, Some(field)) => Err(Error::ChannelNotPermitted { field }),
            (None, None) => Ok(value),
        }
    }

    /// A UUID in its usual form of 36 characters, in either case. A malformed one leaves a
    /// violation and the nil UUID, which is never accepted.
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

    /// A short text on one line, which may be empty; surrounding spaces are removed.
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

    /// A text of people, which may be empty. Secrets are redacted, and what readers should know is
    /// flagged.
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

    /// A remark that gives a reason.
    pub fn remark(&mut self, field: &str, value: &mut String, max_chars: usize) {
        // Where it is displayed, no flag can warn of them.
        if text::has_bidi_control(value) {
            self.fail(field, "must not hold characters that change the direction of writing");
        }
        self.prose(field, value, 4 * max_chars);
        if value.chars().count() > max_chars {
            self.fail(field, format!("is longer than {max_chars} characters"));
        }
    }

    /// The name of a source system, or empty.
    pub fn source(&mut self, field: &str, source: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
        if source.len() > 64 || !source.chars().all(allowed) {
            let rule = "must be at most 64 of: lower case letters, digits, '.', '_', '-', '/' and \
                ':'";
            self.fail(field, rule);
        }
    }

    /// Checks the length of a list.
    pub fn count(&mut self, field: &str, count: usize, max: usize) {
        if count > max {
            self.fail(field, format!("has more than {max} elements"));
        }
    }

    /// A country code of two capital letters.
    pub fn country(&mut self, field: &str, value: &str) {
        let known = value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase());
        if !value.is_empty() && !known {
            self.fail(field, "must be two capital letters (ISO 3166-1)");
        }
    }
}
