//! Responses of the metadata service, of IAM and of endpoint discovery. The second reading of JSON is `serde_json`'s.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use url::Url;
use yandex_cloud_auth::sdk_internals::metadata_folder;
use yandex_cloud_auth::testing::{TestHttp, TestReply};
use yandex_cloud_auth::{Error, ErrorKind, MetadataAuth, OAuthTokenAuth};

use crate::addresses::is_yandex_cloud;
use crate::support::{Called, OAUTH_TOKEN, assert_presentable, body, call, reply, system};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The token of the metadata service, and the folder of the machine.
pub fn metadata_responses(data: &[u8]) {
    let reply = reply(data);
    let replied = reply.clone();
    let system = system().with_http(TestHttp::new(move |request, _| {
        assert!(request.body().is_empty() && !request.headers().contains_key("authorization"));
        replied.clone()
    }));
    let called = call(MetadataAuth::new(), system.clone());
    check(&called, &reply, "access_token");
    if let Some(token) = called.token() {
        assert!(!token.starts_with("ya29."), "the token of another cloud");
    }

    // The clock stands still, so nothing waits.
    let mut folder = Box::pin(metadata_folder(&system));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match folder.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Ok(Ok(id))) => {
            let is_id =
                |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || byte == b'.';
            assert!((1..=64).contains(&id.len()) && id.bytes().all(is_id), "{id:?}");
        }
        std::task::Poll::Ready(Ok(Err(reason))) => crate::support::assert_hidden(&reason),
        std::task::Poll::Ready(Err(error)) => assert_presentable(&error),
        std::task::Poll::Pending => {}
    }
}

/// The response to an exchange of an OAuth token, which the server may repeat.
pub fn iam_responses(data: &[u8]) {
    let reply = reply(data);
    let replied = reply.clone();
    let system = system().with_http(TestHttp::new(move |request, _| match request.uri().path() {
        "/endpoints" => {
            TestReply::status(200, r#"{"endpoints":[{"id":"iam","address":"iam.api.cloud.yandex.net:443"}]}"#)
        }
        _ => replied.clone(),
    }));
    let called = call(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap(), system);
    check(&called, &reply, "iamToken");
}

/// The header is the token of the response, and its life is bounded. An error has the kind of the status.
fn check(called: &Called, reply: &TestReply, field: &str) {
    let read = body(reply).and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let in_body = read.as_ref().and_then(|value| value.get(field)?.as_str());
    match (&called.header, called.token()) {
        (_, Some(token)) => {
            assert!(in_body.is_some_and(|text| text.contains(token)), "a token that the server did not send");
            let snapshot = called.credentials.snapshot().unwrap();
            let now = SystemTime::UNIX_EPOCH + called.credentials.system().clock().now().wall;
            if let Some(end) = snapshot.expires_at() {
                assert!(end > now && end <= now + DAY + Duration::from_secs(1), "{end:?}");
            }
        }
        (Err(error), _) => check_kind(error, reply),
        (Ok(_), None) => {}
    }
}

fn check_kind(error: &Error, reply: &TestReply) {
    let TestReply::Response(status, ..) = reply else { return };
    let is_transient = matches!(status, 200 | 408 | 429 | 500..=599);
    if is_transient && error.kind() != ErrorKind::Refused {
        assert!(error.is_transient(), "{status}: {error}");
    }
}

/// The list of services. The OAuth token goes to a host of Yandex Cloud alone, over TLS.
pub fn discovery(data: &[u8]) {
    let reply = reply(data);
    let replied = reply.clone();
    let http = TestHttp::new(move |request, _| {
        if request.uri().path() == "/endpoints" {
            assert!(request.body().is_empty() && !request.headers().contains_key("authorization"));
            return replied.clone();
        }
        let url = Url::parse(&request.uri().to_string()).unwrap();
        assert!(is_yandex_cloud(&url), "the OAuth token goes to {url}");
        assert!(url.host_str().unwrap().ends_with("api.cloud.yandex.net"), "to another installation: {url}");
        TestReply::status(200, r#"{"iamToken":"t1.FAKE-exchanged.FAKE"}"#)
    });
    let called = call(OAuthTokenAuth::new(OAUTH_TOKEN).unwrap(), system().with_http(http.clone()));

    let read = body(&reply).and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let listed = read.as_ref().and_then(|list| list.get("endpoints")?.as_array()).and_then(|list| {
        let mut texts = list.iter().filter(|entry| entry.get("address").is_some_and(Value::is_string));
        texts.find(|entry| entry.get("id").and_then(Value::as_str) == Some("iam"))?["address"].as_str()
    });
    let used = http.requests().into_iter().rfind(|line| line.ends_with("/iam/v1/tokens"));
    if let (Some(listed), Some(used)) = (listed, &used) {
        let listed = listed.trim();
        let listed = if listed.contains("://") { listed.to_owned() } else { format!("https://{listed}") };
        let Ok(listed) = Url::parse(&listed) else { return };
        let used = Url::parse(used.split_once(' ').unwrap().1).unwrap();
        let host = |url: &Url| url.host_str().unwrap().trim_end_matches('.').to_owned();
        let place = |url: &Url| (host(url), url.port_or_known_default());
        // The documented address serves where the list cannot be used.
        let is_documented = place(&used) == ("iam.api.cloud.yandex.net".to_owned(), Some(443));
        assert!(is_documented || place(&listed) == place(&used), "{listed} is {used} here");
    }
    assert_eq!(called.header.is_ok(), used.is_some());
}
