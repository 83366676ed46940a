//! The metadata service that clients of Yandex Cloud and Google ask: the paths of `/computeMetadata/v1/` that lead to a
//! token.
//!
//! The requests of each client, seen on loopback: google-auth asks `GET /`, `project/project-id`, the account with
//! `recursive=true` and the token; gcp-metadata (npm) asks `instance` and checks the header `Metadata-Flavor` of each
//! response; gcloud asks `project/numeric-project-id`, the account's e-mail address and the list of accounts; the SDKs of
//! Yandex Cloud ask for the token alone. Unknown parameters are ignored, as Google's service does.

mod query;
mod tree;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::system::BoxFuture;

use self::query::Query;
use self::tree::Node;
use crate::config::MetadataConfig;
use crate::identity::{Identity, NO_IAM_TOKEN};
use crate::service::{
    Body, Caller, READING, Service, TEXT, is_foreign, is_reading, method_not_allowed, respond, text,
};
use crate::users::Users;

/// The header of every request and of every response.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: HeaderValue = HeaderValue::from_static("Google");

/// The scope that clients of Google look for. A token of Yandex Cloud has no scopes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The account of an identity that is named `default`, where the method does not know its account.
const UNKNOWN_ACCOUNT: &str = "yc-auth";

/// The path of the token below `/computeMetadata/`.
const DEFAULT_TOKEN: &str = "v1/instance/service-accounts/default/token";

/// The paths of the folder.
const FOLDERS: [&str; 3] = ["v1/project/project-id", "v1/instance/vendor/folder-id", "v1/yandex/folder-id"];

/// A metadata service for one identity.
pub(crate) struct Metadata {
    identity: Arc<Identity>,
    users: Users,
}

impl Service for Metadata {
    fn kind(&self) -> &'static str {
        "metadata"
    }

    fn asks_for_user(&self) -> bool {
        true
    }

    fn respond(&self, request: Request<Incoming>, caller: Caller) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            let mut response = self.answer(&request, caller).await;
            response.headers_mut().insert(FLAVOR, GOOGLE);
            response
        })
    }
}

impl Metadata {
    pub(crate) fn new(identity: Arc<Identity>, config: &MetadataConfig) -> Self {
        Self { identity, users: Users::new(config.address.into(), &config.allow_uids) }
    }

    async fn answer<B>(&self, request: &Request<B>, mut caller: Caller) -> Response<Body> {
        if !is_reading(request) {
            let reason = "the metadata service has GET and HEAD\n";
            return method_not_allowed(text(StatusCode::METHOD_NOT_ALLOWED, reason), READING);
        }
        if is_foreign(request.headers()) {
            return text(StatusCode::FORBIDDEN, "requests of browsers and proxies are refused\n");
        }
        if let Some(reason) = self.users.refusal(caller.peer()) {
            return text(StatusCode::FORBIDDEN, format!("{reason}\n"));
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
        let query = match Query::of(request.uri().query()) {
            Ok(query) => query,
            Err(name) => {
                let reason = format!("the parameter `{name}` has a value that is not of its kind\n");
                return text(StatusCode::BAD_REQUEST, reason);
            }
        };
        let mut changes = query.wait.as_ref().map(|_| self.identity.credentials.subscribe());
        let response = self.at(path, &query).await;
        let (Some(wait), Some(changes)) = (&query.wait, &mut changes) else { return response };
        if response.status() != StatusCode::OK || !wait.is_for(response.headers()) {
            return response;
        }
        let clock = self.identity.credentials.system().clock();
        let mut limit = std::pin::pin!(clock.sleep(wait.limit));
        let version = response.headers().get(header::ETAG).cloned();
        loop {
            tokio::select! {
                biased;
                // The right to ask may be gone with the listener, and so may the token.
                () = caller.has_to_end() => {
                    return text(StatusCode::SERVICE_UNAVAILABLE, "the listener ends or changes: ask again\n");
                }
                () = &mut limit => return self.at(path, &query).await,
                _ = changes.changed() => {
                    let response = self.at(path, &query).await;
                    if response.headers().get(header::ETAG) != version.as_ref() {
                        return response;
                    }
                }
            }
        }
    }

    /// What is at a path below `/computeMetadata/`.
    async fn at(&self, path: &str, query: &Query) -> Response<Body> {
        // Most requests are for this one. The account need not be known for it.
        if path == DEFAULT_TOKEN {
            return self.token().await;
        }
        let Some(node) = self.find(path).await else {
            let reason = if FOLDERS.contains(&path) {
                "the folder is not known: set `folder` of the identity, or `--folder`\n"
            } else {
                "the agent has no such path\n"
            };
            return text(StatusCode::NOT_FOUND, reason);
        };
        let json = |node: &Node| (node.json().to_string(), "application/json");
        let (body, content) = match node {
            Node::Token => return self.token().await,
            node if query.is_json => json(&node),
            Node::Text(value) => (value, TEXT),
            node => (node.lines(), TEXT),
        };
        let version = query::version(body.as_bytes());
        with_version(respond(StatusCode::OK, content, body), &version)
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
        let subject = known.subject.unwrap_or_else(|| {
            // gcloud leaves out an account of the name `default`: there it is another name of an account, never its own.
            let name = self.identity.name();
            if name == "default" { UNKNOWN_ACCOUNT } else { name }.to_owned()
        });
        let account = || {
            Node::directory([
                ("aliases", Node::List(vec!["default".to_owned()])),
                ("email", Node::Text(subject.clone())),
                ("scopes", Node::List(vec![SCOPE.to_owned()])),
                ("token", Node::Token),
            ])
        };
        let accounts = vec![("default".to_owned(), account()), (subject.clone(), account())];
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
                Some(body) => {
                    let version = format!("{:x}-{:x}", self.identity.versions, token.generation());
                    with_version(respond(StatusCode::OK, "application/json", body), &version)
                }
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

/// The response with its version, which a client sends back as `last_etag`.
fn with_version(mut response: Response<Body>, version: &str) -> Response<Body> {
    if let Ok(version) = HeaderValue::from_str(version) {
        response.headers_mut().insert(header::ETAG, version);
    }
    response
}
