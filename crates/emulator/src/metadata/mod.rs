//! The metadata service of a virtual machine, in the two formats of the cloud.
//!
//! `/computeMetadata/v1/` (`gce.rs`) has the format of Google Compute Engine, `/latest/` (`ec2.rs`) that of Amazon EC2.
//! `tree.rs` has the directories and values, `query.rs` the parameters of a request.
//!
//! Documented (yandex.cloud/docs, "Metadata folders", "Configuring metadata service parameters"): the keys, the header
//! `Metadata-Flavor` of requests, `recursive=true` as JSON, the names of the parameters, and 400 where an option of the
//! machine is off.
//!
//! Not documented, so the emulator does as Google's service does: `GET /`, the header `Metadata-Flavor` and `ETag` in
//! responses, 403 without the header, 403 for a request of a proxy, `wait_for_change` for a directory, the aliases, the
//! e-mail address and the scopes of a service account, and the final newline of lists alone. A directory is served with
//! and without the slash at the end: no document says that there is a redirect.

mod ec2;
mod gce;
mod query;
mod tree;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use ring::digest::{SHA256, digest};
use serde_json::json;
use tokio::time::{Instant, sleep};

use self::query::{Format, Query};
use self::tree::Node;
use crate::cloud::{Cloud, MetadataOption};
use crate::wire::body::{self, Body};
use crate::wire::status::{Code, Status};

/// The header of every request and, as in Google's service, of every response.
pub(crate) const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
pub(crate) const GOOGLE: HeaderValue = HeaderValue::from_static("Google");

/// The headers of proxies and browsers. Google's service refuses the first.
const FOREIGN: &[&str] =
    &["x-forwarded-for", "forwarded", "via", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest"];

/// How often a request with `wait_for_change` looks at the value.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) async fn respond<B>(
    cloud: &Cloud,
    same_old: bool,
    request: &Request<B>,
) -> Result<Response<Body>, Status> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Status::new(Code::Unimplemented, "the metadata service serves GET and HEAD only")
            .over_http(StatusCode::METHOD_NOT_ALLOWED));
    }
    if FOREIGN.iter().any(|name| request.headers().contains_key(*name)) {
        return Err(Status::denied("the metadata service refuses requests of proxies and browsers"));
    }
    let query = Query::read(request.uri().query().unwrap_or_default())?;
    let path = Path::read(request.uri().path())?;
    let mut answer = Answer::of(cloud, same_old, &path, &query, request.headers())?;
    if let Some(wait) = &query.wait {
        let known = wait.last_etag.clone().unwrap_or_else(|| answer.etag.clone());
        let end = wait.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while answer.etag == known && end.is_none_or(|end| Instant::now() < end) {
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            sleep(LOOK.min(left)).await;
            answer = Answer::of(cloud, same_old, &path, &query, request.headers())?;
        }
    }
    Ok(answer.into_response())
}

/// The decoded names of a path.
struct Path {
    names: Vec<String>,
    /// The path ends with a slash, so that it names a directory.
    is_directory: bool,
}

impl Path {
    fn read(path: &str) -> Result<Self, Status> {
        let inner = path.strip_prefix('/').unwrap_or(path);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let names = inner.split('/').map(|name| percent_decode_str(name).decode_utf8());
        let names = names.map(|name| name.map(String::from)).collect::<Result<Vec<_>, _>>();
        let mut names = names.map_err(|_| Status::invalid("the path is not percent-encoded UTF-8"))?;
        if inner.is_empty() {
            names.clear();
        }
        Ok(Self { names, is_directory: path.ends_with('/') })
    }
}

/// The body of a response, and the tag that changes with the value.
struct Answer {
    content: HeaderValue,
    body: String,
    etag: String,
}

impl Answer {
    fn of(
        cloud: &Cloud,
        same_old: bool,
        path: &Path,
        query: &Query,
        headers: &HeaderMap,
    ) -> Result<Self, Status> {
        let mut names = path.names.iter().map(String::as_str);
        let root = match names.next() {
            // Clients look for the service here, and send no header.
            None => Node::directory([
                ("computeMetadata", Node::directory::<_, &str>([])),
                ("latest", Node::directory::<_, &str>([])),
            ]),
            Some("computeMetadata") => {
                check(cloud, MetadataOption::GceHttpEndpoint)?;
                if headers.get(FLAVOR) != Some(&GOOGLE) {
                    return Err(Status::denied("the header Metadata-Flavor: Google is missing"));
                }
                gce::tree(cloud)
            }
            Some("latest") => {
                check(cloud, MetadataOption::AwsV1HttpEndpoint)?;
                if path.names.get(1).is_some_and(|name| name == "meta-data")
                    && path.names.get(2).is_some_and(|name| name == "iam")
                {
                    check(cloud, MetadataOption::AwsV1HttpToken)?;
                }
                ec2::tree(cloud)
            }
            Some(_) => return Err(no_such_path(cloud, path)),
        };
        let node = root.find(names).ok_or_else(|| no_such_path(cloud, path))?;
        // `/latest/user-data/` is documented with a slash, and is a value.
        if path.is_directory
            && !node.is_directory()
            && path.names.first().is_some_and(|name| name != "latest")
        {
            return Err(no_such_path(cloud, path));
        }
        if matches!(node, Node::Token) {
            check(cloud, MetadataOption::GceHttpToken)?;
            return token(cloud, same_old);
        }
        let (content, body) = match query.format {
            Format::Json { recursive } => (body::JSON, node.json(recursive).to_string()),
            Format::Text { recursive: false } => (body::TEXT, node.text()),
            Format::Text { recursive: true } => (body::TEXT, node.lines()),
        };
        Ok(Self { content, etag: tag(&body), body })
    }

    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(body::full(self.body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(etag) = HeaderValue::try_from(self.etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

/// The token of the machine's service account, always as JSON.
fn token(cloud: &Cloud, same_old: bool) -> Result<Answer, Status> {
    let issued = cloud.metadata_token(same_old)?;
    // The remaining lifetime, not the initial lifetime.
    let left = issued.expires_at.duration_since(cloud.clock.now()).unwrap_or_default();
    let body = json!({ "access_token": issued.token, "expires_in": left.as_secs(), "token_type": "Bearer" });
    // The tag is that of the token: a shorter remaining lifetime is no change.
    Ok(Answer { content: body::JSON, etag: tag(&issued.token), body: body.to_string() })
}

/// An option that is off is a 400 (documented).
fn check(cloud: &Cloud, option: MetadataOption) -> Result<(), Status> {
    if cloud.machine.is_on(option) {
        return Ok(());
    }
    Err(Status::invalid(format!("the option {} of this machine is off", option.name())))
}

fn no_such_path(cloud: &Cloud, path: &Path) -> Status {
    let of_account = path.names.iter().any(|name| name == "service-accounts");
    Status::not_found(if of_account && !cloud.options.attach_service_account {
        "no service account is attached to this machine"
    } else {
        "the metadata service has no such path"
    })
}

/// 16 hexadecimal digits, as in Google's service.
fn tag(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
