//! The operations that one event loop, or one thread, waits for.

use std::collections::HashMap;
use std::future::ready;
use std::mem::{ManuallyDrop, take};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyList;
use yandex_cloud_auth::{Error, ErrorKind, RevokeOptions, Snapshot, Subscription};

use crate::credentials::{Credentials, Form};
use crate::failure::{Checked, Failure, checked};
use crate::log_queue;
use crate::options::{header_options, seconds, set};
use crate::signal::{OperationWaker, Signal, lock};

/// What an operation ends with.
enum Outcome {
    Header(Form, Snapshot),
    Revoked(Option<String>),
    /// The subscription, and whether the credentials are still there.
    Changed(Box<Subscription>, bool),
    Failed(Error),
}

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

struct Operation {
    work: Work,
    waker: Arc<OperationWaker>,
}

impl Operation {
    fn poll(&mut self) -> Poll<Outcome> {
        self.waker.queued.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self.waker));
        self.work.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// Operations, and the socket that becomes readable when one of them may have ended.
///
/// A hub belongs to the process that made it. In a child of a fork the hub does nothing, and its operations are never
/// dropped: locks may have been copied while another thread held them.
#[pyclass(frozen, module = "yandex_cloud_auth._native")]
pub(crate) struct Hub {
    process: u32,
    last: AtomicU64,
    signal: Arc<Signal>,
    operations: ManuallyDrop<Mutex<HashMap<u64, Operation>>>,
}

impl Hub {
    fn is_foreign(&self) -> bool {
        self.process != std::process::id()
    }

    fn add(&self, work: Work) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.insert(number, work);
        number
    }

    /// Starts the work by a first poll. `step` takes the outcome, even if the first poll has it.
    fn insert(&self, number: u64, work: Work) {
        let waker = Arc::new(OperationWaker {
            number,
            signal: Arc::clone(&self.signal),
            queued: AtomicBool::new(false),
        });
        let mut operation = Operation { work, waker: Arc::clone(&waker) };
        let outcome = operation.poll();
        let has_ended = outcome.is_ready();
        if let Poll::Ready(outcome) = outcome {
            operation.work = Box::pin(ready(outcome));
        }
        lock(&self.operations).insert(number, operation);
        if has_ended {
            waker.wake();
        }
    }

    /// Polls one operation: its outcome, if it has ended.
    fn poll(&self, number: u64) -> Option<Outcome> {
        // Out of the table while it is polled: a poll may run a signal handler's work on this hub, but not on this number.
        let mut operation = lock(&self.operations).remove(&number)?;
        match operation.poll() {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => {
                lock(&self.operations).insert(number, operation);
                None
            }
        }
    }
}

/// A hub without operations.
#[pyfunction]
pub(crate) fn open_hub() -> Checked<Hub> {
    checked(|| {
        let signal = Signal::new().map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("no pair of sockets for the wait: {error}")).with_help(
                "call again when the process has free file descriptors, or raise their limit (`ulimit -n`)",
            )
        })?;
        Ok(Hub {
            process: std::process::id(),
            last: AtomicU64::new(0),
            signal: Arc::new(signal),
            operations: ManuallyDrop::default(),
        })
    })
}

#[pymethods]
impl Hub {
    /// The descriptor that is readable when `step` has something to do.
    fn fileno(&self) -> i64 {
        self.signal.fileno()
    }

    /// Whether this process is a child of the one that made the hub.
    #[getter]
    fn foreign(&self) -> bool {
        self.is_foreign()
    }

    /// Starts a wait for a header, or for a bare token. Returns the number of the operation.
    #[pyo3(signature = (credentials, token, timeout, min_ttl))]
    fn start_header(
        &self,
        credentials: &Bound<'_, Credentials>,
        token: bool,
        timeout: Option<f64>,
        min_ttl: Option<f64>,
    ) -> u64 {
        let options = header_options(timeout, min_ttl);
        let form = if token { Form::Token } else { Form::Header };
        let credentials = credentials.get().inner.clone();
        self.add(Box::pin(async move {
            credentials.get(options).await.map_or_else(Outcome::Failed, |sent| Outcome::Header(form, sent))
        }))
    }

    /// Starts a revocation.
    #[pyo3(signature = (credentials, timeout))]
    fn start_revoke(&self, credentials: &Bound<'_, Credentials>, timeout: Option<f64>) -> u64 {
        let mut options = RevokeOptions::new();
        set!(options, timeout: seconds(timeout));
        let credentials = credentials.get().inner.clone();
        self.add(Box::pin(async move {
            let revoked = credentials.revoke(options).await;
            revoked.map_or_else(Outcome::Failed, |revoked| Outcome::Revoked(revoked.subject_id))
        }))
    }

    /// Starts to wait for new tokens, again and again. The credentials are not kept alive.
    fn start_changes(&self, credentials: &Bound<'_, Credentials>) -> u64 {
        self.add(changed(Box::new(credentials.get().inner.subscribe())))
    }

    /// Becomes readable for each new log record, too.
    fn listen_to_log(&self) {
        log_queue::listen(Arc::clone(&self.signal));
    }

    /// Makes the descriptor readable: the caller has something to do in `step` itself.
    fn wake(&self) {
        self.signal.wake();
    }

    /// Gives an operation up.
    fn cancel(&self, number: u64) {
        if !self.is_foreign() {
            let operation = lock(&self.operations).remove(&number);
            drop(operation);
        }
    }

    /// Looks at no more than `limit` operations that may have ended. For each that has, adds three values to `ended`: its
    /// number, whether it succeeded, and the value, or the failure. `credentials` are those whose headers are waited for.
    /// The descriptor stays readable until a call has nothing to do, and while `keep` is true.
    #[pyo3(signature = (credentials, limit, keep, ended))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        credentials: Option<&Bound<'py, Credentials>>,
        limit: usize,
        keep: bool,
        ended: &Bound<'py, PyList>,
    ) -> PyResult<()> {
        if self.is_foreign() {
            return Ok(());
        }
        for number in self.signal.take(limit, keep) {
            let (succeeded, value) = match self.poll(number) {
                None => continue,
                Some(Outcome::Header(form, snapshot)) => match credentials {
                    Some(credentials) => (true, credentials.get().keep(py, &snapshot, form).into_bound(py)),
                    None => continue,
                },
                Some(Outcome::Revoked(subject)) => {
                    if let Some(credentials) = credentials {
                        credentials.get().forget();
                    }
                    (true, subject.into_bound_py_any(py)?)
                }
                Some(Outcome::Changed(subscription, alive)) => {
                    if alive {
                        self.insert(number, changed(subscription));
                    }
                    (true, alive.into_bound_py_any(py)?)
                }
                Some(Outcome::Failed(error)) => (false, Failure::new(py, &error)?.into_bound_py_any(py)?),
            };
            ended.append(number)?;
            ended.append(succeeded)?;
            ended.append(value)?;
        }
        Ok(())
    }
}

fn changed(mut subscription: Box<Subscription>) -> Work {
    Box::pin(async move {
        let alive = subscription.changed().await.is_some();
        Outcome::Changed(subscription, alive)
    })
}

impl Drop for Hub {
    fn drop(&mut self) {
        if !self.is_foreign() {
            let operations = take(&mut *lock(&self.operations));
            drop(operations);
        }
    }
}
