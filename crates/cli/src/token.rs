//! `yc-auth token`: the token, or the API key, alone.
//!
//! Text is the bare value on a line; nothing at all for `none`. JSON is
//! `{"method","scheme","token","expires_at"}`, with nulls for what there is none of.

use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::{Scheme, Snapshot};

use crate::arguments::{Asked, Format};
use crate::credentials::{self, Deadline};
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Answer<'a> {
    method: &'a str,
    scheme: Option<&'a str>,
    token: Option<&'a str>,
    expires_at: Option<String>,
}

/// Prints the token.
pub(crate) fn run(asked: &Asked, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let snapshot = credentials::header(asked, deadline)?;
    match asked.format {
        Format::Text => print(&snapshot, out),
        Format::Json => output::json(
            out,
            &Answer {
                method: snapshot.method().name(),
                scheme: snapshot.scheme().map(Scheme::as_str),
                token: snapshot.expose_secret(),
                expires_at: snapshot.expires_at().and_then(output::rfc3339),
            },
        )
        .map_err(Failure::Output),
    }
}

fn print(snapshot: &Snapshot, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(token) = snapshot.expose_secret() {
        output::line(out, &[token])?;
    }
    Ok(())
}
