//! Tokens, subjects and requests that are refused.

use super::{ACCESS_TOKEN, GRANT, HOUR, ID_TOKEN, ISSUER, NOW, error, exchange, form, send, with_issuer_of};
use crate::common::jwt::Key;
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::call;
use yandex_cloud_emulator::Emulator;

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
