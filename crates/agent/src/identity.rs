//! One identity: its credentials, kept fresh by a task of their own, so that a source that hangs delays no other identity.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Serialize;
use yandex_cloud_auth::{Credentials, Error, HeaderOptions, Scheme, Snapshot};
use zeroize::Zeroizing;

use crate::config::IdentityConfig;
use crate::duty::{Duties, State};
use crate::facts::{Facts, Known};

/// How long a request waits for a token that is not at hand.
const WAIT: Duration = Duration::from_secs(20);

/// How often the task looks whether the token is stale, at most and at least. A look at a fresh token costs some nanoseconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// The life of a token whose issuer did not say: the client asks again soon.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);

/// What is told of a credential that is no IAM token.
pub(crate) const NO_IAM_TOKEN: &str = "the identity has no IAM token: it has an API key, or nothing";

/// A token as clients of the metadata service and of OAuth read it.
#[derive(Serialize)]
struct Bearer<'a> {
    access_token: &'a str,
    expires_in: u64,
    token_type: &'a str,
}

/// An identity of the agent.
pub(crate) struct Identity {
    pub(crate) config: IdentityConfig,
    pub(crate) credentials: Credentials,
    /// In the versions of tokens, so that a version of another agent is none of this one.
    pub(crate) versions: u64,
    facts: Facts,
    had_token: AtomicBool,
    last_error: Mutex<Option<(SystemTime, String)>>,
    /// The Secrets that this agent writes with others: one of them renews the token.
    pub(crate) duties: Duties,
}

impl Identity {
    pub(crate) fn new(config: IdentityConfig, credentials: Credentials) -> Self {
        Self {
            facts: Facts::new(config.folder.is_none()),
            config,
            credentials,
            versions: fastrand::u64(..),
            had_token: AtomicBool::new(false),
            last_error: Mutex::default(),
            duties: Duties::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Starts the renewal. After the last owner of the identity the task ends at its next look.
    pub(crate) fn start(self: &Arc<Self>) {
        let identity = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(identity) = identity.upgrade() {
                let pause = if identity.duties.renews() { identity.renew().await } else { LONGEST_PAUSE };
                let pause = identity.credentials.system().clock().sleep(pause);
                drop(identity);
                pause.await;
            }
        });
    }

    /// Lets the library fetch if it should. Returns the time until the next look.
    async fn renew(&self) -> Duration {
        match self.token().await {
            Ok(snapshot) => {
                self.had_token.store(true, Ordering::Relaxed);
                self.known().await;
                self.pause(&snapshot)
            }
            // The library remembers a failure, and waits longer and longer between its attempts.
            Err(_) => LONGEST_PAUSE,
        }
    }

    /// The time until the next look at a token.
    pub(crate) fn pause(&self, token: &Snapshot) -> Duration {
        let left = self.remaining(token);
        left.map_or(LONGEST_PAUSE, |left| (left / 20).clamp(SHORTEST_PAUSE, LONGEST_PAUSE))
    }

    /// Whether the identity had a token at any time.
    pub(crate) fn had_token(&self) -> bool {
        self.had_token.load(Ordering::Relaxed)
    }

    /// What the method knows about the identity, as far as it has answered.
    pub(crate) async fn known(&self) -> Known {
        self.facts.known(&self.credentials).await
    }

    /// A usable token, after a wait if there is none.
    pub(crate) async fn token(&self) -> Result<Snapshot, Error> {
        let token = self.credentials.get(HeaderOptions::new().deadline(WAIT)).await;
        if let Err(error) = &token {
            let text = error.to_string();
            let is_new = self.last_error().is_none_or(|(_, last)| last != text);
            if is_new {
                tracing::warn!(identity = self.name(), error = %error, "there is no token");
            }
            *self.lock_error() = Some((SystemTime::now(), text));
        }
        token
    }

    /// How long the token still lives: `None` if its issuer did not say.
    fn remaining(&self, snapshot: &Snapshot) -> Option<Duration> {
        let now = SystemTime::UNIX_EPOCH + self.credentials.system().clock().now().wall;
        snapshot.expires_at().map(|end| end.duration_since(now).unwrap_or_default())
    }

    /// The JSON that a client gets for an IAM token, of the life that `shown` makes of the rest of its life. `None` for
    /// another kind of credential.
    pub(crate) fn bearer(&self, token: &Snapshot, shown: impl FnOnce(Duration) -> u64) -> Option<Bytes> {
        if token.scheme() != Some(Scheme::Bearer) {
            return None;
        }
        let expires_in = shown(self.remaining(token).unwrap_or(UNKNOWN_LIFE));
        let bearer = Bearer { access_token: token.expose_secret()?, expires_in, token_type: "Bearer" };
        // A text that grows would leave copies of the token behind.
        let mut json = Zeroizing::new(Vec::with_capacity(bearer.access_token.len() + 128));
        // Numbers and texts cannot fail.
        serde_json::to_writer(&mut *json, &bearer).ok()?;
        // The bytes are wiped when they have been sent.
        Some(Bytes::from_owner(json))
    }

    /// Whether a token can be served now.
    pub(crate) fn has_token(&self) -> bool {
        self.credentials.snapshot().is_some()
    }

    /// Whether the agent does for this identity what it has to.
    pub(crate) fn is_ready(&self) -> bool {
        self.state().is_good()
    }

    pub(crate) fn state(&self) -> State {
        self.duties.state(self.has_token())
    }

    /// The last error that left callers without a token.
    pub(crate) fn last_error(&self) -> Option<(SystemTime, String)> {
        self.lock_error().clone()
    }

    fn lock_error(&self) -> MutexGuard<'_, Option<(SystemTime, String)>> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
