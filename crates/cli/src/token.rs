//! `yc-auth token`: the token, or the API key, alone.
//!
//! Text is the bare value on one line, and nothing for `none`. JSON is `{"method","scheme","token","expires_at"}`; a
//! field without a value is null.

use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::{Scheme, Snapshot};

use crate::arguments::{Format, TokenOptions};
use crate::credentials;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::output;
use crate::tool::{self, ToolMemory};

#[derive(Serialize)]
struct TokenOutput<'a> {
    method: &'a str,
    scheme: Option<&'a str>,
    token: Option<&'a str>,
    expires_at: Option<String>,
}

/// Prints the token.
pub(crate) fn run(options: &TokenOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let auth = &options.result.auth;
    match options.on_repeat.and_then(|_| ToolMemory::of_caller(auth)) {
        Some(memory) => tool::hook(auth, || {
            let is_repeat = memory.is_repeat();
            let (snapshot, is_renewed) = match is_repeat {
                true => credentials::renewed_header(auth, deadline)?,
                false => (credentials::header(auth, deadline)?, false),
            };
            print(&snapshot, options.result.format, out)?;
            // Not before the token is printed whole: a tool that got nothing has nothing that could be refused.
            memory.record_answer(is_renewed);
            Ok(())
        }),
        None => print(&credentials::header(auth, deadline)?, options.result.format, out),
    }
}

fn print(snapshot: &Snapshot, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    let token = snapshot.expose_secret();
    match format {
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
