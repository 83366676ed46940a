//! Durations on the command line: seconds, with fractions; and the hours that ephemeral keys live.

use std::time::Duration;

/// Parses a number of seconds above 0.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    // Far beyond any use, and far below what `Duration` and the clocks can hold.
    let longest = 1e9;
    match text.trim().parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= longest => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give a number of seconds above 0 and at most 1000000000, such as 2.5".to_owned()),
    }
}

/// Parses the life of ephemeral keys: `1h`, `90m` or `3600s`, from 1 h to 12 h.
pub(super) fn hours(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let seconds = [('h', 3600), ('m', 60), ('s', 1)].iter().find_map(|(unit, factor)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*factor)
    });
    match seconds {
        Some(seconds @ 3600..=43_200) => Ok(Duration::from_secs(seconds)),
        _ => Err("give 1 to 12 hours, such as 1h, 90m or 3600s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_accepted_and_other_texts_are_not() {
        for (text, millis) in [("2.5", 2500), ("10", 10_000), ("1e-1", 100), (" 1 ", 1000)] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["0", "-1", "NaN", "inf", "1e10", "", "1s", "five"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_life_of_keys_is_1_to_12_hours() {
        for (text, seconds) in [("1h", 3600), ("12h", 43_200), ("90m", 5400), (" 3600s ", 3600)] {
            assert_eq!(hours(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "1",
            "59m",
            "3599s",
            "13h",
            "1.5h",
            "-1h",
            "h",
            "99999999999999999999h",
            "18446744073709551615h",
        ] {
            assert!(hours(text).is_err(), "{text}");
        }
    }
}
