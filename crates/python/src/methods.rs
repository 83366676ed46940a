//! One function a method, for the constructors of the Python half.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials as Engine, EnvIamTokenAuth, FunctionAuth, IamTokenAuth, ImpersonationAuth,
    MetadataAuth, NoAuth, OAuthTokenAuth, ProfileAuth, ServiceAccountKeyAuth, SubjectToken, TokenFileAuth,
    WorkloadIdentityAuth, YandexCloudCliAuth,
};

use crate::credentials::Credentials;
use crate::errors::checked;
use crate::options::{seconds, set};
use crate::text::{optional_name, optional_path, optional_text, path, text};

/// A method with its options, for the constructor of the credentials.
#[pyclass(frozen, module = "yandex_cloud_auth._native")]
pub(crate) struct Method {
    pub(crate) credentials: Engine,
}

type Value<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

fn method(credentials: impl Into<Engine>) -> Method {
    Method { credentials: credentials.into() }
}

/// At most one of two values, which a program gives in the place of a variable.
fn one_of<'a, 'py>(
    value: Value<'a, 'py>,
    file: Value<'a, 'py>,
    name: &str,
) -> PyResult<Option<Given<'a, 'py>>> {
    match (value, file) {
        (Some(value), None) => Ok(Some(Given::Value(value))),
        (None, Some(file)) => Ok(Some(Given::File(file))),
        (None, None) => Ok(None),
        _ => Err(PyValueError::new_err(format!("give {name} or file, not both"))),
    }
}

enum Given<'a, 'py> {
    Value(&'a Bound<'py, PyAny>),
    File(&'a Bound<'py, PyAny>),
}

#[pyfunction]
#[pyo3(signature = (key, file))]
pub(crate) fn api_key(py: Python<'_>, key: Value<'_, '_>, file: Value<'_, '_>) -> PyResult<Method> {
    Ok(method(match one_of(key, file, "key")? {
        Some(Given::Value(key)) => checked(py, ApiKeyAuth::new(text(key, "key")?.as_str()))?,
        Some(Given::File(file)) => ApiKeyAuth::from_file(path(file, "file")?),
        None => ApiKeyAuth::from_env(),
    }))
}

#[pyfunction]
#[pyo3(signature = (token))]
pub(crate) fn iam_token(py: Python<'_>, token: Value<'_, '_>) -> PyResult<Method> {
    Ok(method(match optional_text(token, "token")? {
        Some(token) => checked(py, IamTokenAuth::new(token.as_str()))?,
        None => IamTokenAuth::from_env(),
    }))
}

#[pyfunction]
#[pyo3(signature = (variable))]
pub(crate) fn env_iam_token(variable: Value<'_, '_>) -> PyResult<Method> {
    Ok(method(match optional_text(variable, "variable")? {
        Some(name) => EnvIamTokenAuth::variable(name.as_str()),
        None => EnvIamTokenAuth::new(),
    }))
}

#[pyfunction]
#[pyo3(signature = (token, file, timeout, max_age))]
pub(crate) fn oauth_token(
    py: Python<'_>,
    token: Value<'_, '_>,
    file: Value<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> PyResult<Method> {
    let mut builder = match one_of(token, file, "token")? {
        Some(Given::Value(token)) => checked(py, OAuthTokenAuth::builder(text(token, "token")?.as_str()))?,
        Some(Given::File(file)) => OAuthTokenAuth::builder_from_file(path(file, "file")?),
        None => OAuthTokenAuth::builder_from_env(),
    };
    set!(builder, timeout: seconds(timeout), max_age: seconds(max_age));
    Ok(method(builder.build()))
}

#[pyfunction]
#[pyo3(signature = (key, file, audience, jwt_life, timeout, max_age))]
pub(crate) fn service_account_key(
    py: Python<'_>,
    key: Value<'_, '_>,
    file: Value<'_, '_>,
    audience: Value<'_, '_>,
    jwt_life: Option<f64>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> PyResult<Method> {
    let mut builder = match one_of(key, file, "key")? {
        Some(Given::Value(key)) => {
            checked(py, ServiceAccountKeyAuth::builder_from_path_or_json(text(key, "key")?.as_str()))?
        }
        Some(Given::File(file)) => ServiceAccountKeyAuth::builder_from_file(path(file, "file")?),
        None => ServiceAccountKeyAuth::builder_from_env(),
    };
    set!(
        builder,
        audience: optional_name(audience),
        jwt_life: seconds(jwt_life),
        timeout: seconds(timeout),
        max_age: seconds(max_age),
    );
    Ok(method(builder.build()))
}

#[pyfunction]
#[pyo3(signature = (service_account_id, file, variable, github_actions, audience, timeout, max_age))]
#[allow(clippy::too_many_arguments)] // the options of the method
pub(crate) fn workload_identity(
    service_account_id: Value<'_, '_>,
    file: Value<'_, '_>,
    variable: Value<'_, '_>,
    github_actions: bool,
    audience: Value<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> PyResult<Method> {
    let subject = match (file, optional_text(variable, "variable")?, github_actions) {
        (Some(file), None, false) => Some(SubjectToken::file(path(file, "file")?)),
        (None, Some(name), false) => Some(SubjectToken::variable(name.as_str())),
        (None, None, true) => Some(SubjectToken::github_actions()),
        (None, None, false) => None,
        _ => return Err(PyValueError::new_err("give one of file, variable and github_actions")),
    };
    let mut builder = match (optional_text(service_account_id, "service_account_id")?, subject) {
        (Some(account), Some(subject)) => WorkloadIdentityAuth::builder(account.as_str(), subject),
        (None, None) => WorkloadIdentityAuth::builder_from_env(),
        _ => {
            return Err(PyValueError::new_err(
                "give service_account_id together with one of file, variable and github_actions, or none of them",
            ));
        }
    };
    set!(builder, audience: optional_name(audience), timeout: seconds(timeout), max_age: seconds(max_age));
    Ok(method(builder.build()))
}

#[pyfunction]
#[pyo3(signature = (file, max_age))]
pub(crate) fn token_file(file: Value<'_, '_>, max_age: Option<f64>) -> PyResult<Method> {
    let mut builder = match file {
        Some(file) => TokenFileAuth::builder(path(file, "file")?),
        None => TokenFileAuth::builder_from_env(),
    };
    set!(builder, max_age: seconds(max_age));
    Ok(method(builder.build()))
}

#[pyfunction]
#[pyo3(signature = (address, connect_timeout, timeout, max_age))]
pub(crate) fn metadata(
    address: Value<'_, '_>,
    connect_timeout: Option<f64>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> PyResult<Method> {
    let mut builder = MetadataAuth::builder();
    set!(
        builder,
        address: optional_name(address),
        connect_timeout: seconds(connect_timeout),
        timeout: seconds(timeout),
        max_age: seconds(max_age),
    );
    Ok(method(builder.build()))
}

#[pyfunction]
#[pyo3(signature = (profile, program, timeout, max_age))]
pub(crate) fn yandex_cloud_cli(
    profile: Value<'_, '_>,
    program: Value<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> PyResult<Method> {
    let mut builder = YandexCloudCliAuth::builder();
    set!(
        builder,
        profile: optional_name(profile),
        program: optional_path(program),
        timeout: seconds(timeout),
        max_age: seconds(max_age),
    );
    Ok(method(builder.build()))
}

#[pyfunction]
#[pyo3(signature = (profile, file, timeout, max_age))]
pub(crate) fn profile(
    profile: Value<'_, '_>,
    file: Value<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> PyResult<Method> {
    let mut builder = ProfileAuth::builder();
    set!(
        builder,
        profile: optional_name(profile),
        path: optional_path(file),
        timeout: seconds(timeout),
        max_age: seconds(max_age),
    );
    Ok(method(builder.build()))
}

#[pyfunction]
#[pyo3(signature = (service_account_id, credentials, timeout, max_age))]
pub(crate) fn impersonation(
    service_account_id: &Bound<'_, PyAny>,
    credentials: &Bound<'_, Credentials>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> PyResult<Method> {
    let account = text(service_account_id, "service_account_id")?;
    let mut builder = ImpersonationAuth::builder(account.as_str(), credentials.get().inner.clone());
    set!(builder, timeout: seconds(timeout), max_age: seconds(max_age));
    Ok(method(builder.build()))
}

#[pyfunction]
pub(crate) fn function(py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Method> {
    Ok(method(checked(py, FunctionAuth::parse(text(token, "token")?.as_str()))?))
}

#[pyfunction]
pub(crate) fn none() -> Method {
    method(NoAuth::new())
}
