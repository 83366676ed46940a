//! A token source that follows a script, and remembers what it gave to whom and when.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use yandex_cloud_auth_model::system::BoxFuture;
use yandex_cloud_auth_model::{Error, ErrorKind, System, Token, TokenSource};

/// One response of the source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response {
    /// How long the source takes, by the clock of the model. Zero: some turns of the scheduler.
    pub(crate) after: Duration,
    pub(crate) result: Outcome,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// Another token, which lives this long from the begin of the fetch on.
    Token { life: Duration },
    /// The token of the fetch before.
    Same { life: Duration },
    /// A failure that another attempt may cure.
    Down,
    /// A failure that stays.
    Refused,
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn token(life: Duration) -> Response {
    Response { after: Duration::ZERO, result: Outcome::Token { life } }
}

pub(crate) const fn same(life: Duration) -> Response {
    Response { after: Duration::ZERO, result: Outcome::Same { life } }
}

pub(crate) const DOWN: Response = Response { after: Duration::ZERO, result: Outcome::Down };
pub(crate) const REFUSED: Response = Response { after: Duration::ZERO, result: Outcome::Refused };

impl Response {
    pub(crate) const fn after(self, time: Duration) -> Self {
        Self { after: time, ..self }
    }
}

/// A token that the source gave.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) text: String,
    /// When the fetch began, by the monotonic clock.
    pub(crate) began: Duration,
    pub(crate) life: Duration,
}

/// The source. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) state: Arc<State>,
}

#[derive(Default)]
pub(crate) struct State {
    script: Mutex<VecDeque<Response>>,
    given: Mutex<Vec<Given>>,
    /// The tokens' numbers, for [`Outcome::Same`].
    tokens: AtomicUsize,
    pub(crate) fetches: AtomicUsize,
    pub(crate) under_way: AtomicUsize,
    pub(crate) most_under_way: AtomicUsize,
    pub(crate) cancelled: AtomicUsize,
}

impl Source {
    /// The last response of the script is given again and again.
    pub(crate) fn new(script: &[Response]) -> Self {
        let state = State { script: Mutex::new(script.iter().copied().collect()), ..State::default() };
        Self { state: Arc::new(state) }
    }

    pub(crate) fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn under_way(&self) -> usize {
        self.state.under_way.load(Ordering::SeqCst)
    }

    pub(crate) fn cancelled(&self) -> usize {
        self.state.cancelled.load(Ordering::SeqCst)
    }

    /// The most fetches that were under way together.
    pub(crate) fn most_under_way(&self) -> usize {
        self.state.most_under_way.load(Ordering::SeqCst)
    }

    /// What is known about a token that a call returned.
    pub(crate) fn given(&self, text: &str) -> Given {
        let given = self.state.given.lock().unwrap();
        // The first time counts: a token that is given again does not live longer.
        given.iter().rfind(|given| given.text == text).cloned().expect("the source gave this token")
    }

    fn next(&self) -> Response {
        let mut script = self.state.script.lock().unwrap();
        let next = *script.front().unwrap();
        if script.len() > 1 {
            script.pop_front();
        }
        next
    }
}

impl TokenSource for Source {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async move {
            let response = self.next();
            let began = system.clock().now();
            let under_way = UnderWay::begin(&self.state);
            if response.after.is_zero() {
                shuttle::future::yield_now().await;
            } else {
                system.clock().sleep(response.after).await;
            }
            under_way.end();
            let (life, number) = match response.result {
                Outcome::Token { life } => (life, self.state.tokens.fetch_add(1, Ordering::SeqCst) + 1),
                Outcome::Same { life } => (life, self.state.tokens.load(Ordering::SeqCst)),
                Outcome::Down => return Err(Error::new(ErrorKind::Unavailable, "the source is down")),
                Outcome::Refused => return Err(Error::new(ErrorKind::Refused, "the source refuses")),
            };
            let text = format!("t1.fake.{number}");
            self.state.given.lock().unwrap().push(Given { text: text.clone(), began: began.monotonic, life });
            Ok(Token::new(text)?.expiring_in(life))
        })
    }
}

struct UnderWay {
    state: Arc<State>,
    ended: bool,
}

impl UnderWay {
    fn begin(state: &Arc<State>) -> Self {
        state.fetches.fetch_add(1, Ordering::SeqCst);
        let now = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_under_way.fetch_max(now, Ordering::SeqCst);
        Self { state: Arc::clone(state), ended: false }
    }

    fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.state.under_way.fetch_sub(1, Ordering::SeqCst);
        if !self.ended {
            self.state.cancelled.fetch_add(1, Ordering::SeqCst);
        }
    }
}
