//! Where an adapter may send the header: the rules of the library's layer.

use http::Uri;
use pyo3::prelude::*;
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{Error, ErrorKind};

use crate::credentials::Credentials;
use crate::errors::{checked, to_python};
use crate::text::{text, texts};

/// The hosts that get the header: those of Yandex Cloud over TLS, those that the program adds, and the loopback address
/// that the program or `YC_API_ENDPOINT` names as the API.
#[pyclass(frozen, module = "yandex_cloud_auth._native")]
pub(crate) struct HostRules {
    layer: AuthLayer,
}

#[pymethods]
impl HostRules {
    #[new]
    #[pyo3(signature = (credentials, *, allow_hosts=None, allow_loopback=false, skip_other_hosts=false))]
    fn new(
        py: Python<'_>,
        credentials: &Bound<'_, Credentials>,
        allow_hosts: Option<&Bound<'_, PyAny>>,
        allow_loopback: bool,
        skip_other_hosts: bool,
    ) -> PyResult<Self> {
        let mut layer = AuthLayer::new(credentials.get().inner.clone());
        for host in texts(allow_hosts, "allow_hosts")? {
            let allowed = match host.strip_prefix("*.") {
                Some(domain) => layer.allow_hosts_below(domain),
                None => layer.allow_host(host.as_str()),
            };
            layer = checked(py, allowed)?;
        }
        if allow_loopback {
            layer = layer.allow_loopback();
        }
        if skip_other_hosts {
            layer = layer.skip_other_hosts();
        }
        Ok(Self { layer })
    }

    /// Whether a request to this URL gets the header. Raises Blocked where the request must not be sent.
    fn check(&self, py: Python<'_>, url: &Bound<'_, PyAny>) -> PyResult<bool> {
        let url = text(url, "url")?;
        let allowed = match url.split(['?', '#']).next().unwrap_or_default().parse::<Uri>() {
            Ok(uri) => self.layer.allows(&uri),
            Err(_) => Err(Error::new(ErrorKind::Blocked, "the URL of the request cannot be read").with_help(
                "give the client a whole URL, such as `https://ai.api.cloud.yandex.net/v1/models`",
            )),
        };
        match allowed {
            Ok(allowed) => Ok(allowed),
            Err(error) => {
                // The help of the layer names functions of Rust.
                let other = if url.starts_with("http://") {
                    "use https: no other way keeps the header secret"
                } else {
                    "to send the header to this host, name it in `allow_hosts`; to send requests to other hosts without the \
                     header, `skip_other_hosts=True`"
                };
                let help = format!(
                    "{other}; for a server on this computer set YC_API_ENDPOINT to its address, or `allow_loopback=True`"
                );
                Err(to_python(py, &error.with_help(help)))
            }
        }
    }
}
