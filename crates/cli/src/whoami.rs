//! `yc-auth whoami`: whom the credentials stand for, as far as the method can tell. Never the token.
//!
//! JSON is `{"method","subject_id","key_id","folder_id","cloud_id","expires_at","by_way_of","remarks"}`, with nulls for
//! what is not known; `by_way_of` is an object of the same form, or null.

use std::io::Write;
use std::time::SystemTime;

use serde::Serialize;
use yandex_cloud_auth::Identity;

use crate::arguments::{Asked, Format};
use crate::credentials::{self, Deadline};
use crate::failure::Failure;
use crate::output;
use crate::paint::Paint;

#[derive(Serialize)]
struct Answer {
    method: &'static str,
    subject_id: Option<String>,
    key_id: Option<String>,
    folder_id: Option<String>,
    cloud_id: Option<String>,
    expires_at: Option<String>,
    by_way_of: Option<Box<Answer>>,
    remarks: Vec<String>,
}

impl From<Identity> for Answer {
    fn from(identity: Identity) -> Self {
        Self {
            method: identity.method.name(),
            subject_id: identity.subject_id,
            key_id: identity.key_id,
            folder_id: identity.folder_id,
            cloud_id: identity.cloud_id,
            expires_at: identity.expires_at.and_then(output::rfc3339),
            by_way_of: identity.by_way_of.map(|way| Box::new(Self::from(*way))),
            remarks: identity.remarks,
        }
    }
}

/// Prints it.
pub(crate) fn run(asked: &Asked, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let identity = credentials::using(asked, deadline, |credentials, deadline| {
        let identity = credentials.blocking().identity(deadline.options());
        identity.map_err(|error| deadline.explain(error, credentials))
    })?;
    match asked.format {
        Format::Json => output::json(out, &Answer::from(identity))?,
        Format::Text => {
            out.write_all(page(identity, SystemTime::now(), &Paint::for_stdout()).as_bytes())?;
            out.flush()?;
        }
    }
    Ok(())
}

fn page(identity: Identity, now: SystemTime, paint: &Paint) -> String {
    let left = identity.expires_at.and_then(|end| end.duration_since(now).ok());
    let answer = Answer::from(identity);
    let expiry = answer.expires_at.as_ref().map(|at| match left {
        Some(left) => format!("{at} ({} left)", output::span(left)),
        None => at.clone(),
    });
    let mut text = String::new();
    lines(&answer, expiry.as_deref(), "", &mut text);
    for remark in &answer.remarks {
        text.push_str(&format!("{} {remark}\n", paint.bold("note:")));
    }
    text
}

fn lines(answer: &Answer, expiry: Option<&str>, indent: &str, text: &mut String) {
    let known = |value: Option<&str>| value.unwrap_or("not known").to_owned();
    let mut line = |name: &str, value: String| text.push_str(&format!("{indent}{name:8} {value}\n"));
    line("method", answer.method.to_owned());
    line("subject", known(answer.subject_id.as_deref()));
    if answer.key_id.is_some() {
        line("key", known(answer.key_id.as_deref()));
    }
    line("folder", known(answer.folder_id.as_deref()));
    line("cloud", known(answer.cloud_id.as_deref()));
    line("expires", known(expiry));
    if let Some(way) = &answer.by_way_of {
        line("by way of", String::new());
        lines(way, way.expires_at.as_deref(), &format!("{indent}  "), text);
    }
}
