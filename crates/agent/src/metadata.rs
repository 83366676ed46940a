//! The metadata service that clients of Yandex Cloud and Google ask: the paths of `/computeMetadata/v1/` that lead to a
//! token.
//!
//! The requests of each client, seen on loopback: google-auth asks `GET /`, `project/project-id`, the account with
//! `recursive=true` and the token; gcp-metadata (npm) asks `instance` and checks the header `Metadata-Flavor` of each
//! response; gcloud asks `project/numeric-project-id`, the account's e-mail address and the list of accounts; the SDKs of
//! Yandex Cloud ask for the token alone. Unknown parameters are ignored, as Google's service does.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::system::BoxFuture;

use crate::config::MetadataConfig;
use crate::identity::{Identity, NO_IAM_TOKEN};
use crate::service::{Body, Caller, Peer, Service, is_foreign, respond, text};

/// The header of every request and of every response.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: HeaderValue = HeaderValue::from_static("Google");

/// The scope that clients of Google look for. A token of Yandex Cloud has no scopes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The path of the token below `/computeMetadata/`.
const DEFAULT_TOKEN: &str = "v1/instance/service-accounts/default/token";

/// A metadata service for one identity.
pub(crate) struct Metadata {
    identity: Arc<Identity>,
    allow_uids: Vec<u32>,
    own_uid: Option<u32>,
}

impl Service for Metadata {
    fn kind(&self) -> &'static str {
        "metadata"
    }

    fn respond(&self, request: Request<Incoming>, caller: Caller) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let mut response = self.answer(&request, caller.peer()).await;
            response.headers_mut().insert(FLAVOR, GOOGLE);
            response
        })
    }
}

/// What a path leads to.
enum Node {
    Directory(Vec<(String, Node)>),
    Text(String),
    List(Vec<String>),
    Token,
}

impl Metadata {
    pub(crate) fn new(identity: Arc<Identity>, config: &MetadataConfig) -> Self {
        #[cfg(unix)]
        let own_uid = Some(rustix::process::getuid().as_raw());
        #[cfg(not(unix))]
        let own_uid = None;
        Self { identity, allow_uids: config.allow_uids.clone(), own_uid }
    }

    async fn answer<B>(&self, request: &Request<B>, peer: Peer) -> Response<Body> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response =
                text(StatusCode::METHOD_NOT_ALLOWED, "the metadata service has GET and HEAD\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        if is_foreign(request.headers()) {
            return text(StatusCode::FORBIDDEN, "requests of browsers and proxies are refused\n");
        }
        if let Some(reason) = self.refusal(peer) {
            return text(StatusCode::FORBIDDEN, reason);
        }
        let path = request.uri().path();
        // Clients look for the service here, and send no header.
        if path == "/" {
            return text(StatusCode::OK, "computeMetadata/\n");
        }
        if request.headers().get(FLAVOR) != Some(&GOOGLE) {
            return text(StatusCode::FORBIDDEN, "the header `Metadata-Flavor: Google` is missing\n");
        }
        let Some(path) = path.strip_prefix("/computeMetadata/") else {
            return text(StatusCode::NOT_FOUND, "the agent has no such path\n");
        };
        // Most requests are for this one. The account need not be known for it.
        if path == DEFAULT_TOKEN {
            return self.token().await;
        }
        let Some(node) = self.find(path).await else {
            return text(StatusCode::NOT_FOUND, "the agent has no such path\n");
        };
        match node {
            Node::Token => self.token().await,
            node if is_recursive(request.uri().query()) => {
                respond(StatusCode::OK, "application/json", node.json().to_string())
            }
            Node::Text(value) => text(StatusCode::OK, value),
            node => text(StatusCode::OK, node.lines()),
        }
    }

    /// Why this peer may not ask; `None` if it may.
    fn refusal(&self, peer: Peer) -> Option<String> {
        match peer {
            Peer::User(uid) if !self.allows(uid) => Some(format!(
                "the user {uid} may not ask: allow it with `allow_uids` or `--allow-uid {uid}`\n"
            )),
            Peer::Unknown => Some(
                "the system does not tell whose process asks: the agent has to be able to read `/proc/net/tcp`\n"
                    .to_owned(),
            ),
            Peer::User(_) | Peer::Elsewhere => None,
        }
    }

    fn allows(&self, uid: u32) -> bool {
        uid == 0 || Some(uid) == self.own_uid || self.allow_uids.contains(&uid)
    }

    /// What is at a path, with or without a slash at its end.
    async fn find(&self, path: &str) -> Option<Node> {
        let mut node = Node::directory([("v1", self.tree().await)]);
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Node::Directory(children) = node else { return None };
            node = children.into_iter().find(|(child, _)| child == name)?.1;
        }
        Some(node)
    }

    async fn tree(&self) -> Node {
        let known = self.identity.known().await;
        let subject = known.subject.unwrap_or_else(|| self.identity.name().to_owned());
        let account = || {
            Node::directory([
                ("aliases", Node::List(vec!["default".to_owned()])),
                ("email", Node::Text(subject.clone())),
                ("scopes", Node::List(vec![SCOPE.to_owned()])),
                ("token", Node::Token),
            ])
        };
        let mut accounts = vec![("default".to_owned(), account())];
        if subject != "default" {
            accounts.push((subject.clone(), account()));
        }
        let instance = [("service-accounts", Node::Directory(accounts))];
        match self.identity.config.folder.clone().or(known.folder) {
            None => Node::directory([
                ("instance", Node::directory(instance)),
                ("project", Node::Directory(Vec::new())),
            ]),
            Some(folder) => {
                let of_folder = || Node::Text(folder.clone());
                let vendor = ("vendor", Node::directory([("folder-id", of_folder())]));
                Node::directory([
                    ("instance", Node::directory(instance.into_iter().chain([vendor]))),
                    (
                        "project",
                        Node::directory([
                            ("project-id", of_folder()),
                            ("numeric-project-id", Node::Text("0".to_owned())),
                        ]),
                    ),
                    ("yandex", Node::directory([("folder-id", of_folder())])),
                ])
            }
        }
    }

    async fn token(&self) -> Response<Body> {
        match self.identity.token().await {
            Ok(token) => match self.identity.bearer(&token, |life| life.as_secs().max(1)) {
                Some(body) => respond(StatusCode::OK, "application/json", body.as_bytes().to_vec()),
                None => text(StatusCode::NOT_FOUND, format!("{NO_IAM_TOKEN}\n")),
            },
            Err(error) => {
                let status = match error.kind() {
                    ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                text(status, format!("{error}\n"))
            }
        }
    }
}

impl Node {
    fn directory(children: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Directory(children.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
    }

    /// One line each; a directory ends in a slash.
    fn lines(&self) -> String {
        match self {
            Self::Text(value) => value.clone(),
            Self::Token => String::new(),
            Self::List(values) => values.iter().map(|value| format!("{value}\n")).collect(),
            Self::Directory(children) => children
                .iter()
                .map(|(name, node)| match node {
                    Self::Directory(_) => format!("{name}/\n"),
                    _ => format!("{name}\n"),
                })
                .collect(),
        }
    }

    /// The tree without tokens, in the names that Google's clients read.
    fn json(&self) -> Value {
        match self {
            Self::Text(value) => json!(value),
            Self::List(values) => json!(values),
            Self::Token => Value::Null,
            Self::Directory(children) => children
                .iter()
                .filter(|(_, node)| !matches!(node, Self::Token))
                .map(|(name, node)| (camel(name), node.json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// `service-accounts` as `serviceAccounts`.
fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}

fn is_recursive(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part.eq_ignore_ascii_case("recursive=true")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{IdentityConfig, Limits};

    #[test]
    fn a_process_of_nobody_knows_whom_is_refused() {
        let none = yandex_cloud_auth::NoAuth::new();
        let identity = Arc::new(Identity::new(IdentityConfig::default(), none.into()));
        let config = MetadataConfig {
            address: ([127, 0, 0, 1], 0).into(),
            identity: None,
            allow_uids: vec![4711],
            pod_network: false,
            limits: Limits::default(),
        };
        let metadata = Metadata::new(identity, &config);
        let refused = |peer| metadata.refusal(peer).is_some();
        assert!(refused(Peer::Unknown) && refused(Peer::User(4712)));
        assert!(!refused(Peer::User(4711)) && !refused(Peer::User(0)) && !refused(Peer::Elsewhere));
    }
}
