//! Probes, metrics, and a page for people. None of them shows a token.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use yandex_cloud_auth::Error;
use yandex_cloud_auth::system::BoxFuture;

use crate::config::AdminConfig;
use crate::identity::Identity;
use crate::keys::{Keys, key_wanted};
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::service::{
    Body, Caller, READING, Service, is_foreign, is_reading, method_not_allowed, respond, text, whole,
};
use crate::socket_paths::SocketPaths;

/// What decides whether an agent is ready: its identities, and the sockets that clients have to find.
pub(crate) struct Readiness {
    identities: Vec<Arc<Identity>>,
    sockets: SocketPaths,
}

/// Probes alone: a status and no text, so that they can be asked from another machine.
pub(crate) struct Probes(Readiness);

/// Probes with text, metrics, and a page.
pub(crate) struct Admin {
    readiness: Readiness,
    metrics: Metrics,
    keys: Keys,
}

impl Readiness {
    pub(crate) fn new(identities: Vec<Arc<Identity>>, sockets: SocketPaths) -> Self {
        Self { identities, sockets }
    }

    /// The status of the whole agent, and a line for each identity and for each socket that clients do not find.
    async fn of_all(&self) -> (StatusCode, String) {
        let lost = self.sockets.lost().await;
        let status = if lost.is_empty() { status(&self.identities) } else { StatusCode::SERVICE_UNAVAILABLE };
        let identities = self.identities.iter().map(|identity| line(identity));
        (status, identities.chain(lost.into_iter().map(|socket| socket + "\n")).collect())
    }
}

impl Probes {
    pub(crate) fn new(readiness: Readiness) -> Self {
        Self(readiness)
    }

    async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let mut response = Response::new(whole(Bytes::new()));
        if !is_reading(request) {
            return method_not_allowed(response, READING);
        }
        *response.status_mut() = match request.uri().path() {
            "/livez" => StatusCode::OK,
            "/readyz" => self.0.of_all().await.0,
            _ => StatusCode::NOT_FOUND,
        };
        response
    }
}

impl Admin {
    /// The service of a configuration, with the keys of its files.
    ///
    /// # Errors
    /// `Invalid` if the file of a key is wrong.
    pub(crate) fn new(readiness: Readiness, metrics: Metrics, config: &AdminConfig) -> Result<Self, Error> {
        Ok(Self { readiness, metrics, keys: Keys::load(&config.keys)? })
    }

    async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        if !is_reading(request) {
            let reason = "this listener has GET and HEAD\n";
            return method_not_allowed(text(StatusCode::METHOD_NOT_ALLOWED, reason), READING);
        }
        if !self.keys.allow(request.headers()) {
            return key_wanted();
        }
        // A page of the browser's own is no request of another site. The page has no links and no forms.
        let is_page = request.uri().path() == "/";
        if !is_page && is_foreign(request.headers()) {
            return text(StatusCode::FORBIDDEN, "requests of browsers and proxies are refused\n");
        }
        match request.uri().path() {
            "/" => self.page(),
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => {
                let (status, lines) = self.readiness.of_all().await;
                text(status, lines)
            }
            "/metrics" => respond(StatusCode::OK, CONTENT_TYPE, self.metrics.text(self.identities())),
            path => match path.strip_prefix("/readyz/").and_then(|name| self.find(name)) {
                Some(identity) => text(status(std::slice::from_ref(identity)), line(identity)),
                None => text(StatusCode::NOT_FOUND, "there is no such page, and no such identity\n"),
            },
        }
    }

    fn identities(&self) -> &[Arc<Identity>] {
        &self.readiness.identities
    }

    fn find(&self, name: &str) -> Option<&Arc<Identity>> {
        self.identities().iter().find(|identity| identity.name() == name)
    }

    fn page(&self) -> Response<Body> {
        let mut rows = String::new();
        for identity in self.identities() {
            let credentials = &identity.credentials;
            let method = credentials.method().map_or("not selected yet", |method| method.name());
            let end = credentials.snapshot().map_or_else(String::new, |token| {
                token.expires_at().map_or_else(|| "unknown".to_owned(), httpdate::fmt_http_date)
            });
            let counts = credentials.counters();
            let (fetches, failures) = (counts.fetches.to_string(), counts.failures.to_string());
            rows.push_str(&row(&[
                identity.name(),
                method,
                identity.state().text(),
                &end,
                &fetches,
                &failures,
            ]));
            if let Some(error) = error(identity) {
                rows.push_str(&format!(
                    "<tr><td class=\"error\" colspan=\"6\">{}</td></tr>\n",
                    escaped(&error)
                ));
            }
        }
        let clients = self.metrics.counts().into_iter().map(|(kind, counts)| {
            let [good, refused, failed] = counts.map(|count| count.to_string());
            row(&[kind, &good, &refused, &failed])
        });
        let page = PAGE
            .replace("NOW", &httpdate::fmt_http_date(SystemTime::now()))
            .replace("CLIENTS", &clients.collect::<String>())
            .replace("ROWS", &rows);
        let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", page);
        let headers = response.headers_mut();
        let policy =
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

impl Service for Probes {
    fn kind(&self) -> &'static str {
        "probes"
    }

    /// A probe of another machine names it as it likes.
    fn checks_host(&self) -> bool {
        false
    }

    fn respond(&self, request: Request<Incoming>, _caller: Caller) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move { self.answer(&request).await })
    }
}

impl Service for Admin {
    fn kind(&self) -> &'static str {
        "admin"
    }

    fn respond(&self, request: Request<Incoming>, _caller: Caller) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move { self.answer(&request).await })
    }
}

const PAGE: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>yc-auth agent</title>
<style>
:root{color-scheme:light dark}
body{font:15px/1.4 sans-serif;margin:2em}
table{border-collapse:collapse}
th,td{border:1px solid #888;padding:.3em .6em;text-align:left;white-space:nowrap}
td.error{white-space:pre-wrap;overflow-wrap:anywhere}
</style>
</head><body><h1>yc-auth agent</h1>
<p>NOW</p>
<table><thead><tr><th>identity</th><th>method</th><th>state</th><th>end of the token</th><th>fetches</th><th>failures</th></tr></thead>
<tbody>
ROWS</tbody></table>
<h2>Requests of clients</h2>
<table><thead><tr><th>listener</th><th>answered</th><th>refused</th><th>failed</th></tr></thead>
<tbody>
CLIENTS</tbody></table>
</body></html>
";

fn status(identities: &[Arc<Identity>]) -> StatusCode {
    if identities.iter().all(|identity| identity.is_ready()) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn line(identity: &Identity) -> String {
    format!("{}: {}\n", identity.name(), identity.state().text())
}

/// Why fetches fail now, or else the last error that left callers without a token.
fn error(identity: &Identity) -> Option<String> {
    let failing = identity.credentials.last_failure().map(|error| format!("fails now: {error}"));
    failing.or_else(|| {
        let (at, error) = identity.last_error()?;
        Some(format!("failed on {}: {error}", httpdate::fmt_http_date(at)))
    })
}

/// A row of a table.
fn row(cells: &[&str]) -> String {
    let cells = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell)));
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
