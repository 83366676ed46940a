//! The choice behind credentials: where it comes from, what it is once made, and how it is put to work.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::methods::sealed::Sealed;
use crate::methods::{Supply, read_iam_token};
use crate::refresh::cache::{Fetch, Fetched, Goal};
use crate::refresh::handed::Handed;
use crate::refresh::policy::{LONGEST_LIFE, NEVER, Plan};
use crate::refresh::ready::{Ready, Scheme};
use crate::refresh::variable::Variable;
use crate::secret::presentable;
use crate::selection::{Attempt, Automatic, Outcome, Report, Selection, notes};
use crate::system::{BoxFuture, Now, System};
use crate::{Error, ErrorKind, Method, Token};

/// Where the choice comes from.
pub(super) enum Origin {
    Method(Arc<dyn Sealed>),
    Automatic(Automatic),
}

impl Origin {
    /// The same on another machine, with the credentials that methods hold.
    pub(super) fn on(&self, system: &System) -> Self {
        match self {
            Self::Method(method) => Self::Method(method.on(system).unwrap_or_else(|| Arc::clone(method))),
            Self::Automatic(automatic) => Self::Automatic(automatic.clone().with_methods_on(system)),
        }
    }
}

/// The choice, which stays.
pub(super) struct Chosen {
    pub(super) method: Method,
    /// The method itself, for what it knows beside its tokens.
    pub(super) by: Arc<dyn Sealed>,
    pub(super) working: Working,
    pub(super) report: Report,
}

pub(super) enum Working {
    /// Made ready in the cache.
    Cached(Supply),
    /// Read for every request.
    Variable(Variable),
    /// Handed over; the newest is read for every request.
    Handed(Handed),
}

impl Chosen {
    fn new(selection: Selection) -> (Self, Option<(Token, Now)>) {
        let Selection { method: by, supply, first, report } = selection;
        let working = match supply {
            Supply::Variable(name) => Working::Variable(Variable::new(name, read_iam_token)),
            Supply::Handed(slot) => Working::Handed(Handed::new(slot)),
            supply => Working::Cached(supply),
        };
        (Self { method: by.method(), by, working, report }, first)
    }

    /// The choice that was made by whoever named the method.
    pub(super) fn given(
        method: &Arc<dyn Sealed>,
        supply: Supply,
        system: &System,
        how: String,
        notes: Vec<String>,
    ) -> Self {
        let attempt = Attempt {
            method: method.method(),
            source: method.place(system),
            outcome: Outcome::Selected,
            reason: how,
            elapsed: Duration::ZERO,
        };
        let report = Report::new(vec![attempt], notes);
        Self::new(Selection { method: Arc::clone(method), supply, first: None, report }).0
    }

    /// The header that needs no fetch, where it is of that kind.
    pub(super) fn fixed(&self, system: &System) -> Option<Ready> {
        let now = system.clock().now();
        let (value, plan, seen) = match &self.working {
            Working::Cached(Supply::Nothing) => (None, Plan::FOREVER, now),
            Working::Cached(Supply::Key(secret)) => (Some((Scheme::ApiKey, secret)), Plan::FOREVER, now),
            Working::Cached(Supply::Given(secret, seen)) => {
                let end = *seen + LONGEST_LIFE;
                (Some((Scheme::Bearer, secret)), Plan { refresh: NEVER, usable: end, end }, *seen)
            }
            Working::Cached(Supply::Variable(_) | Supply::Handed(_) | Supply::Source(_))
            | Working::Variable(_)
            | Working::Handed(_) => return None,
        };
        Some(Ready::new(self.method, value, 0, plan, seen))
    }
}

/// Chooses where nothing is chosen yet, and fetches once.
pub(super) struct Fetcher {
    pub(super) origin: Arc<Origin>,
    pub(super) system: System,
    pub(super) chosen: Arc<OnceLock<Chosen>>,
}

impl Fetch for Fetcher {
    fn fetch(&self, goal: Goal) -> BoxFuture<'static, Result<Fetched, Error>> {
        let (origin, system, chosen) =
            (Arc::clone(&self.origin), self.system.clone(), Arc::clone(&self.chosen));
        Box::pin(async move {
            let mut first = None;
            let chosen = match chosen.get() {
                Some(chosen) => chosen,
                None => {
                    let (choice, token) = choose(&origin, &system).await?;
                    first = token;
                    chosen.get_or_init(|| choice)
                }
            };
            let method = chosen.method;
            let source = match &chosen.working {
                Working::Cached(Supply::Source(source)) => source,
                Working::Variable(_) | Working::Handed(_) => return Ok(Fetched::Choice),
                Working::Cached(_) => return fixed(chosen, &system),
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

async fn choose(origin: &Origin, system: &System) -> Result<(Chosen, Option<(Token, Now)>), Error> {
    match origin {
        Origin::Automatic(automatic) => automatic.select(system).await.map(Chosen::new),
        Origin::Method(method) => {
            let supply = method.supply(system).map_err(|error| error.of(method.method()))?;
            tracing::info!(method = %method.method(), source = presentable(&method.place(system), &[]), "given");
            let how = method.given_as(system).await;
            Ok((Chosen::given(method, supply, system, how, notes(system)), None))
        }
    }
}

/// The header of a method that has nothing to fetch, as long as it is alive.
fn fixed(chosen: &Chosen, system: &System) -> Result<Fetched, Error> {
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
