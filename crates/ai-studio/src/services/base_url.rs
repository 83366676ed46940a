//! The base URL of a service: an address, and the path in front of the paths of its calls.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use yandex_cloud_auth as auth;
use yandex_cloud_auth::sdk_internals::Address;

use crate::error::{Error, ErrorKind};

/// The base URL of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    pub(crate) address: Address,
    /// Empty, or a path with a leading and without a trailing slash.
    pub(crate) path: String,
}

impl BaseUrl {
    /// Parses `host`, `host:port` or a URL, with or without a path.
    pub(super) fn parse(text: &str) -> Result<Self, auth::Error> {
        let text = text.trim();
        let rest = text.find("://").map_or(0, |at| at + 3);
        let (address, path) = match text[rest..].find('/') {
            Some(slash) => text.split_at(rest + slash),
            None => (text, ""),
        };
        let path = path.trim_end_matches('/');
        if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte)) {
            return Err(auth::Error::new(
                auth::ErrorKind::Invalid,
                "the host is followed by more than a path",
            )
            .with_help("use `host`, `host:port` or a URL"));
        }
        Ok(Self { address: address.parse()?, path: path.to_owned() })
    }

    /// The same URL, with this path where it has none.
    pub(super) fn or_path(mut self, path: &str) -> Self {
        if self.path.is_empty() {
            path.clone_into(&mut self.path);
        }
        self
    }

    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{}{path}", self.address, self.path)
    }
}

impl From<Address> for BaseUrl {
    fn from(address: Address) -> Self {
        Self { address, path: String::new() }
    }
}

/// The base URL of a service that the SDK calls itself, with the parsed URLs of its calls.
#[derive(Debug)]
pub(crate) struct ServiceUrl {
    pub(crate) base: BaseUrl,
    /// Until when the base URL is valid, on the monotonic clock; `None` where it does not come from discovery.
    pub(super) valid_until: Option<Duration>,
    /// Parsed URLs by path. Only paths that are constants in the code, so that the list stays short.
    urls: Mutex<Vec<(&'static str, Arc<Url>)>>,
}

impl ServiceUrl {
    pub(super) fn new(base: BaseUrl, valid_until: Option<Duration>) -> Self {
        Self { base, valid_until, urls: Mutex::default() }
    }

    /// The URL of a path below the base URL.
    pub(crate) fn url(&self, path: Cow<'static, str>) -> Result<Arc<Url>, Error> {
        let path = match path {
            Cow::Borrowed(path) => path,
            Cow::Owned(path) => return self.parse(&path),
        };
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, url)) = urls.iter().find(|(known, _)| *known == path) {
            return Ok(Arc::clone(url));
        }
        let url = self.parse(path)?;
        urls.push((path, Arc::clone(&url)));
        Ok(url)
    }

    fn parse(&self, path: &str) -> Result<Arc<Url>, Error> {
        let url = Url::parse(&self.base.join(path));
        url.map(Arc::new).map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("the URL of the call is malformed: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cached_url_equals_a_parsed_one() {
        let base = BaseUrl::parse("https://gate.example/openai/v1/").unwrap();
        let service = ServiceUrl::new(base, None);
        for path in ["/models", "/chat/completions", "/models", "/a b?c=d#e", "/../x"] {
            let parsed = Url::parse(&format!("https://gate.example/openai/v1{path}")).unwrap();
            assert_eq!(*service.url(path.into()).unwrap(), parsed);
            assert_eq!(*service.url(path.to_owned().into()).unwrap(), parsed);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(https?://)?\\PC{0,40}") {
            if let Ok(base) = BaseUrl::parse(&text) {
                prop_assert!(base.join("/x").ends_with("/x"));
            }
        }
    }
}
