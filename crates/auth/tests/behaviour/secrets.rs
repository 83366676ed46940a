//! Law 7: a secret is never printed, in no failure, and not if a server repeats it.

use std::error::Error as _;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{TestSystem, cloud, logged_in};
use test_support::wait::secs;
use yandex_cloud_auth::system::{BoxFuture, HttpFault};
use yandex_cloud_auth::testing::{TestEnvironment, TestReply, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, Endpoints, EnvIamTokenAuth, Error, ErrorKind, FunctionAuth,
    HeaderOptions, IamTokenAuth, ImpersonationAuth, MetadataAuth, OAuthTokenAuth, ProfileAuth, SubjectToken,
    System, Token, TokenFileAuth, TokenSource, WorkloadIdentityAuth, YandexCloudCliAuth,
};

/// Part of every secret in these tests. No printed text may contain it.
const HUSH: &str = "HUSH";

/// Secrets of every known shape.
const SECRETS: [&str; 8] = [
    "t1.HUSH-body==.HUSH-signature",
    "y0_HUSH-oauth_token",
    "AQVN-HUSH-key",
    "AQAAAA-HUSH-legacy-oauth",
    "eyJHUSH.eyJHUSH.HUSH",
    "ya29.HUSH-google",
    "https://user:HUSH@proxy.corp.example:3128",
    "-----BEGIN PRIVATE KEY-----\nHUSH\n-----END PRIVATE KEY-----",
];

/// A token without a known shape: the library masks it because it sent it.
const SHAPELESS: &str = "HUSH-no.shape_at=all-HUSH-no.shape_at-all";

/// All that a program could print about these credentials after a call.
fn everything(test_system: &TestSystem, credentials: &Credentials) -> String {
    let mut shown = String::new();
    let mut show = |value: &dyn Debug| shown.push_str(&format!("{value:?}\n{value:#?}\n"));
    for _ in 0..2 {
        match credentials.blocking().get(HeaderOptions::new().deadline(Duration::from_millis(1))) {
            Ok(snapshot) => {
                show(&snapshot);
                show(&snapshot.header());
                show(&credentials.invalidate(&snapshot));
            }
            Err(error) => show(&of_error(&error)),
        }
        show(&credentials.try_header().map(|header| header.map_err(|error| of_error(&error))));
        test_system.clock.advance(secs(3601));
    }
    show(credentials);
    show(&credentials.blocking());
    show(&credentials.counters());
    show(&credentials.subscribe());
    if let Some(report) = credentials.report() {
        show(&format!("{report} {report:?} {}", serde_json::to_string(&report).unwrap()));
    }
    show(&test_system.system());
    show(&test_system.environment);
    show(&test_system.processes.commands());
    show(&test_system.log.lines());
    shown
}

/// All that a program could print about an error.
fn of_error(error: &Error) -> String {
    let mut shown =
        format!("{error} {error:#} {error:?} {error:#?} {:?} {:?}", error.location(), error.help());
    if let Some(report) = error.report() {
        shown.push_str(&format!("{report} {report:?} {}", serde_json::to_string(report).unwrap()));
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        shown.push_str(&format!("{error} {error:?}"));
        cause = error.source();
    }
    shown
}

fn assert_silent(scenario: &str, shown: &str) {
    if let Some(at) = shown.find(HUSH) {
        let from = shown[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
        panic!("{scenario} prints a secret: …{}", &shown[from..at + HUSH.len()]);
    }
}

/// The ways in which a server or a program may repeat a secret.
fn ways_to_repeat(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    vec![
        secret.to_owned(),
        format!("bad token {secret}, sorry"),
        format!("token={secret}&x=1"),
        format!("\"{secret}\""),
        format!("\u{1b}[31m{secret}\u{1b}[0m"),
        format!("desc = \\n{secret}"),
        percent_encoded(secret),
        format!("url = https://h.example/?t={}&x=1", percent_encoded(secret)),
        json.replace('=', "\\u003d"),
        format!("{{\"code\":16,\"message\":{json}}}"),
        format!("{{\"error\":\"invalid_token\",\"error_description\":{json}}}"),
        format!("{{\"access_token\":{json},\"iamToken\":{json},\"expires_in\":\"x\",\"expiresAt\":\"x\"}}"),
        format!("{{\"access_token\":{json},\"iamToken\":{json}"),
        format!("{{\"message\":\"{}\"}}", "x".repeat(1010) + &json[1..json.len() - 1]),
        format!("{}{secret}", "é".repeat(508)),
    ]
}

/// A secret as a URL contains it. The characters that structure a URL stay.
fn percent_encoded(secret: &str) -> String {
    secret.replace('=', "%3D").replace('+', "%2B").replace('\n', "%0A")
}

#[test]
fn a_refused_value_is_not_printed() {
    let mangled = |secret: &str| {
        [
            secret.to_owned(),
            format!("{secret}\n{secret}"),
            format!("Bearer {secret}"),
            format!("{secret}\0"),
            format!("{secret} {secret}"),
            format!("{secret}ё"),
            format!("{{\"private_key\":\"{secret}\""),
        ]
    };
    for secret in SECRETS.iter().chain([&SHAPELESS]) {
        for value in mangled(secret) {
            for result in [
                Credentials::from_string(&value).map(|_| ()),
                ApiKeyAuth::new(&value).map(|_| ()),
                IamTokenAuth::new(&value).map(|_| ()),
                OAuthTokenAuth::new(&value).map(|_| ()),
                Token::new(&value).map(|_| ()),
            ] {
                if let Err(error) = result {
                    assert_silent(&value, &of_error(&error));
                }
            }
            for variable in [
                "YC_API_KEY",
                "YC_IAM_TOKEN",
                "YC_OAUTH_TOKEN",
                "YC_SERVICE_ACCOUNT_KEY_FILE",
                "YC_SERVICE_ACCOUNT_ID",
                "YC_OIDC_TOKEN_FILE",
                "YC_OIDC_TOKEN",
                "YC_OAUTH_ENDPOINT",
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                "YC_IAM_TOKEN_FILE",
                "YC_METADATA_ADDR",
                "YC_TOKEN",
                "YC_API_ENDPOINT",
            ] {
                let test_system = TestSystem::new().with_yc(logged_in).set(variable, &value);
                let scenario = format!("{value:?} in {variable}");
                assert_silent(&scenario, &everything(&test_system, &test_system.automatic()));
                let federated = test_system.clone().set("YC_SERVICE_ACCOUNT_ID", "ajefake0account00001");
                assert_silent(&scenario, &everything(&federated, &federated.automatic()));
                let github = WorkloadIdentityAuth::new(&value, SubjectToken::github_actions());
                assert_silent(&scenario, &everything(&test_system, &test_system.with(github)));
                let named = WorkloadIdentityAuth::new("ajefake0account00001", SubjectToken::variable(&value));
                assert_silent(&scenario, &everything(&test_system, &test_system.with(named)));
                if variable == "YC_API_ENDPOINT" {
                    let oauth = test_system.with(OAuthTokenAuth::new("y0_x").unwrap());
                    assert_silent(&scenario, &everything(&test_system, &oauth));
                    let yc = test_system.with(YandexCloudCliAuth::new());
                    assert_silent(&scenario, &everything(&test_system, &yc));
                }
            }
        }
    }
}

#[test]
fn successful_calls_print_no_secret() {
    let iam = TestReply::status(200, r#"{"iamToken":"t1.HUSH-iam.x","expiresAt":"2026-11-24T12:00:00Z"}"#);
    let services = cloud(iam);
    let test_system = TestSystem::new()
        .with_yc(|command| match crate::support::words(command)[0] {
            "config" => TestRun::prints(""),
            _ => TestRun::prints("t1.HUSH-yc.x"),
        })
        .answering(move |request, count| match request.uri().host() {
            Some("169.254.169.254") => {
                TestReply::status(200, r#"{"access_token":"t1.HUSH-metadata.x","expires_in":3600}"#)
            }
            _ => services(request, count),
        })
        .set("YC_API_KEY", "HUSH-key")
        .set("YC_IAM_TOKEN", "t1.HUSH-given.x")
        .set("YC_OAUTH_TOKEN", "y0_HUSH-oauth")
        .set("YC_TOKEN", "t1.HUSH-env.x");
    for (credentials, name) in [
        (test_system.automatic(), "automatic"),
        (test_system.with(ApiKeyAuth::from_env()), "api-key"),
        (test_system.with(IamTokenAuth::from_env()), "iam-token"),
        (test_system.with(OAuthTokenAuth::from_env()), "oauth-token"),
        (test_system.with(MetadataAuth::new()), "metadata"),
        (test_system.with(EnvIamTokenAuth::new()), "env-iam-token"),
        (test_system.with(YandexCloudCliAuth::new()), "yandex-cloud-cli"),
        (test_system.log.of(|| Credentials::from_string("t1.HUSH").unwrap()), "a string"),
    ] {
        assert!(credentials.blocking().header().unwrap().unwrap().to_str().unwrap().contains(HUSH), "{name}");
        assert_silent(name, &everything(&test_system, &credentials));
    }
}

#[test]
fn a_secret_in_a_response_of_iam_or_discovery_is_masked() {
    for secret in SECRETS {
        for said in ways_to_repeat(secret) {
            for status in [200, 302, 400, 401, 500] {
                let id = vec![("x-request-id", said.replace(|c: char| c.is_control() || !c.is_ascii(), ""))];
                let reply = TestReply::Response(status, id, said.clone().into_bytes());
                for from_iam in [true, false] {
                    let reply = reply.clone();
                    let test_system = TestSystem::new().answering(move |request, count| {
                        match (request.uri().path(), from_iam) {
                            ("/iam/v1/tokens", _) | ("/endpoints", false) => reply.clone(),
                            _ => cloud(reply.clone())(request, count),
                        }
                    });
                    let credentials = test_system.with(OAuthTokenAuth::new("y0_HUSH-ours").unwrap());
                    assert_silent(&format!("{status} {said}"), &everything(&test_system, &credentials));
                }
            }
        }
    }
}

#[test]
fn a_secret_in_a_response_of_the_authorization_server_or_github_is_masked() {
    // Each of the two receives one secret without a known shape, and may repeat it.
    for (from_github, own) in [(true, "HUSH-request-token"), (false, "eyJHUSH.HUSH.HUSH")] {
        for secret in SECRETS.iter().chain([&own]) {
            for said in ways_to_repeat(secret) {
                for status in [200, 302, 400, 401, 500] {
                    let reply = TestReply::status(status, said.clone());
                    let test_system = TestSystem::new()
                        .set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://pipelines.example/idtoken?x=1")
                        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "HUSH-request-token")
                        .answering(move |request, _| match request.uri().path() {
                            "/idtoken" if !from_github => {
                                TestReply::status(200, r#"{"value":"eyJHUSH.HUSH.HUSH"}"#)
                            }
                            _ => reply.clone(),
                        });
                    let subject = SubjectToken::github_actions();
                    let auth = test_system.with(WorkloadIdentityAuth::new("ajefake0account00001", subject));
                    assert_silent(&format!("{status} {said}"), &everything(&test_system, &auth));
                }
            }
        }
    }
}

/// Checks that nothing shows a secret where IAM answers the impersonation by the IAM token `sent` with this response.
fn assert_impersonation_is_silent(sent: &str, status: u16, said: &str) {
    let reply = TestReply::status(status, said.to_owned());
    let test_system = TestSystem::new().answering(move |request, count| match request.uri().path() {
        "/endpoints" => cloud(TestReply::status(404, ""))(request, count),
        _ => reply.clone(),
    });
    let auth = ImpersonationAuth::new("ajefake0account00001", IamTokenAuth::new(sent).unwrap());
    assert_silent(&format!("{status} {said}"), &everything(&test_system, &test_system.with(auth)));
}

#[test]
fn the_token_of_a_request_is_masked_in_the_response_of_iam() {
    for secret in SECRETS.iter().chain([&SHAPELESS]) {
        for said in ways_to_repeat(secret) {
            for status in [200, 302, 400, 401, 403, 500] {
                assert_impersonation_is_silent(SHAPELESS, status, &said);
            }
        }
    }
}

#[test]
fn a_sent_token_without_a_known_shape_is_masked() {
    for secret in [
        SHAPELESS,
        "HUSH.AQVN-HUSH.HUSH-HUSH-HUSH-HUSH-HUSH",
        "t1-HUSH-HUSH-HUSH-HUSH-HUSH-HUSH",
        "HUSH.HUSH.HUSH.HUSH.HUSH.HUSH.HUSH.HUSH",
    ] {
        let mut said = ways_to_repeat(secret);
        // The text is cut in the middle of the token.
        said.extend((990..1024).map(|before| format!("{{\"message\":\"{}{secret}\"}}", "x".repeat(before))));
        for said in said {
            for status in [400, 500] {
                assert_impersonation_is_silent(secret, status, &said);
            }
        }
    }
}

#[test]
fn a_sent_secret_that_a_server_repeats_on_several_lines_is_masked_whole() {
    const SENT: &str = "y0_HUSH-HUSH-HUSH-HUSH-HUSH-HUSH";
    let folded = |by: &str| {
        let lines: Vec<_> =
            SENT.as_bytes().chunks(8).map(|line| std::str::from_utf8(line).unwrap()).collect();
        lines.join(by)
    };
    for by in ["\n", "\r\n", "\r\n  ", "\\n", "\\r\\n", "%0A", "\\u000a", "&#10;", "=\r\n"] {
        for said in [
            folded(by),
            format!("bad token:\n{}\nsorry", folded(by)),
            serde_json::json!({"message": folded(by)}).to_string(),
        ] {
            for status in [400, 500] {
                let reply = TestReply::status(status, said.clone());
                let test_system = TestSystem::new().answering(cloud(reply));
                let credentials = test_system.with(OAuthTokenAuth::new(SENT).unwrap());
                assert_silent(&format!("{status} {said}"), &everything(&test_system, &credentials));
            }
        }
    }
}

#[test]
fn a_secret_in_a_response_of_the_metadata_service_is_masked() {
    for secret in SECRETS {
        for said in ways_to_repeat(secret) {
            for status in [200, 302, 400, 404, 500] {
                let test_system = TestSystem::new().always(TestReply::status(status, said.clone()));
                let scenario = format!("{status} {said}");
                // A valid response has a token for requests. No text prints it.
                assert_silent(&scenario, &everything(&test_system, &test_system.automatic()));
                assert_silent(&scenario, &everything(&test_system, &test_system.with(MetadataAuth::new())));
            }
        }
    }
}

#[test]
fn a_secret_in_the_output_of_yc_is_masked() {
    for secret in SECRETS {
        for said in ways_to_repeat(secret) {
            for run in [
                TestRun::Exit(0, said.clone(), String::new()),
                TestRun::Exit(1, String::new(), said.clone()),
                TestRun::Exit(1, said.clone(), String::new()),
                TestRun::Exit(2, said.clone(), said.clone()),
            ] {
                let reply = run.clone();
                let test_system = TestSystem::new().with_yc(move |_| reply.clone());
                let scenario = format!("{run:?}");
                assert_silent(&scenario, &everything(&test_system, &test_system.automatic()));
                assert_silent(
                    &scenario,
                    &everything(&test_system, &test_system.with(YandexCloudCliAuth::new())),
                );
            }
        }
    }
}

#[test]
fn a_token_in_the_output_of_a_failed_yc_is_not_the_reason_of_the_error() {
    let test_system = TestSystem::new()
        .with_yc(|_| TestRun::Exit(1, "CggVAgAAA-HUSH-older-shape\n".to_owned(), String::new()));
    assert_silent("yc", &everything(&test_system, &test_system.with(YandexCloudCliAuth::new())));
}

#[test]
fn secrets_in_files_and_invocations_are_not_printed() {
    const TOKEN: &str = "/run/token";
    const PROFILE: &str = "/run/config.yaml";
    for secret in SECRETS.iter().chain([&SHAPELESS]) {
        for said in ways_to_repeat(secret) {
            let test_system = TestSystem::new();
            test_system.files.write(TOKEN, said.clone());
            assert_silent(&said, &everything(&test_system, &test_system.with(TokenFileAuth::new(TOKEN))));
            let json = serde_json::to_string(&said).unwrap();
            for config in [
                said.clone(),
                format!("current: a\nprofiles: {{a: {{token: {json}}}}}"),
                format!("current: a\nprofiles: {{a: {{service-account-key: {{private_key: {json}}}}}}}"),
                format!("current: a\nprofiles: {{a: {{{json}: 1}}}}"),
                format!("current: a\nprofiles: {{a: {{token: t1.HUSH.x, folder-id: {json}}}}}"),
            ] {
                test_system.files.write(PROFILE, config.clone());
                let auth = ProfileAuth::builder().path(PROFILE).build();
                assert_silent(&config, &everything(&test_system, &test_system.with(auth)));
            }
            for json in [said.clone(), format!("{{\"access_token\":{json}}}")] {
                match FunctionAuth::parse(&json) {
                    Ok(auth) => assert_silent(&json, &everything(&test_system, &test_system.with(auth))),
                    Err(error) => assert_silent(&json, &of_error(&error)),
                }
            }
        }
    }
}

#[test]
fn secrets_stay_out_of_the_command_line() {
    let test_system = TestSystem::new().with_yc(logged_in);
    for variable in ["YC_API_KEY", "YC_OAUTH_TOKEN", "YC_TOKEN"] {
        test_system.environment.set(variable, "HUSH");
    }
    test_system.with(YandexCloudCliAuth::new()).blocking().header().unwrap();
    for command in test_system.processes.commands() {
        assert!(command.arguments.iter().all(|word| !word.to_string_lossy().contains(HUSH)), "{command:?}");
    }
}

#[test]
fn an_address_with_a_password_is_not_shown() {
    for address in ["https://user:HUSH@h.example", "user:HUSH@h.example", "user:HUSH:HUSH@h.example:1/x"] {
        let methods = (
            MetadataAuth::builder().address(address),
            Endpoints::new().api(address).iam(address).oauth(address),
        );
        assert_silent(address, &format!("{methods:?} {methods:#?}"));
        let built = methods.0.build();
        assert_silent(address, &format!("{built:?}"));
        let test_system = TestSystem::new().with_yc(logged_in).at(methods.1);
        assert_silent(address, &format!("{:?}", test_system.system().endpoints()));
        assert_silent(address, &everything(&test_system, &test_system.with(built)));
        let oauth = OAuthTokenAuth::new("y0_HUSH").unwrap();
        assert_silent(address, &everything(&test_system, &test_system.with(oauth)));
        assert_silent(address, &everything(&test_system, &test_system.with(YandexCloudCliAuth::new())));
        test_system.environment.set("SUBJECT", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.HUSH");
        let workload_identity =
            WorkloadIdentityAuth::new("ajefake0account00001", SubjectToken::variable("SUBJECT"));
        assert_silent(address, &everything(&test_system, &test_system.with(workload_identity)));
    }
}

#[test]
fn the_types_that_hold_a_secret_do_not_show_it() {
    let token = Token::new("t1.HUSH").unwrap().expiring_in(secs(60));
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        ImpersonationAuth::new("t1.HUSH", IamTokenAuth::new("t1.HUSH").unwrap()),
        WorkloadIdentityAuth::builder("HUSH", SubjectToken::file("eyJHUSH")),
        ApiKeyAuth::new(SHAPELESS).unwrap(),
        IamTokenAuth::new("t1.HUSH").unwrap(),
        OAuthTokenAuth::new("y0_HUSH").unwrap(),
        OAuthTokenAuth::builder("y0_HUSH").unwrap(),
        token,
        TestEnvironment::new([("YC_TOKEN", "t1.HUSH")]),
    );
    assert_silent("Debug", &shown);
    assert_silent(
        "Debug",
        &format!("{:?}", Automatic::new().replace("api-key", ApiKeyAuth::new("HUSH").unwrap())),
    );
}

/// A source of the program's own, which is careless about what it says.
struct Careless(&'static str);

impl TokenSource for Careless {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async { Err(Error::new(ErrorKind::Refused, format!("no: {}", self.0)).at(self.0)) })
    }
}

#[test]
fn what_a_source_of_ones_own_says_is_masked() {
    for secret in SECRETS {
        let test_system = TestSystem::new();
        let credentials = Credentials::from_source(Careless(secret)).with_system(test_system.system());
        assert_silent(secret, &everything(&test_system, &credentials));
    }
}

#[test]
fn no_panic_tells_a_secret_because_there_is_none() {
    let panics: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&panics);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name().is_none_or(|name| !name.contains("no_panic")) {
            seen.lock().unwrap().push(panic.to_string());
        }
        before(panic);
    }));
    for body in ["", "\u{0}", "{", "[[[[", "\"", "{\"access_token\":{\"HUSH\":1}}", "\u{feff}{}"] {
        for status in [100, 199, 200, 201, 299, 399, 499, 599, 999] {
            let test_system = TestSystem::new().always(TestReply::status(status, body));
            everything(&test_system, &test_system.automatic());
            everything(&test_system, &test_system.with(OAuthTokenAuth::new("y0_HUSH").unwrap()));
        }
    }
    for fault in [HttpFault::Request, HttpFault::Proxy, HttpFault::Tls, HttpFault::NameResolution] {
        let test_system = TestSystem::new().always(TestReply::Fail(fault));
        everything(&test_system, &test_system.automatic());
        everything(&test_system, &test_system.with(OAuthTokenAuth::new("y0_HUSH").unwrap()));
    }
    assert_eq!(*panics.lock().unwrap(), Vec::<String>::new());
}
