//! Blocking calls: a runtime on the calling thread, for code without an executor. It starts no thread.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use tokio::runtime::{Handle, Runtime};
use yandex_cloud_auth::sdk_internals::new_runtime;

use crate::error::{Error, ErrorKind};

/// Blocks on the futures and streams of the SDK; made by [`AiStudio::blocking`](crate::AiStudio::blocking). Cheap to
/// clone. Several threads may wait at the same time.
///
/// ```no_run
/// use yandex_ai_studio_sdk::AiStudio;
///
/// let sdk = AiStudio::builder().build()?;
/// let blocking = sdk.blocking()?;
/// println!("{}", blocking.wait(sdk.folder_id())?);
/// # Ok::<(), yandex_ai_studio_sdk::Error>(())
/// ```
#[derive(Clone)]
pub struct Blocking {
    runtime: Arc<OwnedRuntime>,
}

/// A runtime that may be dropped inside another runtime: dropping a plain `Runtime` there panics.
struct OwnedRuntime(Option<Runtime>);

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Blocking {
    pub(crate) fn new() -> Result<Self, Error> {
        check_not_in_runtime()?;
        let runtime = new_runtime().map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("the runtime cannot be started: {error}"))
                .with_help("raise the limits of this process, or close what it does not use")
                .with_source(&error)
        })?;
        Ok(Self { runtime: Arc::new(OwnedRuntime(Some(runtime))) })
    }

    pub(crate) fn checked(self) -> Result<Self, Error> {
        check_not_in_runtime().map(|()| self)
    }

    /// Waits for a future of the SDK.
    ///
    /// # Errors
    /// The error of the call; [`ErrorKind::Invalid`] inside a tokio runtime, where nothing is sent.
    pub fn wait<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.block_on(call)?
    }

    /// An iterator over the items of a stream. Each `next` waits for one item.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::AiStudio;
    ///
    /// # fn main() -> Result<(), yandex_ai_studio_sdk::Error> {
    /// let sdk = AiStudio::builder().auth("AQVN-fake").build()?;
    /// let stream = futures_util::stream::iter([Ok(1), Ok(2)]);
    /// let items: Result<Vec<i32>, _> = sdk.blocking()?.iter(stream).collect();
    /// assert_eq!(items?, [1, 2]);
    /// # Ok(()) }
    /// ```
    pub fn iter<S, T>(&self, stream: S) -> Iter<S>
    where
        S: Stream<Item = Result<T, Error>>,
    {
        Iter { blocking: self.clone(), stream: Some(Box::pin(stream)) }
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        check_not_in_runtime()?;
        match &self.runtime.0 {
            Some(runtime) => Ok(runtime.block_on(work)),
            None => Err(Error::new(ErrorKind::Invalid, "the runtime has ended")),
        }
    }
}

fn check_not_in_runtime() -> Result<(), Error> {
    if Handle::try_current().is_err() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, "`blocking` inside a runtime would block it")
        .with_help("await the call instead; in a blocking task use `tokio::runtime::Handle::block_on`"))
}

impl fmt::Debug for Blocking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Blocking")
    }
}

/// An iterator over the items of a stream; made by [`Blocking::iter`].
pub struct Iter<S> {
    blocking: Blocking,
    /// `None` after the end.
    stream: Option<Pin<Box<S>>>,
}

impl<S, T> Iterator for Iter<S>
where
    S: Stream<Item = Result<T, Error>>,
{
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let stream = self.stream.as_mut()?;
        let next = std::future::poll_fn(|context| stream.as_mut().poll_next(context));
        match self.blocking.block_on(next) {
            Ok(Some(item)) => Some(item),
            Ok(None) => {
                self.stream = None;
                None
            }
            Err(error) => {
                self.stream = None;
                Some(Err(error))
            }
        }
    }
}

impl<S> fmt::Debug for Iter<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Iter")
    }
}
