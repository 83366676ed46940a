//! `yc-auth whoami`: the identity of the credentials, as far as the method knows it, and with `--ask` the subject that the
//! authorization server gives. Never the token.
//!
//! JSON is `{"method","subject_id","key_id","folder_id","cloud_id","expires_at","by_way_of","remarks"}`; an unknown
//! field is null. `by_way_of` is the impersonating identity, an object of the same form, or null.

use std::io::Write;
use std::time::SystemTime;

use serde::Serialize;
use yandex_cloud_auth::{Error, Identity};

use crate::arguments::{Format, WhoamiOptions};
use crate::color::Color;
use crate::credentials::{self, Session};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct IdentityOutput {
    method: &'static str,
    subject_id: Option<String>,
    key_id: Option<String>,
    folder_id: Option<String>,
    cloud_id: Option<String>,
    expires_at: Option<String>,
    #[serde(rename = "by_way_of")]
    via: Option<Box<IdentityOutput>>,
    remarks: Vec<String>,
}

impl From<Identity> for IdentityOutput {
    fn from(identity: Identity) -> Self {
        Self {
            method: identity.method.name(),
            subject_id: identity.subject_id,
            key_id: identity.key_id,
            folder_id: identity.folder_id,
            cloud_id: identity.cloud_id,
            expires_at: identity.expires_at.and_then(output::rfc3339),
            via: identity.via.map(|via| Box::new(Self::from(*via))),
            remarks: identity.remarks,
        }
    }
}

/// Prints the identity.
pub(crate) fn run(options: &WhoamiOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let identity = credentials::with_session(&options.result.auth, deadline, |session| {
        let identity = session.credentials.blocking().identity(session.deadline.options());
        let mut identity = identity.map_err(|error| session.explain(error))?;
        session.check_flags(options.ask)?;
        if options.ask {
            ask(session, &mut identity)?;
        }
        Ok(identity)
    })?;
    match options.result.format {
        Format::Json => output::json(out, &IdentityOutput::from(identity))?,
        Format::Text => {
            out.write_all(page(identity, SystemTime::now(), &Color::for_stdout()).as_bytes())?;
            out.flush()?;
        }
    }
    Ok(())
}

/// Replaces the subject by the one that the authorization server gives.
fn ask(session: &Session<'_>, identity: &mut Identity) -> Result<(), Error> {
    let subject = session.ask_subject()?;
    identity.remarks.push(match &identity.subject_id {
        Some(other) if *other != subject => {
            format!("the authorization server says whose the token is; the method names {other}")
        }
        _ => "the authorization server says whose the token is".to_owned(),
    });
    // The remark of the method is no longer true.
    identity.remarks.retain(|remark| !remark.ends_with("cannot be determined"));
    identity.subject_id = Some(subject);
    Ok(())
}

fn page(identity: Identity, now: SystemTime, color: &Color) -> String {
    let left = identity.expires_at.map(|end| output::time_left(end, now));
    let output = IdentityOutput::from(identity);
    let expiry = output.expires_at.as_ref().zip(left).map(|(at, left)| format!("{at} ({left})"));
    let mut text = String::new();
    lines(&output, expiry.as_deref(), "", &mut text);
    for remark in &output.remarks {
        text.push_str(&format!("{} {remark}\n", color.bold("note:")));
    }
    text
}

fn lines(output: &IdentityOutput, expiry: Option<&str>, indent: &str, text: &mut String) {
    let or_unknown = |value: Option<&str>| value.unwrap_or("not known").to_owned();
    let mut line = |name: &str, value: String| text.push_str(&format!("{indent}{name:8} {value}\n"));
    line("method", output.method.to_owned());
    line("subject", or_unknown(output.subject_id.as_deref()));
    if output.key_id.is_some() {
        line("key", or_unknown(output.key_id.as_deref()));
    }
    line("folder", or_unknown(output.folder_id.as_deref()));
    line("cloud", or_unknown(output.cloud_id.as_deref()));
    line("expires", or_unknown(expiry));
    if let Some(via) = &output.via {
        text.push_str(&format!("{indent}via\n"));
        lines(via, via.expires_at.as_deref(), &format!("{indent}  "), text);
    }
}
