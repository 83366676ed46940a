//! Durations on the command line: seconds, with fractions.

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
}
