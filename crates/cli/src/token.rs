//! `yc-auth token`: the token, or the API key, alone.
//!
//! Text is the bare value on one line, and nothing for `none`. JSON is `{"method","scheme","token","expires_at"}`; a
//! field without a value is null.

use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::Scheme;

use crate::arguments::{Format, ResultOptions};
use crate::credentials;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct TokenOutput<'a> {
    method: &'a str,
    scheme: Option<&'a str>,
    token: Option<&'a str>,
    expires_at: Option<String>,
}

/// Prints the token.
pub(crate) fn run(options: &ResultOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let snapshot = credentials::header(&options.auth, deadline)?;
    let token = snapshot.expose_secret();
    match options.format {
        Format::Text => {
            if let Some(token) = token {
                output::line(out, &[token])?;
            }
        }
        Format::Json => output::json(
            out,
            &TokenOutput {
                method: snapshot.method().name(),
                scheme: snapshot.scheme().map(Scheme::as_str),
                token,
                expires_at: snapshot.expires_at().and_then(output::rfc3339),
            },
        )?,
    }
    Ok(())
}
