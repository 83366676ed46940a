//! The file and the profile in it: where it is, when it is read, and each mistake in it.

use super::{CONFIG, FILE, failure, home, profile, test_system};
use crate::support::{IAM_TOKEN, METADATA_TOKEN};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::{Automatic, ErrorKind, HeaderOptions, Method, ProfileAuth};

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
