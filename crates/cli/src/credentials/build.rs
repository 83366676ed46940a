//! From the options to credentials. Building reads no variable and no file.

use yandex_cloud_auth::sdk_internals::ClaimsRecord;
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, Error, ErrorKind, IamTokenAuth, ImpersonationAuth,
    MetadataAuth, NoAuth, OAuthTokenAuth, ProfileAuth, ServiceAccountKeyAuth, TokenFileAuth,
    WorkloadIdentityAuth, YandexCloudCliAuth,
};

use crate::arguments::{AuthOptions, MethodName};
use crate::flag_errors;
use crate::input::Value;

/// The credentials of these options.
pub(super) fn build(
    options: &AuthOptions,
    value: Option<&Value>,
    claims: &ClaimsRecord,
) -> Result<Credentials, Error> {
    let base = base(options, value, claims)?;
    let Some(id) = flag(options.impersonate.as_deref(), "--impersonate")? else { return Ok(base) };
    Ok(ImpersonationAuth::new(id, base).into())
}

/// The credentials without impersonation, or those that impersonate.
pub(super) fn base(
    options: &AuthOptions,
    value: Option<&Value>,
    claims: &ClaimsRecord,
) -> Result<Credentials, Error> {
    let made = base_of(options, value, claims);
    match (made, value) {
        (Err(error), Some(value)) => Err(flag_errors::about_value(error, value)),
        (made, _) => made,
    }
}

fn base_of(
    options: &AuthOptions,
    value: Option<&Value>,
    claims: &ClaimsRecord,
) -> Result<Credentials, Error> {
    // `--method impersonation` names no method of its own for the impersonating identity: selection is automatic.
    let method = options.method.filter(|method| *method != MethodName::Impersonation);
    Ok(match (method, value) {
        (None, None) if options.key_file.is_some() => key(options, None)?.into(),
        (None, None) => Automatic::new()
            .replace("workload-identity", workload_identity(options, claims)?)?
            .replace("yandex-cloud-cli", yc(options)?)?
            .build(),
        (None, Some(value)) => {
            Credentials::from_string(&*value.text).map_err(|error| error.at(&value.location))?
        }
        (Some(MethodName::ApiKey), None) => ApiKeyAuth::from_env().into(),
        (Some(MethodName::ApiKey), Some(value)) => {
            ApiKeyAuth::new(&*value.text).map_err(|error| without_method(error.at(&value.location)))?.into()
        }
        (Some(MethodName::IamToken), None) => IamTokenAuth::from_env().into(),
        (Some(MethodName::IamToken), Some(value)) => {
            IamTokenAuth::new(&*value.text).map_err(|error| without_method(error.at(&value.location)))?.into()
        }
        (Some(MethodName::OauthToken), value) => oauth(value)?.into(),
        (Some(MethodName::ServiceAccountKey), value) => key(options, value)?.into(),
        (Some(MethodName::WorkloadIdentity), _) => workload_identity(options, claims)?.into(),
        (Some(MethodName::TokenFile), _) => TokenFileAuth::from_env().into(),
        (Some(MethodName::EnvIamToken), _) => EnvIamTokenAuth::new().into(),
        (Some(MethodName::Metadata), _) => MetadataAuth::new().into(),
        (Some(MethodName::None | MethodName::Impersonation), _) => NoAuth::new().into(),
        (Some(MethodName::Profile), _) => profile(options)?.into(),
        (Some(MethodName::YandexCloudCli), _) => yc(options)?.into(),
    })
}

fn key(options: &AuthOptions, value: Option<&Value>) -> Result<ServiceAccountKeyAuth, Error> {
    match (value, &options.key_file) {
        (Some(value), _) => ServiceAccountKeyAuth::new(&*value.text)
            .map_err(|error| without_method(error.at(&value.location))),
        (None, Some(file)) if file.as_os_str().is_empty() => Err(empty("--key-file")),
        // A path that is not text cannot be a key.
        (None, Some(file)) => match file.to_str() {
            Some(text) => {
                ServiceAccountKeyAuth::from_path_or_json(text).map_err(|error| error.at("--key-file"))
            }
            None => Ok(ServiceAccountKeyAuth::from_file(file)),
        },
        (None, None) => Ok(ServiceAccountKeyAuth::from_env()),
    }
}

fn profile(options: &AuthOptions) -> Result<ProfileAuth, Error> {
    let mut builder = ProfileAuth::builder();
    if let Some(profile) = flag(options.profile.as_deref(), "--profile")? {
        builder = builder.profile(profile);
    }
    Ok(builder.build())
}

fn workload_identity(options: &AuthOptions, claims: &ClaimsRecord) -> Result<WorkloadIdentityAuth, Error> {
    let mut builder = WorkloadIdentityAuth::builder_from_env().record_claims(claims.clone());
    if let Some(audience) = flag(options.audience.as_deref(), "--audience")? {
        builder = builder.audience(audience);
    }
    Ok(builder.build())
}

fn oauth(value: Option<&Value>) -> Result<OAuthTokenAuth, Error> {
    match value {
        Some(value) => {
            OAuthTokenAuth::new(&*value.text).map_err(|error| without_method(error.at(&value.location)))
        }
        None => Ok(OAuthTokenAuth::from_env()),
    }
}

fn yc(options: &AuthOptions) -> Result<YandexCloudCliAuth, Error> {
    let mut builder = YandexCloudCliAuth::builder();
    if let Some(profile) = flag(options.profile.as_deref(), "--profile")? {
        builder = builder.profile(profile);
    }
    Ok(builder.build())
}

/// The error for a value that `--method` contradicts: without the flag the command takes the value for what it is.
fn without_method(error: Error) -> Error {
    const KINDS: [&str; 4] =
        ["an IAM token", "an OAuth token", "an API key", "the JSON of a service account key"];
    let kind = error.reason().strip_prefix("the value is ");
    match kind.is_some_and(|kind| KINDS.iter().any(|known| kind.starts_with(known))) {
        true => error.with_help("leave out `--method`: the command tells by itself what the value is"),
        false => error,
    }
}

/// The value of a flag. An empty one is an error: most likely a script expanded an unset variable.
pub(super) fn flag<'a>(value: Option<&'a str>, name: &str) -> Result<Option<&'a str>, Error> {
    match value.map(str::trim) {
        Some("") => Err(empty(name)),
        value => Ok(value),
    }
}

fn empty(name: &str) -> Error {
    Error::new(ErrorKind::Invalid, "the value is empty")
        .at(name)
        .with_help(format!("give a value, or leave {name} out"))
}
