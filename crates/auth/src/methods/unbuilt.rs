//! A method that is not in this build: its variable is never passed over in silence.

use super::sealed::Sealed;
use super::{Method, Provider};
use crate::system::System;
use crate::{Error, ErrorKind};

/// Stands in the slot of a method that was left out.
pub(crate) struct Unbuilt {
    pub(crate) method: Method,
    pub(crate) variable: &'static str,
}

impl Sealed for Unbuilt {
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
            Some(_) => {
                Error::new(ErrorKind::Invalid, format!("set, but this build has not the feature `{method}`"))
                    .at(*variable)
                    .with_help(format!(
                        "build yandex-cloud-auth with the feature `{method}`, or unset {variable}"
                    ))
            }
        })
    }
}
