//! `custom`: a token source of the program's own.
//!
//! For tokens that come from a place of which this library knows nothing: a vault, a broker, a test. The source
//! fetches; everything else is done around it. Variables: none. Errors: the source's own.

use std::sync::Arc;

use super::sealed::Sealed;
use super::{Look, Method, Supply, TokenSource};
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

    fn place(&self, _system: &System) -> String {
        "token source of the program".to_owned()
    }

    fn supply(&self, _system: &System) -> Result<Supply, Error> {
        Ok(Supply::Source(Arc::clone(&self.0)))
    }

    fn supply_at_once(&self, system: &System) -> Option<Supply> {
        self.supply(system).ok()
    }

    fn look<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Look> {
        let supply = Supply::Source(Arc::clone(&self.0));
        let look = Look::Found { supply, first: None, reason: "given".to_owned() };
        Box::pin(std::future::ready(look))
    }
}
