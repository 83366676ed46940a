//! What the variables of workload identity say together.

use super::WorkloadIdentityAuth;
use super::github::{self, Issuer};
use super::subject::SubjectToken;
use crate::methods::account::Account;
use crate::methods::file::NamedFile;
use crate::system::System;
use crate::{Error, ErrorKind};

const FILE: &str = WorkloadIdentityAuth::VARIABLE;
const TOKEN: &str = WorkloadIdentityAuth::TOKEN_VARIABLE;
const ACCOUNT: &str = WorkloadIdentityAuth::ACCOUNT_VARIABLE;

/// The service account, and where the subject token comes from.
///
/// # Errors
/// `NotConfigured` where they open nothing; `Invalid` where one is missing, or they contradict each other.
pub(super) fn read(system: &System) -> Result<(Account, SubjectToken), Error> {
    let is_set = |name| system.variable(name).map(|value| value.is_some());
    let (by_file, by_token) = (is_set(FILE)?, is_set(TOKEN)?);
    let account = system.variable(ACCOUNT)?.map(|id| Account::new(id.as_str()));
    if by_file && by_token {
        return Err(Error::new(ErrorKind::Invalid, format!("{TOKEN} is set too, and they may differ"))
            .at(FILE)
            .with_help(format!("unset {FILE} or {TOKEN}")));
    }
    let opener = match (by_file, by_token) {
        (true, _) => FILE,
        (_, true) => TOKEN,
        _ => return of_github(account, system),
    };
    let Some(account) = account else {
        let reason = format!("the variable is not set, and {opener} is");
        return Err(Error::new(ErrorKind::Invalid, reason).at(ACCOUNT).with_help(format!(
            "set {ACCOUNT} to the id of the service account that has the federated credential, or unset {opener}"
        )));
    };
    let subject = match by_file {
        true => SubjectToken::named_file(NamedFile::from_variable(FILE, system)?),
        false => SubjectToken::variable(TOKEN),
    };
    Ok((account, subject))
}

/// GitHub's own variables are there in jobs that have nothing to do with us: only with an account they mean anything.
fn of_github(account: Option<Account>, system: &System) -> Result<(Account, SubjectToken), Error> {
    let absent = |reason: String| {
        Error::new(ErrorKind::NotConfigured, reason).at(FILE).with_help(format!(
            "set {ACCOUNT}, and {FILE} or {TOKEN}; in GitHub Actions {ACCOUNT} is enough, where the job has \
             `permissions: id-token: write`"
        ))
    };
    let Some(account) = account else { return Err(absent("not set".to_owned())) };
    match Issuer::of_job(system) {
        Ok(_) => Ok((account, SubjectToken::github_actions())),
        Err(error) if error.kind() == ErrorKind::NotConfigured => Err(absent(format!(
            "not set; {ACCOUNT} alone opens nothing, and GitHub Actions gives no token to a job without \
             `permissions: id-token: write`"
        ))),
        Err(error) => Err(error),
    }
}

/// The variable that opens the slot now, or that would.
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
