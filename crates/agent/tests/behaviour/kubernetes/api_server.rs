//! An API server of Kubernetes with one Secret and one Lease: versions, merge patches, and the rights of a Role.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use yandex_cloud_auth::system::{BoxFuture, HttpError, HttpFault, HttpOptions, HttpTransport};

pub(crate) const SECRET: &str = "/api/v1/namespaces/apps/secrets/yc-token";
pub(crate) const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/apps/leases/yc-token";

/// The API server. Clones share its objects.
#[derive(Clone)]
pub(crate) struct ApiServer {
    state: Arc<Mutex<State>>,
    /// Whether requests that are held back may go on.
    gate: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    requests: Vec<String>,
    rule: Option<Box<Rule>>,
}

/// What happens to a request, which has the form `POD METHOD PATH`.
type Rule = dyn FnMut(&str) -> Fate + Send;

/// What happens to a request.
pub(crate) enum Fate {
    Served,
    /// It arrives, and is served after [`ApiServer::release`], also if its client has gone.
    Held,
    Refused(u16),
    /// The response has this status and body.
    Says(u16, String),
    /// The response has this status, and its message repeats the body of the request.
    Repeats(u16),
    Unreachable,
}

impl ApiServer {
    /// A server with an empty Secret and an empty Lease.
    pub(crate) fn new() -> Self {
        let server = Self { state: Arc::default(), gate: watch::Sender::new(false) };
        server.put(SECRET, json!({ "metadata": { "name": "yc-token" }, "type": "Opaque" }));
        server.put(LEASE, json!({ "metadata": { "name": "yc-token" } }));
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Creates an object, or replaces it.
    pub(crate) fn put(&self, path: &str, mut object: Value) {
        let mut state = self.state();
        state.version += 1;
        object["metadata"]["resourceVersion"] = json!(state.version.to_string());
        state.objects.insert(path.to_owned(), object);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.state().objects.remove(path);
    }

    pub(crate) fn object(&self, path: &str) -> Value {
        self.state().objects.get(path).cloned().unwrap_or_default()
    }

    /// The token in the Secret, if there is one.
    pub(crate) fn token(&self) -> Option<String> {
        let object = self.object(SECRET);
        let bytes = STANDARD.decode(object["data"]["token"].as_str()?).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }

    pub(crate) fn annotation(&self, name: &str) -> String {
        self.object(SECRET)["metadata"]["annotations"][name].as_str().unwrap_or_default().to_owned()
    }

    /// The pod that holds the Lease; empty if none does.
    pub(crate) fn holder(&self) -> String {
        let object = self.object(LEASE);
        let holder = object["spec"]["holderIdentity"].as_str().unwrap_or_default();
        holder.split('_').next().unwrap_or_default().to_owned()
    }

    /// From now on, what happens to requests.
    pub(crate) fn set(&self, rule: impl FnMut(&str) -> Fate + Send + 'static) {
        self.state().rule = Some(Box::new(rule));
    }

    /// From now on, all requests are served.
    pub(crate) fn serve_all(&self) {
        self.state().rule = None;
    }

    /// Serves the requests that were held back, and holds back none any more.
    pub(crate) fn release(&self) {
        self.serve_all();
        self.gate.send_replace(true);
    }

    /// All requests so far, as `POD METHOD PATH STATUS`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    /// How many requests begin with this text.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.requests().iter().filter(|request| request.starts_with(start)).count()
    }

    /// The token of a pod's service account.
    pub(crate) fn account_token(pod: &str) -> String {
        format!("fake-account-token-of-{pod}")
    }

    /// The response to a request, with its effect.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        content: &str,
        authorization: &str,
        body: &[u8],
    ) -> (u16, Value) {
        let Some(pod) = authorization.strip_prefix("Bearer fake-account-token-of-") else {
            return (401, json!({ "kind": "Status", "message": "Unauthorized" }));
        };
        let mut state = self.state();
        let (status, object) = state.act(method, path, content, body);
        state.requests.push(format!("{pod} {method} {path} {status}"));
        (status, object)
    }
}

impl State {
    fn act(&mut self, method: &Method, path: &str, content: &str, body: &[u8]) -> (u16, Value) {
        let error = |status: u16, message: &str| (status, json!({ "kind": "Status", "message": message }));
        // The rights of the Role of `deploy/kubernetes/secret-holder.yaml`.
        if ![SECRET, LEASE].contains(&path) || ![Method::GET, Method::PATCH].contains(method) {
            return error(403, "the service account cannot do this");
        }
        let next = (self.version + 1).to_string();
        let Some(object) = self.objects.get_mut(path) else {
            return error(404, "\"yc-token\" not found");
        };
        if *method == Method::GET {
            return (200, object.clone());
        }
        if content != "application/merge-patch+json" {
            return error(415, "the body of the request was in an unknown format");
        }
        let patch: Value = serde_json::from_slice(body).unwrap();
        let version = &patch["metadata"]["resourceVersion"];
        if !version.is_null() && *version != object["metadata"]["resourceVersion"] {
            return error(
                409,
                "the object has been modified; please apply your changes to the latest version",
            );
        }
        merge(object, &patch);
        object["metadata"]["resourceVersion"] = json!(next);
        self.version += 1;
        (200, object.clone())
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name.as_str()], value);
        }
    }
}

impl HttpTransport for ApiServer {
    fn send(
        &self,
        request: Request<Vec<u8>>,
        options: HttpOptions,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, HttpError>> {
        assert!(options.direct, "the token of the service account would go to a proxy");
        assert_eq!(request.uri().authority().unwrap(), "10.96.0.1:443");
        assert_eq!(request.uri().scheme_str(), Some("https"));
        let header =
            |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert!(request.headers()["authorization"].is_sensitive());
        let (content, authorization) = (header("content-type"), header("authorization"));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let pod = authorization.rsplit('-').next().unwrap_or_default();
        let line = format!("{pod} {method} {path}");
        let fate = self.state().rule.as_mut().map_or(Fate::Served, |rule| rule(&line));
        let (server, sent) = (self.clone(), request.body().clone());
        let served = async move {
            let (status, object) = server.answer(&method, &path, &content, &authorization, request.body());
            Ok(Response::builder().status(status).body(object.to_string().into_bytes()).unwrap())
        };
        match fate {
            Fate::Served => Box::pin(served),
            Fate::Held => {
                let mut gate = self.gate.subscribe();
                let served = tokio::spawn(async move {
                    gate.wait_for(|open| *open).await.unwrap();
                    served.await
                });
                Box::pin(async { served.await.unwrap() })
            }
            Fate::Refused(status) => says(status, json!({ "kind": "Status", "message": "no" }).to_string()),
            Fate::Says(status, body) => says(status, body),
            Fate::Repeats(status) => {
                let message = format!("a webhook denied the request: {}", String::from_utf8_lossy(&sent));
                says(status, json!({ "kind": "Status", "message": message }).to_string())
            }
            Fate::Unreachable => Box::pin(async {
                Err(HttpError::new(HttpFault::Unreachable, "there is no route to the API server"))
            }),
        }
    }
}

fn says(status: u16, body: String) -> BoxFuture<'static, Result<Response<Vec<u8>>, HttpError>> {
    Box::pin(async move { Ok(Response::builder().status(status).body(body.into_bytes()).unwrap()) })
}
