//! One function a method, for the constructors of the Python half.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use yandex_cloud_auth::system::CacheFolder;
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials as Engine, Endpoints, EnvIamTokenAuth, FunctionAuth, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, NoAuth, OAuthTokenAuth, ProfileAuth, ServiceAccountKeyAuth,
    SubjectToken, System, TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};

use crate::credentials::Credentials;
use crate::failure::{Checked, checked};
use crate::options::{seconds, set};
use crate::text::{name, path, text};

/// A method with its options, for the constructor of the credentials.
#[pyclass(frozen, module = "yandex_cloud_auth._native")]
pub(crate) struct Method {
    pub(crate) credentials: Engine,
}

type Text<'a, 'py> = Option<&'a Bound<'py, PyString>>;
type Path<'a, 'py> = Option<&'a Bound<'py, PyBytes>>;

fn method(credentials: impl Into<Engine>) -> Method {
    Method { credentials: credentials.into() }
}

/// The same method on this computer, whose services may have other addresses.
#[pyfunction]
#[pyo3(signature = (auth, shared_cache, endpoint, iam_endpoint, oauth_endpoint))]
pub(crate) fn on_machine(
    auth: &Bound<'_, Method>,
    shared_cache: bool,
    endpoint: Text<'_, '_>,
    iam_endpoint: Text<'_, '_>,
    oauth_endpoint: Text<'_, '_>,
) -> Checked<Method> {
    checked(|| {
        let mut system = System::real();
        let mut endpoints = Endpoints::new();
        set!(endpoints, api: name(endpoint), iam: name(iam_endpoint), oauth: name(oauth_endpoint));
        if endpoints != Endpoints::new() {
            system = system.with_endpoints(endpoints);
        }
        if shared_cache && let Some(folder) = CacheFolder::from_env(system.environment())? {
            system = system.with_shared_cache(folder);
        }
        Ok(method(auth.get().credentials.clone().with_system(system)))
    })
}

#[pyfunction]
pub(crate) fn automatic(lenient: bool) -> Method {
    if lenient { method(Automatic::new().lenient().build()) } else { method(Engine::automatic()) }
}

#[pyfunction]
pub(crate) fn from_string(auth: &Bound<'_, PyString>) -> Checked<Method> {
    checked(|| Ok(method(Engine::from_string(text(auth).as_str())?)))
}

#[pyfunction]
#[pyo3(signature = (key, file))]
pub(crate) fn api_key(key: Text<'_, '_>, file: Path<'_, '_>) -> Checked<Method> {
    checked(|| {
        Ok(method(match (key, file) {
            (Some(key), _) => ApiKeyAuth::new(text(key).as_str())?,
            (None, Some(file)) => ApiKeyAuth::from_file(path(file)),
            (None, None) => ApiKeyAuth::from_env(),
        }))
    })
}

#[pyfunction]
#[pyo3(signature = (token))]
pub(crate) fn iam_token(token: Text<'_, '_>) -> Checked<Method> {
    checked(|| {
        Ok(method(match token {
            Some(token) => IamTokenAuth::new(text(token).as_str())?,
            None => IamTokenAuth::from_env(),
        }))
    })
}

#[pyfunction]
#[pyo3(signature = (variable))]
pub(crate) fn env_iam_token(variable: Text<'_, '_>) -> Method {
    method(match variable {
        Some(name) => EnvIamTokenAuth::variable(text(name).as_str()),
        None => EnvIamTokenAuth::new(),
    })
}

#[pyfunction]
#[pyo3(signature = (token, file, timeout, max_age))]
pub(crate) fn oauth_token(
    token: Text<'_, '_>,
    file: Path<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> Checked<Method> {
    checked(|| {
        let mut builder = match (token, file) {
            (Some(token), _) => OAuthTokenAuth::builder(text(token).as_str())?,
            (None, Some(file)) => OAuthTokenAuth::builder_from_file(path(file)),
            (None, None) => OAuthTokenAuth::builder_from_env(),
        };
        set!(builder, timeout: seconds(timeout), max_age: seconds(max_age));
        Ok(method(builder.build()))
    })
}

#[pyfunction]
#[pyo3(signature = (key, file, audience, jwt_life, timeout, max_age))]
pub(crate) fn service_account_key(
    key: Text<'_, '_>,
    file: Path<'_, '_>,
    audience: Text<'_, '_>,
    jwt_life: Option<f64>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> Checked<Method> {
    checked(|| {
        let mut builder = match (key, file) {
            (Some(key), _) => ServiceAccountKeyAuth::builder_from_path_or_json(text(key).as_str())?,
            (None, Some(file)) => ServiceAccountKeyAuth::builder_from_file(path(file)),
            (None, None) => ServiceAccountKeyAuth::builder_from_env(),
        };
        set!(
            builder,
            audience: name(audience),
            jwt_life: seconds(jwt_life),
            timeout: seconds(timeout),
            max_age: seconds(max_age),
        );
        Ok(method(builder.build()))
    })
}

/// The Python half gives the account together with one of `file`, `variable` and `github_actions`, or none of them.
#[pyfunction]
#[pyo3(signature = (service_account_id, file, variable, github_actions, audience, timeout, max_age))]
pub(crate) fn workload_identity(
    service_account_id: Text<'_, '_>,
    file: Path<'_, '_>,
    variable: Text<'_, '_>,
    github_actions: bool,
    audience: Text<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> Method {
    let subject = match (file, variable) {
        (Some(file), _) => Some(SubjectToken::file(path(file))),
        (None, Some(name)) => Some(SubjectToken::variable(text(name).as_str())),
        (None, None) => github_actions.then(SubjectToken::github_actions),
    };
    let mut builder = match (service_account_id, subject) {
        (Some(account), Some(subject)) => WorkloadIdentityAuth::builder(text(account).as_str(), subject),
        _ => WorkloadIdentityAuth::builder_from_env(),
    };
    set!(builder, audience: name(audience), timeout: seconds(timeout), max_age: seconds(max_age));
    method(builder.build())
}

#[pyfunction]
#[pyo3(signature = (file, max_age))]
pub(crate) fn token_file(file: Path<'_, '_>, max_age: Option<f64>) -> Method {
    let mut builder = match file {
        Some(file) => TokenFileAuth::builder(path(file)),
        None => TokenFileAuth::builder_from_env(),
    };
    set!(builder, max_age: seconds(max_age));
    method(builder.build())
}

#[pyfunction]
#[pyo3(signature = (address, connect_timeout, timeout, max_age))]
pub(crate) fn metadata(
    address: Text<'_, '_>,
    connect_timeout: Option<f64>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> Method {
    let mut builder = MetadataAuth::builder();
    set!(
        builder,
        address: name(address),
        connect_timeout: seconds(connect_timeout),
        timeout: seconds(timeout),
        max_age: seconds(max_age),
    );
    method(builder.build())
}

#[pyfunction]
#[pyo3(signature = (profile, program, timeout, max_age))]
pub(crate) fn yandex_cloud_cli(
    profile: Text<'_, '_>,
    program: Path<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> Method {
    let mut builder = YandexCloudCliAuth::builder();
    if let Some(program) = program {
        builder = builder.program(path(program));
    }
    set!(builder, profile: name(profile), timeout: seconds(timeout), max_age: seconds(max_age));
    method(builder.build())
}

#[pyfunction]
#[pyo3(signature = (profile, file, timeout, max_age))]
pub(crate) fn profile(
    profile: Text<'_, '_>,
    file: Path<'_, '_>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> Method {
    let mut builder = ProfileAuth::builder();
    if let Some(file) = file {
        builder = builder.path(path(file));
    }
    set!(builder, profile: name(profile), timeout: seconds(timeout), max_age: seconds(max_age));
    method(builder.build())
}

#[pyfunction]
#[pyo3(signature = (service_account_id, credentials, timeout, max_age))]
pub(crate) fn impersonation(
    service_account_id: &Bound<'_, PyString>,
    credentials: &Bound<'_, Credentials>,
    timeout: Option<f64>,
    max_age: Option<f64>,
) -> Method {
    let account = text(service_account_id);
    let mut builder = ImpersonationAuth::builder(account.as_str(), credentials.get().inner.clone());
    set!(builder, timeout: seconds(timeout), max_age: seconds(max_age));
    method(builder.build())
}

#[pyfunction]
pub(crate) fn function(token: &Bound<'_, PyString>) -> Checked<Method> {
    checked(|| Ok(method(FunctionAuth::parse(text(token).as_str())?)))
}

#[pyfunction]
pub(crate) fn none() -> Method {
    method(NoAuth::new())
}
