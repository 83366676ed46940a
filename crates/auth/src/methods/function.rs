//! `function`: the token that the runtime of Cloud Functions hands over with each invocation.
//!
//! For functions that would rather not ask anybody: the token is in the function's context (`context.token`), or, for
//! runtimes that are called over HTTP, in the header `Lambda-Runtime-Token-Json`. No thread is started, no timer runs,
//! nothing is fetched: a function's process stands still between invocations, and its clocks may have jumped by hours
//! when it goes on. The metadata service works in functions as well ([`MetadataAuth`](crate::MetadataAuth)), and is the
//! only way in Serverless Containers.
//!
//! Variables: none. Errors: `Invalid` for what is no such token, `NotConfigured` where an invocation brought none,
//! `Expired` where the last one is over.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::sealed::Sealed;
use super::{Detection, Identity, Method, Provider};
use crate::cloud::access_token::read_fields;
use crate::refresh::pushed_token::TokenCell;
use crate::refresh::schedule::BadLife;
use crate::system::{BoxFuture, System};
use crate::token::Token;
use crate::{Error, ErrorKind};

/// A token and its life are well below this.
const MAX_TEXT: usize = 16 << 10;

/// The token of a function's invocation. A clone hands over to the same credentials.
///
/// For credentials of one invocation, make them of what it brought and drop them with it:
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
/// For credentials that outlive invocations, in a client that a warm instance keeps, hand over each new token: they send
/// the newest one, and none that is over.
///
/// ```
/// use yandex_cloud_auth::{Credentials, FunctionAuth};
///
/// // Once per instance.
/// let auth = FunctionAuth::new();
/// let credentials = Credentials::from(auth.clone());
/// assert!(credentials.blocking().header().is_err()); // nothing was handed over yet
///
/// // In each invocation.
/// let mut headers = http::HeaderMap::new();
/// # headers.insert(FunctionAuth::HEADER, r#"{"access_token": "t1.fake.token", "expires_in": 42637}"#.parse().unwrap());
/// auth.begin(&headers)?;
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
///
/// The header is to be believed only where the runtime itself is the caller. Where requests come from elsewhere, as in a
/// container, anybody could send one with a token of their own, and the program would act on it.
#[derive(Clone)]
pub struct FunctionAuth {
    cell: Arc<TokenCell>,
}

impl FunctionAuth {
    /// The header in which runtimes that are called over HTTP find the token (Java SDK for functions,
    /// `YcFunctionContext`).
    pub const HEADER: &'static str = "lambda-runtime-token-json";

    /// With no token yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_system(System::real())
    }

    /// With no token yet, and with the clocks of another machine: these, and not those of the credentials, count the life
    /// of a token from the moment when it is handed over.
    #[must_use]
    pub fn with_system(system: System) -> Self {
        Self { cell: Arc::new(TokenCell::new(Method::Function, system)) }
    }

    /// With the token of an invocation: `{"access_token": "…", "expires_in": seconds}`, or a JSON string that holds that.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where it is something else. The value is not shown.
    pub fn parse(json: impl AsRef<str>) -> Result<Self, Error> {
        let auth = Self::new();
        auth.set(json)?;
        Ok(auth)
    }

    /// With the token in the headers of an invocation.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where they have none, [`ErrorKind::Invalid`] as for [`parse`](Self::parse).
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Error> {
        let auth = Self::new();
        auth.begin(headers)?;
        Ok(auth)
    }

    /// Takes the token in the headers of a new invocation.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where they have none, [`ErrorKind::Invalid`] where it is something else. The token that
    /// an earlier invocation brought stays then, for what is left of its life.
    pub fn begin(&self, headers: &HeaderMap) -> Result<(), Error> {
        let told = |error: Error| error.of(Method::Function).at("Lambda-Runtime-Token-Json");
        let mut values = headers.get_all(Self::HEADER).iter();
        let value = values.next().ok_or_else(|| {
            told(Error::new(ErrorKind::NotConfigured, "the invocation brought no token")).with_help(
                "attach a service account to the function; in a container use the metadata service",
            )
        })?;
        if values.next().is_some() {
            return Err(told(bad("the header is there more than once")));
        }
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| told(bad("it is not UTF-8")))?;
        self.push(text).map_err(told)
    }

    /// Takes the token of a new invocation, `context.token`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where it is something else. The token that an earlier invocation brought stays then, for what
    /// is left of its life.
    pub fn set(&self, json: impl AsRef<str>) -> Result<(), Error> {
        self.push(json.as_ref()).map_err(|error| error.of(Method::Function).at("context.token"))
    }

    fn push(&self, json: &str) -> Result<(), Error> {
        self.cell
            .set(&read(json)?)
            .map_err(|BadLife(life)| bad(&format!("a life of {} s is outside 1 s to 24 h", life.as_secs())))
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

fn bad(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, reason)
        .with_help("hand over `context.token` or the header of the invocation as it came")
}

/// The token in a JSON object, or in a JSON string that holds one.
fn read(json: &str) -> Result<Token, Error> {
    if json.len() > MAX_TEXT {
        return Err(bad("it is larger than 16 KiB"));
    }
    // The parser's own message could quote the text.
    let fields = match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => Some(fields),
        Ok(Value::String(inner)) => serde_json::from_str::<Map<_, _>>(&Zeroizing::new(inner)).ok(),
        _ => None,
    };
    let fields = fields.ok_or_else(|| bad("it is no JSON object"))?;
    read_fields(fields).map_err(|what| bad(&what))
}

impl Sealed for FunctionAuth {
    fn method(&self) -> Method {
        Method::Function
    }

    fn location(&self, _system: &System) -> String {
        "invocation".to_owned()
    }

    fn provider(&self, _system: &System) -> Result<Provider, Error> {
        Ok(Provider::Pushed(Arc::clone(&self.cell)))
    }

    fn provider_without_io(&self, system: &System) -> Option<Provider> {
        self.provider(system).ok()
    }

    fn identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async { Identity::of(self.method()).remark("the service account of the function") })
    }

    fn detect<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Detection> {
        let provider = Provider::Pushed(Arc::clone(&self.cell));
        let detection = Detection::Found { provider, first: None, reason: "given".to_owned() };
        Box::pin(std::future::ready(detection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_panics_or_is_shown(text in "\\PC{0,40}", life: f64) {
            let answer = serde_json::json!({"access_token": format!("HUSH{text}"), "expires_in": life});
            for json in [format!("HUSH{text}"), answer.to_string(), Value::String(answer.to_string()).to_string()] {
                if let Err(error) = FunctionAuth::parse(&json) {
                    let shown = format!("{error} {error:?}");
                    prop_assert!(!shown.contains("HUSH"));
                }
            }
        }
    }
}
