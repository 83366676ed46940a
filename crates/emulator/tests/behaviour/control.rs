//! The control API, for other processes.

use std::time::{Duration, UNIX_EPOCH};

use crate::common::{FLAVOR, accepted, api_key, bearer, token_url};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{call, get, post};
use yandex_cloud_emulator::{Emulator, Fault};

fn url(emulator: &Emulator, path: &str) -> String {
    format!("{}/_emulator/{path}", emulator.api_url())
}

async fn tell(emulator: &Emulator, path: &str, body: Value) -> test_support::http_client::Response {
    post(&url(emulator, path), &[], &body).await
}

#[tokio::test]
async fn moves_the_clock() {
    let emulator = Emulator::start().await.unwrap();
    let reply = call("POST", &url(&emulator, "clock/freeze"), &[], "").await;
    assert_eq!(reply.json()["frozen"], true);
    let reply = tell(&emulator, "clock/set", json!({ "now": "2027-01-15T08:00:00Z" })).await;
    assert_eq!(reply.json()["now"], "2027-01-15T08:00:00Z");
    let reply = tell(&emulator, "clock/advance", json!({ "seconds": 3600.5 })).await;
    assert_eq!(reply.json()["now"], "2027-01-15T09:00:00.5Z");
    assert_eq!(emulator.clock().now(), UNIX_EPOCH + Duration::from_millis(1_800_003_600_500));
    let reply = call("POST", &url(&emulator, "clock/unfreeze"), &[], "").await;
    assert_eq!(reply.json()["frozen"], false);
    for (path, body) in [
        ("clock/advance", json!({ "seconds": -1 })),
        ("clock/advance", json!({ "seconds": "1" })),
        ("clock/advance", json!({ "minutes": 1 })),
        ("clock/set", json!({ "now": "yesterday" })),
    ] {
        assert_eq!(
            tell(&emulator, path, body.clone()).await.status,
            StatusCode::BAD_REQUEST,
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn adds_and_removes_faults() {
    let emulator = Emulator::start().await.unwrap();
    for (body, fault) in [
        (json!({ "kind": "latency", "milliseconds": 5 }), Fault::latency(Duration::from_millis(5))),
        (
            json!({ "kind": "status", "status": 503, "retry_after_seconds": 2, "body": "x", "times": 3 }),
            Fault::status(503).retry_after(Duration::from_secs(2)).body("x").times(3),
        ),
        (json!({ "kind": "hang", "target": "iam" }), Fault::hang().on(yandex_cloud_emulator::Service::Iam)),
        (
            json!({ "kind": "drip", "milliseconds": 1, "path": "/v1/" }),
            Fault::drip(Duration::from_millis(1)).on_path("/v1/"),
        ),
        (json!({ "kind": "reset" }), Fault::reset()),
        (json!({ "kind": "garbage" }), Fault::garbage()),
        (json!({ "kind": "not-found" }), Fault::not_found()),
        (json!({ "kind": "huge-body", "bytes": 10 }), Fault::huge_body(10)),
        (json!({ "kind": "truncated-body" }), Fault::truncated_body()),
        (json!({ "kind": "same-old-token" }), Fault::same_old_token()),
    ] {
        let reply = tell(&emulator, "faults", body.clone()).await;
        assert_eq!(reply.status, StatusCode::OK, "{body}");
        assert_eq!(reply.json()["faults"][0]["kind"], body["kind"]);
        assert_eq!(emulator.faults().active(), [fault]);
        // Faults do not apply to the control API, so that a client can remove them.
        let reply = call("DELETE", &url(&emulator, "faults"), &[], "").await;
        assert_eq!(reply.json(), json!({ "faults": [] }));
    }
    for body in [
        json!({ "kind": "explosion" }),
        json!({ "kind": "latency" }),
        json!({ "kind": "status", "status": 99 }),
        json!({ "kind": "status" }),
        json!({ "kind": "huge-body" }),
        json!({ "kind": "hang", "target": "everything" }),
        json!({ "kind": "hang", "target": "iam", "path": "/" }),
        json!({ "kind": "hang", "milisecond": 1 }),
    ] {
        assert_eq!(tell(&emulator, "faults", body.clone()).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert!(emulator.faults().active().is_empty());
}

#[tokio::test]
async fn issues_and_revokes() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    let reply = tell(&emulator, "tokens/issue", json!({ "lifetime": 60 })).await;
    let token = reply.json()["iamToken"].as_str().unwrap().to_owned();
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::OK);
    emulator.clock().advance(Duration::from_secs(60));
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::UNAUTHORIZED);

    let reply = call("POST", &url(&emulator, "tokens/issue"), &[], "").await;
    let token = reply.json()["iamToken"].as_str().unwrap().to_owned();
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::OK);
    let reply = tell(&emulator, "tokens/revoke", json!({ "iamToken": token })).await;
    assert_eq!(reply.json(), json!({ "subjectId": emulator.service_account_id() }));
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::UNAUTHORIZED);

    let key = emulator.api_key();
    let reply = tell(&emulator, "api-keys/revoke", json!({ "apiKey": key })).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(accepted(&emulator, &api_key(key)).await, StatusCode::UNAUTHORIZED);

    let unknown = tell(&emulator, "tokens/revoke", json!({ "iamToken": "t1.x" })).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let unknown = tell(&emulator, "api-keys/revoke", json!({ "apiKey": "x" })).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn issues_oauth_tokens_of_both_kinds() {
    let emulator = Emulator::start().await.unwrap();
    let exchange = format!("{}/iam/v1/tokens", emulator.api_url());
    for (body, status) in [
        ("", StatusCode::OK),
        ("{}", StatusCode::OK),
        (r#"{"after_cutoff": false}"#, StatusCode::OK),
        (r#"{"after_cutoff": true}"#, StatusCode::BAD_REQUEST),
    ] {
        let reply = call("POST", &url(&emulator, "oauth-tokens/issue"), &[], body).await;
        let token = reply.json()["oauthToken"].as_str().unwrap().to_owned();
        assert!(token.starts_with("y0_FAKE-EMULATOR-"), "{body}");
        let reply = post(&exchange, &[], &json!({ "yandexPassportOauthToken": token })).await;
        assert_eq!(reply.status, status, "{body}");
        let refused = reply.text().contains("is not supported for IAM token exchange");
        assert_eq!(refused, status != StatusCode::OK, "{body}");
        assert!(!reply.text().contains(&token));
    }
    for body in [json!({ "after_cutoff": "yes" }), json!({ "afterCutoff": true })] {
        assert_eq!(tell(&emulator, "oauth-tokens/issue", body).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn issues_api_keys_with_some_or_all_scopes() {
    let emulator = Emulator::start().await.unwrap();
    for (body, status) in [
        ("", StatusCode::OK),
        ("{}", StatusCode::OK),
        (r#"{"scopes": ["yc.ai.languageModels.execute"]}"#, StatusCode::OK),
        (r#"{"scopes": ["yc.search-api.execute", "yc.ai.foundationModels.execute"]}"#, StatusCode::OK),
        (r#"{"scopes": ["yc.search-api.execute"]}"#, StatusCode::FORBIDDEN),
        (r#"{"scopes": []}"#, StatusCode::FORBIDDEN),
    ] {
        let reply = call("POST", &url(&emulator, "api-keys/issue"), &[], body).await;
        let key = reply.json()["apiKey"].as_str().unwrap().to_owned();
        assert_eq!(accepted(&emulator, &api_key(&key)).await, status, "{body}");
        tell(&emulator, "api-keys/revoke", json!({ "apiKey": key })).await;
        assert_eq!(accepted(&emulator, &api_key(&key)).await, StatusCode::UNAUTHORIZED, "{body}");
    }
    for body in [json!({ "scopes": "yc.ai.languageModels.execute" }), json!({ "scope": [] })] {
        assert_eq!(tell(&emulator, "api-keys/issue", body).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn returns_the_state_and_the_counters() {
    let emulator = Emulator::start().await.unwrap();
    get(&token_url(&emulator), &[FLAVOR]).await;
    accepted(&emulator, "Bearer t1.wrong").await;
    get(&format!("{}/iam/v1/unheard-of", emulator.api_url()), &[]).await;

    emulator.faults().add(Fault::status(503).on_path("/nowhere").times(2));

    let state = get(&url(&emulator, "state"), &[]).await.json();
    assert_eq!(
        state["faults"],
        json!([{
            "kind": "status", "status": 503, "retry_after_seconds": null, "body": null,
            "path": "/nowhere", "times": 2,
        }])
    );
    assert_eq!(state["folderId"], emulator.folder_id());
    assert_eq!(state["serviceAccountId"], emulator.service_account_id());
    assert_eq!(state["iamTokens"], json!({ "valid": 1, "expired": 0, "revoked": 0 }));
    assert_eq!(state["frozen"], false);

    let counters = get(&url(&emulator, "counters"), &[]).await.json();
    assert_eq!(
        counters,
        json!({
            "services": { "metadata": 1, "ai": 1, "iam": 1 },
            "routes": {
                "GET /computeMetadata/v1/instance/service-accounts/default/token": 1,
                "GET /v1/models": 1,
                "unknown of iam": 1,
            },
            "tokens_issued": 1,
            "unauthenticated": 1,
        })
    );
}

#[tokio::test]
async fn reset_restores_the_initial_state() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator.iam_token().unwrap();
    let aged = get(&token_url(&emulator), &[FLAVOR]).await.json();
    emulator.revoke_api_key(emulator.api_key()).unwrap();
    emulator.clock().advance(Duration::from_secs(365 * 86_400));
    emulator.faults().add(Fault::hang());

    let state = call("POST", &url(&emulator, "reset"), &[], "").await.json();
    assert_eq!(state["faults"], json!([]));
    assert_eq!(state["iamTokens"]["valid"], 0);
    assert_eq!(emulator.counters().snapshot(), yandex_cloud_emulator::Counters::default().snapshot());
    assert_eq!(accepted(&emulator, &api_key(emulator.api_key())).await, StatusCode::OK);
    assert_eq!(accepted(&emulator, &bearer(&token)).await, StatusCode::UNAUTHORIZED);
    let fresh = get(&token_url(&emulator), &[FLAVOR]).await.json();
    assert_ne!(fresh["access_token"], aged["access_token"]);
    let drift = emulator.clock().now().duration_since(std::time::SystemTime::now()).unwrap_or_default();
    assert!(drift < Duration::from_secs(60));
}

#[tokio::test]
async fn refuses_unknown_calls() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(get(&url(&emulator, "secrets"), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&url(&emulator, "reset"), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(emulator.counters().requests(yandex_cloud_emulator::Service::Other), 0);
}
