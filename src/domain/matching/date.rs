//! Birth dates as files contain them, including mistyped ones.

/// Whether most dates of a column have the month before the day, as far as they show it.
pub fn is_month_first<'a>(dates: impl Iterator<Item = &'a str>) -> bool {
    let mut balance = 0_i64;
    for date in dates {
        let mut numbers = date.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        if let (Some(Ok(first @ 1..=31)), Some(Ok(second @ 1..=31))) =
            (numbers.next(), numbers.next())
        {
            balance += i64::from(second > 12) - i64::from(first > 12);
        }
    }
    balance > 0
}

/// A date as year, month and day if it can be parsed, otherwise its digits as they are. Empty if
/// there are fewer than four.
pub(super) fn date_digits(text: &str, month_first: bool) -> String {
    // A time after the date is irrelevant for a birth date.
    let day = text.trim().split(['T', ' ']).next().unwrap_or_default();
    let day = if day.contains(|c: char| c.is_ascii_digit()) { day } else { text };
    let groups: Vec<&str> =
        day.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let digits: String = match groups.as_slice() {
        [year, month, day] if year.len() == 4 => format!("{year}{month:0>2}{day:0>2}"),
        [day, month, year] if year.len() == 4 => {
            let (day, month) = if month_first { (month, day) } else { (day, month) };
            // If the second number is not a month, only one reading is a date.
            let is_month = |month: &str| month.parse().is_ok_and(|month: u32| month <= 12);
            let is_other_way = !is_month(month) && is_month(day);
            let (day, month) = if is_other_way { (month, day) } else { (day, month) };
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

/// Year, month and day of a date with eight digits.
pub(super) fn split(digits: &str) -> Option<(&str, &str, &str)> {
    (digits.len() == 8).then(|| (&digits[..4], &digits[4..6], &digits[6..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_column_is_seen() {
        assert!(is_month_first(["03/04/1990", "09/29/1994"].into_iter()));
        assert!(!is_month_first(["03/04/1990", "29/09/1994", "1994-09-29"].into_iter()));
        assert_eq!(date_digits("03/04/1990", true), "19900304");
        assert_eq!(date_digits("29/09/1994", true), "19940929");
    }

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
            assert_eq!(date_digits(text, false), "19710624", "{text}");
        }
        for (text, digits) in
            [("", ""), ("unknown", ""), ("19611299", "19611299"), ("1971", "1971")]
        {
            assert_eq!(date_digits(text, false), digits);
        }
    }
}
