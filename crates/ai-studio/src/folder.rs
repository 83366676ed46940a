//! The folder: from the option, else `YC_FOLDER_ID`, else the metadata service, else the yc profile.
//!
//! The first call that needs the folder looks it up; later calls reuse it. As with credentials, a missing source is
//! skipped and a broken source ends the search, because the next source would silently mean another folder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use yandex_cloud_auth::sdk_internals::{SharedValue, check_folder_id, is_pinned, metadata_folder, yc_config};
use yandex_cloud_auth::{self as auth, Credentials, Method, Outcome, System, YandexCloudCliAuth};

use crate::error::{Error, ErrorKind};

/// The variable with the folder id.
const VARIABLE: &str = "YC_FOLDER_ID";

const METADATA: &str = "metadata";
const YC: &str = "yc config get folder-id";

/// One source of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FolderAttempt {
    /// The source: `folder_id`, `YC_FOLDER_ID`, `metadata`, `yc config get folder-id`.
    pub source: &'static str,
    /// The result of the source.
    pub outcome: Outcome,
    /// The reason of the result; the folder id of the selected source.
    pub reason: String,
}

/// The sources of the folder and their results, in order. Displays as a table. Cheap to clone.
///
/// ```
/// use yandex_ai_studio_sdk::AiStudio;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_ai_studio_sdk::Error> {
/// let sdk = AiStudio::builder().folder_id("b1gexample").auth("AQVN-fake").build()?;
/// assert_eq!(sdk.folder_id().await?, "b1gexample");
/// let report = sdk.folder_report().unwrap();
/// assert_eq!(report.selected().unwrap().source, "folder_id");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderReport {
    attempts: Arc<[FolderAttempt]>,
}

impl FolderReport {
    fn new(mut attempts: Vec<FolderAttempt>) -> Self {
        let rest = ["folder_id", VARIABLE, METADATA, YC].into_iter().skip(attempts.len());
        attempts.extend(rest.map(|source| FolderAttempt {
            source,
            outcome: Outcome::NotTried,
            reason: String::new(),
        }));
        Self { attempts: attempts.into() }
    }

    /// The sources, in order.
    #[must_use]
    pub fn attempts(&self) -> &[FolderAttempt] {
        &self.attempts
    }

    /// The source that gave the folder.
    #[must_use]
    pub fn selected(&self) -> Option<&FolderAttempt> {
        self.attempts.iter().find(|attempt| attempt.outcome == Outcome::Selected)
    }
}

impl fmt::Display for FolderReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:23}  {:9}  why", "source", "outcome")?;
        for FolderAttempt { source, outcome, reason } in &*self.attempts {
            let line = format!("{source:23}  {:9}  {reason}", outcome.name());
            write!(formatter, "\n{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The folder of one SDK object.
#[derive(Debug)]
pub(crate) struct Folder {
    sources: Sources,
    cached: SharedValue<Found, Error>,
}

/// A found folder. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    id: Arc<str>,
    /// The id as a header value.
    project: Option<HeaderValue>,
    report: FolderReport,
}

impl Found {
    fn new(id: &str, report: FolderReport) -> Self {
        Self { id: id.into(), project: project(id), report }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// The header value of a folder id. `None` where it is not a valid header value; the server then rejects the model URI
/// with a better message.
pub(crate) fn project(id: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(id).ok()
}

/// The options that decide where to look.
#[derive(Clone, Debug, Default)]
struct Sources {
    option: Option<String>,
    yc_profile: Option<String>,
}

impl Folder {
    pub(crate) fn new(option: Option<String>, yc_profile: Option<String>) -> Result<Self, Error> {
        let option = option.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
        if let Some(id) = &option {
            check(id, "folder_id")?;
        }
        Ok(Self { sources: Sources { option, yc_profile }, cached: SharedValue::new(Error::search_dropped) })
    }

    /// The folder id as a header value, if the option or the environment has it. Waits for nothing.
    pub(crate) fn known_project(&self, system: &System) -> Option<HeaderValue> {
        if let Some(found) = self.found() {
            return found.project;
        }
        match &self.sources.option {
            Some(id) => project(id),
            None => project(&variable(system).ok()??),
        }
    }

    pub(crate) fn report(&self) -> Option<FolderReport> {
        self.found().map(|found| found.report)
    }

    /// The folder, if it is found already.
    pub(crate) fn found(&self) -> Option<Found> {
        self.cached.peek()
    }

    /// The folder id. The search continues when a caller stops waiting.
    pub(crate) async fn id(&self, system: &System, credentials: &Credentials) -> Result<String, Error> {
        if let Some(found) = self.found() {
            return Ok(found.id().to_owned());
        }
        let mut search = Search::default();
        if let Some((source, id)) = self.sources.without_waiting(system, &mut search)? {
            self.cached.keep(search.end(source, &id));
            return Ok(id);
        }
        let search = || {
            let (sources, system, credentials) = (self.sources.clone(), system.clone(), credentials.clone());
            async move { sources.search(&system, &credentials, search).await }
        };
        self.cached.get(system, search).await.map(|found| found.id().to_owned())
    }
}

/// The results so far.
#[derive(Default)]
struct Search {
    attempts: Vec<FolderAttempt>,
}

impl Search {
    fn absent(&mut self, source: &'static str, reason: &str) {
        self.attempts.push(FolderAttempt { source, outcome: Outcome::Absent, reason: reason.to_owned() });
    }

    fn end(mut self, source: &'static str, id: &str) -> Found {
        tracing::info!(source, folder = %id, "found the folder");
        self.attempts.push(FolderAttempt { source, outcome: Outcome::Selected, reason: id.to_owned() });
        Found::new(id, FolderReport::new(self.attempts))
    }
}

impl Sources {
    /// The folder of the option or of the variable.
    fn without_waiting(
        &self,
        system: &System,
        search: &mut Search,
    ) -> Result<Option<(&'static str, String)>, Error> {
        match &self.option {
            Some(id) => return Ok(Some(("folder_id", id.clone()))),
            None => search.absent("folder_id", "not given"),
        }
        match variable(system)? {
            Some(id) => return Ok(Some((VARIABLE, id))),
            None => search.absent(VARIABLE, "not set"),
        }
        Ok(None)
    }

    /// The folder of the metadata service or of yc.
    async fn search(
        &self,
        system: &System,
        credentials: &Credentials,
        mut search: Search,
    ) -> Result<Found, Error> {
        match metadata_folder(system).await.map_err(|error| broken(METADATA, &error))? {
            Ok(id) => return Ok(search.end(METADATA, &id)),
            Err(reason) => search.absent(METADATA, &reason),
        }
        match self.ask_yc(system, credentials).await.map_err(|error| broken(YC, &error))? {
            Ok(id) => {
                check(&id, YC)?;
                return Ok(search.end(YC, &id));
            }
            Err(reason) => search.absent(YC, &reason),
        }
        let tried: Vec<_> =
            search.attempts.iter().map(|attempt| format!("{}: {}", attempt.source, attempt.reason)).collect();
        Err(Error::new(ErrorKind::Invalid, format!("no folder was found ({})", tried.join("; ")))
            .with_help("set `folder_id` or YC_FOLDER_ID, or name the model by a URI such as `gpt://<folder>/yandexgpt/latest`"))
    }

    /// Without a terminal, yc runs only if the program names it: by a profile, or as the credentials.
    async fn ask_yc(
        &self,
        system: &System,
        credentials: &Credentials,
    ) -> Result<Result<String, String>, auth::Error> {
        // Before the first selection the environment may have named yc already.
        let is_yc = match credentials.method() {
            Some(method) => method == Method::YandexCloudCli,
            None => is_pinned(Method::YandexCloudCli, system),
        };
        let unattended = self.yc_profile.is_some() || is_yc;
        let mut yc = YandexCloudCliAuth::builder().timeout(Duration::from_secs(5));
        if let Some(profile) = &self.yc_profile {
            yc = yc.profile(profile);
        }
        yc_config(&yc.build(), system, "folder-id", unattended).await
    }
}

fn variable(system: &System) -> Result<Option<String>, Error> {
    let Some(value) = system.environment().variable(VARIABLE) else { return Ok(None) };
    let not_text = |_| {
        let help = format!("set {VARIABLE} to plain ASCII text, or unset it");
        Error::new(ErrorKind::Invalid, format!("{VARIABLE}: the value is not UTF-8")).with_help(help)
    };
    let value = value.into_string().map_err(not_text)?;
    let id = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    if id.is_empty() {
        let reason = format!("{VARIABLE}: the value is only white space");
        return Err(
            Error::new(ErrorKind::Invalid, reason).with_help(format!("give {VARIABLE} a value, or unset it"))
        );
    }
    check(id, VARIABLE)?;
    Ok(Some(id.to_owned()))
}

/// Checks the id, which goes into URIs and headers.
fn check(id: &str, source: &str) -> Result<(), Error> {
    check_folder_id(id).map_err(|error| {
        let refused = Error::new(ErrorKind::Invalid, format!("{source}: {}", error.reason()));
        match error.help() {
            Some(help) => refused.with_help(help.to_owned()),
            None => refused,
        }
    })
}

fn broken(source: &str, error: &auth::Error) -> Error {
    let kind = if error.is_transient() { ErrorKind::Unavailable } else { ErrorKind::Invalid };
    let help = match error.help() {
        Some(help) => format!("set `folder_id` or YC_FOLDER_ID; or: {help}"),
        None => "set `folder_id` or YC_FOLDER_ID".to_owned(),
    };
    Error::new(kind, format!("no folder from {source}: {error}")).with_help(help)
}
