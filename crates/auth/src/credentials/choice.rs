//! The choice behind credentials: where it comes from, what it is once made, and how it is put to work.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::methods::sealed::Sealed;
use crate::methods::{Provider, read_iam_token};
use crate::refresh::cache::{Fetch, Fetched, Goal};
use crate::refresh::cached_header::{CachedHeader, Scheme};
use crate::refresh::pushed_token::PushedToken;
use crate::refresh::schedule::{LONGEST_LIFE, NEVER, Schedule};
use crate::refresh::variable::Variable;
use crate::secret::redact;
use crate::selection::{Attempt, Automatic, Outcome, Report, Selection, notes};
use crate::system::{BoxFuture, Now, System};
use crate::{Error, ErrorKind, Method, Token};

/// Where the choice comes from.
pub(super) enum CredentialsSource {
    Method(Arc<dyn Sealed>),
    Automatic(Automatic),
}

impl CredentialsSource {
    /// The same on another machine, with the credentials that methods hold.
    pub(super) fn with_system(&self, system: &System) -> Self {
        match self {
            Self::Method(method) => {
                Self::Method(method.with_system(system).unwrap_or_else(|| Arc::clone(method)))
            }
            Self::Automatic(automatic) => Self::Automatic(automatic.clone().with_methods_on(system)),
        }
    }
}

/// The choice, which stays.
pub(super) struct Selected {
    pub(super) method: Method,
    /// The method itself, for what it knows beside its tokens.
    pub(super) by: Arc<dyn Sealed>,
    pub(super) backend: Backend,
    pub(super) report: Report,
}

pub(super) enum Backend {
    /// Made ready in the cache.
    Cached(Provider),
    /// Read for every request.
    Variable(Variable),
    /// PushedToken over; the newest is read for every request.
    PushedToken(PushedToken),
}

impl Selected {
    fn new(selection: Selection) -> (Self, Option<(Token, Now)>) {
        let Selection { method: by, provider, first, report } = selection;
        let backend = match provider {
            Provider::Env(name) => Backend::Variable(Variable::new(name, read_iam_token)),
            Provider::Pushed(cell) => Backend::PushedToken(PushedToken::new(cell)),
            provider => Backend::Cached(provider),
        };
        (Self { method: by.method(), by, backend, report }, first)
    }

    /// The choice that was made by whoever named the method.
    pub(super) fn given(
        method: &Arc<dyn Sealed>,
        provider: Provider,
        system: &System,
        how: String,
        notes: Vec<String>,
    ) -> Self {
        let attempt = Attempt {
            method: method.method(),
            source: method.location(system),
            outcome: Outcome::Selected,
            reason: how,
            elapsed: Duration::ZERO,
        };
        let report = Report::new(vec![attempt], notes);
        Self::new(Selection { method: Arc::clone(method), provider, first: None, report }).0
    }

    /// The header that needs no fetch, where it is of that kind.
    pub(super) fn fixed(&self, system: &System) -> Option<CachedHeader> {
        let now = system.clock().now();
        let (value, plan, seen) = match &self.backend {
            Backend::Cached(Provider::Anonymous) => (None, Schedule::FOREVER, now),
            Backend::Cached(Provider::ApiKey(secret)) => {
                (Some((Scheme::ApiKey, secret)), Schedule::FOREVER, now)
            }
            Backend::Cached(Provider::Static(secret, seen)) => {
                let end = *seen + LONGEST_LIFE;
                (Some((Scheme::Bearer, secret)), Schedule { refresh: NEVER, usable: end, end }, *seen)
            }
            Backend::Cached(Provider::Env(_) | Provider::Pushed(_) | Provider::Source(_))
            | Backend::Variable(_)
            | Backend::PushedToken(_) => return None,
        };
        Some(CachedHeader::new(self.method, value, 0, plan, seen))
    }
}

/// Chooses where nothing is chosen yet, and fetches once.
pub(super) struct Fetcher {
    pub(super) source: Arc<CredentialsSource>,
    pub(super) system: System,
    pub(super) chosen: Arc<OnceLock<Selected>>,
}

impl Fetch for Fetcher {
    fn fetch(&self, goal: Goal) -> BoxFuture<'static, Result<Fetched, Error>> {
        let (source, system, chosen) =
            (Arc::clone(&self.source), self.system.clone(), Arc::clone(&self.chosen));
        Box::pin(async move {
            let mut first = None;
            let chosen = match chosen.get() {
                Some(chosen) => chosen,
                None => {
                    let (choice, token) = choose(&source, &system).await?;
                    first = token;
                    chosen.get_or_init(|| choice)
                }
            };
            let method = chosen.method;
            let source = match &chosen.backend {
                Backend::Cached(Provider::Source(source)) => source,
                Backend::Variable(_) | Backend::PushedToken(_) => return Ok(Fetched::Choice),
                Backend::Cached(_) => return fixed(chosen, &system),
            };
            let max_age = source.max_age();
            let (token, began) = match (first, goal) {
                (Some(first), _) => first,
                (None, Goal::Select) => return Ok(Fetched::Choice),
                (None, Goal::Header) => {
                    let began = system.clock().now();
                    let limit = source.timeout();
                    let token = system.within(limit, source.fetch(&system)).await.unwrap_or_else(|| {
                        Err(Error::new(ErrorKind::Unavailable, format!("no token within {limit:?}"))
                            .with_help("the source is too slow or hangs; it is asked again by and by"))
                    });
                    (token.map_err(|error| error.of(method))?, began)
                }
            };
            Ok(Fetched::Token { method, token, began, max_age })
        })
    }
}

async fn choose(
    source: &CredentialsSource,
    system: &System,
) -> Result<(Selected, Option<(Token, Now)>), Error> {
    match source {
        CredentialsSource::Automatic(automatic) => automatic.select(system).await.map(Selected::new),
        CredentialsSource::Method(method) => {
            let provider = method.provider(system).map_err(|error| error.of(method.method()))?;
            tracing::info!(method = %method.method(), source = redact(&method.location(system), &[]), "given");
            let how = method.explicit_reason(system).await;
            Ok((Selected::given(method, provider, system, how, notes(system)), None))
        }
    }
}

/// The header of a method that has nothing to fetch, as long as it is alive.
fn fixed(chosen: &Selected, system: &System) -> Result<Fetched, Error> {
    match chosen.fixed(system) {
        Some(ready) if system.clock().now().is_before(&ready.plan.usable) => {
            Ok(Fetched::Fixed(Box::new(ready)))
        }
        Some(_) => Err(Error::new(ErrorKind::Expired, "the given token is 12 h old, and nobody renews it")
            .of(chosen.method)
            .with_help(
                "give a new one, or use a method that renews its tokens (metadata, yc, or an API key)",
            )),
        None => Ok(Fetched::Choice),
    }
}
