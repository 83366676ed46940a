//! Which proxy leads to a target, for messages about time that ran out.

use super::System;

impl System {
    /// The proxy that leads to a target, in words, without its user and password.
    #[cfg(feature = "transport")]
    pub(crate) fn proxy_for(&self, target: &http::Uri) -> Option<String> {
        let proxy = super::http::proxy::for_target(&*self.environment, target).ok()??;
        Some(format!("the proxy {proxy:?}"))
    }

    /// The proxy is up to the transport of the program.
    #[cfg(not(feature = "transport"))]
    pub(crate) fn proxy_for(&self, _target: &http::Uri) -> Option<String> {
        None
    }
}
