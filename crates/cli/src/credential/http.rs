//! Headers for a URI, in the protocol of Bazel's credential helpers, which uv speaks too. A URI of another host gets no
//! headers, and no error: the tool then goes there without credentials.

use std::io::Write;

use serde::{Deserialize, Serialize};
use yandex_cloud_auth::{Error, ErrorKind, Scheme, Snapshot};
use zeroize::Zeroizing;

use crate::arguments::HttpOptions;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::hosts::{Hook, Hosts};
use crate::{hook, input, output};

#[derive(Deserialize)]
struct Request {
    uri: String,
}

#[derive(Default, Serialize)]
struct Response<'a> {
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Default, Serialize)]
struct Headers<'a> {
    #[serde(rename = "Authorization", skip_serializing_if = "Option::is_none")]
    authorization: Option<[&'a str; 1]>,
}

pub(super) fn run(options: &HttpOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let hosts = Hosts::of(Hook::Http, &options.hosts.hosts).map_err(Failure::Hook)?;
    let question = input::read_question(deadline, |_| false).map_err(Failure::Hook)?;
    // The parser's own message would quote the text.
    let Ok(Request { uri }) = serde_json::from_str(&question) else {
        return Err(Failure::Hook(
            Error::new(ErrorKind::Invalid, "not a JSON object with the text `uri`")
                .at("standard input")
                .with_help("uv and Bazel write it there: `{\"uri\":\"https://storage.yandexcloud.net/\"}`"),
        ));
    };
    if hosts.of_url(&uri).is_none() {
        return Ok(output::json(out, &Response::default())?);
    }
    let snapshot = hook::serve(&options.hook, deadline, hook::token)?;
    let header = header(&snapshot);
    let authorization = header.as_ref().map(|header| [&***header]);
    let expires = snapshot.expires_at().and_then(output::rfc3339);
    Ok(output::json(out, &Response { headers: Headers { authorization }, expires })?)
}

/// The value of `Authorization`.
fn header(snapshot: &Snapshot) -> Option<Zeroizing<String>> {
    let (scheme, secret) = snapshot.scheme().map(Scheme::as_str).zip(snapshot.expose_secret())?;
    Some(Zeroizing::new([scheme, " ", secret].concat()))
}
