//! The credentials, and the texts that are kept of their current token.

use std::sync::Mutex;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use yandex_cloud_auth::system::CacheFolder;
use yandex_cloud_auth::{Automatic, Credentials as Engine, Endpoints, Snapshot, System};

use crate::errors::checked;
use crate::methods::Method;
use crate::options::set;
use crate::report;
use crate::text::{optional_name, text};

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

/// The native half of `Credentials`. No function here waits, or calls one that does: where the interpreter ends while a
/// thread waits, the thread is unwound by force, which frames of Rust do not survive.
#[pyclass(frozen, subclass, weakref, module = "yandex_cloud_auth._native")]
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
    #[pyo3(signature = (auth=None, *, lenient=false, shared_cache=true, endpoint=None, iam_endpoint=None, oauth_endpoint=None))]
    fn new(
        py: Python<'_>,
        auth: Option<&Bound<'_, PyAny>>,
        lenient: bool,
        shared_cache: bool,
        endpoint: Option<&Bound<'_, PyAny>>,
        iam_endpoint: Option<&Bound<'_, PyAny>>,
        oauth_endpoint: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut system = System::real();
        let mut endpoints = Endpoints::new();
        set!(
            endpoints,
            api: optional_name(endpoint),
            iam: optional_name(iam_endpoint),
            oauth: optional_name(oauth_endpoint),
        );
        if endpoints != Endpoints::new() {
            system = system.with_endpoints(endpoints);
        }
        if shared_cache && let Some(folder) = checked(py, CacheFolder::from_env(system.environment()))? {
            system = system.with_shared_cache(folder);
        }
        let inner = match auth {
            None if lenient => Automatic::new().lenient().build(),
            None => Engine::automatic(),
            Some(_) if lenient => {
                return Err(PyValueError::new_err("lenient is an option of automatic selection alone"));
            }
            Some(auth) => match auth.cast::<Method>() {
                Ok(method) => method.get().credentials.clone(),
                Err(_) => checked(py, Engine::from_string(text(auth, "auth")?.as_str()))?,
            },
        };
        Ok(Self { inner: inner.with_system(system), kept: Mutex::default() })
    }

    /// The header at hand, or False: there is none without a wait.
    fn _ready_header(&self, py: Python<'_>) -> Py<PyAny> {
        self.ready(py, Form::Header).unwrap_or_else(|| no(py))
    }

    /// The token at hand, or False: there is none without a wait.
    fn _ready_token(&self, py: Python<'_>) -> Py<PyAny> {
        self.ready(py, Form::Token).unwrap_or_else(|| no(py))
    }

    /// Drops exactly this token, or the token of this header, because a server refused it: the next call fetches.
    ///
    /// Returns False if that changes nothing: a newer token has replaced it, or the method has no other to give
    /// (`api-key`, `iam-token`, `none`).
    fn invalidate(&self, token: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let Some(token) = token else { return Ok(false) };
        let refused = text(token, "token")?;
        let Some(snapshot) = self.inner.snapshot() else { return Ok(false) };
        let is_current = snapshot.expose_secret() == Some(refused.as_str())
            || snapshot.header().is_some_and(|header| header.as_bytes() == refused.as_bytes());
        if !is_current || !self.inner.invalidate(&snapshot) {
            return Ok(false);
        }
        self.forget();
        Ok(true)
    }

    /// Starts the selection and the first fetch, if they are due, and returns at once.
    fn prewarm(&self) {
        self.inner.prewarm();
    }

    /// Why this method was selected; after a selection that failed, what it tried. None before the first selection.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.inner.report().map(|report| report::to_python(py, &report)).transpose()
    }

    /// The name of the method, such as `metadata`. None until automatic selection has chosen one.
    #[getter]
    fn method(&self) -> Option<&'static str> {
        self.inner.method().map(|method| method.name())
    }

    /// When the current token ends according to its issuer, a datetime in UTC; None if there is no token now, or its
    /// issuer did not say.
    #[getter]
    fn expires_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(end) = self.inner.snapshot().and_then(|snapshot| snapshot.expires_at()) else {
            return Ok(None);
        };
        let since = end.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        datetime.getattr("datetime")?.call_method1("fromtimestamp", (since, utc)).map(Some)
    }

    /// How often things happened: a dict with `fetches`, `failures` and `waited`.
    fn counters(&self) -> std::collections::BTreeMap<&'static str, u64> {
        let counters = self.inner.counters();
        [("fetches", counters.fetches), ("failures", counters.failures), ("waited", counters.waited)].into()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type().name()?;
        Ok(match slf.get().method() {
            Some(method) => format!("<{class} method={method:?}>"),
            None => format!("<{class} method=None>"),
        })
    }

    /// Credentials do not copy: the copy is the object itself, with the one token and the one fetch.
    fn __copy__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    /// As `__copy__`.
    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, _memo: &Bound<'_, PyAny>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "Credentials cannot be pickled: the pickle would hold the secret in plain text. Make them in each process: \
             after a fork they work as they are, and the shared cache gives all processes one token",
        ))
    }
}

fn no(py: Python<'_>) -> Py<PyAny> {
    pyo3::types::PyBool::new(py, false).to_owned().into_any().unbind()
}
