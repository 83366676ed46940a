//! The native half of the Python package `yandex_cloud_auth`.
//!
//! The library's own thread never touches Python: a waker sets a flag and writes a byte to a socket ([`signal`]). The
//! waits themselves are Python's, in the other half of the package: `poll` in a call that blocks, the event loop in one
//! that does not. So no thread is ever inside the interpreter when the interpreter ends.

mod credentials;
mod destination;
mod errors;
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
    use crate::destination::HostRules;
    #[pymodule_export]
    use crate::hub::Hub;
    #[pymodule_export]
    use crate::log_queue::{nothing, start_logging, take_log};
    #[pymodule_export]
    use crate::methods::{
        Method, api_key, env_iam_token, function, iam_token, impersonation, metadata, none, oauth_token,
        profile, service_account_key, token_file, workload_identity, yandex_cloud_cli,
    };

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("VERSION", env!("CARGO_PKG_VERSION"))
    }
}
