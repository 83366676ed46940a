//! IAM exchanges the JWT of a service account for an IAM token.

use std::time::{Duration, UNIX_EPOCH};

use crate::common::jwt::{AUDIENCE, Key};
use crate::common::{accepted, bearer, grpc};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, post};
use tonic::Code;
use yandex_cloud_emulator::{Emulator, Fault, Renewal};

const NOW: u64 = 1_800_000_000;

/// An emulator whose clock is frozen at [`NOW`].
async fn emulator() -> Emulator {
    let emulator = Emulator::start().await.unwrap();
    emulator.clock().freeze();
    emulator.clock().set(UNIX_EPOCH + Duration::from_secs(NOW));
    emulator
}

async fn exchange(emulator: &Emulator, jwt: &str) -> Response {
    post(&format!("{}/iam/v1/tokens", emulator.api_url()), &[], &json!({ "jwt": jwt })).await
}

async fn exchange_over_grpc(emulator: &Emulator, jwt: &str) -> Result<grpc::Created, tonic::Status> {
    let channel = grpc::connect(emulator.api_addr()).await;
    let request = grpc::Create { identity: Some(grpc::Identity::Jwt(jwt.to_owned())) };
    grpc::unary(&channel, grpc::CREATE, grpc::bare(request)).await.map(tonic::Response::into_inner)
}

fn token(reply: &Response) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()["iamToken"].as_str().unwrap().to_owned()
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

#[tokio::test]
async fn exchanges_a_jwt_over_rest_and_grpc() {
    let emulator = emulator().await;
    let jwt = Key::of(&emulator).jwt(emulator.clock().now());

    let reply = exchange(&emulator, &jwt).await;
    assert_eq!(reply.json()["expiresAt"], "2027-01-15T20:00:00Z");
    let over_rest = token(&reply);
    let over_grpc = exchange_over_grpc(&emulator, &jwt).await.unwrap();
    assert_eq!(over_grpc.expires_at.unwrap().seconds, 1_800_043_200);

    for token in [&over_rest, &over_grpc.iam_token] {
        assert!(token.starts_with("t1.FAKE-EMULATOR"), "{token}");
        assert_eq!(accepted(&emulator, &bearer(token)).await, StatusCode::OK);
    }
    assert_eq!(emulator.counters().route("POST /iam/v1/tokens"), 1);
    assert_eq!(emulator.counters().route("POST /yandex.cloud.iam.v1.IamTokenService/Create"), 1);
    assert_eq!(emulator.counters().tokens_issued(), 2);
}

#[tokio::test]
async fn the_token_belongs_to_the_service_account_of_the_key() {
    let emulator = emulator().await;
    let jwt = Key::of(&emulator).jwt(emulator.clock().now());
    let authorization = bearer(&token(&exchange(&emulator, &jwt).await));

    let body = json!({
        "model": format!("gpt://{}/yandexgpt/latest", emulator.folder_id()),
        "messages": [{ "role": "user", "content": "hello" }],
    });
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    let reply = post(&url, &[("authorization", &authorization)], &body).await;

    let expected = "authenticated as service account ajefake0emulator0sa0 by iam-token from service-account-key; \
                you said: hello";
    assert_eq!(reply.json()["choices"][0]["message"]["content"], expected);
}

#[tokio::test]
async fn accepts_every_format_that_official_clients_send() {
    let emulator = emulator().await;
    let key = Key::of(&emulator);
    let (header, claims) = (key.header(), key.claims(NOW));

    for (what, header, claims) in [
        ("aud in an array", header.clone(), with(claims.clone(), "aud", json!([AUDIENCE]))),
        ("one of several", header.clone(), with(claims.clone(), "aud", json!(["https://other", AUDIENCE]))),
        (
            "another installation's",
            header.clone(),
            with(claims.clone(), "aud", json!("https://iam.api.yandexcloud.kz/iam/v1/tokens")),
        ),
        (
            "of an address, as python-sdk makes it",
            header.clone(),
            with(claims.clone(), "aud", json!(format!("https://iam.{}/iam/v1/tokens", emulator.api_addr()))),
        ),
        ("no typ", without(header.clone(), "typ"), claims.clone()),
        ("fractions of a second", header.clone(), with(claims.clone(), "iat", json!(NOW as f64 + 0.5))),
        ("a maker's clock that is ahead", header.clone(), key.claims(NOW + 60)),
        ("and one that is behind", header.clone(), key.claims(NOW - 3599)),
        ("other claims beside", header.clone(), with(claims.clone(), "jti", json!("1"))),
        ("an nbf of now", header.clone(), with(claims.clone(), "nbf", json!(NOW))),
        ("a second of life", header, with(claims, "exp", json!(NOW + 1))),
    ] {
        let reply = exchange(&emulator, &key.sign(&header, &claims)).await;
        assert_eq!(reply.status, StatusCode::OK, "{what}: {}", reply.text());
    }
}

#[tokio::test]
async fn refuses_a_jwt_with_any_error() {
    let emulator = emulator().await;
    let key = Key::of(&emulator);
    let other = Key::read(&emulator.create_service_account_key().unwrap());
    emulator.add_service_account_key(&other.public_pem, "ajeofanother", "ajeanother").unwrap();
    let (header, claims) = (key.header(), key.claims(NOW));
    let good = key.sign(&header, &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let with_header = |name, value| key.sign(&with(header.clone(), name, value), &claims);
    let with_claim = |name, value| key.sign(&header, &with(claims.clone(), name, value));
    let without_claim = |name| key.sign(&header, &without(claims.clone(), name));

    let parts = "the JWT does not have three base64url parts separated by dots";
    let no_header = "the header of the JWT is not JSON or has no 'alg'";
    let alg = "the 'alg' of the JWT is not PS256";
    let unknown = "no key has the 'kid' of the JWT, or the key was deleted";
    let unsigned = "the signature of the JWT was not made by the key of its 'kid'";
    let no_claims = "the claims of the JWT are not JSON, or a claim has the wrong type";
    let iss = "the 'iss' of the JWT is not the service account of its key";
    let aud = "no 'aud' of the JWT ends in /iam/v1/tokens";
    let future = "the 'iat' or 'nbf' of the JWT is in the future by the clock of this service";
    let expired = "the JWT is expired";

    for (jwt, text) in [
        // Not a JWT.
        (String::new(), parts),
        ("..".to_owned(), no_header),
        ("e30.e30.AA".to_owned(), no_header),
        (signed.to_owned(), parts),
        (format!("{good}.AA"), parts),
        (format!("{head}=.{payload}.{signature}"), parts),
        (format!("{head}. {payload}.{signature}"), parts),
        (format!("{good}\n"), parts),
        (key.sign_texts("[]", &claims.to_string()), no_header),
        (key.sign_texts(&header.to_string(), "nothing"), no_claims),
        (key.sign_texts(&format!(r#"{{"alg":"PS256","kid":"{0}","kid":"{0}"}}"#, key.id), "{}"), no_header),
        // The header.
        (with_header("alg", json!("none")), alg),
        (with_header("alg", json!("ps256")), alg),
        (with_header("alg", json!("RS256")), alg),
        (with_header("typ", json!("JWE")), "the 'typ' of the JWT is not JWT"),
        (
            with_header("crit", json!(["exp"])),
            "the JWT has a 'crit' header, which the emulator does not support",
        ),
        (
            key.sign(&without(header.clone(), "kid"), &claims),
            "The required field 'kid' is missing from the JWT header",
        ),
        (with_header("kid", json!("")), unknown),
        (with_header("kid", json!("ajeunknown")), unknown),
        (with_header("kid", json!(7)), no_header),
        // The signature.
        (format!("{signed}."), unsigned),
        (format!("{head}.e30.{signature}"), unsigned),
        (with_header("kid", json!(other.id)), unsigned),
        (key.sign_rs256(&header, &claims), unsigned),
        (key.sign_ps512(&header, &claims), unsigned),
        // The claims.
        (without_claim("iss"), "the required claim 'iss' is missing from the JWT"),
        (with_claim("iss", json!("ajeanother")), iss),
        (other.sign(&with(header.clone(), "kid", json!("ajeofanother")), &claims), iss),
        (without_claim("aud"), aud),
        (with_claim("aud", json!([])), aud),
        (with_claim("aud", json!("https://iam.api.cloud.yandex.net")), aud),
        (with_claim("aud", json!("https://iam.api.cloud.yandex.net/iam/v1/tokens/")), aud),
        (with_claim("aud", json!(7)), no_claims),
        (with_claim("iat", json!("now")), no_claims),
        (without_claim("iat"), "the required claim 'iat' is missing from the JWT"),
        (without_claim("exp"), "the required claim 'exp' is missing from the JWT"),
        (with_claim("iat", json!(NOW + 61)), future),
        (with_claim("nbf", json!(NOW + 61)), future),
        (key.sign(&header, &key.claims(NOW - 3600)), expired),
        (with_claim("exp", json!(NOW)), expired),
        (with_claim("exp", json!(-1)), expired),
        (
            key.sign(&header, &with(with(claims.clone(), "iat", json!(NOW + 60)), "exp", json!(NOW + 60))),
            "the 'exp' of the JWT is not after its 'iat'",
        ),
        (with_claim("exp", json!(NOW + 3601)), "the 'exp' of the JWT is too long after its 'iat'"),
        (with_claim("exp", json!(1e300)), "the 'exp' of the JWT is too long after its 'iat'"),
    ] {
        let reply = exchange(&emulator, &jwt).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{text}: {}", reply.text());
        assert_eq!((reply.code(), reply.message().as_str()), (16, text), "{jwt}");
        let error = exchange_over_grpc(&emulator, &jwt).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Unauthenticated, text));
    }
    assert_eq!(exchange(&emulator, &good).await.status, StatusCode::OK);
    assert_eq!(emulator.counters().tokens_issued(), 1);
}

#[tokio::test]
async fn refuses_a_jwt_that_is_too_long() {
    let emulator = emulator().await;
    let key = Key::of(&emulator);
    let padded =
        |length| key.sign(&key.header(), &with(key.claims(NOW), "padding", json!("x".repeat(length))));
    // Three more bytes of claims are four more characters of base64.
    let allowed = padded((8000 - padded(0).len()) / 4 * 3);
    assert!((7997..=8000).contains(&allowed.len()), "{}", allowed.len());
    assert_eq!(exchange(&emulator, &allowed).await.status, StatusCode::OK);

    let longer = "x".repeat(8001);
    let reply = exchange(&emulator, &longer).await;
    assert_eq!((reply.code(), reply.message().as_str()), (3, "jwt is longer than 8000"));
    assert_eq!(exchange_over_grpc(&emulator, &longer).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn uses_the_clock_of_the_emulator() {
    let emulator = emulator().await;
    let jwt = Key::of(&emulator).jwt(emulator.clock().now());
    emulator.clock().advance(Duration::from_secs(3599));
    assert_eq!(exchange(&emulator, &jwt).await.status, StatusCode::OK);
    emulator.clock().advance(Duration::from_secs(1));
    assert_eq!(exchange(&emulator, &jwt).await.message(), "the JWT is expired");
    emulator.clock().set(UNIX_EPOCH + Duration::from_secs(NOW - 61));
    assert_eq!(exchange(&emulator, &jwt).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn issues_a_new_token_each_time_or_reuses_a_token() {
    let emulator = emulator().await;
    let jwt = Key::of(&emulator).jwt(emulator.clock().now());
    assert_ne!(token(&exchange(&emulator, &jwt).await), token(&exchange(&emulator, &jwt).await));
    emulator.faults().add(Fault::same_old_token());
    assert_eq!(token(&exchange(&emulator, &jwt).await), token(&exchange(&emulator, &jwt).await));

    let emulator = Emulator::builder()
        .exchange_renewal(Renewal::Below(Duration::from_secs(3600)))
        .start()
        .await
        .unwrap();
    let first = Key::of(&emulator);
    let second = Key::read(&emulator.create_service_account_key().unwrap());
    let (first, second) = (first.jwt(emulator.clock().now()), second.jwt(emulator.clock().now()));
    let of_first = token(&exchange(&emulator, &first).await);
    assert_eq!(token(&exchange(&emulator, &first).await), of_first);
    assert_ne!(token(&exchange(&emulator, &second).await), of_first);
}

#[tokio::test]
async fn faults_of_iam_apply() {
    let emulator = emulator().await;
    let jwt = Key::of(&emulator).jwt(emulator.clock().now());
    emulator.faults().add(Fault::status(503).on_path("/iam/v1/tokens").times(1));
    assert_eq!(exchange(&emulator, &jwt).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(exchange(&emulator, &jwt).await.status, StatusCode::OK);
}
