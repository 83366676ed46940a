//! Why a call through the layer failed: there was no header for it, or the client failed.

use std::error::Error as StdError;
use std::fmt;

use crate::Error;

/// The error of [`AuthService`](super::AuthService): the layer's own, or that of the client behind it.
///
/// Displays as whichever it is. In front of tonic (feature `tonic`) the layer's own error has a `tonic::Status`
/// for its source, so that it arrives as `UNAUTHENTICATED` or `UNAVAILABLE`.
///
/// ```
/// use yandex_cloud_auth::tower::AuthServiceError;
///
/// fn told<E: std::error::Error>(error: &AuthServiceError<E>) -> String {
///     match error.auth() {
///         Some(error) => format!("not sent: {error} ({})", error.help().unwrap_or_default()),
///         None => format!("sent, and failed: {error}"),
///     }
/// }
/// # let error = yandex_cloud_auth::ApiKeyAuth::new("").unwrap_err();
/// # assert!(told(&AuthServiceError::<std::io::Error>::from(error)).starts_with("not sent: "));
/// ```
pub struct AuthServiceError<E>(Which<E>);

enum Which<E> {
    Auth(Own),
    Service(E),
}

struct Own {
    error: Error,
    #[cfg(feature = "tonic")]
    status: Box<tonic::Status>,
}

impl<E> AuthServiceError<E> {
    pub(super) fn of_service(error: E) -> Self {
        Self(Which::Service(error))
    }

    /// Why there was no header, or why it could not be sent there; `None` where the client failed.
    #[must_use]
    pub fn auth(&self) -> Option<&Error> {
        match &self.0 {
            Which::Auth(own) => Some(&own.error),
            Which::Service(_) => None,
        }
    }

    /// The client's error; `None` where it was not asked.
    #[must_use]
    pub fn service(&self) -> Option<&E> {
        match &self.0 {
            Which::Auth(_) => None,
            Which::Service(error) => Some(error),
        }
    }

    /// The client's error.
    ///
    /// # Errors
    /// The layer's own, where the client was not asked.
    pub fn into_service(self) -> Result<E, Error> {
        match self.0 {
            Which::Auth(own) => Err(own.error),
            Which::Service(error) => Ok(error),
        }
    }
}

impl<E> From<Error> for AuthServiceError<E> {
    fn from(error: Error) -> Self {
        Self(Which::Auth(Own {
            #[cfg(feature = "tonic")]
            status: Box::new(error.clone().into()),
            error,
        }))
    }
}

impl<E: fmt::Display> fmt::Display for AuthServiceError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Which::Auth(own) => own.error.fmt(formatter),
            Which::Service(error) => error.fmt(formatter),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for AuthServiceError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Which::Auth(own) => formatter.debug_tuple("Auth").field(&own.error).finish(),
            Which::Service(error) => formatter.debug_tuple("Service").field(error).finish(),
        }
    }
}

impl<E: StdError + 'static> StdError for AuthServiceError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            #[cfg(feature = "tonic")]
            Which::Auth(own) => Some(&*own.status),
            #[cfg(not(feature = "tonic"))]
            Which::Auth(own) => Some(&own.error),
            Which::Service(error) => Some(error),
        }
    }
}
