//! The native half of the Python package `yandex_cloud_auth`.
//!
//! The library's own thread never touches Python: a waker sets a flag and writes a byte to a socket ([`signal`]). The
//! waits themselves are Python's, in the other half of the package: `poll` in a call that blocks, the event loop in one
//! that does not.
//!
//! One rule for all of this half: **no native function runs code of Python's**. An interpreter that ends unwinds by force each
//! thread that wants to run more of Python, and frames of Rust do not survive that: the process would crash. So the Python half
//! converts arguments before a call, and makes exceptions, reports and dates after it. The functions here take `str`, `bytes`,
//! `float`, `bool` and lists, and return plain values, instances of classes of this half, and a [`failure`].
//!
//! One gap is left. Python 3.10 and 3.11 may collect garbage, and so run code of the program's, where an object is made that can
//! hold others; later versions collect between two steps of bytecode. So such objects are few here: instances of our classes. A
//! function that has many values to return adds them to a list of the caller's.

mod credentials;
mod destination;
mod failure;
mod hub;
mod log_queue;
mod methods;
mod options;
mod report;
mod signal;
mod text;

use pyo3::prelude::*;

/// The native half of `yandex_cloud_auth`. Use the package, not this module.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::credentials::Credentials;
    #[pymodule_export]
    use crate::destination::{HostRules, host_rules};
    #[pymodule_export]
    use crate::failure::Failure;
    #[pymodule_export]
    use crate::hub::{Hub, open_hub};
    #[pymodule_export]
    use crate::log_queue::{nothing, start_logging, take_log};
    #[pymodule_export]
    use crate::methods::{
        Method, api_key, automatic, env_iam_token, from_string, function, iam_token, impersonation, metadata,
        none, oauth_token, on_machine, profile, service_account_key, token_file, workload_identity,
        yandex_cloud_cli,
    };
    #[pymodule_export]
    use crate::report::Report;

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("VERSION", env!("CARGO_PKG_VERSION"))
    }
}
