//! `yc-auth header`: the header, ready for `curl -H`.
//!
//! Text is `Authorization: Bearer …` on a line; nothing at all for `none`. JSON is `{"name","value"}`, both null for
//! `none`.

use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::Scheme;
use zeroize::Zeroizing;

use crate::arguments::{Asked, Format};
use crate::credentials::{self, Deadline};
use crate::failure::Failure;
use crate::output;

const NAME: &str = "Authorization";

#[derive(Serialize)]
struct Answer<'a> {
    name: Option<&'a str>,
    value: Option<&'a str>,
}

/// Prints the header.
pub(crate) fn run(asked: &Asked, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let snapshot = credentials::header(asked, deadline)?;
    let parts = snapshot.scheme().map(Scheme::as_str).zip(snapshot.expose_secret());
    match (asked.format, parts) {
        (Format::Text, None) => {}
        (Format::Text, Some((scheme, secret))) => output::line(out, &[NAME, ": ", scheme, " ", secret])?,
        (Format::Json, parts) => {
            let value = parts.map(|(scheme, secret)| Zeroizing::new([scheme, " ", secret].concat()));
            let value = value.as_ref().map(|value| value.as_str());
            output::json(out, &Answer { name: value.map(|_| NAME), value })?;
        }
    }
    Ok(())
}
