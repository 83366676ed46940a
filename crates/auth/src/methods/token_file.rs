//! `token-file`: an IAM token in a file, where something else keeps it fresh.
//!
//! For a sidecar, an agent or a secret volume that writes a new token in time. The file is looked at again every
//! 30 s, beside the calls, and at once where its token is refused or over. It may be replaced by a rename, or be
//! behind a link that moves, as in a volume of Kubernetes. A look that finds no whole token changes nothing: the token
//! at hand is sent on.
//!
//! What is left of the token's life cannot be read from it, so it is sent for 12 h from first sight at the most.
//!
//! Variable: `YC_IAM_TOKEN_FILE`, a path. Errors: `NotConfigured` where the variable is not set, `Invalid` for a file
//! that is missing or holds something else, `Expired` where the same token has stood there for 12 h.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::file::{NamedFile, unread};
use super::sealed::Sealed;
use super::{Detection, Method, Provider, TokenSource};
use crate::secret::{Secret, Shape, is_whole_iam_token};
use crate::system::{BoxFuture, System};
use crate::token::{Life, Token};
use crate::{Error, ErrorKind};

/// A token is of at most 4 KiB; what is much larger is another file.
const MAX_FILE: usize = 16 << 10;

/// How soon a new token is seen.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How long one look may take: the file may be on a server that is down.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An IAM token in a file that something else keeps fresh.
///
/// ```
/// use yandex_cloud_auth::testing::TestFiles;
/// use yandex_cloud_auth::{Credentials, System, TokenFileAuth};
///
/// let files = TestFiles::new([("/run/secrets/iam-token", "t1.fake.token\n")]);
/// let system = System::real().with_files(files);
/// let credentials = Credentials::from(TokenFileAuth::new("/run/secrets/iam-token")).with_system(system);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenFileAuth {
    options: TokenFileAuthBuilder,
}

/// What can vary about [`TokenFileAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenFileAuthBuilder {
    /// The file that was given; else the variable's.
    file: Option<NamedFile>,
    max_age: Duration,
}

impl TokenFileAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_IAM_TOKEN_FILE";

    /// The token in the file at `path`. Nothing is looked at yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::builder(path).build()
    }

    /// The token in the file that `YC_IAM_TOKEN_FILE` names. The variable is read at first use, once.
    #[must_use]
    pub fn from_env() -> Self {
        Self::builder_from_env().build()
    }

    /// The token in the file at `path`, with options.
    pub fn builder(path: impl Into<PathBuf>) -> TokenFileAuthBuilder {
        let file = NamedFile::new(path, "token file");
        TokenFileAuthBuilder { file: Some(file), max_age: LOOK_AGAIN }
    }

    /// The token in the file that `YC_IAM_TOKEN_FILE` names, with options.
    pub fn builder_from_env() -> TokenFileAuthBuilder {
        TokenFileAuthBuilder { file: None, max_age: LOOK_AGAIN }
    }
}

impl TokenFileAuthBuilder {
    /// How long a token is used without another look at the file; 30 s, and a second at the least. The look is
    /// made beside the first call after that time, which still has the old token.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> TokenFileAuth {
        TokenFileAuth { options: self }
    }
}

impl TokenFileAuth {
    fn watch(&self, system: &System) -> Result<Watch, Error> {
        let file = match &self.options.file {
            Some(file) => file.clone(),
            None => NamedFile::from_variable(Self::VARIABLE, system)?,
        };
        Ok(Watch { file, max_age: self.options.max_age, last: Mutex::default() })
    }

    /// A slot whose variable is set is taken or broken: a file that is not there yet must not make us somebody else.
    async fn probe(&self, system: &System) -> Detection {
        let watch = match self.watch(system) {
            Ok(watch) => watch,
            Err(error) if error.kind() == ErrorKind::NotConfigured => {
                return Detection::Absent("not set".to_owned());
            }
            Err(error) => return Detection::Invalid(error),
        };
        let began = system.clock().now();
        match system.within(TIMEOUT, watch.read(system)).await {
            Some(Ok(token)) => Detection::Found {
                provider: Provider::Source(Arc::new(watch)),
                first: Some((token, began)),
                reason: "set, and the file holds a token".to_owned(),
            },
            Some(Err(error)) => Detection::Invalid(error),
            None => Detection::Invalid(unread(TIMEOUT).at(watch.file.location())),
        }
    }
}

impl Sealed for TokenFileAuth {
    fn method(&self) -> Method {
        Method::TokenFile
    }

    fn location(&self, _system: &System) -> String {
        self.options.file.as_ref().map_or_else(|| Self::VARIABLE.to_owned(), NamedFile::location)
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::new(self.watch(system)?)))
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Detection> {
        Box::pin(self.probe(system))
    }
}

/// The source: the path that was found at first, which stays though the variable may change.
struct Watch {
    file: NamedFile,
    max_age: Duration,
    last: Mutex<Last>,
}

/// What the last look has found.
#[derive(Default)]
struct Last {
    /// Whether the token was of the whole documented shape; nothing before the first one.
    whole: Option<bool>,
    /// What stood there instead of such a token.
    other: Option<Secret>,
}

impl Watch {
    async fn read(&self, system: &System) -> Result<Token, Error> {
        let text = self.file.read(system, MAX_FILE, ErrorKind::Invalid).await?;
        let secret = understand(&text).and_then(|secret| self.settled(secret));
        Ok(Token { secret: secret.map_err(|error| error.at(self.file.location()))?, life: Life::Unknown })
    }

    /// After a token of the whole shape, the beginning of one is cut: its writer is not done, or has died. What begins
    /// otherwise may be of a later shape (docs, "IAM token": a change alters the prefix), and is believed when it stays.
    fn settled(&self, secret: Secret) -> Result<Secret, Error> {
        let value = secret.expose();
        let whole = is_whole_iam_token(value);
        let is_beginning = value.starts_with("t1.") || "t1.".starts_with(value);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.whole == Some(true) && !whole && (is_beginning || last.other.as_ref() != Some(&secret)) {
            last.other = Some(secret);
            return Err(Error::new(ErrorKind::Invalid, "the file holds a part of a token")
                .with_help("it is being written, perhaps; write it elsewhere and rename it into place"));
        }
        if last.whole.is_none() && !whole && is_beginning {
            tracing::warn!("the token in the file does not have the documented shape; it may have been cut");
        }
        *last = Last { whole: Some(whole), other: None };
        Ok(secret)
    }
}

impl TokenSource for Watch {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(self.read(system))
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}

/// The bare IAM token that a file should hold.
fn understand(text: &str) -> Result<Secret, Error> {
    let text = text.trim();
    let (reason, help) = match text {
        "" => {
            ("the file is empty", "it is being written, perhaps; write it elsewhere and rename it into place")
        }
        _ if text.contains("-----BEGIN ") => (
            "the file holds a key or a certificate (PEM), not an IAM token",
            "a service account key is read from the JSON file that yc writes: YC_SERVICE_ACCOUNT_KEY_FILE",
        ),
        _ if text.starts_with(['{', '[', '"']) => (
            "the file holds JSON, not a bare IAM token",
            "a service account key belongs into YC_SERVICE_ACCOUNT_KEY_FILE; of an answer, write the token alone",
        ),
        _ if text.contains(['\n', '\r']) => {
            ("the file holds several lines", "write the IAM token alone, on one line")
        }
        _ if Shape::of(text) == Shape::OAuthToken => (
            "the file holds an OAuth token (`y0_…`), not an IAM token",
            "put it into YC_OAUTH_TOKEN, where it is exchanged for IAM tokens",
        ),
        _ if text.starts_with("AQVN") => (
            "the file holds an API key, not an IAM token",
            "put it into YC_API_KEY, where it needs no renewal",
        ),
        _ if text.starts_with("eyJ") => (
            "the file holds a JWT, not an IAM token",
            "the token of another issuer is exchanged by the method workload-identity",
        ),
        _ => {
            let bad = |reason| {
                Error::new(ErrorKind::Invalid, format!("what the file holds is no token: {reason}"))
                    .with_help("write the IAM token alone, on one line, as it was issued")
            };
            return Secret::parse(text).map_err(bad);
        }
    };
    Err(Error::new(ErrorKind::Invalid, reason).with_help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_content_panics_or_is_shown(text in "\\PC{0,60}") {
            if let Err(error) = understand(&format!("{text}HUSH {text}")) {
                let shown = format!("{error} {error:?}");
                    prop_assert!(!shown.contains("HUSH"));
            }
        }
    }
}
