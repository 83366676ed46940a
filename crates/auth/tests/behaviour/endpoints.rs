//! Endpoints belong to the system: with an endpoint that is not the default, no request, no secret and no command goes
//! to another installation, for every method and every way to select it.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{METADATA_ANSWER, OAUTH_TOKEN, TestSystem, YC_TOKEN, words};
use test_support::token_source::header;
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{
    Automatic, Credentials, Endpoints, ErrorKind, IamTokenAuth, ImpersonationAuth, MetadataAuth, Method,
    OAuthTokenAuth, ProfileAuth, RevokeOptions, ServiceAccountKeyAuth, SubjectToken, WorkloadIdentityAuth,
    YandexCloudCliAuth,
};
use yandex_cloud_emulator::Emulator;

const ACCOUNT: &str = "ajefake0account00001";
const OTHER_ACCOUNT: &str = "ajefake0account00002";
const SUBJECT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.FAKE-signature";
const KEY_FILE: &str = "/etc/key.json";
const CONFIG_FILE: &str = "/home/me/.config/yandex-cloud/config.yaml";

/// An installation that is not the public one, and a host that is not Yandex Cloud's.
const APIS: [&str; 2] = ["api.yandexcloud.kz", "api.corp.example"];

static KEY: LazyLock<String> =
    LazyLock::new(|| Emulator::start_in_thread().unwrap().service_account_key().unwrap());

/// A new token for each call, because a revoked token is refused in the whole process.
fn new_token() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("t1.FAKE-endpoints-{}.x", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Responses of every installation: a request to the wrong installation succeeds, and its host is recorded.
fn answer(request: &http::Request<Vec<u8>>) -> TestReply {
    let host = request.uri().host().unwrap();
    let issued = || {
        let token = new_token();
        TestReply::status(200, format!(r#"{{"iamToken":"{token}","expiresAt":"2026-11-24T12:00:00Z"}}"#))
    };
    match request.uri().path() {
        "/endpoints" => {
            TestReply::status(200, format!(r#"{{"endpoints":[{{"id":"iam","address":"iam.{host}:443"}}]}}"#))
        }
        "/iam/v1/tokens" | "/iam/v1/tokens:createForServiceAccount" => issued(),
        "/iam/v1/tokens:revoke" => TestReply::status(200, "{}"),
        "/oauth/token" => TestReply::status(
            200,
            format!(r#"{{"access_token":"{}","token_type":"Bearer","expires_in":43200}}"#, new_token()),
        ),
        "/computeMetadata/v1/instance/service-accounts/default/token" => {
            TestReply::status(200, METADATA_ANSWER.replace("t1.FAKE-metadata.FAKE-signature", &new_token()))
        }
        _ => TestReply::status(404, ""),
    }
}

/// A system with a yc whose endpoint is `yc_endpoint`, a key file, and a profile that logs in by OAuth at the public
/// endpoint.
fn test_system(yc_endpoint: &'static str) -> TestSystem {
    let test_system = TestSystem::new()
        .with_yc(move |command| match words(command).as_slice() {
            ["config", "get", "endpoint", ..] => TestRun::prints(format!("{yc_endpoint}\n")),
            _ => TestRun::prints(format!("{}\n", new_token())),
        })
        .answering(|request, _| answer(request))
        .set("HOME", "/home/me")
        .set("USERPROFILE", "/home/me")
        .set("SUBJECT", SUBJECT);
    test_system.files.write(KEY_FILE, &**KEY);
    test_system.files.write(CONFIG_FILE, config("api.cloud.yandex.net:443"));
    test_system
}

/// A configuration of yc with one profile.
fn config(endpoint: &str) -> String {
    format!("current: default\nprofiles:\n  default:\n    token: {OAUTH_TOKEN}\n    endpoint: {endpoint}\n")
}

fn without_metadata() -> Credentials {
    Automatic::new().without("metadata").unwrap().build()
}

fn oauth() -> OAuthTokenAuth {
    OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()
}

fn workload_identity() -> WorkloadIdentityAuth {
    WorkloadIdentityAuth::new(ACCOUNT, SubjectToken::variable("SUBJECT"))
}

fn over(credentials: impl Into<Credentials>) -> ImpersonationAuth {
    ImpersonationAuth::new(OTHER_ACCOUNT, credentials)
}

/// A way to credentials: its name, the variables that it needs, and the credentials themselves.
type Way = (&'static str, &'static [(&'static str, &'static str)], fn() -> Credentials);

/// Each method that exchanges something, by hand, by a bare string, and by automatic selection.
const WAYS: [Way; 21] = [
    ("a given token, by hand", &[], || IamTokenAuth::new(new_token()).unwrap().into()),
    ("a given token, by a string", &[], || Credentials::from_string(new_token()).unwrap()),
    ("OAuth, by hand", &[], || oauth().into()),
    ("OAuth, by a string", &[], || Credentials::from_string(OAUTH_TOKEN).unwrap()),
    ("OAuth, automatic", &[("YC_OAUTH_TOKEN", OAUTH_TOKEN)], Credentials::automatic),
    ("key, by hand", &[], || ServiceAccountKeyAuth::new(&*KEY).unwrap().into()),
    ("key in a file, by hand", &[], || ServiceAccountKeyAuth::from_file(KEY_FILE).into()),
    ("key, by a string", &[], || Credentials::from_string(&*KEY).unwrap()),
    ("key, automatic", &[("YC_SERVICE_ACCOUNT_KEY_FILE", KEY_FILE)], Credentials::automatic),
    ("workload identity, by hand", &[], || workload_identity().into()),
    (
        "workload identity, automatic",
        &[("YC_OIDC_TOKEN", SUBJECT), ("YC_SERVICE_ACCOUNT_ID", ACCOUNT)],
        Credentials::automatic,
    ),
    ("profile, by hand", &[], || ProfileAuth::new().into()),
    ("yc, by hand", &[], || YandexCloudCliAuth::new().into()),
    ("yc, automatic", &[], without_metadata),
    ("impersonation over a token", &[], || over(IamTokenAuth::new(new_token()).unwrap()).into()),
    ("impersonation over OAuth", &[], || over(oauth()).into()),
    ("impersonation over workload identity", &[], || over(workload_identity()).into()),
    ("impersonation over a profile", &[], || over(ProfileAuth::new()).into()),
    ("impersonation over yc", &[], || over(YandexCloudCliAuth::new()).into()),
    ("impersonation, automatic", &[("YC_OAUTH_TOKEN", OAUTH_TOKEN)], || {
        over(Credentials::automatic()).into()
    }),
    ("nested impersonation", &[], || over(ImpersonationAuth::new(ACCOUNT, oauth())).into()),
];

/// The hosts of all requests. A command that fetches a token without the endpoint counts as the host `yc`.
fn asked(test_system: &TestSystem, api: &str) -> BTreeSet<String> {
    let requests = test_system.http.requests();
    let mut hosts: BTreeSet<_> =
        requests.iter().map(|request| request.split('/').nth(2).unwrap().to_owned()).collect();
    let commands = test_system.processes.commands();
    let mut fetches = commands.iter().map(words).filter(|words| words[0] == "iam");
    if fetches.any(|words| !words.join(" ").contains(&format!(" --endpoint {api}:443"))) {
        hosts.insert("yc".to_owned());
    }
    hosts
}

#[test]
fn no_request_and_no_command_goes_to_another_installation() {
    let mut astray = Vec::new();
    for api in APIS {
        let oauth = format!("auth.{api}");
        let own = BTreeSet::from([api.to_owned(), format!("iam.{api}"), oauth.clone()]);
        let by_code = |test_system: TestSystem| test_system.at(Endpoints::new().api(api).oauth(&*oauth));
        let by_variable = |test_system: TestSystem| {
            test_system.set("YC_API_ENDPOINT", api).set("YC_OAUTH_ENDPOINT", &oauth)
        };
        // The endpoint in code takes precedence over the environment.
        let by_code_against_the_variable = |test_system: TestSystem| {
            by_code(test_system)
                .set("YC_API_ENDPOINT", "api.cloud.yandex.net")
                .set("YC_OAUTH_ENDPOINT", "auth.yandex.cloud")
        };
        for (name, variables, credentials) in WAYS {
            for (place, test_system) in [
                ("in code", by_code(test_system(api))),
                ("in a variable", by_variable(test_system(api))),
                ("in code, against a variable", by_code_against_the_variable(test_system(api))),
            ] {
                let test_system = variables
                    .iter()
                    .fold(test_system, |test_system, (name, value)| test_system.set(name, value));
                let credentials = test_system.with(credentials());
                if let Err(error) = credentials.blocking().header() {
                    astray.push(format!("{name}, {api} {place}: {error}"));
                    continue;
                }
                let fetched = asked(&test_system, api);
                credentials.blocking().revoke(RevokeOptions::new()).unwrap();
                let hosts = asked(&test_system, api);
                if !fetched.is_subset(&own) {
                    astray.push(format!("{name}, {api} {place}: {fetched:?}"));
                } else if !hosts.is_subset(&own) || !hosts.contains(&format!("iam.{api}")) {
                    astray.push(format!("the revocation of {name}, {api} {place}: {hosts:?}"));
                }
            }
        }
    }
    assert!(astray.is_empty(), "{astray:#?}");
}

#[test]
fn an_address_of_iam_in_code_replaces_discovery_for_each_method() {
    for (name, variables, credentials) in WAYS {
        let endpoints = Endpoints::new().iam("iam.corp.example").oauth("auth.corp.example");
        let test_system = test_system("api.cloud.yandex.net:443").at(endpoints);
        let test_system =
            variables.iter().fold(test_system, |test_system, (name, value)| test_system.set(name, value));
        let credentials = test_system.with(credentials());
        header(&credentials);
        credentials.blocking().revoke(RevokeOptions::new()).unwrap();
        for request in test_system.http.requests() {
            let host = request.split('/').nth(2).unwrap();
            assert!(["iam.corp.example", "auth.corp.example"].contains(&host), "{name}: {request}");
        }
    }
}

#[test]
fn without_an_endpoint_all_requests_go_to_the_public_installation() {
    let own: BTreeSet<_> =
        ["api.cloud.yandex.net", "iam.api.cloud.yandex.net", "auth.yandex.cloud"].map(str::to_owned).into();
    for (name, variables, credentials) in WAYS {
        let test_system = test_system("api.cloud.yandex.net:443");
        let test_system =
            variables.iter().fold(test_system, |test_system, (name, value)| test_system.set(name, value));
        let credentials = test_system.with(credentials());
        header(&credentials);
        credentials.blocking().revoke(RevokeOptions::new()).unwrap();
        let requests = test_system.http.requests();
        let hosts: BTreeSet<_> =
            requests.iter().map(|request| request.split('/').nth(2).unwrap().to_owned()).collect();
        assert!(hosts.is_subset(&own), "{name}: {hosts:?}");
    }
}

#[test]
fn automatic_selection_does_not_take_a_yc_of_another_installation() {
    for api in APIS {
        for test_system in [
            test_system("api.cloud.yandex.net:443").at(Endpoints::new().api(api)),
            test_system("api.cloud.yandex.net:443").set("YC_API_ENDPOINT", api),
        ] {
            let error = test_system.with(without_metadata()).blocking().header().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConfigured, "{error}");
            let commands = test_system.processes.commands();
            assert!(commands.iter().all(|command| words(command)[0] == "config"), "{commands:?}");
            assert!(test_system.http.requests().is_empty());
        }
    }
}

#[test]
fn workload_identity_needs_the_authorization_server_of_another_installation() {
    let alone = [
        ("YC_API_ENDPOINT", test_system("").set("YC_API_ENDPOINT", "api.yandexcloud.kz")),
        ("endpoint", test_system("").at(Endpoints::new().api("api.yandexcloud.kz"))),
        ("endpoint", test_system("").at(Endpoints::new().api("http://127.0.0.1:9"))),
        ("iam endpoint", test_system("").at(Endpoints::new().iam("iam.corp.example"))),
    ];
    let variables = [("YC_OIDC_TOKEN", SUBJECT), ("YC_SERVICE_ACCOUNT_ID", ACCOUNT)];
    for (place, test_system) in alone {
        let by_hand = test_system.with(workload_identity());
        let test_system =
            variables.iter().fold(test_system, |test_system, (name, value)| test_system.set(name, value));
        for credentials in [by_hand, test_system.automatic(), test_system.with(over(workload_identity()))] {
            let error = credentials.blocking().header().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("YC_OAUTH_ENDPOINT"), "{error}");
            assert!(error.reason().contains(&format!("`{place}`")), "{error}");
            assert!(error.help().unwrap().contains("Endpoints::oauth"), "{:?}", error.help());
        }
        assert!(test_system.http.requests().is_empty(), "{:?}", test_system.http.requests());
    }
    // The hosts below the public endpoint are the same installation.
    for api in ["api.cloud.yandex.net:443", "ai.pe.api.cloud.yandex.net"] {
        let test_system = test_system("").at(Endpoints::new().api(api));
        header(&test_system.with(workload_identity()));
        assert_eq!(test_system.http.requests(), ["POST https://auth.yandex.cloud/oauth/token"]);
    }
}

#[test]
fn a_method_that_exchanges_nothing_needs_no_endpoint() {
    let test_system = test_system("").at(Endpoints::new().api("not an address").oauth("nor this"));
    for credentials in [
        test_system.with(MetadataAuth::new()),
        test_system.with(IamTokenAuth::new(YC_TOKEN).unwrap()),
        test_system.set("YC_TOKEN", YC_TOKEN).with(Automatic::new().without("metadata").unwrap().build()),
    ] {
        assert!(header(&credentials).starts_with("Bearer t1."));
    }
}

#[test]
fn impersonation_and_revocation_go_where_pinned_credentials_go() {
    let own = |api: &str| BTreeSet::from([api.to_owned(), format!("iam.{api}")]);
    for outer in [test_system(""), test_system("").at(Endpoints::new().api("api.corp.example"))] {
        let inner = test_system("").at(Endpoints::new().api("api.yandexcloud.kz"));
        for credentials in [
            outer.with(over(inner.with(oauth()))),
            outer.with(over(ImpersonationAuth::new(ACCOUNT, inner.with(oauth())))),
            outer.with(over(inner.with(IamTokenAuth::new(new_token()).unwrap()))),
        ] {
            header(&credentials);
            credentials.blocking().revoke(RevokeOptions::new()).unwrap();
        }
        for test_system in [&outer, &inner] {
            let hosts = asked(test_system, "api.yandexcloud.kz");
            assert!(hosts.is_subset(&own("api.yandexcloud.kz")) && !hosts.is_empty(), "{hosts:?}");
        }
    }
}

#[test]
fn impersonation_and_revocation_go_where_the_profile_of_yc_logs_in() {
    for (endpoint, api) in [("api.yandexcloud.kz:443", "api.yandexcloud.kz"), ("", "api.cloud.yandex.net")] {
        for credentials in [
            Credentials::from(ProfileAuth::new()),
            over(ProfileAuth::new()).into(),
            over(ImpersonationAuth::new(ACCOUNT, ProfileAuth::new())).into(),
        ] {
            let test_system = test_system("");
            test_system.files.write(CONFIG_FILE, config(endpoint));
            let credentials = test_system.with(credentials);
            header(&credentials);
            credentials.blocking().revoke(RevokeOptions::new()).unwrap();
            let hosts = asked(&test_system, api);
            assert_eq!(hosts, BTreeSet::from([api.to_owned(), format!("iam.{api}")]), "{credentials:?}");
        }
    }
    // A pasted token belongs to the endpoint of its profile too.
    let test_system = test_system("");
    let pasted = config("api.yandexcloud.kz").replace(OAUTH_TOKEN, &new_token());
    test_system.files.write(CONFIG_FILE, pasted);
    let credentials = test_system.with(ProfileAuth::new());
    credentials.blocking().revoke(RevokeOptions::new()).unwrap();
    assert_eq!(credentials.method(), Some(Method::Profile));
    assert_eq!(
        asked(&test_system, ""),
        BTreeSet::from(["api.yandexcloud.kz".to_owned(), "iam.api.yandexcloud.kz".to_owned()])
    );
}
