//! The parameters of a request: `alt`, `recursive`, `wait_for_change`, `last_etag` and `timeout_sec` (documented).
//! Other parameters are ignored.
//!
//! A client without `wait_for_change` uses neither `last_etag` nor `timeout_sec`, so they have no effect then. What an
//! invalid value does is not documented: the emulator refuses it.

use std::time::Duration;

use crate::wire::form::Form;
use crate::wire::status::Status;

pub(super) struct Query {
    pub(super) format: Format,
    pub(super) wait: Option<Wait>,
}

#[derive(Clone, Copy)]
pub(super) enum Format {
    Text { recursive: bool },
    Json { recursive: bool },
}

/// A request that is answered when the value has another tag.
pub(super) struct Wait {
    /// The tag that the client has. Without one the value has to change after the request.
    pub(super) last_etag: Option<String>,
    /// Afterwards the value is returned as it is. Without a limit the request waits until the client leaves.
    pub(super) timeout: Option<Duration>,
}

impl Query {
    pub(super) fn read(query: &str) -> Result<Self, Status> {
        let form = Form::read(query.as_bytes());
        let form = form.ok_or_else(|| Status::invalid("the query is not percent-encoded UTF-8"))?;
        let one = |name: &'static str| {
            form.one(name).map_err(|_| Status::invalid(format!("the query has more than one {name}")))
        };
        let flag = |name: &'static str| match one(name)?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Status::invalid(format!("{name} is neither true nor false"))),
        };
        let recursive = flag("recursive")?;
        let format = match one("alt")? {
            Some("json") => Format::Json { recursive },
            None if recursive => Format::Json { recursive },
            Some("text") | None => Format::Text { recursive },
            Some(_) => return Err(Status::invalid("alt is neither json nor text")),
        };
        let timeout = |seconds: &str| {
            let seconds = seconds.parse().map_err(|_| Status::invalid("timeout_sec is not a number"))?;
            Ok(Duration::from_secs(seconds))
        };
        let wait = if flag("wait_for_change")? {
            let last_etag = one("last_etag")?.map(str::to_owned);
            Some(Wait { last_etag, timeout: one("timeout_sec")?.map(timeout).transpose()? })
        } else {
            None
        };
        Ok(Self { format, wait })
    }
}
