//! The issuers whose tokens are taken, and the control API that adds one.

use std::io::ErrorKind;
use std::time::Duration;

use super::{HOUR, ISSUER, NOW, claims, exchange, token, with_issuer_of};
use crate::common::jwt::Key;
use crate::common::{accepted, bearer};
use http::StatusCode;
use serde_json::json;
use test_support::http_client::{call, get, post};
use yandex_cloud_emulator::{Emulator, Fault, Renewal, Service};

#[tokio::test]
async fn exchanges_a_token_of_its_own_issuer() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    let reply = exchange(&emulator, &emulator.oidc_token().unwrap(), emulator.service_account_id()).await;

    let token = token(&reply);
    assert_eq!(reply.json(), json!({ "access_token": token, "token_type": "Bearer", "expires_in": 43200 }));
    let body = json!({
        "model": format!("gpt://{}/yandexgpt/latest", emulator.folder_id()),
        "messages": [{ "role": "user", "content": "hello" }],
    });
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    let reply = post(&url, &[("authorization", &bearer(&token))], &body).await;
    let expected = "authenticated as service account ajefake0emulator0sa0 by iam-token from workload-identity; \
                you said: hello";
    assert_eq!(reply.json()["choices"][0]["message"]["content"], expected);
    assert_eq!(emulator.counters().route("POST /oauth/token"), 1);
    assert_eq!(emulator.counters().requests(Service::Iam), 1);
    assert_eq!(emulator.counters().tokens_issued(), 1);
}

#[tokio::test]
async fn exchanges_a_token_of_a_given_issuer_that_signs_rs256() {
    let elsewhere = Emulator::start().await.unwrap();
    let key = Key::of(&elsewhere);
    let emulator = with_issuer_of(&key).await;
    let header = json!({ "alg": "RS256", "kid": key.id, "typ": "JWT" });
    let claims = json!({
        "iss": ISSUER, "sub": "repo:us/it", "aud": ["x", "https://github.com/us"], "iat": NOW, "exp": NOW + 300,
    });
    let reply = exchange(&emulator, &key.sign_rs256(&header, &claims), emulator.service_account_id()).await;
    assert_eq!(accepted(&emulator, &bearer(&token(&reply))).await, StatusCode::OK);
}

#[tokio::test]
async fn uses_the_clock_of_the_emulator() {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    let account = emulator.service_account_id();
    let jwt = emulator.oidc_token().unwrap();
    emulator.clock().advance(HOUR - Duration::from_secs(1));
    let iam = bearer(&token(&exchange(&emulator, &jwt, account).await));
    emulator.clock().advance(Duration::from_secs(1));
    assert_eq!(exchange(&emulator, &jwt, account).await.status, StatusCode::BAD_REQUEST);
    // The IAM token stays valid after the OIDC token expires.
    assert_eq!(accepted(&emulator, &iam).await, StatusCode::OK);
}

#[tokio::test]
async fn faults_and_renewal_of_iam_apply() {
    let emulator = Emulator::builder().exchange_renewal(Renewal::Below(HOUR)).start().await.unwrap();
    let (jwt, account) = (emulator.oidc_token().unwrap(), emulator.service_account_id());
    emulator.faults().add(Fault::status(503).on(Service::Iam).times(1));
    assert_eq!(exchange(&emulator, &jwt, account).await.status, StatusCode::SERVICE_UNAVAILABLE);

    let first = token(&exchange(&emulator, &jwt, account).await);
    emulator.clock().advance(HOUR / 2);
    let again = exchange(&emulator, &jwt, account).await;
    assert_eq!(token(&again), first);
    assert!(again.json()["expires_in"].as_u64().unwrap() <= 43200 - 1800);
}

#[tokio::test]
async fn publishes_the_keys_of_its_issuer() {
    let emulator = Emulator::start().await.unwrap();
    let jwks = get(&format!("{}/_emulator/oidc/jwks", emulator.api_url()), &[]).await;
    // Another emulator trusts the issuer with these keys, so the set is complete.
    let other = Emulator::builder()
        .oidc_issuer(format!("{}/_emulator/oidc", emulator.api_url()), jwks.text())
        .start()
        .await
        .unwrap();
    let jwt = emulator.oidc_token().unwrap();
    assert_eq!(exchange(&other, &jwt, other.service_account_id()).await.status, StatusCode::OK);
    assert_eq!(
        exchange(&other, &other.oidc_token().unwrap(), other.service_account_id()).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(jwks.json()["keys"][0]["alg"], "ES256");
    assert_eq!(emulator.counters().route("GET /_emulator/oidc/jwks"), 1);
    assert_eq!(emulator.counters().requests(Service::Oidc), 1);
}

#[tokio::test]
async fn does_not_start_with_invalid_keys() {
    for jwks in [
        "",
        "[]",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","kid":"1","k":"AA"}]}"#,
        r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
        r#"{"keys":[{"kty":"RSA","kid":"1","n":"A=","e":"AQAB"}]}"#,
        r#"{"keys":[{"kty":"EC","crv":"P-384","kid":"1","x":"AQAB","y":"AQAB"}]}"#,
    ] {
        let error = Emulator::builder().oidc_issuer(ISSUER, jwks).start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{jwks}");
        assert!(error.to_string().starts_with("the key set of the OIDC issuer"), "{error}");
    }
}

#[tokio::test]
async fn a_github_actions_job_gets_its_token() {
    let emulator = Emulator::start().await.unwrap();
    let [(url_name, url), (token_name, request_token)] = emulator.github_variables();
    assert_eq!(
        (url_name.as_str(), token_name.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    );
    let authorization = format!("bearer {request_token}");
    let job = async |url: &str| get(url, &[("authorization", &authorization)]).await;

    let reply = job(&url).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let value = reply.json()["value"].as_str().unwrap().to_owned();
    assert_eq!(exchange(&emulator, &value, emulator.service_account_id()).await.status, StatusCode::OK);
    let expected = claims(&value);
    assert_eq!(expected["iss"], format!("{}/_emulator/oidc", emulator.api_url()));
    assert_eq!(
        (expected["sub"].as_str(), expected["aud"].as_str()),
        (Some(emulator.oidc_subject()), Some(emulator.oidc_audience()))
    );
    assert_eq!(expected["exp"].as_u64().unwrap() - expected["iat"].as_u64().unwrap(), 300);

    let reply = job(&format!("{url}&audience=https%3A%2F%2Fother%20one")).await;
    assert_eq!(claims(reply.json()["value"].as_str().unwrap())["aud"], "https://other one");
    assert_eq!(emulator.counters().route("GET /_emulator/github/token"), 2);

    for bad in ["&audience=a&audience=b", "&audience=%", &format!("&audience={}", "a".repeat(256))] {
        assert_eq!(job(&format!("{url}{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    for authorization in ["bearer other", &request_token, &bearer(&emulator.iam_token().unwrap()), "bearer "]
    {
        let reply = get(&url, &[("authorization", authorization)]).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{authorization}");
    }
    assert_eq!(get(&url, &[]).await.status, StatusCode::UNAUTHORIZED);
    emulator.faults().add(Fault::status(500).on(Service::Oidc));
    assert_eq!(job(&url).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn the_control_api_does_the_same() {
    let emulator = Emulator::builder().federated_credential("other", "ajeother").start().await.unwrap();
    let control = format!("{}/_emulator", emulator.api_url());
    let issue = async |body: &str| {
        let reply = call("POST", &format!("{control}/oidc-tokens/issue"), &[], body.to_owned()).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        reply.json()["oidcToken"].as_str().unwrap().to_owned()
    };
    let jwt = issue("").await;
    assert_eq!(exchange(&emulator, &jwt, emulator.service_account_id()).await.status, StatusCode::OK);
    let jwt = issue(r#"{ "subject": "other", "lifetime": 60 }"#).await;
    assert_eq!(exchange(&emulator, &jwt, "ajeother").await.status, StatusCode::OK);
    assert_eq!(claims(&issue(r#"{ "audience": "x" }"#).await)["aud"], "x");

    let variables = get(&format!("{control}/github/variables"), &[]).await.json();
    assert_eq!(variables, json!(std::collections::HashMap::from(emulator.github_variables())));
    let state = get(&format!("{control}/state"), &[]).await.json();
    assert_eq!(state["oidcIssuer"], format!("{control}/oidc"));
    assert_eq!(state["oidcSubject"], emulator.oidc_subject());
    assert_eq!(state["oidcAudience"], emulator.oidc_audience());
    assert_eq!(state["impersonatedAccountId"], emulator.impersonated_account_id());
    assert_eq!(state["nestedAccountId"], emulator.nested_account_id());
    let bad = call("POST", &format!("{control}/oidc-tokens/issue"), &[], r#"{ "lifetime": -1 }"#).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}
