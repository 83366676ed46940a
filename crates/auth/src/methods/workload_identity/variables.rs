//! The variables of workload identity, read together.

use super::WorkloadIdentityAuth;
use super::github::{self, Issuer};
use super::subject::SubjectToken;
use crate::methods::secret_file::SecretFile;
use crate::methods::service_account_id::ServiceAccountId;
use crate::system::{Pipe, System};
use crate::{Error, ErrorKind};

const FILE: &str = WorkloadIdentityAuth::VARIABLE;
const TOKEN: &str = WorkloadIdentityAuth::TOKEN_VARIABLE;
const ACCOUNT: &str = WorkloadIdentityAuth::ACCOUNT_VARIABLE;

/// The service account and the source of the subject token. `pipe` has the token, if its file is a pipe.
///
/// # Errors
/// `NotConfigured` if the variables do not select the method; `Invalid` if one is missing, or two contradict each
/// other.
pub(super) fn read(system: &System, pipe: &Pipe) -> Result<(ServiceAccountId, SubjectToken), Error> {
    let is_set = |name| system.variable(name).map(|value| value.is_some());
    let (by_file, by_token) = (is_set(FILE)?, is_set(TOKEN)?);
    let account = system.variable(ACCOUNT)?.map(|id| ServiceAccountId::new(id.as_str()));
    if by_file && by_token {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("{TOKEN} is set too, and the two tokens may differ"),
        )
        .at(FILE)
        .with_help(format!("unset {FILE} or {TOKEN}")));
    }
    let selector = match (by_file, by_token) {
        (true, _) => FILE,
        (_, true) => TOKEN,
        _ => return of_github(account, system),
    };
    let Some(account) = account else {
        let reason = format!("{selector} is set, but {ACCOUNT} is not");
        return Err(Error::new(ErrorKind::Invalid, reason).at(ACCOUNT).with_help(format!(
            "set {ACCOUNT} to the id of the service account that has the federated credential, or unset {selector}"
        )));
    };
    let subject = match by_file {
        true => SubjectToken::secret_file(SecretFile::from_variable(FILE, system)?.with_pipe(pipe)),
        false => SubjectToken::variable(TOKEN),
    };
    Ok((account, subject))
}

/// GitHub sets its variables in jobs that do not use Yandex Cloud too, so they count only with an account.
fn of_github(
    account: Option<ServiceAccountId>,
    system: &System,
) -> Result<(ServiceAccountId, SubjectToken), Error> {
    let absent = |reason: String| {
        Error::new(ErrorKind::NotConfigured, reason).at(FILE).with_help(format!(
            "set {ACCOUNT}, and {FILE} or {TOKEN}; in GitHub Actions {ACCOUNT} is enough if the job has \
             `permissions: id-token: write`"
        ))
    };
    let Some(account) = account else { return Err(absent("the variable is not set".to_owned())) };
    match Issuer::of_job(system) {
        Ok(_) => Ok((account, SubjectToken::github_actions())),
        Err(error) if error.kind() == ErrorKind::NotConfigured => Err(absent(format!(
            "{ACCOUNT} alone is not enough: set {FILE} too, or give the job of GitHub Actions \
             `permissions: id-token: write`"
        ))),
        Err(error) => Err(error),
    }
}

/// The variable that selects the method now, or that could.
pub(super) fn location(system: &System) -> &'static str {
    let is_set = |name| system.variable(name).is_ok_and(|value| value.is_some());
    if is_set(FILE) {
        FILE
    } else if is_set(TOKEN) {
        TOKEN
    } else if is_set(ACCOUNT) && (is_set(github::URL) || is_set(github::TOKEN)) {
        github::URL
    } else {
        FILE
    }
}
