//! Amounts in human-readable form.

use crate::model::Micros;

const MICROS_PER_SECOND: Micros = 1_000_000;

/// Such as "1.5 MiB".
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} bytes");
    }
    // In tenths of the current unit.
    let mut tenths = u128::from(count) * 10 / 1024;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    // One decimal, if there is one digit before the point.
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", tenths / 10)
    }
}

/// A duration in its two largest units, such as "3 days" or "1 h 20 min". The sign is ignored.
pub fn span(micros: Micros) -> String {
    let seconds = micros.unsigned_abs() / MICROS_PER_SECOND.unsigned_abs();
    match seconds {
        0 => format!("{} ms", micros.unsigned_abs() / 1000),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// "1 caller", "2 callers".
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let sizes = [0, 1023, 1024, 1536, 1 << 20, (1 << 30) - 1, 1 << 40, u64::MAX];
        let shown = sizes.map(bytes);
        assert_eq!(
            shown.each_ref().map(String::as_str),
            [
                "0 bytes",
                "1023 bytes",
                "1.0 KiB",
                "1.5 KiB",
                "1.0 MiB",
                "1023 MiB",
                "1.0 TiB",
                "16777215 TiB"
            ]
        );
        let spans = [0, -1_500, 59_999_999, 60_000_000, 5_400_000_000, 3 * 86_400_000_000];
        let shown = spans.map(span);
        let shown = shown.each_ref().map(String::as_str);
        assert_eq!(shown, ["0 ms", "1 ms", "59 s", "1 min", "1 h", "3 days"]);
        assert_eq!([count(0, "row"), count(1, "row")], ["0 rows", "1 row"]);
    }
}
