//! The id of a service account, given by the program or a variable.

use std::fmt;

use crate::{Error, ErrorKind};

/// The longest id that IAM accepts (`iam_token_service.proto`).
const MAX_ID: usize = 50;

/// The given id, checked at first use. Errors show the value only if it is an id: a secret may be given by mistake.
#[derive(Clone)]
pub(crate) struct ServiceAccountId(String);

impl ServiceAccountId {
    pub(crate) fn new(given: impl Into<String>) -> Self {
        Self(given.into())
    }

    /// The id.
    ///
    /// # Errors
    /// `Invalid` if the value cannot be an id. The error does not show the value.
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
