//! Birth dates as files have them, mistyped ones too.

/// A date that says its year, month and day in this order; else the digits as they stand. Empty
/// where there are fewer than four.
pub(super) fn date_digits(text: &str) -> String {
    // A time behind the date says nothing of a birth.
    let day = text.trim().split(['T', ' ']).next().unwrap_or_default();
    let day = if day.contains(|c: char| c.is_ascii_digit()) { day } else { text };
    let groups: Vec<&str> =
        day.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let digits: String = match groups.as_slice() {
        [year, month, day] if year.len() == 4 => format!("{year}{month:0>2}{day:0>2}"),
        [day, month, year] if year.len() == 4 => {
            // Only one reading is a date where the second number is no month.
            let is_month_first = month.parse().is_ok_and(|month: u32| month > 12);
            let (day, month) = if is_month_first { (month, day) } else { (day, month) };
            format!("{year}{month:0>2}{day:0>2}")
        }
        groups => groups.concat(),
    };
    match digits.len() {
        8 if !is_year(&digits[..4]) && is_year(&digits[4..]) => {
            format!("{}{}{}", &digits[4..], &digits[2..4], &digits[..2])
        }
        0..4 => String::new(),
        _ => digits.chars().take(12).collect(),
    }
}

fn is_year(digits: &str) -> bool {
    digits.starts_with("19") || digits.starts_with("20")
}

/// Year, month and day of a date of eight digits.
pub(super) fn split(digits: &str) -> Option<(&str, &str, &str)> {
    (digits.len() == 8).then(|| (&digits[..4], &digits[4..6], &digits[6..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_common_forms_are_one() {
        for text in [
            "1971-06-24",
            "24-06-1971",
            "24.6.1971",
            "6/24/1971",
            "19710624",
            "1971-06-24T00:00:00Z",
            "1971-06-24 12:00",
            "24061971",
            "1971/6/24",
        ] {
            assert_eq!(date_digits(text), "19710624", "{text}");
        }
        for (text, digits) in
            [("", ""), ("unknown", ""), ("19611299", "19611299"), ("1971", "1971")]
        {
            assert_eq!(date_digits(text), digits);
        }
    }
}
