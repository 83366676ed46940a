//! `YC_AUTH_METHOD`, flags that the selected method does not use, and the warning before a secret goes to a foreign host.

use std::fs;

use yandex_cloud_emulator::Emulator;

use crate::run::{CLOSED_PORT, FAKES, Folder, Run, missing, side_by_side, yc_auth};

const KEY: &str = "AQVN-fake-key";

/// A home folder whose configuration of yc has the profile `work`.
fn home() -> Folder {
    let folder = Folder::new();
    fs::create_dir_all(folder.path.join(".config/yandex-cloud")).unwrap();
    let file = "current: work\nprofiles:\n  work:\n    token: y0_fake-profile\n";
    fs::write(folder.path.join(".config/yandex-cloud/config.yaml"), file).unwrap();
    folder
}

#[test]
fn the_variable_pins_a_method_and_doctor_says_so() {
    let cloud = Emulator::start_in_thread().unwrap();
    let run = |words: &[&str]| {
        yc_auth(words)
            .secret("YC_API_KEY", KEY)
            .env("YC_AUTH_METHOD", "metadata")
            .env("YC_METADATA_ADDR", cloud.metadata_addr().to_string())
    };
    assert!(run(&["token"]).done().output().starts_with("t1."));
    let page = run(&["doctor"]).done();
    assert!(page.output().contains("selected   pinned by YC_AUTH_METHOD"), "{page:?}");
    // A flag wins.
    assert_eq!(run(&["token", "--method", "api-key"]).done().output(), format!("{KEY}\n"));
    assert_eq!(run(&["token", "--auth", "AQVN-fake-other"]).done().output(), "AQVN-fake-other\n");
    let nowhere = missing("key.json");
    let given = run(&["token", "--key-file", &nowhere]).done();
    assert!(given.fails(4).contains(&format!("{nowhere}: the file does not exist")), "{given:?}");
}

#[test]
fn the_variable_counts_as_the_flag() {
    let pinned = |name: &str| {
        yc_auth(["token", "--timeout", "2"]).secret("YC_API_KEY", KEY).env("YC_AUTH_METHOD", name)
    };
    let missing = pinned("iam-token").done();
    assert!(missing.fails(3).contains("YC_IAM_TOKEN: the variable is not set"), "{missing:?}");
    assert!(missing.stderr.contains("YC_AUTH_METHOD pins this method"), "{missing:?}");
    assert!(pinned("metadata").done().fails(5).contains(CLOSED_PORT));
    let unknown = pinned("profile").done();
    assert!(unknown.fails(4).contains("YC_AUTH_METHOD: automatic selection has no method `profile`"));
    // Standard input is no terminal here.
    let yc = pinned("yandex-cloud-cli").env("PATH", FAKES).env("FAKE_YC", "token");
    assert!(yc.done().output().starts_with("t1."));
}

#[test]
fn revoke_does_not_take_the_variable_for_a_choice() {
    let run = yc_auth(["revoke"]).env("YC_AUTH_METHOD", "iam-token").secret("YC_IAM_TOKEN", "t1.fake.token");
    let outcome = run.done();
    assert!(outcome.fails(2).contains("name the token to revoke"), "{outcome:?}");
}

#[test]
fn a_profile_that_does_not_exist_is_an_error_whatever_is_selected() {
    let home = home();
    let run = |words: &[&str]| yc_auth(words).secret("YC_API_KEY", KEY).env("HOME", &home.path);
    for words in [
        &["token", "--profile", "nosuch"][..],
        &["header", "--profile", "nosuch"],
        &["whoami", "--profile", "nosuch"],
        &["token", "--profile", "nosuch", "--method", "api-key"],
        &["token", "--profile", "nosuch", "--auth", "AQVN-fake"],
        &["revoke", "--profile", "nosuch", "--auth", "t1.fake.token", "--endpoint", "http://127.0.0.1:1"],
    ] {
        let outcome = run(words).done();
        let printed = outcome.fails(4);
        assert!(printed.contains("--profile: ") && printed.contains("no profile `nosuch`"), "{printed}");
        assert!(printed.contains("yc init"), "{printed}");
    }
    let nowhere = Folder::new();
    let outcome = run(&["token", "--profile", "work"]).env("HOME", &nowhere.path).done();
    assert!(outcome.fails(4).contains("yc init"), "{outcome:?}");
}

#[test]
fn a_flag_that_the_method_does_not_use_gets_a_warning() {
    let home = home();
    let run = |words: &[&str]| yc_auth(words).secret("YC_API_KEY", KEY).env("HOME", &home.path);
    let warned = |run: Run, warning: &str| {
        let outcome = run.done();
        assert_eq!((outcome.status, outcome.stdout.as_str()), (0, "AQVN-fake-key\n"), "{outcome:?}");
        assert_eq!(outcome.stderr, format!("warning: {warning}\n"));
    };
    warned(run(&["token", "--profile", "work"]), "--profile has no effect: the method is api-key");
    warned(
        run(&["token", "--method", "api-key", "--profile", "work"]),
        "--profile has no effect: the method is api-key",
    );
    warned(
        run(&["token", "--endpoint", "api.yandexcloud.kz"]),
        "--endpoint has no effect: the method is api-key",
    );
    for wrong in ["not an address", "http://api.example.test", "y0_fake-oauth"] {
        let outcome = run(&["token", "--endpoint", wrong]).done();
        assert!(outcome.fails(4).contains("--endpoint: "), "{outcome:?}");
    }
}

#[test]
fn a_foreign_endpoint_is_told_before_a_secret_leaves() {
    side_by_side(["token", "header", "whoami", "doctor"], |command| {
        let run = yc_auth([command, "--timeout", "2"])
            .env("YC_API_ENDPOINT", "api.example.test")
            .env("HTTPS_PROXY", format!("http://{CLOSED_PORT}"))
            .secret("YC_OAUTH_TOKEN", "y0_fake-oauth");
        let outcome = run.done();
        let warning = "warning: YC_API_ENDPOINT names https://api.example.test, which is not one of Yandex \
                       Cloud's hosts; the OAuth token goes there\n";
        assert_eq!(outcome.status, 5, "{outcome:?}");
        assert!(outcome.stderr.starts_with(warning), "{outcome:?}");
        assert_eq!(outcome.stderr.matches("the OAuth token goes there").count(), 1, "{outcome:?}");
    });
    // The endpoint of a profile, and the authorization server of workload identity.
    let home = Folder::new();
    fs::create_dir_all(home.path.join(".config/yandex-cloud")).unwrap();
    let file = "current: p\nprofiles:\n  p:\n    token: y0_fake-profile\n    endpoint: api.example.test\n";
    fs::write(home.path.join(".config/yandex-cloud/config.yaml"), file).unwrap();
    let of_profile = yc_auth(["token", "--method", "profile", "--timeout", "2"]).env("HOME", &home.path);
    let federated = yc_auth(["token", "--timeout", "2"])
        .env("YC_OAUTH_ENDPOINT", "auth.example.test")
        .env("YC_OIDC_TOKEN", "eyJhbGciOiJSUzI1NiJ9.e30.FAKE")
        .env("YC_SERVICE_ACCOUNT_ID", "ajeexample");
    let runs = [
        (of_profile, "the endpoint in yc's configuration names https://api.example.test"),
        (federated, "YC_OAUTH_ENDPOINT names https://auth.example.test"),
    ];
    side_by_side(runs, |(run, place)| {
        let outcome = run.env("HTTPS_PROXY", format!("http://{CLOSED_PORT}")).done();
        assert!(outcome.stderr.starts_with(&format!("warning: {place}")), "{outcome:?}");
    });
    // The log has the warning already.
    let logged = yc_auth(["token", "--timeout", "2"])
        .env("YC_API_ENDPOINT", "api.example.test")
        .env("HTTPS_PROXY", format!("http://{CLOSED_PORT}"))
        .env("YC_AUTH_LOG", "warn")
        .secret("YC_OAUTH_TOKEN", "y0_fake-oauth")
        .done();
    assert!(!logged.stderr.contains("warning: ") && logged.stderr.contains("goes there"), "{logged:?}");
    // Nothing goes to the endpoint.
    let key = yc_auth(["token"]).env("YC_API_ENDPOINT", "api.example.test").secret("YC_API_KEY", KEY);
    assert_eq!(key.done().output(), format!("{KEY}\n"));
}

#[test]
fn doctor_prints_its_report_once() {
    side_by_side(["text", "json"], |format| {
        let outcome = yc_auth(["doctor", "--timeout", "2", "--format", format]).done();
        let both = format!("{}{}", outcome.stdout, outcome.stderr);
        assert_eq!(both.matches("workload-identity").count(), 1, "{outcome:?}");
        assert!(
            outcome.stderr.starts_with("error: metadata: ") && outcome.stderr.contains("\nhelp: "),
            "{outcome:?}"
        );
    });
}
