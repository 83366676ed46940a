//! What all hooks share: how they get a token that lives long enough, and how they fail.

use std::time::Duration;

use yandex_cloud_auth::{Error, ErrorKind, Scheme, Snapshot};

use crate::arguments::HookOptions;
use crate::credentials::{self, Session};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::tool;

/// How long a token should live when it is handed out: longer than the window before its end in which a client asks
/// again (5 min for the Python client of Kubernetes). A client would run the hook for each request in that window.
const MIN_TTL: Duration = Duration::from_secs(5 * 60 + 30);

/// Serves a tool with the credentials of these options. A tool that runs the hook again at once gets the failure of a
/// moment ago. Only what follows here can be remembered: the question on standard input may be another one.
///
/// # Errors
/// One line, for the user of the tool.
pub(crate) fn serve<T>(
    options: &HookOptions,
    deadline: Deadline,
    serve: impl FnOnce(&Session<'_>) -> Result<T, Error>,
) -> Result<T, Failure> {
    let mut served = None;
    tool::hook(&options.auth, || {
        served = Some(credentials::with_session(&options.auth, deadline, serve).map_err(Failure::Hook)?);
        Ok(())
    })?;
    served.ok_or(Failure::NotFound)
}

/// The token to hand out.
pub(crate) fn token(session: &Session<'_>) -> Result<Snapshot, Error> {
    session.long_lived_token(MIN_TTL)
}

/// The token, for a service that takes no API key.
pub(crate) fn iam_token(session: &Session<'_>, service: &str) -> Result<Snapshot, Error> {
    let snapshot = token(session)?;
    if snapshot.scheme() == Some(Scheme::Bearer) {
        return Ok(snapshot);
    }
    let reason = match snapshot.scheme() {
        Some(_) => format!("{service} takes an IAM token, not an API key"),
        None => format!("{service} takes an IAM token, and this method has none"),
    };
    Err(Error::new(ErrorKind::Invalid, reason)
        .at(snapshot.method().name())
        .with_help("name another method, such as `--key-file FILE` or `--method metadata`"))
}

/// The user name for Basic authentication, and the secret as the password; `None` for the method `none`.
pub(crate) fn login(snapshot: &Snapshot) -> Option<(&'static str, &str)> {
    let user = match snapshot.scheme()? {
        Scheme::ApiKey => API_KEY_USER,
        _ => IAM_USER,
    };
    Some((user, snapshot.expose_secret()?))
}

/// The user of an IAM token in Container Registry and Cloud Registry (docs, "Authenticate in Cloud Registry").
pub(crate) const IAM_USER: &str = "iam";

/// The user of an API key there.
pub(crate) const API_KEY_USER: &str = "api_key";
