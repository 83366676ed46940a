//! The slot of a method that this build does not contain. If its variable is set, selection stops with an error.

use super::sealed::Sealed;
use super::{Method, Provider};
use crate::system::System;
use crate::{Error, ErrorKind};

/// The slot of a method whose feature is off.
pub(crate) struct DisabledMethod {
    pub(crate) method: Method,
    pub(crate) variable: &'static str,
}

impl Sealed for DisabledMethod {
    fn method(&self) -> Method {
        self.method
    }

    fn location(&self, _system: &System) -> String {
        self.variable.to_owned()
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        let Self { method, variable } = self;
        Err(match system.variable(variable)? {
            None => Error::new(ErrorKind::NotConfigured, "the variable is not set").at(*variable),
            Some(_) => Error::new(
                ErrorKind::Invalid,
                format!("set, but this build does not have the feature `{method}`"),
            )
            .at(*variable)
            .with_help(format!("build yandex-cloud-auth with the feature `{method}`, or unset {variable}")),
        })
    }
}
