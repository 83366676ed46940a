//! The exchange of an OIDC token for an IAM token of the linked service account.

use std::io::ErrorKind;
use std::time::{Duration, UNIX_EPOCH};

use crate::common::jwt::Key;
use crate::common::{accepted, bearer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, call, get, post};
use yandex_cloud_emulator::{Emulator, Fault, Renewal, Service};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HOUR: Duration = Duration::from_secs(3600);

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn form(pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02x}"),
            })
            .collect()
    };
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

async fn send(emulator: &Emulator, body: String) -> Response {
    call("POST", &format!("{}/oauth/token", emulator.api_url()), &[FORM], body).await
}

async fn exchange(emulator: &Emulator, subject_token: &str, account: &str) -> Response {
    let pairs = [
        ("grant_type", GRANT),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", account),
        ("subject_token", subject_token),
        ("subject_token_type", ID_TOKEN),
    ];
    send(emulator, form(&pairs)).await
}

fn token(reply: &Response) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

fn error(reply: &Response) -> (String, String) {
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
    let response = reply.json();
    let text = |name: &str| response[name].as_str().unwrap().to_owned();
    (text("error"), text("error_description"))
}

fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// An emulator that trusts this key as GitHub's key. Its clock is frozen at [`NOW`].
async fn with_issuer_of(key: &Key) -> Emulator {
    let emulator = Emulator::builder()
        .oidc_issuer(ISSUER, key.jwks().to_string())
        .oidc_audience("https://github.com/us")
        .oidc_subject("repo:us/it")
        .start()
        .await
        .unwrap();
    emulator.clock().freeze();
    emulator.clock().set(UNIX_EPOCH + Duration::from_secs(NOW));
    emulator
}

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
async fn refuses_every_invalid_token() {
    let elsewhere = Emulator::start().await.unwrap();
    let key = Key::of(&elsewhere);
    let other = Key::read(&elsewhere.create_service_account_key().unwrap());
    let emulator = with_issuer_of(&key).await;
    let account = emulator.service_account_id();
    let header = json!({ "alg": "RS256", "kid": key.id, "typ": "JWT" });
    let claims = json!({
        "iss": ISSUER, "sub": "repo:us/it", "aud": "https://github.com/us", "iat": NOW, "exp": NOW + 300,
    });
    let with = |object: &Value, name: &str, value: Value| {
        let mut object = object.clone();
        object[name] = value;
        object
    };
    let with_claim = |name, value| key.sign_rs256(&header, &with(&claims, name, value));
    let without_claim = |name| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name).unwrap();
        key.sign_rs256(&header, &claims)
    };
    let good = key.sign_rs256(&header, &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();

    let unsigned = "the signature of the JWT was not made by the key of its 'kid'";
    let alg = "the 'alg' of the JWT does not match its key (RS256 or ES256)";
    let iss = "the 'iss' of the JWT is not the issuer of the federation";
    let aud = "no 'aud' of the JWT is the audience of the federation";
    let future = "the 'iat' or 'nbf' of the JWT is in the future by the clock of this service";
    let parts = "the JWT does not have three base64url parts separated by dots";
    for (jwt, why) in [
        ("nothing".to_owned(), parts),
        (emulator.iam_token().unwrap(), parts),
        (emulator.oidc_token().unwrap(), "the issuer has no key with the 'kid' of the JWT"),
        (
            key.sign_rs256(&json!({ "alg": "RS256" }), &claims),
            "the 'kid' is missing from the header of the JWT",
        ),
        (key.sign_rs256(&with(&header, "alg", json!("none")), &claims), alg),
        (key.sign_rs256(&with(&header, "alg", json!("HS256")), &claims), alg),
        (key.sign_rs256(&with(&header, "alg", json!("ES256")), &claims), alg),
        (key.sign(&with(&header, "alg", json!("PS256")), &claims), alg),
        (key.sign(&header, &claims), unsigned),
        (other.sign_rs256(&header, &claims), unsigned),
        (format!("{signed}."), unsigned),
        (format!("{head}.e30.{signature}"), unsigned),
        (format!("{head}.{payload}=.{signature}"), parts),
        (without_claim("iss"), iss),
        (with_claim("iss", json!(format!("{ISSUER}/"))), iss),
        (without_claim("aud"), aud),
        (with_claim("aud", json!("https://github.com/US")), aud),
        (with_claim("aud", json!(["https://github.com/us/it"])), aud),
        (without_claim("sub"), "the required claim 'sub' is missing from the JWT"),
        (without_claim("iat"), "the required claim 'iat' is missing from the JWT"),
        (without_claim("exp"), "the required claim 'exp' is missing from the JWT"),
        (with_claim("exp", json!(NOW)), "the JWT is expired"),
        (with_claim("iat", json!(NOW + 61)), future),
        (with_claim("nbf", json!(NOW + 61)), future),
        (with_claim("sub", json!(7)), "the claims of the JWT are not JSON, or a claim has the wrong type"),
    ] {
        let (error, description) = error(&exchange(&emulator, &jwt, account).await);
        assert_eq!(error, "invalid_request");
        assert_eq!(description, format!("the subject_token is refused: {why}"));
    }
    assert_eq!(emulator.counters().tokens_issued(), 1, "the IAM token above");
    assert_eq!(exchange(&emulator, &good, account).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_subject_gets_tokens_only_of_its_linked_account() {
    let emulator = Emulator::builder()
        .federated_credential("system:serviceaccount:default:app", "ajefederated")
        .start()
        .await
        .unwrap();
    let audience = emulator.oidc_audience();
    let of = |subject: &str| emulator.oidc_token_for(subject, audience, HOUR).unwrap();
    let (own, added) = (of(emulator.oidc_subject()), of("system:serviceaccount:default:app"));
    let account = emulator.service_account_id();

    assert_eq!(exchange(&emulator, &own, account).await.status, StatusCode::OK);
    assert_eq!(exchange(&emulator, &added, "ajefederated").await.status, StatusCode::OK);
    for (jwt, account) in [
        (&own, "ajefederated"),
        (&added, account),
        (&own, "ajeunknown"),
        (&own, &account.to_uppercase()),
        (&of("repo:fake-emulator/fake-emulator:ref:refs/heads/*"), account),
        (&of("repo:fake-emulator/fake-emulator:ref:refs/heads/main2"), account),
        (&of("REPO:fake-emulator/fake-emulator:ref:refs/heads/main"), account),
        (&of(""), account),
    ] {
        let (error, description) = error(&exchange(&emulator, jwt, account).await);
        assert_eq!(error, "invalid_target");
        assert_eq!(
            description,
            "no federated credential links the subject of the subject_token to this service account"
        );
    }
    let wrong = emulator.oidc_token_for(emulator.oidc_subject(), "https://other", HOUR).unwrap();
    assert_eq!(error(&exchange(&emulator, &wrong, account).await).0, "invalid_request");
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
async fn refuses_invalid_requests() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator.oidc_token().unwrap();
    let good = [
        ("grant_type", GRANT),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", emulator.service_account_id()),
        ("subject_token", &token),
        ("subject_token_type", ID_TOKEN),
    ];
    let with = |name: &str, value: &'static str| {
        form(&good.map(|(known, old)| (known, if known == name { value } else { old })))
    };
    let without =
        |name: &str| form(&good.into_iter().filter(|(known, _)| *known != name).collect::<Vec<_>>());
    let good = form(&good);
    let invalid = "invalid_request";

    for (body, code, description) in [
        (String::new(), invalid, "the parameter grant_type is missing".to_owned()),
        (
            json!({ "grant_type": GRANT }).to_string(),
            invalid,
            "the parameter grant_type is missing".to_owned(),
        ),
        (without("grant_type"), invalid, "the parameter grant_type is missing".to_owned()),
        (with("grant_type", ""), invalid, "the parameter grant_type is missing".to_owned()),
        (
            with("grant_type", "client_credentials"),
            "unsupported_grant_type",
            format!("the grant_type is not {GRANT}"),
        ),
        (
            with("requested_token_type", ID_TOKEN),
            invalid,
            format!("the requested_token_type is not {ACCESS_TOKEN}"),
        ),
        (without("subject_token_type"), invalid, "the parameter subject_token_type is missing".to_owned()),
        (
            with("subject_token_type", ACCESS_TOKEN),
            invalid,
            format!("the subject_token_type is not {ID_TOKEN}"),
        ),
        (without("subject_token"), invalid, "the parameter subject_token is missing".to_owned()),
        (without("audience"), invalid, "the parameter audience is missing".to_owned()),
        (with("audience", ""), invalid, "the parameter audience is missing".to_owned()),
        (format!("{good}&audience=x"), invalid, "the parameter audience is repeated".to_owned()),
        (format!("{good}&x=%zz"), invalid, "the body is not percent-encoded UTF-8".to_owned()),
        (format!("{good}&x=%4"), invalid, "the body is not percent-encoded UTF-8".to_owned()),
        (format!("{good}&x=%ff"), invalid, "the body is not percent-encoded UTF-8".to_owned()),
    ] {
        assert_eq!(error(&send(&emulator, body.clone()).await), (code.to_owned(), description), "{body}");
    }
    let url = format!("{}/oauth/token", emulator.api_url());
    for headers in [&[][..], &[("content-type", "application/json")]] {
        let reply = call("POST", &url, headers, good.clone()).await;
        let description = "the body is not application/x-www-form-urlencoded".to_owned();
        assert_eq!(error(&reply), (invalid.to_owned(), description));
    }
    let reply = send(&emulator, "x".repeat((4 << 20) + 1)).await;
    assert_eq!((reply.status, &reply.json()["error"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!(invalid)));

    let loosely = [("content-type", "Application/X-WWW-Form-URLEncoded ; charset=UTF-8")];
    let reply = call("POST", &url, &loosely, format!("&{}&unknown", without("requested_token_type"))).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
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
