//! The address of each service, and the hosts that may receive the header.
//!
//! An address comes from the service map, from a documented constant, or from endpoint discovery. The header may go to
//! Yandex Cloud's hosts and to hosts that the code names. A host that only the environment names never receives it.

mod base_url;
mod discovery;
mod endpoint_input;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use yandex_cloud_auth::sdk_internals::{Address, Endpoint, Installation, PUBLIC_OPENAI, ServiceList};
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{self as auth, Credentials, System};

pub(crate) use self::base_url::{BaseUrl, ServiceUrl};
use self::discovery::{TIMEOUT, VALIDITY, discovery_failed};
pub(crate) use self::endpoint_input::EndpointInput;
use self::endpoint_input::exchanges_tokens;
use crate::error::{Error, ErrorKind};

/// The id of the OpenAI-compatible API in the service map, as in the Python SDK.
const OPENAI: &str = "http_completions";

/// Services that the discovery of the public endpoint does not list.
const UNLISTED: [(&str, &str); 1] = [("ai-tts-v3", "tts.api.cloud.yandex.net")];

/// A service that the SDK calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    /// The OpenAI-compatible API: paths are below its `/v1`.
    OpenAi,
    /// The native models: paths begin with `/foundationModels/v1`.
    FoundationModels,
    /// Operations: paths begin with `/operations`.
    Operations,
}

/// The addresses of one SDK object.
#[derive(Debug)]
pub(crate) struct Services {
    system: System,
    endpoint_input: EndpointInput,
    map: BTreeMap<String, BaseUrl>,
    /// The list of the services of the endpoint, which is resolved at the first use.
    list: OnceLock<ServiceList>,
    /// The last known URLs of the services that the SDK calls itself.
    located: [Mutex<Option<Arc<ServiceUrl>>>; 3],
}

impl Services {
    /// Parses the addresses in code. Reads no variable.
    pub(crate) fn new(
        system: System,
        endpoint_input: EndpointInput,
        map: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        if let EndpointInput::Address(_) = &endpoint_input {
            Endpoint::resolve(&system).and_then(|endpoint| endpoint.check()).map_err(Error::of_option)?;
        }
        let mut parsed = BTreeMap::new();
        for (id, text) in map {
            let location = format!("service_map: {id}");
            let base = BaseUrl::parse(&text).map_err(|error| Error::of_option(error.at(&location)))?;
            if !base.address.is_tls() && !base.address.is_loopback() {
                let reason = format!("{} does not use TLS", base.address);
                return Err(auth::Error::new(auth::ErrorKind::Blocked, reason)
                    .at(location)
                    .with_help("use https; plain text is allowed only to loopback hosts")
                    .into());
            }
            parsed.insert(id, base);
        }
        Ok(Self { system, endpoint_input, map: parsed, list: OnceLock::new(), located: Default::default() })
    }

    /// The endpoint in code, else of the environment, else the public one; `None` after `without_endpoint`.
    pub(crate) fn endpoint(&self) -> Result<Option<&Endpoint>, Error> {
        Ok(self.list()?.map(ServiceList::endpoint))
    }

    /// The list of services of [`endpoint`](Self::endpoint).
    fn list(&self) -> Result<Option<&ServiceList>, Error> {
        if let EndpointInput::None = &self.endpoint_input {
            return Ok(None);
        }
        if let Some(list) = self.list.get() {
            return Ok(Some(list));
        }
        let endpoint = Endpoint::resolve(&self.system).map_err(Error::of_option)?;
        endpoint.check()?;
        if endpoint.is_foreign() && !endpoint.is_explicit() {
            tracing::warn!(
                endpoint = %endpoint.address(),
                "YC_API_ENDPOINT names a host that is not Yandex Cloud's; the SDK sends nothing to it"
            );
        }
        let list = ServiceList::new(endpoint, TIMEOUT).with_validity(VALIDITY);
        Ok(Some(self.list.get_or_init(|| list)))
    }

    /// The URL of a service that the SDK calls itself.
    pub(crate) async fn locate(&self, service: Service) -> Result<Arc<ServiceUrl>, Error> {
        let known = self.known(service).clone();
        match known.filter(|url| url.valid_until.is_none_or(|until| self.now() < until)) {
            Some(url) => Ok(url),
            None => Box::pin(self.find(service)).await,
        }
    }

    async fn find(&self, service: Service) -> Result<Arc<ServiceUrl>, Error> {
        let (base, valid_until) = match service {
            Service::OpenAi => self.openai().await,
            Service::FoundationModels => self.look_up("ai-foundation-models").await,
            Service::Operations => self.look_up("operation").await,
        }?;
        let url = Arc::new(ServiceUrl::new(base, valid_until));
        *self.known(service) = Some(Arc::clone(&url));
        Ok(url)
    }

    fn known(&self, service: Service) -> MutexGuard<'_, Option<Arc<ServiceUrl>>> {
        self.located[service as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.system.clock().now().monotonic
    }

    /// The OpenAI-compatible API. The documentation names the host for the public endpoint; other endpoints have this
    /// API at the host of the native models.
    async fn openai(&self) -> Result<(BaseUrl, Option<Duration>), Error> {
        let (base, valid_until) = match self.map.get(OPENAI) {
            Some(base) => (base.clone(), None),
            None if self.is_public()? => (BaseUrl::from(PUBLIC_OPENAI.parse::<Address>()?), None),
            None => self.look_up("ai-foundation-models").await?,
        };
        Ok((base.or_path("/v1"), valid_until))
    }

    /// The URL of the service `id`.
    #[cfg(any(test, feature = "grpc"))]
    pub(crate) async fn by_id(&self, id: &str) -> Result<BaseUrl, Error> {
        self.look_up(id).await.map(|(base, _)| base)
    }

    /// The URL of the service `id`, and until when it is valid.
    async fn look_up(&self, id: &str) -> Result<(BaseUrl, Option<Duration>), Error> {
        if let Some(base) = self.map.get(id) {
            return Ok((base.clone(), None));
        }
        let Some(list) = self.list()? else {
            return Err(Error::new(
                ErrorKind::UnknownEndpoint,
                format!("no endpoint to find the service `{id}`"),
            )
            .with_help(format!(
                "add the service to `service_map`, for example (\"{id}\", \"host:443\"), or set `endpoint`"
            )));
        };
        let endpoint = list.endpoint();
        refuse_foreign(endpoint)?;
        let services = list.get(id, &self.system).await.map_err(|error| discovery_failed(&error))?;
        let valid_until = Some(services.valid_until());
        if let Some(address) = services.address(id)? {
            return Ok((address.into(), valid_until));
        }
        if self.is_public()?
            && let Some((_, host)) = UNLISTED.iter().find(|(unlisted, _)| *unlisted == id)
        {
            return Ok((BaseUrl::from(host.parse::<Address>()?), valid_until));
        }
        Err(Error::new(
            ErrorKind::UnknownEndpoint,
            format!("{} does not list the service `{id}`", endpoint.address()),
        )
        .with_help(format!("check the id and the endpoint, or add `{id}` to `service_map`")))
    }

    fn is_public(&self) -> Result<bool, Error> {
        Ok(self.endpoint()?.is_some_and(|endpoint| *endpoint.address() == Address::public_api()))
    }

    /// The layer that authorises calls. It sends the header to Yandex Cloud's hosts and to hosts in code, and to
    /// loopback hosts where the endpoint or the service map names one.
    pub(crate) async fn layer(&self, credentials: &Credentials) -> Result<AuthLayer, Error> {
        self.check_installation(credentials).await?;
        let mut layer = AuthLayer::new(credentials.clone());
        let endpoint = self.endpoint()?;
        let is_loopback = endpoint.is_some_and(|endpoint| endpoint.address().is_loopback());
        if is_loopback || self.map.values().any(|base| base.address.is_loopback()) {
            layer = layer.allow_loopback();
        }
        if let Some(endpoint) = endpoint
            && endpoint.is_explicit()
            && endpoint.is_foreign()
        {
            let host = endpoint.address().host();
            layer = layer.allow_host(host)?;
            // Fails for an IP address and a name of one label: no host is below these.
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

    /// Refuses credentials whose tokens belong to another installation: the calls would show them to the wrong one.
    ///
    /// # Errors
    /// `Blocked`.
    async fn check_installation(&self, credentials: &Credentials) -> Result<(), Error> {
        let Some(endpoint) = self.endpoint()? else { return Ok(()) };
        // Selects and asks first: a profile of yc behind the credentials may name the endpoint.
        let installation = credentials.resolve_installation().await?;
        let theirs = installation.api()?;
        if theirs.address() != endpoint.address()
            && (theirs.is_explicit() || exchanges_tokens(credentials.method()))
        {
            return Err(other_installation(theirs, endpoint));
        }
        // The IAM that made the token may belong to another installation than the API beside it.
        let own = Installation::of(&self.system)?;
        let own = own.iam_in_code().map(Endpoint::address);
        match installation.iam_in_code() {
            Some(iam)
                if Some(iam.address()) != own
                    && !iam.address().is_at_or_below(endpoint.address())
                    && exchanges_tokens(credentials.method()) =>
            {
                Err(other_installation(iam, endpoint))
            }
            _ => Ok(()),
        }
    }

    /// As [`check_installation`](Self::check_installation), where the code names both endpoints. Reads no variable.
    pub(crate) fn check_installation_in_code(&self, credentials: &Credentials) -> Result<(), Error> {
        let theirs = Endpoint::of_code(credentials.system())?;
        match (theirs, Endpoint::of_code(&self.system)?, &self.endpoint_input) {
            (_, _, EndpointInput::None) => Ok(()),
            (Some(theirs), Some(endpoint), _) if theirs.address() != endpoint.address() => {
                Err(other_installation(&theirs, &endpoint))
            }
            _ => Ok(()),
        }
    }
}

fn other_installation(theirs: &Endpoint, endpoint: &Endpoint) -> Error {
    let reason =
        format!("the credentials belong to {}, and the SDK to {}", theirs.address(), endpoint.address());
    auth::Error::new(auth::ErrorKind::Blocked, reason)
        .at("auth")
        .with_help("set the same endpoint in `endpoint` and in the system of the credentials, or give the method to `auth`")
        .into()
}

/// Refuses an endpoint outside Yandex Cloud that only the environment names. A person who can set a variable must not
/// receive the header or the content of calls, so not even discovery asks that host.
fn refuse_foreign(endpoint: &Endpoint) -> Result<(), Error> {
    if !endpoint.is_foreign() || endpoint.is_explicit() {
        return Ok(());
    }
    let reason = format!("{} is not one of Yandex Cloud's hosts", endpoint.address());
    Err(auth::Error::new(auth::ErrorKind::Blocked, reason)
        .at(endpoint.location())
        .with_help("if you trust the host, name it in code, by `endpoint` or `service_map`; otherwise unset the variable")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};

    const LIST: &str = r#"{"endpoints": [
        {"id": "ai-foundation-models", "address": "llm.api.cloud.yandex.net:443"},
        {"id": "operation", "address": "operation.api.cloud.yandex.net:443"}]}"#;

    fn services(given: EndpointInput, map: &[(&str, &str)], variable: &str) -> (Services, TestHttp) {
        let http = TestHttp::new(|_, _| TestReply::status(200, LIST));
        let environment = TestEnvironment::new([("YC_API_ENDPOINT", variable)]);
        let system = System::real().with_environment(environment).with_http(http.clone());
        let map = map.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned()));
        (Services::new(given.apply(system).unwrap(), given, map).unwrap(), http)
    }

    async fn url(services: &Services, service: Service) -> String {
        services
            .locate(service)
            .await
            .map_or_else(|error| error.to_string(), |located| located.base.join("/x"))
    }

    #[tokio::test]
    async fn locates_the_services_of_the_public_endpoint_with_one_request() {
        let (services, http) = services(EndpointInput::Environment, &[], "");
        assert_eq!(url(&services, Service::OpenAi).await, "https://ai.api.cloud.yandex.net/v1/x");
        assert!(http.requests().is_empty(), "{:?}", http.requests());
        assert_eq!(url(&services, Service::FoundationModels).await, "https://llm.api.cloud.yandex.net/x");
        assert_eq!(url(&services, Service::Operations).await, "https://operation.api.cloud.yandex.net/x");
        let tts = services.by_id("ai-tts-v3").await.unwrap();
        assert_eq!(tts.address.authority(), "tts.api.cloud.yandex.net:443");
        let unknown = services.by_id("ai-tea").await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::UnknownEndpoint);
        assert!(unknown.to_string().contains("`ai-tea`") && unknown.help().is_some());
        assert_eq!(http.requests(), ["GET https://api.cloud.yandex.net/endpoints"]);
    }

    #[tokio::test]
    async fn the_service_map_takes_precedence_and_needs_no_endpoint() {
        let map = [("http_completions", "https://gate.example/openai/v1/"), ("operation", "127.0.0.1:1")];
        let (mapped, http) = services(EndpointInput::None, &map, "");
        assert_eq!(url(&mapped, Service::OpenAi).await, "https://gate.example/openai/v1/x");
        assert_eq!(url(&mapped, Service::Operations).await, "https://127.0.0.1:1/x");
        let error = mapped.locate(Service::FoundationModels).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownEndpoint);
        assert!(error.to_string().contains("`ai-foundation-models`"), "{error}");
        assert!(http.requests().is_empty());
        let (bare, _) =
            services(EndpointInput::None, &[("http_completions", "llm.api.cloud.yandex.net")], "");
        assert_eq!(url(&bare, Service::OpenAi).await, "https://llm.api.cloud.yandex.net/v1/x");
    }

    #[tokio::test]
    async fn a_foreign_endpoint_in_the_environment_receives_no_request() {
        let (services, http) = services(EndpointInput::Environment, &[], "api.evil.example");
        for service in [Service::OpenAi, Service::FoundationModels, Service::Operations] {
            let error = services.locate(service).await.unwrap_err();
            assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked);
            assert!(error.to_string().contains("YC_API_ENDPOINT") && error.help().is_some(), "{error}");
        }
        assert!(http.requests().is_empty(), "{:?}", http.requests());
    }

    #[tokio::test]
    async fn a_foreign_endpoint_in_code_is_used() {
        let given = EndpointInput::Address("api.corp.example:8443".to_owned());
        let (services, http) = services(given, &[], "api.evil.example");
        assert_eq!(url(&services, Service::OpenAi).await, "https://llm.api.cloud.yandex.net/v1/x");
        assert_eq!(http.requests(), ["GET https://api.corp.example:8443/endpoints"]);
    }

    #[test]
    fn rejects_malformed_and_plain_text_addresses() {
        let system = System::real().with_environment(TestEnvironment::empty());
        let make = |given: EndpointInput, map: &[(&str, &str)]| {
            let map = map.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned()));
            let system = given.apply(system.clone());
            system.and_then(|system| Services::new(system, given, map)).map(|_| ()).unwrap_err()
        };
        for (error, kind) in [
            (make(EndpointInput::Address("http://api.corp.example".into()), &[]), ErrorKind::Auth),
            (make(EndpointInput::Address("api.corp.example/path".into()), &[]), ErrorKind::Invalid),
            (make(EndpointInput::None, &[("iam", "http://10.0.0.1")]), ErrorKind::Auth),
            (make(EndpointInput::None, &[("iam", "user:hush@h")]), ErrorKind::Invalid),
            (make(EndpointInput::None, &[("iam", "h/p?q=1")]), ErrorKind::Invalid),
        ] {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains("hush"));
        }
    }
}
