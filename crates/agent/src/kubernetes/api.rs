//! The calls to the API server of Kubernetes: read an object, patch it.
//!
//! The token of the service account goes to that server only: over TLS verified by the cluster's own authority and by no
//! other, over plain HTTP on loopback alone, through no proxy, along no redirect.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use yandex_cloud_auth::sdk_internals::parse_json;
use yandex_cloud_auth::system::transport_policy::is_loopback;
use yandex_cloud_auth::system::{Environment, HttpFault, HttpOptions, HttpTransport, HyperTransport};
use yandex_cloud_auth::{Error, ErrorKind, System};
use zeroize::Zeroizing;

use super::message::shown;
use crate::config::KubernetesSecretConfig;

/// The largest token of a service account.
const MAX_TOKEN: usize = 16 << 10;
/// The largest object: a Secret has up to 1 MiB of data, which base64 makes longer.
const MAX_OBJECT: usize = 2 << 20;

/// The time for one call. A holder has time for two renewals before others take the Lease.
const LIMIT: Duration = Duration::from_secs(5);

/// The form of a patch that replaces the fields that it names.
const MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An API server.
pub(super) struct ApiServer {
    /// Scheme, host and port.
    base: String,
    folder: PathBuf,
    /// `None` if the system has a transport of its own, as in a test.
    transport: Option<HyperTransport>,
}

/// Why a call fails.
pub(super) struct Failure {
    pub(super) error: Error,
    /// The status of the response, if there was one.
    pub(super) status: Option<StatusCode>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, status: None }
    }
}

impl Failure {
    /// A response with this status that leads to nothing.
    pub(super) fn new(status: StatusCode, reason: &str, path: &str) -> Self {
        Self { error: Error::new(ErrorKind::Unavailable, reason).at(path), status: Some(status) }
    }
}

/// The environment of the calls: the authority of the cluster, and no proxy.
struct OfCluster {
    authority: OsString,
}

impl Environment for OfCluster {
    fn variable(&self, name: &str) -> Option<OsString> {
        (name == "SSL_CERT_FILE").then(|| self.authority.clone())
    }

    fn variables(&self) -> Vec<(OsString, OsString)> {
        Vec::new()
    }

    fn stdin_is_terminal(&self) -> bool {
        false
    }
}

impl ApiServer {
    /// The API server of a configuration.
    ///
    /// # Errors
    /// `Invalid` if there is no address, one that would send the token in plain text, or no token.
    pub(super) fn new(config: &KubernetesSecretConfig, system: &System) -> Result<Self, Error> {
        let folder = config.service_account.clone();
        let environment: Arc<dyn Environment> =
            Arc::new(OfCluster { authority: folder.join("ca.crt").into_os_string() });
        // The default transport of the system would trust other authorities too.
        let is_default = system.http()?.in_environment(&environment).is_some();
        let transport = is_default.then(|| HyperTransport::new(environment));
        let base = address(config, system)?;
        let server = Self { base, folder, transport };
        server.authorization(system)?;
        Ok(server)
    }

    /// The object at a path, as JSON. `token`: the token that the object may have, which no error repeats.
    ///
    /// # Errors
    /// What the server or the transport says, with what a person can do.
    pub(super) async fn get(
        &self,
        path: &str,
        token: &str,
        system: &System,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let object = self.call(Method::GET, path, Vec::new(), token, system).await?;
        object.ok_or_else(|| Failure::new(StatusCode::CONFLICT, "HTTP 409", path))
    }

    /// Patches the object at a path. False if it has another version than the patch names. `token`: the token in the patch,
    /// which no error repeats.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) async fn patch(
        &self,
        path: &str,
        patch: &str,
        token: &str,
        system: &System,
    ) -> Result<bool, Failure> {
        Ok(self.call(Method::PATCH, path, patch.as_bytes().to_vec(), token, system).await?.is_some())
    }

    /// The body of a good response; `None` for a conflict.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        token: &str,
        system: &System,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let url = format!("{}{path}", self.base);
        let authorization = self.authorization(system)?;
        let mut request = Request::new(body);
        *request.uri_mut() = url.parse().map_err(|_| invalid("the address is no URL", &url))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
        headers.insert(AUTHORIZATION, authorization.clone());
        if method == Method::PATCH {
            headers.insert(CONTENT_TYPE, MERGE_PATCH);
        }
        *request.method_mut() = method;
        let response = self.send(request, system).await.map_err(|error| error.at(&url))?;
        let status = response.status();
        let body = Zeroizing::new(response.into_body());
        if status.is_success() {
            return Ok(Some(body));
        }
        if status == StatusCode::CONFLICT {
            return Ok(None);
        }
        let object = parse_json(&body).unwrap_or_default();
        let account = authorization.to_str().unwrap_or_default().trim_start_matches("Bearer ");
        let message = shown(object["message"].as_str().unwrap_or_default(), account, token);
        Err(Failure { error: refusal(status, &message).at(url), status: Some(status) })
    }

    async fn send(&self, request: Request<Vec<u8>>, system: &System) -> Result<Response<Vec<u8>>, Error> {
        let options = HttpOptions::new().connect_timeout(LIMIT).max_body(MAX_OBJECT).direct();
        let sent = match &self.transport {
            Some(transport) => transport.send(request, options),
            None => system.http()?.send(request, options),
        };
        let response = tokio::select! {
            biased;
            response = sent => response,
            () = system.clock().sleep(LIMIT) => {
                let reason = format!("no response within {} s", LIMIT.as_secs());
                return Err(Error::new(ErrorKind::Unavailable, reason));
            }
        };
        response.map_err(|error| {
            let is_tls = matches!(error.fault(), HttpFault::Tls | HttpFault::NoAuthorities);
            let error = Error::new(ErrorKind::Unavailable, error.to_string());
            if !is_tls {
                return error;
            }
            let file = self.folder.join("ca.crt");
            error.with_help(format!("the authority of the API server is that of {}", file.display()))
        })
    }

    /// The header with the token of the service account, which is read each time: it is replaced within an hour.
    fn authorization(&self, system: &System) -> Result<HeaderValue, Error> {
        let path = self.folder.join("token");
        let error = |reason: String| {
            invalid(&reason, &path.display().to_string()).with_help(
                "the agent needs the token of its service account: set `automountServiceAccountToken: true` for its \
                 pod, or give the folder with `service_account`",
            )
        };
        let read = system.files().read(&path, MAX_TOKEN).map(Zeroizing::new);
        let read =
            read.map_err(|reason| error(format!("cannot read the token of the service account: {reason}")))?;
        let mut header = Zeroizing::new(Vec::with_capacity(read.len() + 7));
        header.extend_from_slice(b"Bearer ");
        header.extend_from_slice(read.trim_ascii());
        if header.len() == 7 {
            return Err(error("the token of the service account is empty".to_owned()));
        }
        let mut header = HeaderValue::from_bytes(&header)
            .map_err(|_| error("the token of the service account is no token".to_owned()))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The error for a status.
fn refusal(status: StatusCode, message: &str) -> Error {
    let colon = if message.is_empty() { "" } else { ": " };
    let error = Error::new(ErrorKind::Refused, format!("HTTP {}{colon}{message}", status.as_u16()));
    match status {
        StatusCode::UNAUTHORIZED => {
            error.with_help("the API server does not know the token of the service account")
        }
        StatusCode::FORBIDDEN => error.with_help(
            "give the service account of the agent a Role with `get` and `patch` for this object, as \
             deploy/kubernetes/secret-holder.yaml does",
        ),
        StatusCode::NOT_FOUND => error.with_help(
            "create the object once, without content, as deploy/kubernetes/secret-holder.yaml does: a Role cannot \
             allow to create an object of one name alone, so the agent creates none",
        ),
        _ => error,
    }
}

/// The scheme, host and port of the API server.
fn address(config: &KubernetesSecretConfig, system: &System) -> Result<String, Error> {
    let Some(given) = &config.api_server else { return in_cluster(system) };
    let error =
        |reason| invalid(reason, "api_server").with_help("give an address such as https://10.0.0.1:6443");
    let uri: Uri = given.parse().map_err(|_| error("the address is no URL"))?;
    let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    if host.is_empty() || authority.contains('@') || uri.query().is_some() || uri.path() != "/" {
        return Err(error("the address has a scheme, a host and a port, and nothing else"));
    }
    match scheme {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => {
            let reason =
                "the token of the service account and the token of the identity would be sent in plain text";
            let error = Error::new(ErrorKind::Blocked, reason).at("api_server");
            return Err(error.with_help("give an address that begins with https://"));
        }
        _ => return Err(error("the address begins with neither https:// nor http://")),
    }
    Ok(format!("{scheme}://{authority}"))
}

/// The address that Kubernetes gives to each pod.
fn in_cluster(system: &System) -> Result<String, Error> {
    let variable = |name: &str| {
        let value = system.environment().variable(name).and_then(|value| value.into_string().ok());
        value.filter(|value| !value.is_empty()).ok_or_else(|| {
            invalid("there is no API server: the variable is not set, so this is no pod of Kubernetes", name)
                .with_help("run the agent in the cluster, or give `api_server` and `service_account`")
        })
    };
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
    let base = if host.contains(':') {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    };
    match base.parse::<Uri>() {
        Ok(uri) if uri.path() == "/" && uri.port_u16().is_some() && !base.contains('@') => Ok(base),
        _ => Err(invalid("the variable is not the address of a server", "KUBERNETES_SERVICE_HOST")),
    }
}

fn invalid(reason: &str, place: &str) -> Error {
    Error::new(ErrorKind::Invalid, reason).at(place)
}

/// The path of a Secret.
pub(super) fn secret_path(config: &KubernetesSecretConfig) -> String {
    format!("/api/v1/namespaces/{}/secrets/{}", config.namespace, config.name)
}

/// The path of the Lease.
pub(super) fn lease_path(config: &KubernetesSecretConfig) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", config.namespace, config.lease())
}
