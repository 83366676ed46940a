//! The JSON messages of both APIs: requests, responses, and the tools that they share. Pure data, no I/O.

pub(crate) mod chat;
pub(crate) mod native;
pub(crate) mod tools;

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};

/// Reads the text of a response as JSON of the caller's type.
fn parse_text<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(
            ErrorKind::Unreadable,
            format!("the text of the response is not the requested JSON: {error}"),
        )
        .with_help(
            "request a response format with a strict schema, and check the finish reason of the response",
        )
    })
}

/// The error of tool arguments that do not have the caller's type.
fn arguments_mismatch(function: &str, error: &serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Unreadable,
        format!("the arguments of the call of {function:?} do not match the declaration: {error}"),
    )
    .with_help("the model made a mistake: declare the tool with `strict(true)`, or repeat the request")
}
