//! One call before it is sent: the service, the path and the body.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::services::Service;

/// The default limit of a call: 60 s, as in the Python SDK.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// The default limit of a call that generates text: 180 s, as in the Python SDK.
pub(crate) const GENERATION_TIMEOUT: Duration = Duration::from_secs(180);

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) method: Method,
    /// The path below the URL of the service; begins with a slash.
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
                .with_help("check the fields that you added to the request")
        })?;
        let body = Some(Bytes::from(body));
        Ok(Self { service, method: Method::POST, path: path.into(), body })
    }
}
