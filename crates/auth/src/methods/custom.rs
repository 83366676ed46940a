//! `custom`: a token source of the program's own.
//!
//! For tokens that come from a place of which this library knows nothing: a vault, a broker, a test. The source
//! fetches; everything else is done around it. Variables: none. Errors: the source's own.

use std::sync::Arc;

use super::sealed::Sealed;
use super::{Detection, Method, Provider, TokenSource};
use crate::Error;
use crate::system::{BoxFuture, System};

/// A token source, as a method.
pub(crate) struct Own(Arc<dyn TokenSource>);

impl Own {
    pub(crate) fn new(source: impl TokenSource) -> Self {
        Self(Arc::new(source))
    }
}

impl Sealed for Own {
    fn method(&self) -> Method {
        Method::Custom
    }

    fn location(&self, _system: &System) -> String {
        "token source of the program".to_owned()
    }

    fn provider(&self, _system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::clone(&self.0)))
    }

    fn provider_without_io(&self, system: &System) -> Option<Provider> {
        self.provider(system).ok()
    }

    fn detect<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Detection> {
        let provider = Provider::Source(Arc::clone(&self.0));
        let detection = Detection::Found { provider, first: None, reason: "given".to_owned() };
        Box::pin(std::future::ready(detection))
    }
}
