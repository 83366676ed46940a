//! The selected method: how it is selected, and how it provides headers after that.

use std::time::Duration;

use crate::error::in_seconds;
use crate::log::log;
use crate::methods::Provider;
use crate::methods::sealed::{Sealed, located};
use crate::refresh::cached_header::{CachedHeader, Scheme};
use crate::refresh::fetch::{Fetch, Fetched, Goal, Request};
use crate::refresh::live_header::LiveHeader;
use crate::refresh::schedule::{NEVER, Schedule};
use crate::report::{Attempt, Outcome, Report};
use crate::secret::redact;
use crate::selection::automatic::notes;
use crate::selection::{Automatic, Selection};
use crate::source::TokenSource;
use crate::sync::{Arc, Mutex, OnceLock, lock};
use crate::system::{BoxFuture, Now, Progress, System};
use crate::token::{LONGEST_LIFE, Token};
use crate::{Error, ErrorKind, Method};

/// Where the method comes from.
pub(super) enum CredentialsSource {
    Method(Arc<dyn Sealed>),
    Automatic(Automatic),
}

impl CredentialsSource {
    /// The same source, with the credentials that methods hold moved to `system`.
    pub(super) fn with_system(&self, system: &System) -> Self {
        match self {
            Self::Method(method) => {
                Self::Method(method.with_system(system).unwrap_or_else(|| Arc::clone(method)))
            }
            Self::Automatic(automatic) => Self::Automatic(automatic.clone().with_methods_on(system)),
        }
    }
}

/// The selected method. The first selection that succeeds stays.
#[derive(Default)]
pub(super) struct SelectionState {
    selected: OnceLock<Selected>,
    /// The report of the last selection that failed.
    failed: Mutex<Option<Report>>,
}

impl SelectionState {
    pub(super) fn get(&self) -> Option<&Selected> {
        self.selected.get()
    }

    pub(super) fn set(&self, selected: Selected) -> &Selected {
        self.selected.get_or_init(|| selected)
    }

    /// The report of the selection, or of the last one that failed.
    pub(super) fn report(&self) -> Option<Report> {
        match self.selected.get() {
            Some(selected) => Some(selected.report.clone()),
            None => lock(&self.failed).clone(),
        }
    }

    fn record_failure(&self, error: &Error) {
        if let Some(report) = error.report() {
            *lock(&self.failed) = Some(report.clone());
        }
    }
}

/// A selected method, and how it provides headers.
pub(super) struct Selected {
    pub(super) method: Method,
    /// The method itself, for what it knows besides its tokens.
    pub(super) by: Arc<dyn Sealed>,
    pub(super) backend: Backend,
    report: Report,
}

pub(super) enum Backend {
    /// The header is in the cache.
    Cached(Provider),
    /// The token is read for every request.
    Live(LiveHeader),
}

impl Selected {
    fn new(selection: Selection) -> (Self, Option<(Token, Now)>) {
        let Selection { method: by, provider, first, report } = selection;
        let method = by.method();
        let backend = match provider {
            Provider::Live(token) => Backend::Live(LiveHeader::new(method, token)),
            provider => Backend::Cached(provider),
        };
        (Self { method, by, backend, report }, first)
    }

    /// A method that the program has given.
    pub(super) fn given(
        method: &Arc<dyn Sealed>,
        provider: Provider,
        system: &System,
        reason: String,
        notes: Vec<String>,
    ) -> Self {
        let attempt = Attempt {
            method: method.method(),
            source: method.location(system),
            outcome: Outcome::Selected,
            reason,
            elapsed: Duration::ZERO,
        };
        let report = Report::new(vec![attempt], notes);
        Self::new(Selection { method: Arc::clone(method), provider, first: None, report }).0
    }

    /// The header, if the method needs no fetch.
    pub(super) fn fixed(&self, system: &System) -> Option<CachedHeader> {
        let now = system.clock().now();
        let (value, schedule, first_seen) = match &self.backend {
            Backend::Cached(Provider::Anonymous) => (None, Schedule::FOREVER, now),
            Backend::Cached(Provider::ApiKey(secret)) => {
                (Some((Scheme::ApiKey, secret)), Schedule::FOREVER, now)
            }
            Backend::Cached(Provider::Static(secret, seen)) => {
                let end = *seen + LONGEST_LIFE;
                (Some((Scheme::Bearer, secret)), Schedule { refresh: NEVER, usable: end, end }, *seen)
            }
            Backend::Cached(Provider::Live(_) | Provider::Source(_)) | Backend::Live(_) => return None,
        };
        Some(CachedHeader::new(self.method, value, 0, schedule, first_seen))
    }
}

/// How long a selection that fails is tried again for a caller without a deadline: as long as most methods may take.
const UNSELECTED_TOTAL: Duration = Duration::from_secs(10);

/// Selects a method if none is selected yet, and fetches once.
pub(super) struct Fetcher {
    pub(super) source: Arc<CredentialsSource>,
    pub(super) system: System,
    pub(super) selection: Arc<SelectionState>,
    /// What `system` records: the step of the selection or the fetch that is under way.
    pub(super) progress: Arc<Progress>,
}

impl Fetch for Fetcher {
    fn waiting_for(&self) -> Option<String> {
        self.progress.waiting_for()
    }

    fn last_failure(&self) -> Option<Error> {
        self.progress.last_failure()
    }

    fn fetch(&self, request: Request) -> BoxFuture<'static, Result<Fetched, Error>> {
        let (source, system, selection) =
            (Arc::clone(&self.source), self.system.clone(), Arc::clone(&self.selection));
        let progress = ClearOnDrop(Arc::clone(&self.progress));
        Box::pin(async move {
            let mut first = None;
            let selected = match selection.get() {
                Some(selected) => selected,
                None => {
                    let outcome = select(&source, &system).await;
                    let (selected, token) = outcome.inspect_err(|error| selection.record_failure(error))?;
                    first = token;
                    selection.set(selected)
                }
            };
            let method = selected.method;
            let source = match &selected.backend {
                Backend::Cached(Provider::Source(source)) => source,
                Backend::Live(_) => return Ok(Fetched::Selection),
                Backend::Cached(_) => return fixed(selected, &system),
            };
            match (first, request.goal) {
                (Some((token, began)), _) => {
                    Ok(Fetched::Token { method, token, began, max_age: source.max_age() })
                }
                (None, Goal::Select) => Ok(Fetched::Selection),
                (None, Goal::Header) => {
                    let fetched = fetch_header(source, method, &request, &system, &progress.0).await;
                    fetched.map_err(|error| error.of(method))
                }
            }
        })
    }

    fn total(&self) -> Duration {
        match self.selection.get().map(|selected| &selected.backend) {
            Some(Backend::Cached(Provider::Source(source))) => source.timeout(),
            _ => UNSELECTED_TOTAL,
        }
    }
}

/// A token of the shared cache, or of the source.
#[cfg(feature = "shared-cache")]
async fn fetch_header(
    source: &Arc<dyn TokenSource>,
    method: Method,
    request: &Request,
    system: &System,
    progress: &Progress,
) -> Result<Fetched, Error> {
    super::shared::fetch(source, method, request, system, progress).await
}

#[cfg(not(feature = "shared-cache"))]
async fn fetch_header(
    source: &Arc<dyn TokenSource>,
    method: Method,
    _request: &Request,
    system: &System,
    progress: &Progress,
) -> Result<Fetched, Error> {
    fetch_unshared(source, method, system, progress).await
}

/// A token of the source alone.
pub(super) async fn fetch_unshared(
    source: &Arc<dyn TokenSource>,
    method: Method,
    system: &System,
    progress: &Progress,
) -> Result<Fetched, Error> {
    let began = system.clock().now();
    let token = fetch_once(source, source.timeout(), system, progress).await?;
    Ok(Fetched::Token { method, token, began, max_age: source.max_age() })
}

/// A token of the source, within `limit`.
pub(super) async fn fetch_once(
    source: &Arc<dyn TokenSource>,
    limit: Duration,
    system: &System,
    progress: &Progress,
) -> Result<Token, Error> {
    system.within(limit, source.fetch(system)).await.unwrap_or_else(|| {
        let waiting = progress.waiting_for();
        let waiting = waiting.map(|step| format!("; {step}")).unwrap_or_default();
        Err(Error::new(ErrorKind::Unavailable, format!("no token within {}{waiting}", in_seconds(limit)))
            .with_help("the source of the token is slow or does not respond at the moment")
            .without_retry())
    })
}

/// Clears the record of what is waited for, when a fetch has ended or is dropped.
struct ClearOnDrop(Arc<Progress>);

impl Drop for ClearOnDrop {
    fn drop(&mut self) {
        self.0.clear();
    }
}

async fn select(
    source: &CredentialsSource,
    system: &System,
) -> Result<(Selected, Option<(Token, Now)>), Error> {
    match source {
        CredentialsSource::Automatic(automatic) => automatic.select(system).await.map(Selected::new),
        CredentialsSource::Method(method) => {
            let name = method.method();
            let method = located(method, system).await.map_err(|error| error.of(name))?;
            let provider = method.provider(system).map_err(|error| error.of(name))?;
            log(
                || tracing::info!(method = %method.method(), source = redact(&method.location(system), &[]), "given"),
            );
            let reason = method.explicit_reason(system).await;
            Ok((Selected::given(&method, provider, system, reason, notes(system)), None))
        }
    }
}

/// The header of a method that needs no fetch, while it is usable.
fn fixed(selected: &Selected, system: &System) -> Result<Fetched, Error> {
    match selected.fixed(system) {
        Some(header) if system.clock().now().is_before(&header.schedule.usable) => {
            Ok(Fetched::Fixed(Box::new(header)))
        }
        Some(_) => Err(Error::new(
            ErrorKind::Expired,
            "the given token is 12 h old, and this method cannot renew it",
        )
        .of(selected.method)
        .with_help("give a new token, or use a method that renews its tokens (metadata, yc, or an API key)")),
        None => Ok(Fetched::Selection),
    }
}
