//! `token-file`: an IAM token in a file that another program keeps fresh.
//!
//! For a sidecar, an agent or a secret volume that writes a new token before the old token expires. The file is read
//! every 30 s, in parallel to the calls, and at once if the token is refused or expired. The file may be replaced by a
//! rename, or by a change of a link, as in a volume of Kubernetes. If a read finds no whole token, the current token
//! stays in use.
//!
//! The token does not contain its expiry, so it is sent for at most 12 h after the first read.
//!
//! Variable: `YC_IAM_TOKEN_FILE`, a path. Errors: `NotConfigured` if the variable is not set, `Invalid` for a file
//! that is missing or has another content, `Expired` if the same token has been there for 12 h.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::sealed::{Sealed, with_warning};
use super::secret_file::{SecretFile, half_written, read_within};
use super::{Detection, Method, Provider, TokenSource};
use crate::log::log;
use crate::recognize::{self, IamToken, is_whole_iam_token};
use crate::secret::Secret;
use crate::system::{BoxFuture, Pipe, System};
use crate::token::{Life, Token};
use crate::{Error, ErrorKind};

/// A token has at most 4 KiB. A much larger file is the wrong one.
const MAX_FILE: usize = 16 << 10;

/// How soon a new token is read.
const READ_INTERVAL: Duration = Duration::from_secs(30);

/// How long one read may take: the file may be on a server that is down.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An IAM token in a file that another program keeps fresh.
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
    /// The token, if `YC_IAM_TOKEN_FILE` names a pipe.
    pipe: Pipe,
}

/// The options of [`TokenFileAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenFileAuthBuilder {
    /// The given file; `None` for the file of the variable.
    file: Option<SecretFile>,
    max_age: Duration,
}

impl TokenFileAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_IAM_TOKEN_FILE";

    /// The token in the file at `path`. The file is read at first use.
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
        let file = SecretFile::new(path, "token file");
        TokenFileAuthBuilder { file: Some(file), max_age: READ_INTERVAL }
    }

    /// The token in the file that `YC_IAM_TOKEN_FILE` names, with options.
    pub fn builder_from_env() -> TokenFileAuthBuilder {
        TokenFileAuthBuilder { file: None, max_age: READ_INTERVAL }
    }
}

impl TokenFileAuthBuilder {
    /// How long a token is used before the file is read again; 30 s, at least 1 s. The first call after that time still
    /// gets the old token, and starts the read.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> TokenFileAuth {
        TokenFileAuth { options: self, pipe: Pipe::default() }
    }
}

impl TokenFileAuth {
    fn watch(&self, system: &System) -> Result<Watch, Error> {
        let file = match &self.options.file {
            Some(file) => file.clone(),
            None => SecretFile::from_variable(Self::VARIABLE, system)?.with_pipe(&self.pipe),
        };
        Ok(Watch { file, max_age: self.options.max_age, last: Mutex::default() })
    }

    /// If the variable is set, the slot is selected or invalid, never absent: without the file the program must not get
    /// another identity.
    async fn probe(&self, system: &System) -> Result<Detection, Error> {
        let watch = self.watch(system)?;
        let began = system.clock().now();
        let token = read_within(TIMEOUT, system, &watch.file.location(), watch.read(system)).await?;
        let warning = watch.last.lock().unwrap_or_else(PoisonError::into_inner).warning;
        let reason = with_warning("set, and the file holds a token", warning);
        let reason = with_warning(&reason, watch.file.mode_warning(system).await.as_deref());
        Ok(Detection::Found {
            provider: Provider::Source(Arc::new(watch)),
            first: Some((token, began)),
            reason,
        })
    }
}

impl Sealed for TokenFileAuth {
    fn method(&self) -> Method {
        Method::TokenFile
    }

    fn location(&self, _system: &System) -> String {
        self.options.file.as_ref().map_or_else(|| Self::VARIABLE.to_owned(), SecretFile::location)
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::new(self.watch(system)?)))
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}

/// The source of tokens. The path is read once, even if the variable changes later.
struct Watch {
    file: SecretFile,
    max_age: Duration,
    last: Mutex<Last>,
}

/// The result of the last read.
#[derive(Default)]
struct Last {
    /// Whether the token had the whole documented shape; `None` before the first token.
    whole: Option<bool>,
    /// The last refused content, which may be a part of a token.
    other: Option<Secret>,
    /// The warning about the last token.
    warning: Option<&'static str>,
}

impl Watch {
    async fn read(&self, system: &System) -> Result<Token, Error> {
        let text = self.file.read(system, MAX_FILE, ErrorKind::Invalid).await?;
        let secret = recognize::iam_token(&text).and_then(|token| self.settled(token));
        Ok(Token { secret: secret.map_err(|error| error.at(self.file.location()))?, life: Life::Unknown })
    }

    /// Refuses a part of a token. After a whole token, a text that begins like a token is cut: its writer has not
    /// finished, or was killed. A text that begins differently may be of a newer shape (docs, "IAM token": a change
    /// alters the prefix), and is accepted if the next read finds it again.
    fn settled(&self, token: IamToken) -> Result<Secret, Error> {
        let warning = token.warning();
        let secret = token.into_secret();
        let value = secret.expose();
        let whole = is_whole_iam_token(value);
        let is_beginning = value.starts_with("t1.") || "t1.".starts_with(value);
        // Held over the check and the update: two reads at once must see the result of each other.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.whole == Some(true) && !whole && (is_beginning || last.other.as_ref() != Some(&secret)) {
            last.other = Some(secret);
            return Err(half_written("the file holds only a part of a token"));
        }
        if last.whole.is_none() && !whole && is_beginning {
            log(|| {
                tracing::warn!(
                    "the token in the file does not have the documented shape; the token may be truncated"
                );
            });
        }
        *last = Last { whole: Some(whole), other: None, warning };
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
