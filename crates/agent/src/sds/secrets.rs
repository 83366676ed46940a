//! The secrets of a listener: each is the current token of an identity. Every change makes a new version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::sync::watch;
use tokio::task::JoinSet;
use yandex_cloud_auth::{Error, Snapshot};
use zeroize::Zeroizing;

use super::messages::Any;
use crate::config::SecretFormat;
use crate::identity::Identity;

/// How often an identity without a token is polled. The library notifies of a new token.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The value that takes the place of a secret in Envoy. Without one Envoy keeps the last secret.
const WITHDRAWN: &str = "";

/// The secrets by their names. The tokens are followed until the value is dropped.
pub(super) struct Secrets {
    names: BTreeMap<String, Source>,
    tokens: watch::Sender<Tokens>,
    _followers: JoinSet<()>,
}

/// Where a secret comes from.
struct Source {
    /// The index of the identity's token.
    index: usize,
    /// `None` for a secret that the configuration no longer has.
    identity: Option<Arc<Identity>>,
    format: SecretFormat,
}

/// The tokens of all identities.
pub(super) struct Tokens {
    /// That of the last change.
    version: u64,
    tokens: Vec<Versioned>,
}

struct Versioned {
    version: u64,
    token: Token,
}

/// The token of an identity.
enum Token {
    /// There was none yet: Envoy waits, or keeps the secret of an earlier agent.
    Pending,
    Usable(Snapshot),
    /// It has expired or is revoked, and there is no other.
    Withdrawn,
}

/// A secret that a configuration names.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) identity: Arc<Identity>,
    pub(super) format: SecretFormat,
}

impl Secrets {
    /// The named secrets. `removed` has names of an earlier configuration, which are withdrawn: a client may have these secrets.
    pub(super) fn new<'a>(
        named: impl IntoIterator<Item = Named<'a>>,
        removed: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut identities: Vec<Arc<Identity>> = Vec::new();
        let mut names = BTreeMap::new();
        for Named { name, identity, format } in named {
            let known = identities.iter().position(|known| Arc::ptr_eq(known, &identity));
            let index = known.unwrap_or_else(|| {
                identities.push(Arc::clone(&identity));
                identities.len() - 1
            });
            names.insert(name.to_owned(), Source { index, identity: Some(identity), format });
        }
        // Greater than the versions of an earlier agent, so that they can be compared in Envoy's admin page.
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let version = u64::try_from(now.as_micros()).unwrap_or_default();
        let mut tokens: Vec<_> =
            identities.iter().map(|_| Versioned { version, token: Token::Pending }).collect();
        tokens.push(Versioned { version, token: Token::Withdrawn });
        for name in removed {
            let source = Source { index: identities.len(), identity: None, format: SecretFormat::default() };
            names.entry(name.to_owned()).or_insert(source);
        }
        let tokens = watch::Sender::new(Tokens { version, tokens });
        let mut followers = JoinSet::new();
        for (index, identity) in identities.into_iter().enumerate() {
            followers.spawn(follow(identity, index, tokens.clone()));
        }
        Self { names, tokens, _followers: followers }
    }

    /// Whether there is a secret of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Whether only an earlier configuration has a secret of this name.
    pub(super) fn is_removed(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|source| source.identity.is_none())
    }

    /// A receiver that is notified of changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Tokens> {
        self.tokens.subscribe()
    }

    /// The secrets of these names, and the version of the last change of one of them. A secret without a first token is left out.
    pub(super) fn current(&self, names: &[String]) -> (u64, Vec<Any>) {
        let tokens = self.tokens.borrow();
        let found = names.iter().filter_map(|name| {
            let source = self.names.get(name)?;
            let Versioned { version, token } = tokens.tokens.get(source.index)?;
            let secret = match token {
                Token::Pending => return None,
                Token::Usable(token) => Any::secret(name, &value(token, source.format)?),
                Token::Withdrawn => Any::secret(name, WITHDRAWN),
            };
            Some((*version, secret))
        });
        let (versions, secrets): (Vec<_>, Vec<_>) = found.unzip();
        (versions.into_iter().max().unwrap_or_default(), secrets)
    }

    /// The secrets of these names, after a wait for the tokens.
    ///
    /// # Errors
    /// That of the first identity without a token.
    pub(super) async fn fetch(&self, names: &[String]) -> Result<(u64, Vec<Any>), Error> {
        let mut secrets = Vec::new();
        for name in names {
            let Some(source) = self.names.get(name) else { continue };
            let Some(identity) = &source.identity else {
                secrets.push(Any::secret(name, WITHDRAWN));
                continue;
            };
            let token = identity.token().await?;
            secrets.extend(value(&token, source.format).map(|value| Any::secret(name, &value)));
        }
        Ok((self.tokens.borrow().version, secrets))
    }
}

/// The value of a secret. `None` if the token cannot stand in a header: Envoy would take it, and fail every request.
fn value(token: &Snapshot, format: SecretFormat) -> Option<Zeroizing<String>> {
    formatted(&token.header()?, format)
}

fn formatted(header: &HeaderValue, format: SecretFormat) -> Option<Zeroizing<String>> {
    // Visible ASCII and blanks: the HTTP library takes more.
    let header = header.to_str().ok()?;
    let value = match format {
        SecretFormat::HeaderValue => header,
        SecretFormat::Bare => header.split_once(' ')?.1,
    };
    Some(Zeroizing::new(value.to_owned()))
}

/// Follows the token of an identity.
async fn follow(identity: Arc<Identity>, index: usize, tokens: watch::Sender<Tokens>) {
    let mut subscription = identity.credentials.subscribe();
    loop {
        let token = identity.credentials.snapshot();
        let pause = token.as_ref().map_or(POLL_INTERVAL, |token| identity.pause(token));
        let had_token = identity.had_token();
        tokens.send_if_modified(|tokens| tokens.update(index, token, had_token, identity.name()));
        tokio::select! {
            changed = subscription.changed() => if changed.is_none() { return },
            () = identity.credentials.system().clock().sleep(pause) => {}
        }
    }
}

impl Tokens {
    /// Stores the token of an identity, and says whether it is another one. `had_token`: whether there was one at any time.
    fn update(&mut self, index: usize, token: Option<Snapshot>, had_token: bool, identity: &str) -> bool {
        let token = token.filter(|token| value(token, SecretFormat::default()).is_some());
        let token = match (&self.tokens[index].token, token) {
            (Token::Usable(old), Some(new)) if old.generation() == new.generation() => return false,
            (_, Some(new)) => Token::Usable(new),
            (Token::Pending, None) if !had_token => return false,
            (Token::Withdrawn, None) => return false,
            (_, None) => {
                tracing::warn!(identity, "the token has ended, and there is no other: Envoy has to drop it");
                Token::Withdrawn
            }
        };
        self.version += 1;
        self.tokens[index] = Versioned { version: self.version, token };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_in_a_header_is_no_secret() {
        let formats = [SecretFormat::HeaderValue, SecretFormat::Bare];
        let values = |header: &[u8]| {
            let header = HeaderValue::from_bytes(header).unwrap();
            formats.map(|format| formatted(&header, format).map(|value| value.to_string()))
        };
        let some = |value: &str| Some(value.to_owned());
        assert_eq!(values(b"Bearer t1.fake"), [some("Bearer t1.fake"), some("t1.fake")]);
        assert_eq!(values(b"Api-Key AQVNfake"), [some("Api-Key AQVNfake"), some("AQVNfake")]);
        // The HTTP library takes these.
        for bad in [&b"Bearer t1.fake\xff"[..], "Bearer t1.\u{44f}".as_bytes()] {
            assert_eq!(values(bad), [None, None], "{bad:?}");
        }
    }
}
