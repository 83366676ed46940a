//! The source of the subject token: a file, a variable, GitHub Actions, or the program itself.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::github::{self, Issuer};
use crate::methods::secret_file::SecretFile;
use crate::methods::{named_variable, shown_name};
use crate::recognize;
use crate::secret::Secret;
use crate::system::{BoxFuture, System};
use crate::token::MAX_AGE;
use crate::{Error, ErrorKind};

/// A subject token has a few KiB. A much larger file is the wrong one.
const MAX_FILE: usize = 16 << 10;

/// The life of an IAM token. A subject token in a variable does not change and expires soon: a second exchange is
/// useless while the first IAM token is valid, and IAM refuses it later.
const WHOLE_LIFE: Duration = Duration::from_secs(12 * 3600);

/// The source of a subject token: the OIDC token of a pipeline or a pod, a JWT.
///
/// The token is read for each exchange, and is not kept.
///
/// ```
/// use yandex_cloud_auth::SubjectToken;
///
/// let mounted = SubjectToken::file("/var/run/secrets/tokens/yandex-cloud");
/// let exported = SubjectToken::variable("GITLAB_OIDC_TOKEN");
/// let of_the_job = SubjectToken::github_actions();
/// let own = SubjectToken::from_fn(|| async { Ok("eyJhbGciOiJSUzI1NiJ9.e30.FAKE".to_owned()) });
/// ```
#[derive(Clone)]
pub struct SubjectToken(Origin);

#[derive(Clone)]
enum Origin {
    File(SecretFile),
    Variable(String),
    GitHubActions { audience: Option<String> },
    Function(Arc<Function>),
}

type Function = dyn Fn() -> BoxFuture<'static, Result<String, Error>> + Send + Sync;

impl SubjectToken {
    /// A file that another program keeps fresh, as Kubernetes does with a projected volume. Read for each exchange.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Origin::File(SecretFile::new(path, "subject token file")))
    }

    /// A variable of another name than `YC_OIDC_TOKEN`. Read for each exchange.
    pub fn variable(name: impl Into<String>) -> Self {
        Self(Origin::Variable(name.into()))
    }

    /// The token of this job of GitHub Actions, or of a CI with the same two variables, such as Forgejo Actions. A job
    /// of GitHub needs `permissions: id-token: write`; GitHub's default audience is the URL of the repository's owner,
    /// `https://github.com/OWNER`.
    #[must_use]
    pub fn github_actions() -> Self {
        Self(Origin::GitHubActions { audience: None })
    }

    /// The token of this job of GitHub Actions for another audience, which has to be one of the federation.
    pub fn github_actions_for(audience: impl Into<String>) -> Self {
        Self(Origin::GitHubActions { audience: Some(audience.into()) })
    }

    /// A function of the program. `fetch` runs where fetches run (see [`Spawner`](crate::system::Spawner)), may use
    /// tokio, and must not block. At the timeout of the exchange its future is dropped.
    pub fn from_fn<F, T>(fetch: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, Error>> + Send + 'static,
    {
        Self(Origin::Function(Arc::new(move || Box::pin(fetch()))))
    }

    /// The same token, for this audience where the program has given none: a job can ask for another audience. The
    /// audience of every other token is decided already.
    pub(super) fn for_audience(self, audience: &str) -> Self {
        match self.0 {
            Origin::GitHubActions { audience: None } => {
                Self(Origin::GitHubActions { audience: Some(audience.to_owned()) })
            }
            other => Self(other),
        }
    }

    pub(super) fn secret_file(file: SecretFile) -> Self {
        Self(Origin::File(file))
    }

    /// The name in errors and reports.
    pub(super) fn location(&self) -> String {
        match &self.0 {
            Origin::File(file) => file.location(),
            Origin::Variable(name) => shown_name(name),
            Origin::GitHubActions { .. } => github::URL.to_owned(),
            Origin::Function(_) => "subject token of the program".to_owned(),
        }
    }

    /// How long the IAM token is used before the next exchange, without options.
    pub(super) fn max_age(&self) -> Duration {
        match self.0 {
            Origin::Variable(_) => WHOLE_LIFE,
            _ => MAX_AGE,
        }
    }

    /// Whether the token is available, checked without a request.
    pub(super) async fn check(&self, system: &System) -> Result<(), Error> {
        match &self.0 {
            Origin::File(file) => in_file(file, system).await.map(drop),
            Origin::Variable(name) => in_variable(name, system).map(drop),
            Origin::GitHubActions { .. } => Issuer::of_job(system).map(drop),
            Origin::Function(_) => Ok(()),
        }
    }

    /// Reads or fetches the token. `limit` is for a request over HTTP.
    pub(super) async fn fetch(&self, limit: Duration, system: &System) -> Result<Secret, Error> {
        match &self.0 {
            Origin::File(file) => in_file(file, system).await,
            Origin::Variable(name) => in_variable(name, system),
            Origin::GitHubActions { audience } => {
                Issuer::of_job(system)?.token(audience.as_deref(), limit, system).await
            }
            Origin::Function(fetch) => {
                let token = Zeroizing::new(fetch().await?);
                recognize::jwt(&token).map_err(|error| error.at(self.location()))
            }
        }
    }
}

#[cfg(feature = "shared-cache")]
impl SubjectToken {
    /// What proves the identity of the job: the subject token, and for GitHub the token that asks for one. `None` where
    /// the program would have to make a token just to look.
    pub(super) async fn cache_credential(&self, system: &System) -> Option<Secret> {
        match &self.0 {
            Origin::File(file) => in_file(file, system).await.ok(),
            Origin::Variable(name) => in_variable(name, system).ok(),
            Origin::GitHubActions { .. } => Issuer::of_job(system).ok().map(Issuer::into_token),
            Origin::Function(_) => None,
        }
    }

    /// The service account, and the audience that is asked for.
    pub(super) fn cache_audience(&self, account: &str) -> String {
        match &self.0 {
            Origin::GitHubActions { audience: Some(audience) } => format!("{account} for {audience}"),
            _ => account.to_owned(),
        }
    }
}

/// A missing file is `Invalid`: no other source may replace it.
async fn in_file(file: &SecretFile, system: &System) -> Result<Secret, Error> {
    let text = file.read(system, MAX_FILE, ErrorKind::Invalid).await?;
    recognize::jwt(&text).map_err(|error| error.at(file.location()))
}

fn in_variable(name: &str, system: &System) -> Result<Secret, Error> {
    let help = format!("set {name} to the OpenID Connect token of the job, or choose another source");
    let value = named_variable(system, name, help)?;
    recognize::jwt(&value).map_err(|error| error.at(name))
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SubjectToken").field(&self.location()).finish()
    }
}
