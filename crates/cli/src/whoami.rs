//! `yc-auth whoami`: the identity of the credentials, as far as the method knows it. Never the token.
//!
//! JSON is `{"method","subject_id","key_id","folder_id","cloud_id","expires_at","by_way_of","remarks"}`; an unknown
//! field is null. `by_way_of` is the impersonating identity, an object of the same form, or null.

use std::io::Write;
use std::time::SystemTime;

use serde::Serialize;
use yandex_cloud_auth::Identity;

use crate::arguments::{AuthOptions, Format};
use crate::color::Color;
use crate::credentials;
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
pub(crate) fn run(options: &AuthOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let identity = credentials::with_session(options, deadline, |session| {
        let identity = session.credentials.blocking().identity(session.deadline.options());
        let identity = identity.map_err(|error| session.explain(error))?;
        session.check_flags().map(|()| identity)
    })?;
    match options.format {
        Format::Json => output::json(out, &IdentityOutput::from(identity))?,
        Format::Text => {
            out.write_all(page(identity, SystemTime::now(), &Color::for_stdout()).as_bytes())?;
            out.flush()?;
        }
    }
    Ok(())
}

fn page(identity: Identity, now: SystemTime, color: &Color) -> String {
    let left = identity.expires_at.and_then(|end| end.duration_since(now).ok());
    let output = IdentityOutput::from(identity);
    let expiry = output.expires_at.as_ref().map(|at| match left {
        Some(left) => format!("{at} ({} left)", output::duration(left)),
        None => at.clone(),
    });
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
