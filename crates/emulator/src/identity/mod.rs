//! The subjects of the emulator and their tokens and keys. Secrets are stored only as hashes.

mod authorization;
mod fake_keys;
mod rsa_key;
mod secrets;
mod service_account_key;
mod token_cache;
mod token_creators;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

pub(crate) use authorization::{Accepts, Caller};
use secrets::{Hash, hash};
pub(crate) use secrets::{ephemeral_key, github_request_token, hex};
use service_account_key::Keys;
pub(crate) use service_account_key::{KeyFile, Signer};
pub use token_cache::Renewal;
pub(crate) use token_cache::TokenCache;
pub(crate) use token_creators::TokenCreators;

use crate::clock::{VirtualClock, later};
use crate::sync::lock;
use crate::wire::status::Status;

/// At this number of tokens, expired and revoked tokens are removed.
const MANY: usize = 4096;

/// IAM's message for OAuth tokens that were issued after the cut-off date.
const CLOSED: &str = "is not supported for IAM token exchange";
const CUT_OFF: &str = "2026-06-01";

/// The owner of a token or a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    ServiceAccount(Arc<str>),
    User(Arc<str>),
}

impl Subject {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::ServiceAccount(id) | Self::User(id) => id,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount(id) => write!(f, "service account {id}"),
            Self::User(id) => write!(f, "user account {id}"),
        }
    }
}

/// How an IAM token was obtained.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Grant {
    OAuth,
    /// With a JWT that the key with this id signed.
    ServiceAccountKey(Arc<str>),
    /// With the IAM token of another subject.
    Impersonation,
    /// With a token of an OIDC issuer.
    WorkloadIdentity,
    Metadata,
    /// From the control API.
    Control,
    /// From a method of the emulator.
    Issued,
}

/// A new IAM token.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) expires_at: SystemTime,
    pub(crate) lifetime: Duration,
}

struct IamToken {
    subject: Subject,
    grant: Grant,
    expires_at: SystemTime,
    revoked: bool,
}

impl IamToken {
    /// Whether the token, or the key that it was obtained with, was revoked.
    fn is_revoked(&self, keys: &Keys) -> bool {
        match &self.grant {
            Grant::ServiceAccountKey(id) => self.revoked || !keys.contains(id),
            _ => self.revoked,
        }
    }
}

struct ApiKey {
    subject: Subject,
    /// `None` means all scopes.
    scopes: Option<Vec<String>>,
    revoked: bool,
}

struct OAuthToken {
    subject: Subject,
    after_cut_off: bool,
}

#[derive(Default)]
struct Known {
    iam: HashMap<Hash, IamToken>,
    /// The number of IAM tokens at which the next cleanup starts.
    limit: usize,
    api_keys: HashMap<Hash, ApiKey>,
    oauth: HashMap<Hash, OAuthToken>,
    keys: Keys,
}

/// The numbers of IAM tokens by state.
#[derive(Default)]
pub(crate) struct TokenCounts {
    pub(crate) valid: u64,
    pub(crate) expired: u64,
    pub(crate) revoked: u64,
}

/// All tokens and keys of the emulator.
pub(crate) struct Identity {
    clock: VirtualClock,
    known: Mutex<Known>,
    /// The number of keys that [`create_key`](Self::create_key) has created.
    created_keys: AtomicUsize,
}

impl Identity {
    pub(crate) fn new(clock: VirtualClock) -> Self {
        Self { clock, known: Mutex::default(), created_keys: AtomicUsize::new(0) }
    }

    pub(crate) fn issue_iam(
        &self,
        subject: Subject,
        grant: Grant,
        lifetime: Duration,
    ) -> Result<Issued, Status> {
        let token = secrets::iam_token()?;
        let now = self.clock.now();
        let expires_at = later(now, lifetime);
        // One lock for the cleanup and the insertion: the cleanup reads the keys that decide whether a token is
        // revoked.
        let Known { iam, limit, keys, .. } = &mut *lock(&self.known);
        if iam.len() >= (*limit).max(MANY) {
            // The limit doubles with the number of valid tokens, so that a cleanup does not run for every new token.
            iam.retain(|_, token| token.expires_at > now && !token.is_revoked(keys));
            *limit = iam.len() * 2;
        }
        iam.insert(hash(&token), IamToken { subject, grant, expires_at, revoked: false });
        Ok(Issued { token, expires_at, lifetime })
    }

    pub(crate) fn issue_api_key(
        &self,
        subject: Subject,
        scopes: Option<Vec<String>>,
    ) -> Result<String, Status> {
        let key = secrets::api_key()?;
        lock(&self.known).api_keys.insert(hash(&key), ApiKey { subject, scopes, revoked: false });
        Ok(key)
    }

    pub(crate) fn issue_oauth(&self, subject: Subject, after_cut_off: bool) -> Result<String, Status> {
        let token = secrets::oauth_token()?;
        lock(&self.known).oauth.insert(hash(&token), OAuthToken { subject, after_cut_off });
        Ok(token)
    }

    /// The owner of an OAuth token that IAM accepts.
    pub(crate) fn exchange(&self, oauth_token: &str) -> Result<Subject, Status> {
        match lock(&self.known).oauth.get(&hash(oauth_token)) {
            None => Err(Status::unauthenticated("OAuth token is invalid or expired")),
            Some(token) if token.after_cut_off => Err(Status::invalid(format!(
                "OAuth token for user '{}', issued after '{CUT_OFF}', {CLOSED}",
                token.subject.id()
            ))),
            Some(token) => Ok(token.subject.clone()),
        }
    }

    /// Revokes a token, even if it has expired. `None` if this emulator did not issue the token.
    pub(crate) fn revoke_iam(&self, token: &str) -> Option<Subject> {
        let mut known = lock(&self.known);
        let token = known.iam.get_mut(&hash(token))?;
        token.revoked = true;
        Some(token.subject.clone())
    }

    pub(crate) fn revoke_api_key(&self, key: &str) -> bool {
        let mut known = lock(&self.known);
        let found = known.api_keys.get_mut(&hash(key));
        found.map(|key| key.revoked = true).is_some()
    }

    pub(crate) fn is_revoked(&self, iam_token: &str) -> bool {
        let known = lock(&self.known);
        known.iam.get(&hash(iam_token)).is_none_or(|token| token.is_revoked(&known.keys))
    }

    pub(crate) fn token_counts(&self) -> TokenCounts {
        let now = self.clock.now();
        let known = lock(&self.known);
        known.iam.values().fold(TokenCounts::default(), |mut token_counts, token| {
            if token.is_revoked(&known.keys) {
                token_counts.revoked += 1;
            } else if token.expires_at <= now {
                token_counts.expired += 1;
            } else {
                token_counts.valid += 1;
            }
            token_counts
        })
    }

    /// Removes all IAM tokens and restores all keys.
    pub(crate) fn reset(&self) {
        let mut known = lock(&self.known);
        known.iam.clear();
        known.api_keys.values_mut().for_each(|key| key.revoked = false);
        known.keys.restore();
    }
}
