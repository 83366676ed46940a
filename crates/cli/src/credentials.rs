//! From the flags to credentials, and from credentials to the one header of this run, within its time.

use std::time::{Duration, Instant};

use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, Endpoints, EnvIamTokenAuth, Error, ErrorKind, HeaderOptions,
    IamTokenAuth, ImpersonationAuth, MetadataAuth, NoAuth, OAuthTokenAuth, ProfileAuth, Report,
    ServiceAccountKeyAuth, Snapshot, System, TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};

use crate::arguments::{Asked, MethodName};
use crate::children::Children;
use crate::input::{self, Value};

/// When the command has to be done, counted from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    start: Instant,
    span: Option<Duration>,
}

impl Deadline {
    /// Starts the watch.
    pub(crate) fn unbounded() -> Self {
        Self { start: Instant::now(), span: None }
    }

    /// The same start, with an end.
    pub(crate) fn within(self, span: Option<Duration>) -> Self {
        Self { span, ..self }
    }

    /// What is left; `None` where there is no end.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.span.map(|span| span.saturating_sub(self.start.elapsed()))
    }

    fn is_over(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// What is left, as the library takes it.
    pub(crate) fn options(self) -> HeaderOptions {
        match self.remaining() {
            Some(remaining) => HeaderOptions::new().deadline(remaining),
            None => HeaderOptions::new(),
        }
    }

    /// The same error, in words for a command that ends, where it came of the end of the time.
    pub(crate) fn explain(self, error: Error, credentials: &Credentials) -> Error {
        match error.kind() {
            // The library's words for this are for programs that go on.
            ErrorKind::Unavailable if self.is_over() && error.location().is_none() => {
                let what = match credentials.method() {
                    Some(method) => format!("{method}: no token"),
                    None => "no token".to_owned(),
                };
                self.passed(&what)
            }
            _ => error,
        }
    }

    /// The error for what was not done in time.
    pub(crate) fn passed(self, what: &str) -> Error {
        let span = self.span.unwrap_or_default();
        Error::new(ErrorKind::Unavailable, format!("{what} within {span:?} (`--timeout`)"))
            .with_help("allow more time; YC_AUTH_LOG=debug shows what was waited for")
    }
}

/// What came of it.
pub(crate) struct Outcome {
    /// The header, or why there is none.
    pub(crate) header: Result<Snapshot, Error>,
    /// What was looked at, where the choice got that far.
    pub(crate) report: Option<Report>,
    /// How long choosing and fetching took.
    pub(crate) elapsed: Duration,
}

/// Makes the header that was asked for.
pub(crate) fn header(asked: &Asked, deadline: Deadline) -> Result<Snapshot, Error> {
    outcome(asked, deadline).header
}

/// The same, with what was learned on the way.
pub(crate) fn outcome(asked: &Asked, deadline: Deadline) -> Outcome {
    let start = Instant::now();
    match using(asked, deadline, |credentials, deadline| Ok(obtain(credentials, deadline))) {
        Ok(outcome) => outcome,
        Err(error) => Outcome { header: Err(error), report: None, elapsed: start.elapsed() },
    }
}

/// Opens the credentials of the flags for one use, and leaves nothing behind.
pub(crate) fn using<T>(
    asked: &Asked,
    deadline: Deadline,
    use_them: impl FnOnce(&Credentials, Deadline) -> Result<T, Error>,
) -> Result<T, Error> {
    let deadline = deadline.within(asked.timeout);
    let children = Children::default();
    let mut system = System::real().with_processes(children.clone());
    if let Some(endpoint) = flag(asked.endpoint.as_deref(), "--endpoint")? {
        system = system.with_endpoints(Endpoints::new().api(endpoint));
    }
    let given = asked.auth.as_ref().map(|auth| input::read(auth, deadline)).transpose()?;
    let credentials = build(asked, given.as_ref())?.with_system(system);
    let used = use_them(&credentials, deadline);
    // The last handle stops a fetch that is still under way; whatever it has started must not outlive us.
    drop(credentials);
    children.wait_for_their_end();
    used
}

fn obtain(credentials: &Credentials, deadline: Deadline) -> Outcome {
    let start = Instant::now();
    let header = credentials.blocking().get(deadline.options());
    let elapsed = start.elapsed();
    let header = header.map_err(|error| deadline.explain(error, credentials));
    let report = match &header {
        Err(error) if error.report().is_some() => error.report().cloned(),
        _ => credentials.report(),
    };
    Outcome { header, report, elapsed }
}

/// The credentials of the flags: nothing is looked at yet.
fn build(asked: &Asked, given: Option<&Value>) -> Result<Credentials, Error> {
    let own = own(asked, given)?;
    let Some(id) = flag(asked.impersonate.as_deref(), "--impersonate")? else { return Ok(own) };
    Ok(ImpersonationAuth::new(id, own).into())
}

/// Those without, or in front of, an impersonation.
fn own(asked: &Asked, given: Option<&Value>) -> Result<Credentials, Error> {
    // Whom to impersonate by is chosen as if nobody were to be.
    let method = asked.method.filter(|method| *method != MethodName::Impersonation);
    Ok(match (method, given) {
        (None, None) if asked.key_file.is_some() => key(asked, None)?.into(),
        (None, None) => Automatic::new().replace("yandex-cloud-cli", yc(asked)?)?.build(),
        (None, Some(value)) => {
            Credentials::from_string(&*value.text).map_err(|error| error.at(&value.place))?
        }
        (Some(MethodName::ApiKey), None) => ApiKeyAuth::from_env().into(),
        (Some(MethodName::ApiKey), Some(value)) => {
            ApiKeyAuth::new(&*value.text).map_err(|error| error.at(&value.place))?.into()
        }
        (Some(MethodName::IamToken), None) => IamTokenAuth::from_env().into(),
        (Some(MethodName::IamToken), Some(value)) => {
            IamTokenAuth::new(&*value.text).map_err(|error| error.at(&value.place))?.into()
        }
        (Some(MethodName::OauthToken), value) => oauth(value)?.into(),
        (Some(MethodName::ServiceAccountKey), value) => key(asked, value)?.into(),
        (Some(MethodName::WorkloadIdentity), _) => WorkloadIdentityAuth::from_env().into(),
        (Some(MethodName::TokenFile), _) => TokenFileAuth::from_env().into(),
        (Some(MethodName::EnvIamToken), _) => EnvIamTokenAuth::new().into(),
        (Some(MethodName::Metadata), _) => MetadataAuth::new().into(),
        (Some(MethodName::None | MethodName::Impersonation), _) => NoAuth::new().into(),
        (Some(MethodName::Profile), _) => profile(asked)?.into(),
        (Some(MethodName::YandexCloudCli), _) => yc(asked)?.into(),
    })
}

fn key(asked: &Asked, given: Option<&Value>) -> Result<ServiceAccountKeyAuth, Error> {
    match (given, &asked.key_file) {
        (Some(value), _) => ServiceAccountKeyAuth::new(&*value.text).map_err(|error| error.at(&value.place)),
        (None, Some(file)) if file.as_os_str().is_empty() => Err(empty("--key-file")),
        (None, Some(file)) => Ok(ServiceAccountKeyAuth::from_file(file)),
        (None, None) => Ok(ServiceAccountKeyAuth::from_env()),
    }
}

fn profile(asked: &Asked) -> Result<ProfileAuth, Error> {
    let mut builder = ProfileAuth::builder();
    if let Some(profile) = flag(asked.profile.as_deref(), "--profile")? {
        builder = builder.profile(profile);
    }
    Ok(builder.build())
}

fn oauth(given: Option<&Value>) -> Result<OAuthTokenAuth, Error> {
    match given {
        Some(value) => OAuthTokenAuth::new(&*value.text).map_err(|error| error.at(&value.place)),
        None => Ok(OAuthTokenAuth::from_env()),
    }
}

fn yc(asked: &Asked) -> Result<YandexCloudCliAuth, Error> {
    let mut builder = YandexCloudCliAuth::builder();
    if let Some(profile) = flag(asked.profile.as_deref(), "--profile")? {
        builder = builder.profile(profile);
    }
    Ok(builder.build())
}

/// A flag that was given empty is a script's variable that was not set.
fn flag<'a>(value: Option<&'a str>, name: &str) -> Result<Option<&'a str>, Error> {
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
