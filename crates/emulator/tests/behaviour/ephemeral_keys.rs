//! Ephemeral access keys of Object Storage.

use std::time::Duration;

use crate::common::{api_key, bearer, message};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, post};
use yandex_cloud_emulator::Emulator;

async fn create(cloud: &Emulator, authorization: &str, body: &Value) -> Response {
    let url = format!("{}/iam/aws-compatibility/v1/ephemeralAccessKeys", cloud.api_url());
    post(&url, &[("authorization", authorization)], body).await
}

#[tokio::test]
async fn a_key_has_the_documented_form_and_lives_as_requested() {
    let cloud = Emulator::start().await.unwrap();
    cloud.clock().freeze();
    let token = bearer(&cloud.iam_token().unwrap());
    let end = |seconds: u64| {
        let end = time::OffsetDateTime::from(cloud.clock().now() + Duration::from_secs(seconds));
        end.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    for (body, seconds) in [
        (json!({"sessionName": "a", "duration": "3600s", "policy": "{}"}), 3600),
        (json!({"session_name": "a", "subject_id": cloud.service_account_id()}), 12 * 3600),
    ] {
        let reply = create(&cloud, &token, &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        let key = reply.json();
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        assert_eq!((text("accessKeyId").len(), text("secret").len()), (20, 43));
        assert!(text("sessionToken").starts_with("s1.FAKE-EMULATOR"));
        assert_eq!(text("expiresAt"), end(seconds));
    }
    assert_eq!(cloud.counters().route("POST /iam/aws-compatibility/v1/ephemeralAccessKeys"), 2);
}

#[tokio::test]
async fn requests_outside_the_limits_are_refused() {
    let cloud = Emulator::start().await.unwrap();
    let token = bearer(&cloud.iam_token().unwrap());
    let short = bearer(&cloud.iam_token_for(Duration::from_secs(1800)).unwrap());
    for (authorization, body, status, words) in [
        (&token, json!({}), 400, "session_name"),
        (&token, json!({"sessionName": "a b"}), 400, "session_name"),
        (&token, json!({"sessionName": "a".repeat(65)}), 400, "session_name"),
        (&token, json!({"sessionName": "a", "policy": "a".repeat(2049)}), 400, "policy"),
        (&token, json!({"sessionName": "a", "duration": "899s"}), 400, "duration"),
        (&token, json!({"sessionName": "a", "duration": "43201s"}), 400, "duration"),
        (&token, json!({"sessionName": "a", "duration": "1h"}), 400, "duration"),
        (&short, json!({"sessionName": "a", "duration": "3600s"}), 400, "longer than the life"),
        (&token, json!({"sessionName": "a", "subjectId": "ajefake0other"}), 403, "tokenCreator"),
        (&bearer("t1.FAKE-unknown.token"), json!({"sessionName": "a"}), 401, "invalid"),
        (&api_key(cloud.api_key()), json!({"sessionName": "a"}), 401, "IAM tokens"),
    ] {
        let reply = create(&cloud, authorization, &body).await;
        assert_eq!(reply.status.as_u16(), status, "{body}");
        assert!(message(&reply).contains(words), "{body}: {}", reply.text());
    }
}
