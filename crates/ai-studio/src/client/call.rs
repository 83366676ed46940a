//! One call, before it is sent: to which service, and what.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::error::{Error, ErrorKind};

/// How long a call may take unless it says otherwise; the Python SDK's default.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// Which service a call goes to. The client knows its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    /// The OpenAI-compatible API: paths are below its `/v1`.
    OpenAi,
    /// The native models: paths begin with `/foundationModels/v1`.
    FoundationModels,
    /// Operations: paths begin with `/operations`.
    Operations,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) method: Method,
    /// Behind the service's address; begins with a slash.
    pub(crate) path: Cow<'static, str>,
    /// JSON.
    pub(crate) body: Option<Bytes>,
}

impl Call {
    pub(crate) fn get(service: Service, path: impl Into<Cow<'static, str>>) -> Self {
        Self { service, method: Method::GET, path: path.into(), body: None }
    }

    pub(crate) fn post(
        service: Service,
        path: impl Into<Cow<'static, str>>,
        body: &impl Serialize,
    ) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("the request cannot be written as JSON: {error}"))
                .with_help("look at the fields of your own that were added to the request")
        })?;
        let body = Some(Bytes::from(body));
        Ok(Self { service, method: Method::POST, path: path.into(), body })
    }
}
