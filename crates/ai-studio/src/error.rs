//! The one error of the SDK: its kind, the call, the reason, and what to do next.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use yandex_cloud_auth as auth;

/// The kinds of errors that a program may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call has no header, or the header may not go to the host; [`Error::auth`] is the cause.
    Auth,
    /// The SDK rejects an option, a model name or an argument; nothing was sent.
    Invalid,
    /// The address of a service is unknown.
    UnknownEndpoint,
    /// The service cannot be reached, the connection broke, or HTTP 408, 429 or 5xx. A later call may succeed.
    Unavailable,
    /// The deadline of the call passed.
    Timeout,
    /// The server refused the call: any other HTTP 4xx; see [`Error::status`].
    Refused,
    /// A response or an event cannot be read.
    Unreadable,
    /// An operation ended with an error.
    Operation,
}

impl ErrorKind {
    /// The kind's name, for logs.
    ///
    /// ```
    /// assert_eq!(yandex_ai_studio_sdk::ErrorKind::UnknownEndpoint.name(), "unknown-endpoint");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Invalid => "invalid",
            Self::UnknownEndpoint => "unknown-endpoint",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Operation => "operation",
        }
    }
}

/// Why a call failed. Cheap to clone.
///
/// Displays as one line: the call, the reason, the method of authentication, and the request ids that support asks for.
/// It contains no secret: foreign text is masked, escaped and limited to 1 KiB.
///
/// ```
/// use yandex_ai_studio_sdk::{AiStudio, ErrorKind};
///
/// let error = AiStudio::builder().auth("Bearer t1.fake").build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Auth);
/// assert!(error.help().is_some());
/// assert!(!error.to_string().contains("t1.fake"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    reason: String,
    help: Option<Cow<'static, str>>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    context: Context,
    auth: Option<auth::Error>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The call of an error. [`Error::with_context`] masks the texts.
#[derive(Clone, Default)]
pub(crate) struct Context {
    /// `POST https://…`.
    pub(crate) endpoint: Option<String>,
    pub(crate) method: Option<auth::Method>,
    /// `x-client-request-id`, made by the SDK.
    pub(crate) client_request_id: Option<String>,
    /// `x-request-id`, made by the server.
    pub(crate) request_id: Option<String>,
    /// `x-server-trace-id`, made by the server.
    pub(crate) trace_id: Option<String>,
    /// How often the call was sent.
    pub(crate) attempts: u32,
}

impl Error {
    /// An error with a reason of one lower-case line. Text that looks like a secret is masked.
    pub(crate) fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            reason: auth::redact(&reason.into(), &[]),
            help: None,
            status: None,
            retry_after: None,
            context: Context::default(),
            auth: None,
            source: None,
        }))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn with_help(self, help: impl Into<Cow<'static, str>>) -> Self {
        let help = match help.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text),
            Cow::Owned(text) => Cow::Owned(auth::redact(&text, &[])),
        };
        self.change(|inner| inner.help = Some(help))
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        self.change(|inner| inner.status = Some(status))
    }

    pub(crate) fn with_retry_after(self, wait: Option<Duration>) -> Self {
        self.change(|inner| inner.retry_after = wait)
    }

    pub(crate) fn with_context(self, mut context: Context) -> Self {
        for text in
            [&mut context.endpoint, &mut context.request_id, &mut context.trace_id].into_iter().flatten()
        {
            *text = auth::redact(text, &[]);
        }
        self.change(|inner| inner.context = context)
    }

    /// Adds the cause. Its text is masked, too, because it may quote a URL with a password, or a response.
    pub(crate) fn with_source(self, source: &(dyn StdError + 'static)) -> Self {
        let cause = Cause::of(source);
        self.change(|inner| inner.source = Some(Arc::new(cause)))
    }

    /// The error of the string in `auth`. The string has no method yet, so the text names no method.
    pub(crate) fn of_auth(error: auth::Error) -> Self {
        let reason = format!("auth: {}", error.reason());
        Self::new(ErrorKind::Auth, reason).change(|inner| inner.auth = Some(error))
    }

    /// The error of the auth crate about an option: an address, or the file of a certificate authority.
    pub(crate) fn of_option(error: auth::Error) -> Self {
        if error.kind() != auth::ErrorKind::Invalid {
            return error.into();
        }
        let own = Self::new(ErrorKind::Invalid, error.to_string());
        match error.help() {
            Some(help) => own.with_help(help.to_owned()),
            None => own,
        }
    }

    /// The error of a shared search that was dropped before its end.
    pub(crate) fn search_dropped() -> Self {
        Self::new(ErrorKind::Unavailable, "the search was interrupted").with_help("repeat the call")
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status, where the server responded.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Whether the same call may succeed later without a change in the program.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.0.kind {
            ErrorKind::Unavailable | ErrorKind::Timeout => true,
            ErrorKind::Auth => self.0.auth.as_ref().is_some_and(auth::Error::is_transient),
            _ => false,
        }
    }

    /// How long to wait before another attempt, where the server says so (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after.or_else(|| self.0.auth.as_ref()?.retry_after())
    }

    /// The error of the auth crate, where the call has no header.
    #[must_use]
    pub fn auth(&self) -> Option<&auth::Error> {
        self.0.auth.as_ref()
    }

    /// The call, as `POST https://…`; `None` where no call was made.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.0.context.endpoint.as_deref()
    }

    /// The method of authentication of the call, once one is selected.
    #[must_use]
    pub fn auth_method(&self) -> Option<auth::Method> {
        self.0.context.method.or_else(|| self.0.auth.as_ref()?.method())
    }

    /// `x-client-request-id`: the id of the call, the same for all its attempts.
    #[must_use]
    pub fn client_request_id(&self) -> Option<&str> {
        self.0.context.client_request_id.as_deref()
    }

    /// `x-request-id` of the response.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.context.request_id.as_deref()
    }

    /// `x-server-trace-id` of the response: the id that Yandex Cloud support asks for.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.0.context.trace_id.as_deref()
    }

    /// How often the call was sent. The second request of an attempt, after a refused token, does not count.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.context.attempts
    }

    /// The reason, without the call and its ids. It includes the message of the server.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What to do next.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref().or_else(|| self.0.auth.as_ref()?.help())
    }
}

impl From<auth::Error> for Error {
    fn from(error: auth::Error) -> Self {
        Self::new(ErrorKind::Auth, error.to_string()).change(|inner| inner.auth = Some(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = &self.0.context;
        if let Some(endpoint) = &context.endpoint {
            write!(formatter, "{endpoint}: ")?;
        }
        formatter.write_str(&self.0.reason)?;
        let method = context.method.map(auth::Method::name);
        let notes = [
            ("auth", method),
            ("x-client-request-id", context.client_request_id.as_deref()),
            ("x-request-id", context.request_id.as_deref()),
            ("x-server-trace-id", context.trace_id.as_deref()),
        ];
        let mut separator = " (";
        for (name, value) in notes {
            if let Some(value) = value {
                write!(formatter, "{separator}{name} {value}")?;
                separator = ", ";
            }
        }
        if context.attempts > 1 {
            write!(formatter, "{separator}{} attempts", context.attempts)?;
            separator = ", ";
        }
        if separator == ", " { formatter.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &format_args!("{self}"))
            .field("help", &self.help())
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match (&self.0.auth, &self.0.source) {
            (Some(error), _) => Some(error),
            (None, Some(source)) => Some(&**source),
            (None, None) => None,
        }
    }
}

/// The cause of an error, as masked text.
struct Cause {
    text: String,
    next: Option<Box<Self>>,
}

impl Cause {
    fn of(error: &(dyn StdError + 'static)) -> Self {
        let text = auth::redact(&error.to_string(), &[]);
        Self { text, next: error.source().map(|next| Box::new(Self::of(next))) }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}
