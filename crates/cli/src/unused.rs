//! Flags that the selected method does not use: a wrong one is an error, any other gets a warning on standard error.
//!
//! Without this check a mistake in `--profile` or `--endpoint` would stay unseen while another source wins.

use std::time::Duration;

use yandex_cloud_auth::sdk_internals::{Endpoint, new_runtime};
use yandex_cloud_auth::{Credentials, Error, ErrorKind, Method, ProfileAuth, Report, System};

use crate::arguments::{AuthOptions, MethodName};
use crate::deadline::Deadline;
use crate::status_line;

/// How long reading the configuration of yc may take without `--timeout`.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// The variable with the address that a job of GitHub Actions or Forgejo Actions asks for its token.
const JOB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";

/// Refuses an address in `--endpoint` that no method could use. Reads no file and asks no service.
///
/// # Errors
/// `Invalid` or `Blocked`.
pub(crate) fn check_endpoint(system: &System) -> Result<(), Error> {
    let endpoint = Endpoint::of_code(system).map_err(|error| error.at("--endpoint"))?;
    endpoint.map_or(Ok(()), |endpoint| endpoint.check().map_err(|error| error.at("--endpoint")))
}

/// Whether the options alone say that no method uses `--profile`.
pub(crate) fn leaves_out_profile(options: &AuthOptions) -> bool {
    match options.method.filter(|method| *method != MethodName::Impersonation) {
        Some(method) => !uses_profile(method.method()),
        None => options.auth.is_some() || options.key_file.is_some(),
    }
}

/// Refuses a profile that does not exist, and warns about one that is not used.
///
/// # Errors
/// `Invalid` if yc has no such profile.
pub(crate) fn check_profile(
    name: &str,
    used_instead: &str,
    system: &System,
    deadline: Deadline,
) -> Result<(), Error> {
    if let Err(error) = read_profile(name, system, deadline) {
        let refused = |reason: String, help: &str| {
            Err(Error::new(ErrorKind::Invalid, reason).at("--profile").with_help(help.to_owned()))
        };
        let place = error.location().unwrap_or("the configuration of yc");
        match error.kind() {
            ErrorKind::NotConfigured => {
                let help = "run `yc init`, which creates a profile, or leave out --profile";
                return refused(format!("yc has no profile `{name}`: {place}: {}", error.reason()), help);
            }
            // The other errors of the file say nothing about this profile.
            ErrorKind::Invalid if error.reason().contains("has no profile") => {
                return refused(format!("{place}: {}", error.reason()), error.help().unwrap_or_default());
            }
            _ => {}
        }
    }
    warn("--profile", used_instead);
    Ok(())
}

fn read_profile(name: &str, system: &System, deadline: Deadline) -> Result<(), Error> {
    let runtime = new_runtime().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?;
    let limit = deadline.remaining().map_or(READ_LIMIT, |remaining| remaining.min(READ_LIMIT));
    let profile = ProfileAuth::builder().profile(name).timeout(limit).build();
    runtime.block_on(profile.profile(system)).map(drop)
}

/// Warns about flags that the selected method does not use. A question to a service uses the endpoint, whatever the method.
///
/// # Errors
/// As [`check_profile`].
pub(crate) fn check(
    options: &AuthOptions,
    asks_service: bool,
    credentials: &Credentials,
    system: &System,
    deadline: Deadline,
) -> Result<(), Error> {
    let Some(selected) = credentials.method() else { return Ok(()) };
    if options.audience.is_some() {
        check_audience(selected, credentials);
    }
    if options.endpoint.is_some() && !asks_service && !uses_endpoint(selected) {
        warn("--endpoint", selected.name());
    }
    if options.renew && !shares_tokens(selected) {
        warn("--renew", selected.name());
    }
    match options.profile.as_deref() {
        // `with_session` has checked it.
        Some(_) if leaves_out_profile(options) => Ok(()),
        // The identity behind an impersonation is not known here.
        Some(name) if !uses_profile(selected) && selected != Method::Impersonation => {
            check_profile(name.trim(), selected.name(), system, deadline)
        }
        _ => Ok(()),
    }
}

/// Warns where no issuer was asked for a token, so that none could be asked for this audience.
fn check_audience(selected: Method, credentials: &Credentials) {
    let report = credentials.report();
    let source = report.as_ref().and_then(Report::selected).map(|attempt| attempt.source.as_str());
    match (selected, source) {
        // The identity behind an impersonation is not known here.
        (Method::Impersonation, _) | (Method::WorkloadIdentity, None | Some(JOB_TOKEN)) => {}
        (Method::WorkloadIdentity, Some(source)) => tell("--audience", &format!("the token is in {source}")),
        _ => warn("--audience", selected.name()),
    }
}

fn uses_profile(method: Method) -> bool {
    matches!(method, Method::Profile | Method::YandexCloudCli)
}

/// Whether a token of this method comes from the endpoint.
fn uses_endpoint(method: Method) -> bool {
    !matches!(
        method,
        Method::ApiKey
            | Method::EnvIamToken
            | Method::IamToken
            | Method::Metadata
            | Method::None
            | Method::TokenFile
    )
}

/// Whether tokens of this method can be shared with other processes: the method exchanges something for them.
fn shares_tokens(selected: Method) -> bool {
    uses_endpoint(selected) && selected != Method::YandexCloudCli
}

fn warn(flag: &str, method: &str) {
    tell(flag, &format!("the method is {method}"));
}

fn tell(flag: &str, why: &str) {
    status_line::write_above(&format!("warning: {flag} has no effect: {why}\n"));
}
