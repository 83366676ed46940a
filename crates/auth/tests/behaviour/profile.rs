//! `profile`: the configuration file of yc, read without yc.

use crate::support::{
    IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, METADATA_URL, OAUTH_TOKEN, TestSystem, cloud, exchanged,
};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::system::HttpFault;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{
    Automatic, Credentials, Endpoints, Error, ErrorKind, HeaderOptions, Method, Profile, ProfileAuth, System,
};
use yandex_cloud_emulator::Emulator;

const FILE: &str = "/home/me/.config/yandex-cloud/config.yaml";

/// A file as yc writes it, with fake secrets.
const CONFIG: &str = "\
current: default
profiles:
  default:
    token: y0_FAKE-oauth-token
    cloud-id: b1gfake0cloud
    folder-id: b1gfake0folder
    organization-id: bpffake0organization
    compute-default-zone: ru-central1-d
  pasted:
    token: t1.FAKE-pasted.x
    folder-id: b1gfake0other
  vm:
    instance-service-account: true
  bare:
    folder-id: b1gfake0bare
  empty:
  federated:
    federation-id: ajefake0federation
    folder-id: b1gfake0federated
";

fn home(config: &str) -> TestSystem {
    let test_system = TestSystem::new().set("HOME", "/home/me").set("USERPROFILE", "/home/me");
    test_system.files.write(FILE, config);
    test_system
}

fn test_system() -> TestSystem {
    home(CONFIG).answering(|request, count| match request.uri().host() {
        Some("169.254.169.254") => TestReply::status(200, METADATA_ANSWER),
        _ => cloud(exchanged())(request, count),
    })
}

fn failure(test_system: &TestSystem, auth: ProfileAuth) -> Error {
    test_support::token_source::first_failure(&test_system.with(auth))
}

fn profile(test_system: &TestSystem, auth: &ProfileAuth) -> Result<Profile, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(auth.profile(&test_system.system()))
}

#[test]
fn an_oauth_token_is_exchanged() {
    let test_system = test_system().answering(|request, count| {
        if request.uri().path() == "/iam/v1/tokens" {
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(body, serde_json::json!({ "yandexPassportOauthToken": OAUTH_TOKEN }));
        }
        cloud(exchanged())(request, count)
    });
    let credentials = test_system.with(ProfileAuth::new());
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(
        test_system.http.requests(),
        ["GET https://api.cloud.yandex.net/endpoints", "POST https://iam.api.cloud.yandex.net/iam/v1/tokens"]
    );
    assert!(test_system.processes.commands().is_empty(), "without yc");
    let snapshot = credentials.snapshot().unwrap();
    assert_eq!(snapshot.method(), Method::Profile);
    assert!(snapshot.expires_at().is_some());
    assert_eq!(credentials.report().unwrap().selected().unwrap().source, FILE);
}

#[test]
fn an_iam_token_in_the_place_of_the_oauth_token_is_sent_unchanged() {
    let test_system = test_system();
    let credentials = test_system.with(ProfileAuth::named("pasted"));
    assert_eq!(header(&credentials), "Bearer t1.FAKE-pasted.x");
    assert!(test_system.http.requests().is_empty());
}

#[test]
fn a_profile_that_names_the_machine_or_has_no_login_uses_the_metadata_service() {
    for name in ["vm", "bare", "empty"] {
        let test_system = test_system();
        let credentials = test_system.with(ProfileAuth::named(name));
        assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"), "{name}");
        assert_eq!(test_system.http.requests(), [format!("GET {METADATA_URL}")], "{name}");
    }
    // Outside the cloud, the help says why a profile without a login uses the metadata service.
    let test_system = test_system().always(TestReply::Fail(HttpFault::ConnectTimeout));
    let error = failure(&test_system, ProfileAuth::named("empty"));
    assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::Profile)));
    assert!(error.help().unwrap().contains("`empty` has no login"), "{error:?}");
    assert!(!failure(&test_system, ProfileAuth::named("vm")).help().unwrap().contains("no login"));
}

#[test]
fn a_login_that_only_yc_supports_is_an_error_that_names_the_method_of_yc() {
    let test_system = home(
        "profiles:\n  a: {federation-id: x}\n  b: {username: x, folder-id: y}\n  c: {token: y0_FAKE, federation-id: x}\n  \
         d: {token: y0_FAKE, impersonate-service-account-id: x}\n",
    );
    for (name, key) in [
        ("a", "`federation-id`"),
        ("b", "`username`"),
        ("c", "`federation-id`"),
        ("d", "`impersonate-service-account-id`"),
    ] {
        let error = failure(&test_system, ProfileAuth::named(name));
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(FILE)), "{error}");
        assert!(error.reason().contains(key), "{error}");
        assert!(error.help().unwrap().contains("yandex-cloud-cli"), "{error:?}");
    }
    assert!(test_system.http.requests().is_empty(), "no request is sent");
}

#[test]
fn the_profile_is_that_in_code_else_that_of_the_variable_else_the_current_profile() {
    let test_system = test_system();
    assert_eq!(header(&test_system.with(ProfileAuth::new())), format!("Bearer {IAM_TOKEN}"));
    test_system.environment.set("YC_PROFILE", "pasted");
    for auth in [ProfileAuth::new(), ProfileAuth::builder().build()] {
        assert_eq!(header(&test_system.with(auth)), "Bearer t1.FAKE-pasted.x");
    }
    let credentials = test_system.with(ProfileAuth::named("vm"));
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
}

#[test]
fn the_file_is_the_default_file_of_yc_or_the_path_in_code() {
    let test_system = test_system();
    test_system.files.write("/etc/yc.yaml", "profiles: {mine: {token: t1.FAKE-mine.x}}");
    let auth = ProfileAuth::builder().path("/etc/yc.yaml").profile("mine").build();
    assert_eq!(header(&test_system.with(auth)), "Bearer t1.FAKE-mine.x");

    test_system.environment.set("HOME", "");
    test_system.environment.set("USERPROFILE", "");
    let error = failure(&test_system, ProfileAuth::new());
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert_eq!(error.location(), Some(if cfg!(windows) { "USERPROFILE" } else { "HOME" }));
}

#[test]
fn the_profile_is_read_for_each_token_and_its_name_stays() {
    let test_system = test_system();
    test_system.environment.set("YC_PROFILE", "pasted");
    let by_name = test_system.with(ProfileAuth::new());
    test_system.environment.remove("YC_PROFILE");
    test_system.files.write(FILE, CONFIG.replace("current: default", "current: pasted"));
    let by_current = test_system.with(ProfileAuth::new());
    test_system.environment.set("YC_PROFILE", "pasted");
    for credentials in [&by_name, &by_current] {
        test_system.files.write(FILE, CONFIG.replace("current: default", "current: pasted"));
        let first = credentials.blocking().get(HeaderOptions::new()).unwrap();
        assert_eq!(first.header().unwrap(), "Bearer t1.FAKE-pasted.x");
        test_system.environment.set("YC_PROFILE", "vm");
        test_system.files.write(FILE, CONFIG.replace("FAKE-pasted", "FAKE-newer"));
        assert!(credentials.invalidate(&first));
        assert_eq!(header(credentials), "Bearer t1.FAKE-newer.x");
        test_system.environment.remove("YC_PROFILE");
    }
}

#[test]
fn an_invalid_file_does_not_replace_a_valid_token() {
    let test_system = test_system();
    let credentials = test_system.with(ProfileAuth::named("pasted"));
    header(&credentials);
    test_system.files.write(FILE, "profiles: [");
    test_system.clock.advance(secs(3601));
    for _ in 0..3 {
        assert_eq!(header(&credentials), "Bearer t1.FAKE-pasted.x");
        test_system.clock.advance(secs(60));
    }
}

#[test]
fn the_endpoint_of_the_profile_is_used_if_neither_code_nor_the_environment_gives_one() {
    let with = |endpoint: &str| {
        home(&format!("current: a\nprofiles:\n  a:\n    token: y0_FAKE\n    endpoint: {endpoint}\n"))
            .answering(|request, count| match request.uri().path() {
                "/endpoints" => TestReply::status(404, ""),
                _ => cloud(exchanged())(request, count),
            })
    };
    let asked = |test_system: &TestSystem, auth: ProfileAuth| {
        let _ = test_system.with(auth).blocking().header();
        test_system.http.requests()[0].clone()
    };
    let kz = with("api.yandexcloud.kz:443");
    assert_eq!(asked(&kz, ProfileAuth::new()), "GET https://api.yandexcloud.kz/endpoints");
    let kz = with("api.yandexcloud.kz:443").set("YC_API_ENDPOINT", "api.cloud.yandex.net");
    assert_eq!(asked(&kz, ProfileAuth::new()), "GET https://api.cloud.yandex.net/endpoints");
    let code = kz.at(Endpoints::new().api("http://127.0.0.1:9"));
    assert_eq!(
        asked(&code.answering(|_, _| TestReply::status(404, "")), ProfileAuth::new()),
        "GET http://127.0.0.1:9/endpoints"
    );
    let iam = with("api.yandexcloud.kz:443").at(Endpoints::new().iam("iam.api.cloud.yandex.net"));
    assert_eq!(asked(&iam, ProfileAuth::new()), "POST https://iam.api.cloud.yandex.net/iam/v1/tokens");
}

#[test]
fn a_foreign_endpoint_in_the_file_gives_a_warning_and_plaintext_is_blocked() {
    let with = |endpoint: &str| {
        home(&format!("current: a\nprofiles:\n  a:\n    token: y0_FAKE\n    endpoint: {endpoint}\n"))
            .answering(cloud(exchanged()))
    };
    let foreign = with("api.corp.example");
    assert_eq!(header(&foreign.with(ProfileAuth::new())), format!("Bearer {IAM_TOKEN}"));
    let warnings = foreign.log.warnings().join("\n");
    assert!(warnings.contains("yc's configuration") && warnings.contains("api.corp.example"), "{warnings}");
    let strange = with("api.corp.example").always(TestReply::status(
        200,
        r#"{"endpoints":[{"id":"iam","address":"iam.strange.example:443"}]}"#,
    ));
    assert_eq!(failure(&strange, ProfileAuth::new()).kind(), ErrorKind::Blocked);
    assert_eq!(strange.http.requests().len(), 1, "only discovery is requested");

    let plain = with("http://api.cloud.yandex.net");
    assert_eq!(failure(&plain, ProfileAuth::new()).kind(), ErrorKind::Blocked);
    assert!(plain.http.requests().is_empty());
    let bad = failure(&with("ftp://x"), ProfileAuth::new());
    assert_eq!(bad.kind(), ErrorKind::Invalid);
    assert!(bad.location().unwrap().contains("yc's configuration"), "{bad}");
}

#[test]
fn an_invalid_endpoint_that_is_not_needed_is_ignored() {
    let test_system = home("current: a\nprofiles: {a: {token: t1.FAKE-a.x, endpoint: 'ftp://x'}}");
    assert_eq!(header(&test_system.with(ProfileAuth::new())), "Bearer t1.FAKE-a.x");
}

#[test]
fn a_profile_with_an_oauth_token_works_against_the_emulator() {
    let emulator = Emulator::start_in_thread().unwrap();
    let test_system = home(&format!(
        "current: a\nprofiles:\n  a:\n    token: {}\n    endpoint: {}\n",
        emulator.oauth_token(),
        emulator.api_url()
    ));
    let system = System::real()
        .with_environment(test_system.environment.clone())
        .with_files(test_system.files.clone());
    let credentials = Credentials::from(ProfileAuth::new()).with_system(system);
    let snapshot = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert!(snapshot.expose_secret().unwrap().starts_with("t1."));
}

/// A profile with a key, as yc writes it from the key's file.
fn with_key(emulator: &Emulator, json: &str) -> String {
    let key: serde_json::Value = serde_json::from_str(json).unwrap();
    let mut lines = String::new();
    for (name, value) in key.as_object().unwrap() {
        let text = value.as_str().unwrap();
        match text.contains('\n') {
            true => {
                lines.push_str(&format!("      {name}: |\n"));
                text.lines().for_each(|line| lines.push_str(&format!("        {line}\n")));
            }
            false => lines.push_str(&format!("      {name}: \"{text}\"\n")),
        }
    }
    let endpoint = emulator.api_url();
    format!("current: sa\nprofiles:\n  sa:\n    endpoint: {endpoint}\n    service-account-key:\n{lines}")
}

#[test]
fn the_service_account_key_in_a_profile_is_exchanged_and_can_be_replaced() {
    let emulator = Emulator::start_in_thread().unwrap();
    let test_system = home(&with_key(&emulator, &emulator.service_account_key().unwrap()));
    let system = System::real()
        .with_environment(test_system.environment.clone())
        .with_files(test_system.files.clone());
    let credentials = Credentials::from(ProfileAuth::new()).with_system(system);
    let first = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert!(first.expose_secret().unwrap().starts_with("t1."));
    assert!(first.expires_at().is_some());
    let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
    assert_eq!(identity.subject_id.as_deref(), Some(emulator.service_account_id()));

    // The profile gets another key, and the first key is deleted.
    test_system.files.write(FILE, with_key(&emulator, &emulator.create_service_account_key().unwrap()));
    assert!(emulator.delete_service_account_key(&identity.key_id.unwrap()));
    assert!(credentials.invalidate(&first));
    let second = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert_ne!(second.expose_secret(), first.expose_secret());
}

#[test]
fn an_invalid_key_is_an_error_that_does_not_show_the_key() {
    for private_key in ["FAKE", "-----BEGIN PRIVATE KEY-----\\nFAKE\\n-----END PRIVATE KEY-----"] {
        let key = format!(
            "{{id: ajefake0key, service_account_id: ajefake0account, private_key: \"{private_key}\"}}"
        );
        let test_system = home(&format!("current: a\nprofiles: {{a: {{service-account-key: {key}}}}}"));
        let error = failure(&test_system, ProfileAuth::new());
        assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, Some(Method::Profile)), "{error}");
        assert_eq!(error.location(), Some(FILE));
        assert!(error.help().is_some());
        assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
        assert!(test_system.http.requests().is_empty());
    }
}

#[test]
fn automatic_selection_has_no_profile_slot_and_can_get_one() {
    let test_system = test_system();
    assert!(Automatic::new().slots().all(|slot| slot != "profile"));
    let automatic = Automatic::new().replace("yandex-cloud-cli", ProfileAuth::named("pasted")).unwrap();
    let automatic = automatic.without("metadata").unwrap();
    let credentials = automatic.with_system(test_system.system()).build();
    assert_eq!(header(&credentials), "Bearer t1.FAKE-pasted.x");
    assert_eq!(credentials.method(), Some(Method::Profile));
}

#[test]
fn the_settings_of_a_profile_are_readable_without_its_login() {
    let test_system = test_system();
    let settings = profile(&test_system, &ProfileAuth::new()).unwrap();
    assert_eq!(settings.name, "default");
    assert_eq!(settings.folder_id.as_deref(), Some("b1gfake0folder"));
    assert_eq!(settings.cloud_id.as_deref(), Some("b1gfake0cloud"));
    assert_eq!(settings.organization_id.as_deref(), Some("bpffake0organization"));
    assert_eq!(settings.endpoint, None);
    assert!(!format!("{settings:?}").contains("FAKE"));
    // The settings of a profile with a login that only yc supports are readable, too.
    let settings = profile(&test_system, &ProfileAuth::named("federated")).unwrap();
    assert_eq!(settings.folder_id.as_deref(), Some("b1gfake0federated"));
    let test_system = home("current: a\nprofiles: {a: {folder-id: t1.FAKE.x}}");
    let error = profile(&test_system, &ProfileAuth::new()).unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, Some(Method::Profile)));
    assert!(!error.to_string().contains("FAKE"), "{error}");
}

#[test]
fn the_identity_has_what_the_profile_gives() {
    let test_system = test_system();
    for (name, folder, remark) in [
        ("default", Some("b1gfake0folder"), "the owner of an OAuth token cannot be determined"),
        ("pasted", Some("b1gfake0other"), "the owner of an IAM token cannot be determined"),
        ("vm", None, "the service account of the machine"),
    ] {
        let credentials = test_system.with(ProfileAuth::named(name));
        let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
        assert_eq!((identity.method, identity.folder_id.as_deref()), (Method::Profile, folder));
        assert!(identity.remarks[0].contains(name), "{identity:?}");
        assert!(identity.remarks[1].contains(remark), "{identity:?}");
    }
}

#[test]
fn each_mistake_in_the_file_is_an_error_with_the_location_and_without_a_secret() {
    let key = "{id: FAKE, service_account_id: FAKE, private_key: FAKE}";
    // content of the file -> kind, words of the reason, words of the help
    for (config, kind, reason, help) in [
        ("", ErrorKind::NotConfigured, "no current profile", "yc init"),
        ("current: a", ErrorKind::Invalid, "no profile `a`", "the file has no profiles"),
        ("profiles: {a: {}, b: {}}", ErrorKind::NotConfigured, "no current profile", "`a`, `b`"),
        ("current: c\nprofiles: {a: {}, b: {}}", ErrorKind::Invalid, "no profile `c`", "`a`, `b`"),
        ("current: [c]", ErrorKind::Invalid, "`current` is not a name", "yc init"),
        ("current: a\nprofiles: [FAKE]", ErrorKind::Invalid, "`profiles` is not a mapping", "yc init"),
        ("current: a\nprofiles: {a: FAKE}", ErrorKind::Invalid, "`a` is not a mapping", "yc init"),
        ("FAKE", ErrorKind::Invalid, "not a mapping", "yc init"),
        ("- FAKE", ErrorKind::Invalid, "not a mapping", "yc init"),
        ("a: 'FAKE", ErrorKind::Invalid, "not YAML at line", "yc init"),
        ("{\"current\": \"FAKE\"", ErrorKind::Invalid, "not YAML at line", "yc init"),
        (
            "current: a\nprofiles:\n  a: &x {token: y0_FAKE}",
            ErrorKind::Invalid,
            "an anchor at line 3",
            "yc init",
        ),
        ("current: a\ncurrent: FAKE", ErrorKind::Invalid, "a duplicate key at line 2", "yc init"),
        (
            "current: a\nprofiles: {a: {token: 1, token: FAKE}}",
            ErrorKind::Invalid,
            "a duplicate key",
            "yc init",
        ),
        (
            "current: a\nprofiles: {a: {token: [FAKE]}}",
            ErrorKind::Invalid,
            "`token` is not a text",
            "yc config set",
        ),
        ("current: a\nprofiles: {a: {token: FAKE FAKE}}", ErrorKind::Invalid, "a space", "yc config set"),
        ("current: a\nprofiles: {a: {token: AQVNFAKE}}", ErrorKind::Invalid, "an API key", "YC_API_KEY"),
        (
            &format!("current: a\nprofiles: {{a: {{token: FAKE, service-account-key: {key}}}}}"),
            ErrorKind::Invalid,
            "both `token` and `service-account-key`",
            "yc config unset",
        ),
        (
            "current: a\nprofiles: {a: {token: FAKE, instance-service-account: true}}",
            ErrorKind::Invalid,
            "both `token` and `instance-service-account`",
            "yc config unset",
        ),
        (
            "current: a\nprofiles: {a: {instance-service-account: FAKE}}",
            ErrorKind::Invalid,
            "must be true or false",
            "yc config set",
        ),
        (
            "current: a\nprofiles: {a: {service-account-key: FAKE.json}}",
            ErrorKind::Invalid,
            "`service-account-key`: the value is not a mapping",
            "key.json",
        ),
        (
            "current: a\nprofiles: {a: {service-account-key: {id: FAKE, private_key: FAKE}}}",
            ErrorKind::Invalid,
            "the text `service_account_id` is missing",
            "key.json",
        ),
        (&"x".repeat((1 << 20) + 1), ErrorKind::Invalid, "larger than 1024 KiB", "path"),
    ] {
        let error = failure(&home(config), ProfileAuth::new());
        assert_eq!((error.kind(), error.method()), (kind, Some(Method::Profile)), "{error}");
        assert_eq!(error.location(), Some(FILE), "{error}");
        assert!(error.reason().contains(reason), "{error}");
        assert!(error.help().unwrap().contains(help), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
    }
    let nothing = home("");
    nothing.files.remove(FILE);
    let error = failure(&nothing, ProfileAuth::new());
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some(FILE)));
}

#[test]
fn a_refusal_has_the_help_of_an_oauth_token() {
    let test_system =
        test_system().answering(cloud(TestReply::status(401, r#"{"message":"OAuth token is invalid"}"#)));
    let error = failure(&test_system, ProfileAuth::new());
    assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::Profile)));
    assert!(error.help().unwrap().contains("2026-06-01"));
}
