//! Where an adapter may send the header: the rules of the library's layer.

use http::Uri;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{Error, ErrorKind};

use crate::credentials::Credentials;
use crate::failure::{Checked, checked};
use crate::text::text;

/// The hosts that get the header: those of Yandex Cloud over TLS, those that the program adds, and the loopback address
/// that the program or `YC_API_ENDPOINT` names as the API.
#[pyclass(frozen, module = "yandex_cloud_auth._native")]
pub(crate) struct HostRules {
    layer: AuthLayer,
}

/// The rules. `allow_hosts` is a list of `str`, and nothing else.
#[pyfunction]
pub(crate) fn host_rules(
    credentials: &Bound<'_, Credentials>,
    allow_hosts: &Bound<'_, PyList>,
    allow_loopback: bool,
    skip_other_hosts: bool,
) -> Checked<HostRules> {
    checked(|| {
        let mut layer = AuthLayer::new(credentials.get().inner.clone());
        for host in allow_hosts {
            let host = host.cast::<PyString>().map(text).unwrap_or_default();
            layer = match host.strip_prefix("*.") {
                Some(domain) => layer.allow_hosts_below(domain)?,
                None => layer.allow_host(host.as_str())?,
            };
        }
        if allow_loopback {
            layer = layer.allow_loopback();
        }
        if skip_other_hosts {
            layer = layer.skip_other_hosts();
        }
        Ok(HostRules { layer })
    })
}

#[pymethods]
impl HostRules {
    /// Whether a request to this URL gets the header. Fails with Blocked where the request must not be sent.
    fn check(&self, url: &Bound<'_, PyString>) -> Checked<bool> {
        let url = text(url);
        let allowed = match url.split(['?', '#']).next().unwrap_or_default().parse::<Uri>() {
            Ok(uri) => self.layer.allows(&uri),
            Err(_) => Err(Error::new(ErrorKind::Blocked, "the URL of the request cannot be read").with_help(
                "give the client a whole URL, such as `https://ai.api.cloud.yandex.net/v1/models`",
            )),
        };
        checked(|| {
            allowed.map_err(|error| {
                // The help of the layer names functions of Rust.
                let other = if url.starts_with("http://") {
                    "use https: no other way keeps the header secret"
                } else {
                    "to send the header to this host, name it in `allow_hosts`; to send requests to other hosts without the \
                     header, `skip_other_hosts=True`"
                };
                error.with_help(format!(
                    "{other}; for a server on this computer set YC_API_ENDPOINT to its address, or `allow_loopback=True`"
                ))
            })
        })
    }
}
