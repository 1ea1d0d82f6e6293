//! Reads the texts of settings, and writes their values.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::model::MergeRule;

/// The word for half of another setting.
const HALF: &str = "half";

pub(super) fn database(text: &str) -> Result<String, String> {
    let after = |prefix: &str| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    if after("sqlite:") || after("postgres://") || after("postgresql://") {
        return Ok(text.to_owned());
    }
    let forms = "must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE";
    match text.split_once("://") {
        None if !text.is_empty() && !text.contains([':', '@']) => {
            Err(format!("{forms}; for a file of that name write sqlite:{text}"))
        }
        _ => Err(forms.to_owned()),
    }
}

pub(super) fn region(text: &str) -> Result<Option<String>, String> {
    let letters = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    match text {
        "none" | "" => Ok(None),
        _ if letters => Ok(Some(text.to_ascii_uppercase())),
        _ => Err("must be the two letters of a country (ISO 3166-1), such as NL".to_owned()),
    }
}

pub(super) fn rules(text: &str) -> Result<Vec<MergeRule>, String> {
    if matches!(text, "none" | "") {
        return Ok(Vec::new());
    }
    let known = MergeRule::ALL.map(|rule| (rule.code(), rule));
    let mut rules: Vec<MergeRule> = Vec::new();
    for name in text.split(',') {
        let rule = one_of(name.trim(), &known)
            .map_err(|advice| format!("{advice}, or both with a comma between, or none"))?;
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    Ok(rules)
}

pub(super) fn is_none(text: &str) -> bool {
    matches!(text, "none" | "")
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    Some(text).filter(|text| !is_none(text)).map(Into::into)
}

pub(super) fn format_path(path: Option<&Path>) -> String {
    path.map_or_else(|| "none".to_owned(), |path| path.display().to_string())
}

/// Values separated by commas.
pub(super) fn list(text: &str) -> Vec<String> {
    let values = text.split(',').map(str::trim).filter(|value| !is_none(value));
    values.map(str::to_owned).collect()
}

/// Origins separated by commas, as browsers write them (RFC 6454, section 6.2).
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let origins = list(text);
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(origins),
        Some(_) => Err("must be origins such as https://desk.example.com or \
                        http://localhost:5173, in lower case, without a path; several are \
                        separated by commas"
            .to_owned()),
    }
}

fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let is_part = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte)
        };
        !rest.is_empty() && rest.bytes().all(is_part)
    })
}

pub(super) fn format_list(values: &[String]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

/// The value of a name; the error lists the names.
pub(super) fn one_of<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    match known.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            Err(format!("must be one of {}", names.join(", ")))
        }
    }
}

pub(super) fn millis(text: &str) -> Result<Duration, String> {
    whole(text, 1, 3_600_000).map(|millis| Duration::from_millis(millis.into()))
}

pub(super) fn whole(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// A number, or none for `half` of another setting.
pub(super) fn half_or(text: &str, most: u32) -> Result<Option<u32>, String> {
    if text == HALF {
        return Ok(None);
    }
    whole(text, 1, most).map(Some).map_err(|advice| format!("{advice}, or {HALF}"))
}

pub(super) fn format_half(number: Option<u32>) -> String {
    number.map_or_else(|| HALF.to_owned(), |number| number.to_string())
}

/// A number of mebibytes, in bytes.
pub(super) fn mebibytes(text: &str) -> Result<usize, String> {
    let number = whole(text, 1, 1 << 20)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(1 << 20))
}

pub(super) fn format_mebibytes(bytes: usize) -> String {
    (bytes >> 20).to_string()
}
