//! `yc-auth header`: the header, ready for `curl -H`.
//!
//! Text is `Authorization: Bearer …` on one line, and nothing for `none`. JSON is `{"name","value"}`, both null for
//! `none`.

use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::Scheme;
use zeroize::Zeroizing;

use crate::arguments::{Format, ResultOptions};
use crate::credentials;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::output;

const NAME: &str = "Authorization";

#[derive(Serialize)]
struct HeaderOutput<'a> {
    name: Option<&'a str>,
    value: Option<&'a str>,
}

/// Prints the header.
pub(crate) fn run(options: &ResultOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let snapshot = credentials::header(&options.auth, deadline)?;
    let parts = snapshot.scheme().map(Scheme::as_str).zip(snapshot.expose_secret());
    match (options.format, parts) {
        (Format::Text, None) => {}
        (Format::Text, Some((scheme, secret))) => output::line(out, &[NAME, ": ", scheme, " ", secret])?,
        (Format::Json, parts) => {
            let value = parts.map(|(scheme, secret)| Zeroizing::new([scheme, " ", secret].concat()));
            let value = value.as_ref().map(|value| value.as_str());
            output::json(out, &HeaderOutput { name: value.map(|_| NAME), value })?;
        }
    }
    Ok(())
}
