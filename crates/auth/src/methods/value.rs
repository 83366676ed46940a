//! A secret that a program gives, or that a variable holds.

use zeroize::Zeroizing;

use crate::secret::{Secret, Shape, masked, redact};
use crate::system::System;
use crate::{Error, ErrorKind, Method};

/// A given secret, or the name of the variable that holds it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Given(Secret),
    Variable(String),
}

impl Value {
    pub(super) fn given(raw: &str, method: Method) -> Result<Self, Error> {
        Secret::parse(raw).map(Self::Given).map_err(|reason| invalid(reason).of(method))
    }

    pub(super) fn location(&self) -> String {
        match self {
            Self::Given(_) => "given value".to_owned(),
            Self::Variable(name) => name.clone(),
        }
    }

    /// The given secret, or the current value of the variable. `fits` refuses values of another kind in a variable.
    pub(super) fn read(
        &self,
        system: &System,
        fits: fn(Shape) -> Result<(), Error>,
    ) -> Result<Secret, Error> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Variable(name) => read_variable(system, name, fits),
        }
    }
}

fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, reason).with_help("give the bare value, on one line, as it was issued")
}

fn read_variable(system: &System, name: &str, fits: fn(Shape) -> Result<(), Error>) -> Result<Secret, Error> {
    let value = named_variable(system, name, format!("set {name}, or choose another method"))?;
    let secret = Secret::parse(&value).map_err(|reason| invalid(reason).at(name))?;
    fits(Shape::of(secret.expose())).map_err(|error| error.at(name))?;
    Ok(secret)
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

/// The IAM token in a variable. A value that is certainly something else is an error.
pub(super) fn read_iam_token(system: &System, name: &str) -> Result<Secret, Error> {
    read_variable(system, name, iam_token_fits)
}

pub(super) fn iam_token_fits(shape: Shape) -> Result<(), Error> {
    match shape {
        Shape::OAuthToken => {
            Err(Error::new(ErrorKind::Invalid, "the value is an OAuth token (`y0_…`), not an IAM token")
                .with_help("put the token into YC_OAUTH_TOKEN; the library exchanges it for IAM tokens"))
        }
        Shape::IamToken | Shape::Unknown => Ok(()),
    }
}
