//! An address as the program gave it, which may have a password in it.

use std::fmt;

use crate::secret::redact;

/// An address as the program gave it. `Debug` masks a password in it.
#[derive(Clone)]
pub(crate) struct EndpointInput(String);

impl EndpointInput {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::ops::Deref for EndpointInput {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EndpointInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&redact(&self.0, &[]))
    }
}
