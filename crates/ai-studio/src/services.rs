//! Where each service is: named in code, known, discovered, or one of the few that discovery does not list.
//!
//! And whether the header may go there, as far as that is not the auth crate's own rule: hosts that were named in code
//! may have it; one that only the environment names may not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::Url;
use yandex_cloud_auth::cloud::{Address, Endpoint};
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{self as auth, Credentials, System};

use crate::client::Service;
use crate::discovery::Discovery;
use crate::error::{Error, ErrorKind};

/// The key of the OpenAI-compatible API in the service map; the Python SDK's.
const OPENAI: &str = "http_completions";

/// Where the public endpoint has the OpenAI-compatible API (docs, "OpenAI compatibility").
const PUBLIC_OPENAI: &str = "ai.api.cloud.yandex.net";

/// What the public endpoint's discovery does not list.
const UNLISTED: [(&str, &str); 1] = [("ai-tts-v3", "tts.api.cloud.yandex.net")];

/// Where a service is: an address, and what stands before its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) address: Address,
    /// Empty, or with a slash in front and none behind.
    pub(crate) path: String,
}

impl Base {
    /// `host`, `host:port` or a URL, with a path or without.
    fn parse(text: &str) -> Result<Self, auth::Error> {
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
                "behind the host is something else than a path",
            )
            .with_help("give it as `host`, `host:port` or a URL"));
        }
        Ok(Self { address: address.parse()?, path: path.to_owned() })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.address, self.path)
    }
}

impl From<Address> for Base {
    fn from(address: Address) -> Self {
        Self { address, path: String::new() }
    }
}

/// A service that the SDK calls itself, and the URLs of its calls as far as they are known beforehand.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) base: Base,
    /// Until when that is taken for true, by the monotonic clock; for ever where nobody was asked.
    until: Option<Duration>,
    /// By path, and only what stands in the code.
    urls: Mutex<Vec<(&'static str, Arc<Url>)>>,
}

impl Place {
    fn new(base: Base, until: Option<Duration>) -> Self {
        Self { base, until, urls: Mutex::default() }
    }

    /// The URL of a path behind the service's address.
    pub(crate) fn url(&self, path: Cow<'static, str>) -> Result<Arc<Url>, Error> {
        let path = match path {
            Cow::Borrowed(path) => path,
            Cow::Owned(path) => return self.parse(&path),
        };
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, url)) = urls.iter().find(|(of, _)| *of == path) {
            return Ok(Arc::clone(url));
        }
        let url = self.parse(path)?;
        urls.push((path, Arc::clone(&url)));
        Ok(url)
    }

    fn parse(&self, path: &str) -> Result<Arc<Url>, Error> {
        let url = Url::parse(&self.base.url(path));
        url.map(Arc::new)
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("the URL of the call: {error}")))
    }
}

/// The `endpoint` option.
#[derive(Clone, Default)]
pub(crate) enum Given {
    /// Nothing was said: `YC_API_ENDPOINT`, else the public one.
    #[default]
    Nothing,
    /// There is none: only what the service map names is known.
    None,
    This(String),
}

impl Given {
    /// The system with the endpoint that was given, for discovery and for the credentials alike.
    pub(crate) fn put_on(&self, system: System) -> System {
        let Self::This(text) = self else { return system };
        let endpoints = system.endpoints().clone().api(text);
        system.with_endpoints(endpoints)
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("by the environment"),
            Self::None => formatter.write_str("none"),
            Self::This(text) => formatter.write_str(&auth::redact(text, &[])),
        }
    }
}

/// The addresses of one SDK object.
#[derive(Debug)]
pub(crate) struct Services {
    system: System,
    given: Given,
    map: BTreeMap<String, Base>,
    /// Settled at first use.
    endpoint: OnceLock<Endpoint>,
    discovery: Discovery,
    /// Where the services are that the SDK calls itself, as far as that is known.
    places: [Mutex<Option<Arc<Place>>>; 3],
}

impl Services {
    /// Reads what was named in code, and nothing else.
    pub(crate) fn new(
        system: System,
        given: Given,
        map: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        if let Given::This(_) = &given {
            Endpoint::resolve(&system).and_then(|endpoint| endpoint.check()).map_err(Error::of_option)?;
        }
        let mut read = BTreeMap::new();
        for (id, text) in map {
            let place = format!("service_map: {id}");
            let base = Base::parse(&text).map_err(|error| Error::of_option(error.at(&place)))?;
            if !base.address.is_tls() && !base.address.is_loopback() {
                let reason = format!("{} would be spoken to without TLS", base.address);
                return Err(auth::Error::new(auth::ErrorKind::Blocked, reason)
                    .at(place)
                    .with_help("use https; plain text goes to this machine alone")
                    .into());
            }
            read.insert(id, base);
        }
        Ok(Self {
            system,
            given,
            map: read,
            endpoint: OnceLock::new(),
            discovery: Discovery::default(),
            places: Default::default(),
        })
    }

    /// The endpoint given in code, else the environment's, else the public one; `None` where there is to be none.
    pub(crate) fn endpoint(&self) -> Result<Option<&Endpoint>, Error> {
        if let Given::None = &self.given {
            return Ok(None);
        }
        if let Some(endpoint) = self.endpoint.get() {
            return Ok(Some(endpoint));
        }
        let endpoint = Endpoint::resolve(&self.system).map_err(Error::of_option)?;
        endpoint.check()?;
        if endpoint.is_foreign() && !endpoint.is_explicit() {
            tracing::warn!(
                endpoint = %endpoint.address(),
                "YC_API_ENDPOINT names a host that is not Yandex Cloud's; nothing is sent there"
            );
        }
        Ok(Some(self.endpoint.get_or_init(|| endpoint)))
    }

    /// Where a service that the SDK calls itself is.
    pub(crate) async fn place(&self, service: Service) -> Result<Arc<Place>, Error> {
        let known = self.known(service).clone();
        match known.filter(|place| place.until.is_none_or(|until| self.now() < until)) {
            Some(place) => Ok(place),
            None => Box::pin(self.find(service)).await,
        }
    }

    async fn find(&self, service: Service) -> Result<Arc<Place>, Error> {
        let (base, until) = match service {
            Service::OpenAi => self.openai().await,
            Service::FoundationModels => self.look_up("ai-foundation-models").await,
            Service::Operations => self.look_up("operation").await,
        }?;
        let place = Arc::new(Place::new(base, until));
        *self.known(service) = Some(Arc::clone(&place));
        Ok(place)
    }

    fn known(&self, service: Service) -> MutexGuard<'_, Option<Arc<Place>>> {
        self.places[service as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.system.clock().now().monotonic
    }

    /// The OpenAI-compatible API. The public endpoint's is documented; others have it where the models are.
    async fn openai(&self) -> Result<(Base, Option<Duration>), Error> {
        let below = |mut base: Base| {
            if base.path.is_empty() {
                base.path = "/v1".to_owned();
            }
            base
        };
        if let Some(base) = self.map.get(OPENAI) {
            return Ok((below(base.clone()), None));
        }
        if self.is_public()? {
            return Ok((below(Base::from(PUBLIC_OPENAI.parse::<Address>()?)), None));
        }
        self.look_up("ai-foundation-models").await.map(|(base, until)| (below(base), until))
    }

    /// Where the service `id` is.
    #[cfg(any(test, feature = "grpc"))]
    pub(crate) async fn named(&self, id: &str) -> Result<Base, Error> {
        self.look_up(id).await.map(|(base, _)| base)
    }

    /// Where the service `id` is, and until when that is taken for true.
    async fn look_up(&self, id: &str) -> Result<(Base, Option<Duration>), Error> {
        if let Some(base) = self.map.get(id) {
            return Ok((base.clone(), None));
        }
        let Some(endpoint) = self.endpoint()? else {
            return Err(Error::new(
                ErrorKind::UnknownEndpoint,
                format!("there is no endpoint to ask where the service `{id}` is"),
            )
            .with_help(format!(
                "name it in `service_map`, as in (\"{id}\", \"host:443\"), or give an `endpoint`"
            )));
        };
        refuse_foreign(endpoint)?;
        let mut listed = self.discovery.list(endpoint, &self.system).await?;
        let mut address = listed.list.address(id)?;
        if address.is_none() && listed.may_lack(self.now()) {
            listed = self.discovery.newer(listed, endpoint, &self.system).await?;
            address = listed.list.address(id)?;
        }
        if let Some(address) = address {
            return Ok((address.into(), Some(listed.until)));
        }
        if self.is_public()?
            && let Some((_, host)) = UNLISTED.iter().find(|(unlisted, _)| *unlisted == id)
        {
            return Ok((Base::from(host.parse::<Address>()?), Some(listed.until)));
        }
        Err(Error::new(ErrorKind::UnknownEndpoint, format!("{} knows no service `{id}`", endpoint.address()))
            .with_help(format!("look at the id and at the endpoint, or name `{id}` in `service_map`")))
    }

    fn is_public(&self) -> Result<bool, Error> {
        Ok(self.endpoint()?.is_some_and(|endpoint| *endpoint.address() == Address::public_api()))
    }

    /// The layer that lets the header go to Yandex Cloud, and to what was named in code; to this machine where it was
    /// named at all.
    pub(crate) fn layer(&self, credentials: Credentials) -> Result<AuthLayer, Error> {
        let mut layer = AuthLayer::new(credentials);
        let endpoint = self.endpoint()?;
        let near = endpoint.is_some_and(|endpoint| endpoint.address().is_loopback());
        if near || self.map.values().any(|base| base.address.is_loopback()) {
            layer = layer.allow_loopback();
        }
        if let Some(endpoint) = endpoint
            && endpoint.is_explicit()
            && endpoint.is_foreign()
        {
            let host = endpoint.address().host();
            layer = layer.allow_host(host)?;
            // An IP address, or a name of one label, has none below it.
            if let Ok(wider) = layer.clone().allow_hosts_below(host) {
                layer = wider;
            }
        }
        for base in self.map.values() {
            let address = &base.address;
            if !address.is_yandex_cloud() && !address.is_loopback() {
                layer = layer.allow_host(address.authority())?;
            }
        }
        Ok(layer)
    }
}

/// Whoever can set a variable must not be able to have the header, nor what is said to a model: so not even the
/// question where the services are goes there.
fn refuse_foreign(endpoint: &Endpoint) -> Result<(), Error> {
    if !endpoint.is_foreign() || endpoint.is_explicit() {
        return Ok(());
    }
    let reason = format!("{} is not one of Yandex Cloud's hosts", endpoint.address());
    Err(auth::Error::new(auth::ErrorKind::Blocked, reason)
        .at(endpoint.location())
        .with_help("where that host is meant, name it in code, by `endpoint` or `service_map`; else unset the variable")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};

    const LIST: &str = r#"{"endpoints": [
        {"id": "ai-foundation-models", "address": "llm.api.cloud.yandex.net:443"},
        {"id": "operation", "address": "operation.api.cloud.yandex.net:443"}]}"#;

    fn services(given: Given, map: &[(&str, &str)], variable: &str) -> (Services, TestHttp) {
        let http = TestHttp::new(|_, _| TestReply::status(200, LIST));
        let environment = TestEnvironment::new([("YC_API_ENDPOINT", variable)]);
        let system = System::real().with_environment(environment).with_http(http.clone());
        let map = map.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned()));
        (Services::new(given.put_on(system), given, map).unwrap(), http)
    }

    async fn url(services: &Services, service: Service) -> String {
        services.place(service).await.map_or_else(|error| error.to_string(), |place| place.base.url("/x"))
    }

    #[tokio::test]
    async fn the_public_endpoints_services_are_known_or_discovered_by_one_request() {
        let (services, http) = services(Given::Nothing, &[], "");
        assert_eq!(url(&services, Service::OpenAi).await, "https://ai.api.cloud.yandex.net/v1/x");
        assert!(http.requests().is_empty(), "{:?}", http.requests());
        assert_eq!(url(&services, Service::FoundationModels).await, "https://llm.api.cloud.yandex.net/x");
        assert_eq!(url(&services, Service::Operations).await, "https://operation.api.cloud.yandex.net/x");
        let tts = services.named("ai-tts-v3").await.unwrap();
        assert_eq!(tts.address.authority(), "tts.api.cloud.yandex.net:443");
        let unknown = services.named("ai-tea").await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::UnknownEndpoint);
        assert!(unknown.to_string().contains("`ai-tea`") && unknown.help().is_some());
        assert_eq!(http.requests(), ["GET https://api.cloud.yandex.net/endpoints"]);
    }

    #[tokio::test]
    async fn the_url_of_a_call_is_that_of_its_path_whether_it_was_parsed_before_or_not() {
        let map = [("http_completions", "https://gate.example/openai/v1/")];
        let (services, _) = services(Given::None, &map, "");
        let place = services.place(Service::OpenAi).await.unwrap();
        for path in ["/models", "/chat/completions", "/models", "/a b?c=d#e", "/../x"] {
            let parsed = Url::parse(&format!("https://gate.example/openai/v1{path}")).unwrap();
            assert_eq!(*place.url(path.into()).unwrap(), parsed);
            assert_eq!(*place.url(path.to_owned().into()).unwrap(), parsed);
        }
    }

    #[tokio::test]
    async fn what_the_map_names_goes_first_and_needs_no_endpoint() {
        let map = [("http_completions", "https://gate.example/openai/v1/"), ("operation", "127.0.0.1:1")];
        let (mapped, http) = services(Given::None, &map, "");
        assert_eq!(url(&mapped, Service::OpenAi).await, "https://gate.example/openai/v1/x");
        assert_eq!(url(&mapped, Service::Operations).await, "https://127.0.0.1:1/x");
        let error = mapped.place(Service::FoundationModels).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownEndpoint);
        assert!(error.to_string().contains("`ai-foundation-models`"), "{error}");
        assert!(http.requests().is_empty());
        let (bare, _) = services(Given::None, &[("http_completions", "llm.api.cloud.yandex.net")], "");
        assert_eq!(url(&bare, Service::OpenAi).await, "https://llm.api.cloud.yandex.net/v1/x");
    }

    #[tokio::test]
    async fn an_endpoint_of_others_in_the_environment_is_not_even_asked() {
        let (services, http) = services(Given::Nothing, &[], "api.evil.example");
        for service in [Service::OpenAi, Service::FoundationModels, Service::Operations] {
            let error = services.place(service).await.unwrap_err();
            assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked);
            assert!(error.to_string().contains("YC_API_ENDPOINT") && error.help().is_some(), "{error}");
        }
        assert!(http.requests().is_empty(), "{:?}", http.requests());
    }

    #[tokio::test]
    async fn an_endpoint_of_others_in_code_is_asked_and_held_to_its_own_hosts() {
        let given = Given::This("api.corp.example:8443".to_owned());
        let (services, http) = services(given, &[], "api.evil.example");
        assert_eq!(url(&services, Service::OpenAi).await, "https://llm.api.cloud.yandex.net/v1/x");
        assert_eq!(http.requests(), ["GET https://api.corp.example:8443/endpoints"]);
    }

    #[test]
    fn what_cannot_be_used_is_told_before_anything_is_done() {
        let system = System::real().with_environment(TestEnvironment::empty());
        let make = |given: Given, map: &[(&str, &str)]| {
            let map = map.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned()));
            Services::new(given.put_on(system.clone()), given, map).map(|_| ()).unwrap_err()
        };
        for (error, kind) in [
            (make(Given::This("http://api.corp.example".into()), &[]), ErrorKind::Auth),
            (make(Given::This("api.corp.example/path".into()), &[]), ErrorKind::Invalid),
            (make(Given::None, &[("iam", "http://10.0.0.1")]), ErrorKind::Auth),
            (make(Given::None, &[("iam", "user:hush@h")]), ErrorKind::Invalid),
            (make(Given::None, &[("iam", "h/p?q=1")]), ErrorKind::Invalid),
        ] {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains("hush"));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(https?://)?\\PC{0,40}") {
            if let Ok(base) = Base::parse(&text) {
                prop_assert!(base.url("/x").ends_with("/x"));
            }
        }
    }
}
