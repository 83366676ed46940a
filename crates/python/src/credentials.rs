//! The credentials, and the texts that are kept of their current token.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use yandex_cloud_auth::{Credentials as Engine, Snapshot};

use crate::methods::Method;
use crate::report::Report;
use crate::text::text;

/// Which text of a token is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The value of `Authorization`.
    Header,
    /// The bare token or key.
    Token,
}

/// The texts of one generation, as Python has them. A str cannot be wiped, so there is one of each form at most, and it
/// goes when the next one is asked for, at `invalidate` and `revoke`, and with the credentials.
struct Kept {
    generation: u64,
    header: Option<Py<PyAny>>,
    token: Option<Py<PyAny>>,
}

impl Kept {
    fn slot(&mut self, form: Form) -> &mut Option<Py<PyAny>> {
        match form {
            Form::Header => &mut self.header,
            Form::Token => &mut self.token,
        }
    }
}

/// The native half of `Credentials`. No function here waits, or calls one that does.
///
/// The class has no `weakref`, and its Python half has: the callbacks of weak references are Python's, and those of this class
/// would be called by Rust.
#[pyclass(frozen, subclass, module = "yandex_cloud_auth._native")]
pub(crate) struct Credentials {
    pub(crate) inner: Engine,
    kept: Mutex<Option<Kept>>,
}

impl Credentials {
    /// The kept text, if it is that of the usable token. Leaves nothing: no thread, no lock that anyone waits for.
    #[inline]
    fn ready(&self, py: Python<'_>, form: Form) -> Option<Py<PyAny>> {
        let generation = self.inner.generation()?;
        if let Ok(mut kept) = self.kept.try_lock()
            && let Some(kept) = kept.as_mut()
            && kept.generation == generation
            && let Some(text) = kept.slot(form)
        {
            return Some(text.clone_ref(py));
        }
        self.make_ready(py, form)
    }

    #[cold]
    fn make_ready(&self, py: Python<'_>, form: Form) -> Option<Py<PyAny>> {
        Some(self.keep(py, &self.inner.snapshot()?, form))
    }

    /// The text of a snapshot: the kept one, or a new one that is kept from now on.
    pub(crate) fn keep(&self, py: Python<'_>, snapshot: &Snapshot, form: Form) -> Py<PyAny> {
        let generation = snapshot.generation();
        // A lock that is held is passed by: a copy of a fork may be held for ever.
        let mut kept = self.kept.try_lock().ok();
        if let Some(kept) = kept.as_deref_mut().and_then(Option::as_mut)
            && kept.generation == generation
            && let Some(text) = kept.slot(form)
        {
            return text.clone_ref(py);
        }
        let made = make(py, snapshot, form);
        let mut previous = None;
        if let Some(kept) = kept.as_deref_mut() {
            if kept.as_ref().is_none_or(|kept| kept.generation < generation) {
                previous = kept.replace(Kept { generation, header: None, token: None });
            }
            if let Some(kept) = kept.as_mut().filter(|kept| kept.generation == generation) {
                *kept.slot(form) = Some(made.clone_ref(py));
            }
        }
        drop(kept);
        drop(previous);
        made
    }

    /// Lets the kept texts go.
    pub(crate) fn forget(&self) {
        let previous = self.kept.try_lock().ok().and_then(|mut kept| kept.take());
        drop(previous);
    }
}

fn make(py: Python<'_>, snapshot: &Snapshot, form: Form) -> Py<PyAny> {
    let text = |text: Option<&str>| match text {
        Some(text) => PyString::new(py, text).into_any().unbind(),
        None => py.None(),
    };
    match form {
        Form::Token => text(snapshot.expose_secret()),
        // A header is visible ASCII.
        Form::Header => text(snapshot.header().as_ref().and_then(|header| header.to_str().ok())),
    }
}

#[pymethods]
impl Credentials {
    #[new]
    fn new(auth: &Bound<'_, Method>) -> Self {
        Self { inner: auth.get().credentials.clone(), kept: Mutex::default() }
    }

    /// The header at hand, or False: there is none without a wait.
    fn _ready_header(&self, py: Python<'_>) -> Py<PyAny> {
        self.ready(py, Form::Header).unwrap_or_else(|| no(py))
    }

    /// The token at hand, or False: there is none without a wait.
    fn _ready_token(&self, py: Python<'_>) -> Py<PyAny> {
        self.ready(py, Form::Token).unwrap_or_else(|| no(py))
    }

    fn _invalidate(&self, token: &Bound<'_, PyString>) -> bool {
        let refused = text(token);
        let Some(snapshot) = self.inner.snapshot() else { return false };
        let is_current = snapshot.expose_secret() == Some(refused.as_str())
            || snapshot.header().is_some_and(|header| header.as_bytes() == refused.as_bytes());
        if !is_current || !self.inner.invalidate(&snapshot) {
            return false;
        }
        self.forget();
        true
    }

    /// Starts the selection and the first fetch, if they are due, and returns at once.
    fn prewarm(&self) {
        self.inner.prewarm();
    }

    fn _report(&self) -> Option<Report> {
        self.inner.report().map(Report::from)
    }

    /// The name of the method, such as `metadata`. None until automatic selection has chosen one.
    #[getter]
    fn method(&self) -> Option<&'static str> {
        self.inner.method().map(|method| method.name())
    }

    /// The seconds from 1970 to the end of the current token.
    fn _ends_at(&self) -> Option<f64> {
        let end = self.inner.snapshot()?.expires_at()?;
        Some(end.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64())
    }

    /// Adds the numbers of fetches, failures and waits to a list.
    fn _count(&self, into: &Bound<'_, PyList>) -> PyResult<()> {
        let counters = self.inner.counters();
        [counters.fetches, counters.failures, counters.waited]
            .into_iter()
            .try_for_each(|count| into.append(count))
    }
}

fn no(py: Python<'_>) -> Py<PyAny> {
    pyo3::types::PyBool::new(py, false).to_owned().into_any().unbind()
}
