//! The findings of checks, and how they are rendered.

use serde_json::{Value, json};

use crate::cli::render::{Ink, TerminalStyle, pad, safe, wrap};

/// How bad a finding is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It does not work, or acknowledged writes may be lost.
    Failure,
    /// It works, but not for ever.
    Warning,
    /// It is worth knowing.
    Note,
    Ok,
}

impl Verdict {
    pub const ALL: [Self; 4] = [Self::Ok, Self::Note, Self::Warning, Self::Failure];

    pub fn word(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Ok => "ok",
        }
    }

    fn ink(self) -> Ink {
        match self {
            Self::Failure => Ink::Bad,
            Self::Warning => Ink::Warning,
            Self::Note => Ink::Channel,
            Self::Ok => Ink::Good,
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    /// What was checked, in a word.
    pub subject: &'static str,
    /// What was found.
    pub text: String,
    /// What to do; empty if there is nothing to do.
    pub advice: String,
}

impl Finding {
    pub fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, subject, text: text.into(), advice: String::new() }
    }

    pub fn note(subject: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, subject, text: text.into(), advice: advice.into() }
    }

    pub fn warning(
        subject: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { verdict: Verdict::Warning, subject, text: text.into(), advice: advice.into() }
    }

    pub fn failure(
        subject: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { verdict: Verdict::Failure, subject, text: text.into(), advice: advice.into() }
    }
}

pub fn has_failed(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Failure)
}

/// The indentation of the advice below a finding.
const ADVICE_MARGIN: &str = "  ";

/// The findings in columns: the verdict, the subject, and the text with the advice below it.
pub fn render(findings: &[Finding], style: &TerminalStyle) -> String {
    let verdicts = Verdict::ALL.map(|verdict| verdict.word().len()).into_iter().max().unwrap_or(0);
    let subjects = findings.iter().map(|it| it.subject.len()).max().unwrap_or(0);
    let before = verdicts + subjects + 4;
    let width = style.width.saturating_sub(before).max(20);
    let mut text = String::new();
    for finding in findings {
        let verdict = pad(finding.verdict.word(), verdicts);
        let subject = pad(finding.subject, subjects);
        let mut margin = format!("{}  {}  ", style.paint(finding.verdict.ink(), &verdict), subject);
        let found = wrap(&finding.text, width).into_iter();
        let advice = wrap(&finding.advice, width - ADVICE_MARGIN.len()).into_iter();
        let advice =
            advice.map(|line| format!("{ADVICE_MARGIN}{}", style.paint(Ink::Strong, &line)));
        for line in found.chain(advice) {
            text.push_str(&format!("{margin}{line}\n"));
            margin = " ".repeat(before);
        }
    }
    text
}

/// The number of findings of each verdict, such as "12 ok, 1 warning".
pub fn summary(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|it| it.verdict == verdict).count();
    let parts = Verdict::ALL.map(|verdict| match (verdict, count(verdict)) {
        (_, 0) => String::new(),
        (Verdict::Ok, count) => format!("{count} ok"),
        (verdict, 1) => format!("1 {}", verdict.word()),
        (verdict, count) => format!("{count} {}s", verdict.word()),
    });
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

pub fn as_json(findings: &[Finding]) -> Value {
    let finding = |it: &Finding| {
        json!({
            "verdict": it.verdict.word(),
            "subject": it.subject,
            "text": safe(&it.text),
            "advice": safe(&it.advice),
        })
    };
    findings.iter().map(finding).collect()
}
