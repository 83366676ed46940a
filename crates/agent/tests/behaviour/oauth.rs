//! The token endpoint: clients, their secrets, and what they are told.

use std::fs;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use test_support::http_client::{Response, call};
use test_support::wait::on_runtime;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::{Agent, Config};

use crate::common::{Folder, ONE, listening, of, tokens};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn endpoint(folder: &Folder) -> (Agent, SocketAddr, String) {
    let file = folder.join("client.json");
    let more = format!("client_file = \"{}\"", file.display());
    let (agent, address) = listening("oauth", &more, &tokens(), &TestClock::new()).await;
    let client: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(client["client_id"], "yc-auth");
    (agent, address, client["client_secret"].as_str().unwrap().to_owned())
}

async fn post(address: SocketAddr, headers: &[(&str, &str)], body: &str) -> Response {
    call("POST", &format!("http://{address}/oauth2/token"), headers, body.to_owned()).await
}

#[test]
fn a_client_is_known_by_its_header_or_its_form() {
    on_runtime(async {
        let folder = Folder::new();
        let (_agent, address, secret) = endpoint(&folder).await;
        assert!(secret.len() >= 43);
        let basic = format!("Basic {}", STANDARD.encode(format!("yc-auth:{secret}")));
        let grant = "grant_type=client_credentials";
        for (headers, body) in [
            (vec![FORM, ("authorization", &*basic)], format!("{grant}&scope=a+b")),
            (vec![FORM, ("authorization", &*basic)], format!("{grant}&client_id=yc-auth")),
            // Envoy's credential injector sends the second header with its own requests.
            (vec![FORM, ("authorization", &*basic), ("x-forwarded-for", "127.0.0.1")], grant.to_owned()),
            (vec![FORM], format!("{grant}&client_id=yc-auth&client_secret={secret}")),
            (
                vec![FORM, ("x-forwarded-for", "127.0.0.1"), ("x-envoy-internal", "true")],
                format!("{grant}&client_id=yc-auth&client_secret={secret}"),
            ),
            // A parameter without a value is as one that is left out.
            (
                vec![FORM, ("authorization", &*basic)],
                format!("{grant}&client_id=&client_secret=&grant_type="),
            ),
            (
                vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
                format!("client_secret={secret}&client_id=yc%2Dauth&{grant}&audience="),
            ),
        ] {
            let response = post(address, &headers, &body).await;
            assert_eq!(response.status, 200, "{body}: {}", response.text());
            assert_eq!(
                (response.header("cache-control"), response.header("pragma")),
                ("no-store", "no-cache")
            );
            let answer = response.json();
            assert_eq!(
                (answer["access_token"].as_str(), answer["token_type"].as_str()),
                (Some("t1.fake.0"), Some("Bearer"))
            );
            // A minute less than the life of 12 h.
            assert_eq!(answer["expires_in"], 43_140);
        }
    });
}

/// The standard has the halves of `Basic` encoded as in a form. Many clients send them as they are.
#[test]
fn a_secret_with_signs_of_a_form_is_known_by_both_readings() {
    on_runtime(async {
        let folder = Folder::new();
        let file = folder.join("client.json");
        fs::write(&file, "{\"client_id\": \"the client\", \"client_secret\": \"a+b%41 c/d=e:f&g-fake\"}")
            .unwrap();
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let more = format!("client_file = \"{}\"", file.display());
        let (_agent, address) = listening("oauth", &more, &tokens(), &TestClock::new()).await;
        for (sent, status) in [
            ("the client:a+b%41 c/d=e:f&g-fake", 200),
            ("the+client:a%2Bb%2541+c%2Fd%3De%3Af%26g-fake", 200),
            ("the%20client:a%2Bb%2541%20c%2Fd%3De%3Af%26g-fake", 200),
            ("the client:a+bA c/d=e:f&g-fake", 401),
            ("the client:a b%41 c/d=e:f&g-fake", 401),
        ] {
            let basic = format!("Basic {}", STANDARD.encode(sent));
            let headers = [FORM, ("authorization", &*basic)];
            let response = post(address, &headers, "grant_type=client_credentials").await;
            assert_eq!(response.status, status, "{sent}: {}", response.text());
        }
    });
}

#[test]
fn everybody_else_gets_the_error_of_the_standard() {
    on_runtime(async {
        let folder = Folder::new();
        let (_agent, address, secret) = endpoint(&folder).await;
        let good = format!("grant_type=client_credentials&client_id=yc-auth&client_secret={secret}");
        let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("yc-auth:{secret}")));
        let grant = "grant_type=client_credentials".to_owned();
        let (wrong, right) = (basic("wrong"), basic(&secret));
        let long = format!("{good}&scope={}", "x".repeat(20_000));
        for (headers, body, status, error) in [
            (vec![FORM], grant.clone(), 401, "invalid_client"),
            (vec![FORM], good.replace(&secret, "wrong"), 401, "invalid_client"),
            (vec![FORM], good.replace("yc-auth", "other"), 401, "invalid_client"),
            (vec![FORM, ("authorization", &*wrong)], grant.clone(), 401, "invalid_client"),
            (vec![FORM, ("authorization", "Bearer t1.fake")], grant, 401, "invalid_client"),
            (vec![FORM, ("authorization", &*right)], good.clone(), 400, "invalid_request"),
            (vec![FORM], good.replace("client_credentials", "password"), 400, "unsupported_grant_type"),
            (vec![FORM], good.replace("grant_type", "grant"), 400, "invalid_request"),
            (vec![FORM], format!("{good}&client_id=yc-auth"), 400, "invalid_request"),
            (vec![FORM], format!("{good}&scope=%FF"), 400, "invalid_request"),
            (vec![("content-type", "application/json")], "{}".into(), 400, "invalid_request"),
            (vec![], good.clone(), 400, "invalid_request"),
            (vec![FORM], long, 413, "invalid_request"),
            (vec![FORM, ("origin", "https://evil.example")], good.clone(), 403, "invalid_request"),
        ] {
            let response = post(address, &headers, &body).await;
            assert_eq!(response.status.as_u16(), status, "{headers:?} {body}: {}", response.text());
            assert_eq!(response.json()["error"], error, "{body}");
            assert!(
                !response.text().contains("t1.") && !response.text().contains(&secret),
                "{}",
                response.text()
            );
            assert_eq!(response.headers.contains_key("www-authenticate"), status == 401);
        }
        let url = format!("http://{address}/oauth2/token");
        assert_eq!(call("GET", &url, &[FORM], good.clone()).await.status, 405);
        assert_eq!(call("POST", &format!("http://{address}/other"), &[FORM], good).await.status, 404);
    });
}

#[cfg(unix)]
#[test]
fn the_file_of_the_client_is_made_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    on_runtime(async {
        let folder = Folder::new();
        let (agent, _, first) = endpoint(&folder).await;
        drop(agent);
        let file = folder.join("client.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let (agent, _, second) = endpoint(&folder).await;
        assert_eq!(first, second);
        drop(agent);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let config = format!(
            "{ONE}[[listen]]\nkind = \"oauth\"\naddress = \"127.0.0.1:0\"\nclient_file = \"{}\"\n",
            file.display()
        );
        let config = || Config::parse(&config).unwrap();
        let error = Agent::start(config(), of(&tokens(), &TestClock::new())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("0600"), "{error}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for content in
            ["", "{}", "{\"client_id\":\"a\",\"client_secret\":\"short\"}", "AQVNfake-secret-value"]
        {
            fs::write(&file, content).unwrap();
            let error = Agent::start(config(), of(&tokens(), &TestClock::new())).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && !error.to_string().contains("AQVN"), "{error}");
        }
    });
}
