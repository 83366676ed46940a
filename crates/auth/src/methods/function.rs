//! `function`: the token that the runtime of Cloud Functions passes with each invocation.
//!
//! The token is in the function's context (`context.token`), or, for runtimes that are called over HTTP, in the header
//! `Lambda-Runtime-Token-Json`. Nothing is fetched, no thread is started and no timer runs: the process of a function
//! stands still between invocations, and its clocks may have jumped by hours when it continues. The metadata service
//! works in functions as well ([`MetadataAuth`](crate::MetadataAuth)), and is the only way in Serverless Containers.
//!
//! Variables: none. Errors: `Invalid` if the value is not such a token, `NotConfigured` if an invocation passed none,
//! `Expired` if the last token has expired.

use std::fmt;

use arc_swap::ArcSwapOption;
use http::HeaderMap;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::sealed::Sealed;
use super::{Detection, Identity, Provider};
use crate::cloud::access_token::read_fields;
use crate::source::{LiveToken, LiveValue, Validity};
use crate::sync::{Arc, Mutex, lock};
use crate::system::{BoxFuture, Now, System};
use crate::token::{BadLife, Token};
use crate::{Error, ErrorKind, Method};

/// The largest JSON text that is parsed. A token and its life are well below this.
const MAX_TEXT: usize = 16 << 10;

/// The token of a function's invocation. Clones share the token, and so do all credentials that are made of them.
///
/// For the credentials of one invocation, make them of its token and drop them at its end:
///
/// ```
/// use yandex_cloud_auth::{Credentials, FunctionAuth};
///
/// // `context.token`, as an object or as a string that holds one.
/// let token = r#"{"access_token": "t1.fake.token", "expires_in": 42637, "token_type": "Bearer"}"#;
/// let credentials = Credentials::from(FunctionAuth::parse(token)?);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
///
/// For credentials that outlive invocations, in a client that a warm instance keeps, set the token in each invocation.
/// They send the newest token, and never an expired one.
///
/// ```
/// use yandex_cloud_auth::{Credentials, FunctionAuth};
///
/// // Once per instance.
/// let auth = FunctionAuth::new();
/// let credentials = Credentials::from(auth.clone());
/// assert!(credentials.blocking().header().is_err()); // no token yet
///
/// // In each invocation.
/// let mut headers = http::HeaderMap::new();
/// # headers.insert(FunctionAuth::HEADER, r#"{"access_token": "t1.fake.token", "expires_in": 42637}"#.parse().unwrap());
/// auth.begin(&headers)?;
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
///
/// Trust the header only where the runtime itself is the caller. Where requests come from elsewhere, as in a container,
/// any client could send a header with its own token, and the program would act with that token.
#[derive(Clone)]
pub struct FunctionAuth {
    pushed: Arc<PushedToken>,
}

impl FunctionAuth {
    /// The header in which runtimes that are called over HTTP pass the token (Java SDK for functions,
    /// `YcFunctionContext`).
    pub const HEADER: &'static str = "lambda-runtime-token-json";

    /// Without a token yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_system(System::real())
    }

    /// Without a token yet, and with the clocks of another system. These clocks, and not those of the credentials, count
    /// the life of a token from the moment it is set.
    #[must_use]
    pub fn with_system(system: System) -> Self {
        Self { pushed: Arc::new(PushedToken::new(system)) }
    }

    /// With the token of an invocation: `{"access_token": "…", "expires_in": seconds}`, or a JSON string that holds this
    /// object.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the value is something else. The error does not show the value.
    pub fn parse(json: impl AsRef<str>) -> Result<Self, Error> {
        let auth = Self::new();
        auth.set(json)?;
        Ok(auth)
    }

    /// With the token in the headers of an invocation.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] if the header is missing, [`ErrorKind::Invalid`] as for [`parse`](Self::parse).
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Error> {
        let auth = Self::new();
        auth.begin(headers)?;
        Ok(auth)
    }

    /// Sets the token in the headers of a new invocation.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] if the header is missing, [`ErrorKind::Invalid`] if it holds something else. The token
    /// of an earlier invocation stays in use then, for the rest of its life.
    pub fn begin(&self, headers: &HeaderMap) -> Result<(), Error> {
        let located = |error: Error| error.of(Method::Function).at("Lambda-Runtime-Token-Json");
        let mut values = headers.get_all(Self::HEADER).iter();
        let value = values.next().ok_or_else(|| {
            located(Error::new(ErrorKind::NotConfigured, "the invocation passed no token")).with_help(
                "attach a service account to the function; in a container use the metadata service",
            )
        })?;
        if values.next().is_some() {
            return Err(located(invalid("the header is present more than once")));
        }
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| located(invalid("it is not UTF-8")))?;
        self.pushed.set(parse(text).map_err(located)?).map_err(located)
    }

    /// Sets the token of a new invocation, `context.token`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the value is something else. The token of an earlier invocation stays in use then, for
    /// the rest of its life.
    pub fn set(&self, json: impl AsRef<str>) -> Result<(), Error> {
        let located = |error: Error| error.of(Method::Function).at("context.token");
        self.pushed.set(parse(json.as_ref()).map_err(located)?).map_err(located)
    }

    fn live(&self) -> Provider {
        Provider::Live(Arc::clone(&self.pushed) as Arc<dyn LiveToken>)
    }
}

impl Default for FunctionAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FunctionAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FunctionAuth").finish_non_exhaustive()
    }
}

impl Sealed for FunctionAuth {
    fn method(&self) -> Method {
        Method::Function
    }

    fn location(&self, _system: &System) -> String {
        "invocation".to_owned()
    }

    fn provider(&self, _system: &System) -> Result<Provider, Error> {
        Ok(self.live())
    }

    fn provider_without_io(&self, system: &System) -> Option<Provider> {
        self.provider(system).ok()
    }

    fn identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async { Identity::of(self.method()).remark("the service account of the function") })
    }

    fn detect<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Detection> {
        let detection = Detection::Found { provider: self.live(), first: None, reason: "given".to_owned() };
        Box::pin(std::future::ready(detection))
    }
}

/// The newest token, which the program sets and all credentials of the method read.
struct PushedToken {
    /// Its clocks count the life of a token from the moment it is set. Counting from first use would be wrong: the
    /// process may have stood still for hours before that.
    system: System,
    newest: ArcSwapOption<LiveValue>,
    /// Held while a token is set, so that each token gets one generation.
    update: Mutex<()>,
}

impl PushedToken {
    fn new(system: System) -> Self {
        Self { system, newest: ArcSwapOption::empty(), update: Mutex::new(()) }
    }

    /// Replaces the token.
    fn set(&self, token: Token) -> Result<(), Error> {
        let received = self.system.clock().now();
        let life = token.life.length(received.wall).map_err(|BadLife(life)| {
            invalid(&format!("a lifetime of {} s is outside 1 s to 24 h", life.as_secs()))
        })?;
        let _update = lock(&self.update);
        let previous = self.newest.load_full();
        let is_same =
            previous.as_ref().is_some_and(|previous| previous.token.expose_secret() == token.expose_secret());
        if is_same && life.is_none() {
            // The same token without a life says nothing new: its 12 h still count from first sight.
            return Ok(());
        }
        let generation = previous.map_or(1, |previous| previous.generation + u64::from(!is_same));
        let validity = Validity::Since { received, life };
        self.newest.store(Some(Arc::new(LiveValue { token, generation, validity })));
        Ok(())
    }
}

impl LiveToken for PushedToken {
    fn read(&self, _system: &System) -> Result<Arc<LiveValue>, Error> {
        self.newest.load_full().ok_or_else(|| {
            Error::new(ErrorKind::NotConfigured, "no invocation has passed a token yet")
                .with_help("set the token of each invocation, and attach a service account to the function")
        })
    }

    fn now(&self, _system: &System) -> Now {
        self.system.clock().now()
    }

    fn expired(&self) -> Error {
        Error::new(
            ErrorKind::Expired,
            "the token of an earlier invocation has expired, and no later invocation has set one",
        )
        .with_help("set the token at the start of each invocation")
    }
}

fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, reason)
        .with_help("pass `context.token` or the header of the invocation unchanged")
}

/// The token in a JSON object, or in a JSON string that holds one.
fn parse(json: &str) -> Result<Token, Error> {
    if json.len() > MAX_TEXT {
        return Err(invalid("the value is larger than 16 KiB"));
    }
    // The parser's own message could quote the text.
    let fields = match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => Some(fields),
        Ok(Value::String(inner)) => serde_json::from_str::<Map<_, _>>(&Zeroizing::new(inner)).ok(),
        _ => None,
    };
    let fields = fields.ok_or_else(|| invalid("the value is not a JSON object"))?;
    read_fields(fields).map_err(|problem| invalid(&problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_panics_or_is_shown(text in "\\PC{0,40}", life: f64) {
            let context = serde_json::json!({"access_token": format!("HUSH{text}"), "expires_in": life});
            for json in [format!("HUSH{text}"), context.to_string(), Value::String(context.to_string()).to_string()] {
                if let Err(error) = FunctionAuth::parse(&json) {
                    let shown = format!("{error} {error:?}");
                    prop_assert!(!shown.contains("HUSH"));
                }
            }
        }
    }
}
