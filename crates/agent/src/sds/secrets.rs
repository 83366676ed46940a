//! The secrets of a listener: each is the token of an identity as it is now, and every change has a number.

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

/// How often an identity without a token is looked at. A new token is told by the library.
const LOOK: Duration = Duration::from_secs(1);

/// What Envoy has instead of a secret that it may have no longer.
const WITHDRAWN: &str = "";

/// The secrets by their names. The tokens are followed until the value is dropped.
pub(super) struct Secrets {
    names: BTreeMap<String, Source>,
    tokens: watch::Sender<Tokens>,
    _followers: JoinSet<()>,
}

/// Where a secret comes from.
struct Source {
    /// The place of the identity's token.
    place: usize,
    /// None for a secret that the configuration has no more.
    identity: Option<Arc<Identity>>,
    format: SecretFormat,
}

/// The tokens of all identities.
pub(super) struct Tokens {
    /// The number of the last change.
    newest: u64,
    tokens: Vec<Changed>,
}

struct Changed {
    number: u64,
    token: Token,
}

/// The token of an identity.
enum Token {
    /// There was none yet: Envoy waits, or goes on with what it has.
    Expected,
    Usable(Snapshot),
    /// It is over or revoked, and there is no other.
    Over,
}

/// A secret that a configuration names.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) identity: Arc<Identity>,
    pub(super) format: SecretFormat,
}

impl Secrets {
    /// The named secrets, and `removed` ones, which a client may have from an earlier configuration: they are over.
    pub(super) fn new<'a>(
        named: impl IntoIterator<Item = Named<'a>>,
        removed: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut identities: Vec<Arc<Identity>> = Vec::new();
        let mut names = BTreeMap::new();
        for Named { name, identity, format } in named {
            let known = identities.iter().position(|known| Arc::ptr_eq(known, &identity));
            let place = known.unwrap_or_else(|| {
                identities.push(Arc::clone(&identity));
                identities.len() - 1
            });
            names.insert(name.to_owned(), Source { place, identity: Some(identity), format });
        }
        // Greater than that of an earlier agent, so that a person who compares versions of Envoy is not misled.
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let newest = u64::try_from(now.as_micros()).unwrap_or_default();
        let mut tokens: Vec<_> =
            identities.iter().map(|_| Changed { number: newest, token: Token::Expected }).collect();
        tokens.push(Changed { number: newest, token: Token::Over });
        for name in removed {
            let over = Source { place: identities.len(), identity: None, format: SecretFormat::default() };
            names.entry(name.to_owned()).or_insert(over);
        }
        let tokens = watch::Sender::new(Tokens { newest, tokens });
        let mut followers = JoinSet::new();
        for (place, identity) in identities.into_iter().enumerate() {
            followers.spawn(follow(identity, place, tokens.clone()));
        }
        Self { names, tokens, _followers: followers }
    }

    /// Whether there is a secret of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Tells of changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Tokens> {
        self.tokens.subscribe()
    }

    /// The secrets of these names, and the number of the last change of one of them. Empty as long as there is no token.
    pub(super) fn of(&self, names: &[String]) -> (u64, Vec<Any>) {
        let tokens = self.tokens.borrow();
        let found = names.iter().filter_map(|name| {
            let source = self.names.get(name)?;
            let Changed { number, token } = tokens.tokens.get(source.place)?;
            let secret = match token {
                Token::Expected => return None,
                Token::Usable(token) => Any::secret(name, &value(token, source.format)?),
                Token::Over => Any::secret(name, WITHDRAWN),
            };
            Some((*number, secret))
        });
        let (numbers, secrets): (Vec<_>, Vec<_>) = found.unzip();
        (numbers.into_iter().max().unwrap_or_default(), secrets)
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
        Ok((self.tokens.borrow().newest, secrets))
    }
}

/// The value of a secret. `None` if the token cannot stand in a header: Envoy would take it, and fail every request.
fn value(token: &Snapshot, format: SecretFormat) -> Option<Zeroizing<String>> {
    in_form(&token.header()?, format)
}

fn in_form(header: &HeaderValue, format: SecretFormat) -> Option<Zeroizing<String>> {
    // Characters that can be seen, and blanks.
    let header = header.to_str().ok()?;
    let value = match format {
        SecretFormat::HeaderValue => header,
        SecretFormat::Bare => header.split_once(' ')?.1,
    };
    Some(Zeroizing::new(value.to_owned()))
}

/// Follows the token of an identity.
async fn follow(identity: Arc<Identity>, place: usize, tokens: watch::Sender<Tokens>) {
    let mut subscription = identity.credentials.subscribe();
    loop {
        let token = identity.credentials.snapshot();
        let pause = token.as_ref().map_or(LOOK, |token| identity.pause(token));
        let was_there = identity.had_token();
        tokens.send_if_modified(|tokens| tokens.put(place, token, was_there, identity.name()));
        tokio::select! {
            changed = subscription.changed() => if changed.is_none() { return },
            () = identity.credentials.system().clock().sleep(pause) => {}
        }
    }
}

impl Tokens {
    /// Whether this is a change. `was_there`: whether the identity had a token before.
    fn put(&mut self, place: usize, token: Option<Snapshot>, was_there: bool, identity: &str) -> bool {
        let token = token.filter(|token| value(token, SecretFormat::default()).is_some());
        let token = match (&self.tokens[place].token, token) {
            (Token::Usable(old), Some(new)) if old.generation() == new.generation() => return false,
            (_, Some(new)) => Token::Usable(new),
            (Token::Expected, None) if !was_there => return false,
            (Token::Over, None) => return false,
            (_, None) => {
                tracing::warn!(
                    identity,
                    "the token is over, and there is no other: Envoy is told to drop it"
                );
                Token::Over
            }
        };
        self.newest += 1;
        self.tokens[place] = Changed { number: self.newest, token };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_in_a_header_is_no_secret() {
        let forms = [SecretFormat::HeaderValue, SecretFormat::Bare];
        let values = |header: &[u8]| {
            let header = HeaderValue::from_bytes(header).unwrap();
            forms.map(|form| in_form(&header, form).map(|value| value.to_string()))
        };
        let some = |value: &str| Some(value.to_owned());
        assert_eq!(values(b"Bearer t1.fake"), [some("Bearer t1.fake"), some("t1.fake")]);
        assert_eq!(values(b"Api-Key AQVNfake"), [some("Api-Key AQVNfake"), some("AQVNfake")]);
        // The library of headers takes these.
        for bad in [&b"Bearer t1.fake\xff"[..], "Bearer t1.\u{44f}".as_bytes()] {
            assert_eq!(values(bad), [None, None], "{bad:?}");
        }
    }
}
