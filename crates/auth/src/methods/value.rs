//! A secret that a program gives, or that a variable holds.

use zeroize::Zeroizing;

use crate::recognize::{self, IamToken};
use crate::secret::{Secret, masked, redact};
use crate::system::System;
use crate::{Error, ErrorKind};

/// A given secret, or the name of the variable that holds it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Given(Secret),
    Variable(String),
}

impl Value {
    pub(super) fn location(&self) -> String {
        match self {
            Self::Given(_) => "given value".to_owned(),
            Self::Variable(name) => name.clone(),
        }
    }
}

fn secret_variable(system: &System, name: &str) -> Result<Zeroizing<String>, Error> {
    named_variable(system, name, format!("set {name}, or choose another method"))
}

/// The text of a variable that the program names.
///
/// # Errors
/// `Invalid` if `name` is not a name; `NotConfigured`, with this help, if the variable is not set.
pub(super) fn named_variable(system: &System, name: &str, help: String) -> Result<Zeroizing<String>, Error> {
    if !is_name(name) {
        return Err(Error::new(ErrorKind::Invalid, "the value is not the name of a variable")
            .at(shown_name(name))
            .with_help("give the name of a variable (letters, digits and `_`), not its value"));
    }
    system.variable(name)?.ok_or_else(|| {
        Error::new(ErrorKind::NotConfigured, "the variable is not set").at(name).with_help(help)
    })
}

/// Whether shells allow `name` as the name of a variable.
fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// The name of a variable, safe to show. Text that is not a name may be a token of unknown shape.
pub(super) fn shown_name(name: &str) -> String {
    if is_name(name) { redact(name, &[]) } else { masked(name) }
}

/// The IAM token in a variable.
pub(super) fn read_iam_token(system: &System, name: &str) -> Result<IamToken, Error> {
    let value = secret_variable(system, name)?;
    recognize::iam_token(&value).map_err(|error| error.at(shown_name(name)))
}
