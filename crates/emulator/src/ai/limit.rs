//! The limit of the output, in tokens. A token is a word, as in the usage of a response.

use serde::Deserialize;

use super::model_rule::Output;
use super::{count, pieces};
use crate::wire::status::Status;

/// The number of tokens that the output may have.
#[derive(Clone, Copy, Default)]
pub(super) struct Limit(Option<usize>);

impl Limit {
    /// The value of a field. It has to be positive.
    pub(super) fn read(field: &str, tokens: Option<i64>) -> Result<Self, Status> {
        match tokens {
            None => Ok(Self(None)),
            Some(tokens @ 1..) => Ok(Self(Some(usize::try_from(tokens).unwrap_or(usize::MAX)))),
            Some(_) => Err(Status::invalid(format!("{field} is not positive"))),
        }
    }

    /// The part of the output within the limit, and whether that is not all. A call is whole or missing.
    pub(super) fn cut(self, output: Output) -> (Output, bool) {
        let Some(mut left) = self.0 else { return (output, false) };
        match output {
            Output::Text(text) if count(&text) > left => (Output::Text(first_words(&text, left)), true),
            Output::Text(text) => (Output::Text(text), false),
            Output::Calls(mut calls) => {
                let all = calls.len();
                let within = calls.iter().map_while(|call| {
                    left = left.checked_sub(count(&call.words()))?;
                    Some(())
                });
                let kept = within.count();
                calls.truncate(kept);
                let output = if kept == 0 { Output::Text(String::new()) } else { Output::Calls(calls) };
                (output, kept < all)
            }
        }
    }
}

fn first_words(text: &str, words: usize) -> String {
    let mut left = words;
    let within = pieces(text).take_while(|piece| {
        let is_word = !piece.trim().is_empty();
        let fits = !is_word || left > 0;
        left = left.saturating_sub(usize::from(is_word));
        fits
    });
    within.collect::<String>().trim_end().to_owned()
}

/// An int64 in proto3 JSON: a string, and also a number.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Int64 {
    Number(i64),
    Text(String),
}

impl Int64 {
    pub(super) fn value(&self, field: &str) -> Result<i64, Status> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => {
                text.parse().map_err(|_| Status::invalid(format!("{field} is not a whole number")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model_rule::Call;
    use super::*;

    fn cut(text: &str, tokens: i64) -> (String, bool) {
        match Limit::read("max_tokens", Some(tokens)).unwrap().cut(Output::Text(text.to_owned())) {
            (Output::Text(text), is_cut) => (text, is_cut),
            (Output::Calls(_), _) => unreachable!("a text stays a text"),
        }
    }

    #[test]
    fn cuts_after_a_word() {
        for (text, tokens, expected) in [
            ("one  two three", 2, ("one  two", true)),
            ("one  two three", 3, ("one  two three", false)),
            (" one\ntwo ", 1, (" one", true)),
            (" one\ntwo ", 2, (" one\ntwo ", false)),
            ("", 1, ("", false)),
        ] {
            assert_eq!(cut(text, tokens), (expected.0.to_owned(), expected.1), "{text:?} {tokens}");
        }
        assert!(Limit::read("max_tokens", Some(0)).is_err());
        assert!(Limit::read("max_tokens", Some(-1)).is_err());
    }

    #[test]
    fn keeps_whole_calls() {
        let call = |name: &str| Call { name: name.to_owned(), arguments: json!({ "a": "b" }) };
        for (tokens, kept, is_cut) in [(1, 0, true), (2, 1, true), (3, 1, true), (4, 2, false)] {
            let limit = Limit::read("max_tokens", Some(tokens)).unwrap();
            let (output, cut) = limit.cut(Output::Calls(vec![call("one"), call("two")]));
            let calls = match output {
                Output::Calls(calls) => calls.len(),
                Output::Text(_) => 0,
            };
            assert_eq!((calls, cut), (kept, is_cut), "{tokens}");
        }
    }
}
