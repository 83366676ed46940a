//! The error of a call through the layer: there was no header for it, or the client failed.

use std::error::Error as StdError;
use std::fmt;

use crate::Error;

/// The error of [`AuthService`](super::AuthService): an error of the layer, or of the client behind it.
///
/// Displays as the error it holds. With the feature `tonic` the source of a layer's error is a `tonic::Status`, so that
/// generated clients report it as `UNAUTHENTICATED` or `UNAVAILABLE`.
///
/// ```
/// use yandex_cloud_auth::tower::AuthServiceError;
///
/// fn describe<E: std::error::Error>(error: &AuthServiceError<E>) -> String {
///     match error.auth() {
///         Some(error) => format!("not sent: {error} ({})", error.help().unwrap_or_default()),
///         None => format!("sent, and failed: {error}"),
///     }
/// }
/// # let error = yandex_cloud_auth::ApiKeyAuth::new("").unwrap_err();
/// # assert!(describe(&AuthServiceError::<std::io::Error>::from(error)).starts_with("not sent: "));
/// ```
pub struct AuthServiceError<E>(Cause<E>);

enum Cause<E> {
    Layer(LayerError),
    Service(E),
}

struct LayerError {
    error: Error,
    #[cfg(feature = "tonic")]
    status: Box<tonic::Status>,
}

impl<E> AuthServiceError<E> {
    pub(super) fn from_service(error: E) -> Self {
        Self(Cause::Service(error))
    }

    /// The layer's error: why there was no header, or why it must not be sent there. `None` where the client failed.
    #[must_use]
    pub fn auth(&self) -> Option<&Error> {
        match &self.0 {
            Cause::Layer(layer) => Some(&layer.error),
            Cause::Service(_) => None,
        }
    }

    /// The client's error; `None` where the client was not called.
    #[must_use]
    pub fn service(&self) -> Option<&E> {
        match &self.0 {
            Cause::Layer(_) => None,
            Cause::Service(error) => Some(error),
        }
    }

    /// The client's error.
    ///
    /// # Errors
    /// The layer's error, where the client was not called.
    pub fn into_service(self) -> Result<E, Error> {
        match self.0 {
            Cause::Layer(layer) => Err(layer.error),
            Cause::Service(error) => Ok(error),
        }
    }
}

impl<E> From<Error> for AuthServiceError<E> {
    fn from(error: Error) -> Self {
        Self(Cause::Layer(LayerError {
            #[cfg(feature = "tonic")]
            status: Box::new(error.clone().into()),
            error,
        }))
    }
}

impl<E: fmt::Display> fmt::Display for AuthServiceError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Layer(layer) => layer.error.fmt(formatter),
            Cause::Service(error) => error.fmt(formatter),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for AuthServiceError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Layer(layer) => formatter.debug_tuple("Auth").field(&layer.error).finish(),
            Cause::Service(error) => formatter.debug_tuple("Service").field(error).finish(),
        }
    }
}

impl<E: StdError + 'static> StdError for AuthServiceError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            #[cfg(feature = "tonic")]
            Cause::Layer(layer) => Some(&*layer.status),
            #[cfg(not(feature = "tonic"))]
            Cause::Layer(layer) => Some(&layer.error),
            Cause::Service(error) => Some(error),
        }
    }
}
