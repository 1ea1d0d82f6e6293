//! Rules for texts, and their safe display.

use std::fmt::Write as _;

use unicode_normalization::char::is_combining_mark;

/// How many combining marks one letter may carry. No language needs more than a handful, and a
/// million of them can hang a renderer.
pub const MAX_MARKS: usize = 32;

/// Whether a text may be stored; the error is the rule that it violates.
pub fn check(text: &str, max_bytes: usize) -> Result<(), &'static str> {
    if text.len() > max_bytes {
        return Err("is too long");
    }
    let mut marks = 0;
    for c in text.chars() {
        // PostgreSQL cannot store U+0000; other control characters do not belong in texts.
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
            return Err("must not hold control characters but line ends and tabs");
        }
        marks = if c.is_ascii() || !is_combining_mark(c) { 0 } else { marks + 1 };
        if marks > MAX_MARKS {
            return Err("must not hold more than 32 combining marks on one letter");
        }
    }
    Ok(())
}

/// The stricter rule for a short field, such as a name or the id of an agent: one line in one
/// direction, so that it cannot imitate something else in a list or a log.
pub fn one_line(text: &str) -> Result<(), &'static str> {
    check(text, usize::MAX)?;
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("must be one line without tabs");
    }
    if has_bidi_control(text) {
        return Err("must not hold characters that change the direction of writing");
    }
    Ok(())
}

/// Whether a text is invisible.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Whether a text contains characters that change its display order.
pub fn has_bidi_control(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(is_bidi_control)
}

/// The text with terminal control characters and bidirectional controls made visible. Line feeds
/// and tabs stay; a carriage return is removed, since it lets a line overwrite itself.
pub fn display_safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {}
            // The control pictures of U+0000 to U+001F begin at U+2400, in the same order.
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => out.push('\u{2421}'),
            c if c.is_control() || is_bidi_control(c) || matches!(c, '\u{2028}' | '\u{2029}') => {
                // Writing to a String cannot fail.
                let _ = write!(out, "<U+{:04X}>", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether a character is invisible and has no width, or is a filler that looks like a space.
pub(super) fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9). The marks
/// U+200E, U+200F and U+061C are not included: they are common in Arabic and Hebrew texts and
/// cannot reorder other letters.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_cannot_be_stored_is_refused() {
        let stacked = |marks| format!("e{}", "\u{301}".repeat(marks));
        let refused = ["a\0b", "\u{1b}[31m", "\u{7f}", "\u{85}", &stacked(33), &stacked(1_000_000)];
        for text in refused {
            assert!(
                check(text, usize::MAX).is_err(),
                "{}",
                text.escape_unicode().take(60).collect::<String>()
            );
        }
        for text in
            ["", "Line\r\n\ttab", "Åse", &stacked(32), "שלום \u{202e}", "=cmd|' /C calc'!A0"]
        {
            assert_eq!(check(text, usize::MAX), Ok(()), "{text}");
        }
        assert_eq!(check("ååå", 6), Ok(()));
        assert_eq!(check("ååå", 5), Err("is too long"));
    }

    #[test]
    fn marks_are_counted_for_each_letter() {
        let text = format!("{0}{0}", format!("e{}", "\u{301}".repeat(20)));
        assert_eq!(check(&text, usize::MAX), Ok(()));
    }

    #[test]
    fn a_short_field_is_one_line_in_one_direction() {
        for text in ["agent\nroot", "a\tb", "a\u{202e}b", "a\u{2066}b", "a\u{2028}b", "a\rb"] {
            assert!(one_line(text).is_err(), "{}", text.escape_unicode());
        }
        for text in ["Åse O'Brien-Nuñez", "דנה \u{200f}", ""] {
            assert_eq!(one_line(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_shows_nothing_is_blank() {
        for text in ["", " \t\n", "\u{200b}\u{feff}", "\u{2060} \u{ad}\u{3164}", "\u{a0}\u{2003}"] {
            assert!(is_blank(text), "{}", text.escape_unicode());
        }
        assert!(!is_blank("\u{200b}."));
    }

    #[test]
    fn a_terminal_is_not_steered() {
        let cases = [
            ("plain\ntext\t.", "plain\ntext\t."),
            ("\u{1b}[2J", "\u{241b}[2J"),
            ("good\rbad", "goodbad"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("a\u{202e}b\u{2069}", "a<U+202E>b<U+2069>"),
            ("\u{7f}\0", "\u{2421}\u{2400}"),
            ("Åse 🙂", "Åse 🙂"),
        ];
        for (text, shown) in cases {
            assert_eq!(display_safe(text), shown);
        }
    }
}
