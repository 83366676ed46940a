//! The id of a service account, as a program or a variable gives it.

use std::fmt;

use crate::{Error, ErrorKind};

/// IAM takes no longer ones (`iam_token_service.proto`).
const MAX_ID: usize = 50;

/// What was given for an id. Looked at on first use; shown only where it is one, since a secret may have slipped in.
#[derive(Clone)]
pub(crate) struct ServiceAccountId(String);

impl ServiceAccountId {
    pub(crate) fn new(given: impl Into<String>) -> Self {
        Self(given.into())
    }

    /// The id.
    ///
    /// # Errors
    /// `Invalid` where it cannot be one. The value is not shown.
    pub(crate) fn id(&self) -> Result<&str, Error> {
        let id = self.0.trim();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(fits) {
            return Err(Error::new(ErrorKind::Invalid, "the value is not the id of a service account").with_help(
                "give the id, `aje` and 17 more letters and digits: `yc iam service-account list` shows it",
            ));
        }
        Ok(id)
    }
}

impl fmt::Display for ServiceAccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "service account {}", self.id().unwrap_or("***"))
    }
}

impl fmt::Debug for ServiceAccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
