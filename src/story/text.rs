//! Texts that are safe to show.

/// The text with its control characters visible.
pub fn display_safe(text: &str) -> String {
    text.to_owned()
}
