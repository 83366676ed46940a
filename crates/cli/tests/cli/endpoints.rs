//! `--endpoint`, `YC_API_ENDPOINT`, the endpoint of a profile: every secret goes to the configured installation alone.
//!
//! Two emulators are two installations. A listener that never answers is the proxy for TLS, through which a request
//! to the public installation would go. Nested impersonation has no flags, so the command cannot do it.

use std::io::ErrorKind;
use std::net::TcpListener;

use yandex_cloud_emulator::{Counts, Emulator};

use crate::run::{FAKES, Folder, Run, yc_auth};

const EXCHANGE: &str = "POST /iam/v1/tokens";
const IMPERSONATION: &str = "POST /iam/v1/tokens:createForServiceAccount";
const REVOCATION: &str = "POST /iam/v1/tokens:revoke";
const TOKEN_EXCHANGE: &str = "POST /oauth/token";

/// The installation that the command has to use, and those that it must not contact.
struct Installations {
    configured: Emulator,
    other: Emulator,
    proxy: TcpListener,
    folder: Folder,
}

impl Installations {
    fn new() -> Self {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        proxy.set_nonblocking(true).unwrap();
        let folder = Folder::new();
        let (configured, other) =
            (Emulator::start_in_thread().unwrap(), Emulator::start_in_thread().unwrap());
        folder.file("key.json", configured.service_account_key().unwrap());
        folder.file("subject", configured.oidc_token().unwrap());
        std::fs::create_dir_all(folder.path.join(".config/yandex-cloud")).unwrap();
        Self { configured, other, proxy, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path.join(name).display().to_string()
    }

    /// Writes a configuration of yc, whose current profile has an OAuth token and whose other one has a key.
    fn write_profiles(&self, endpoint: &str) {
        let oauth = self.configured.oauth_token();
        // The key is JSON, which is also YAML.
        let key = self.configured.service_account_key().unwrap();
        let key = key.replace('\n', " ");
        let profiles = format!(
            "current: person\nprofiles:\n  person:\n    token: {oauth}\n    endpoint: {endpoint}\n  robot:\n    \
             service-account-key: {key}\n    endpoint: {endpoint}\n"
        );
        self.folder.file(".config/yandex-cloud/config.yaml", profiles);
    }

    fn run(&self, case: &Case, endpoint_flag: Option<&str>) -> Run {
        let mut words = case.words.clone();
        words.extend(endpoint_flag.into_iter().flat_map(|url| ["--endpoint".to_owned(), url.to_owned()]));
        let proxy = format!("http://{}", self.proxy.local_addr().unwrap());
        let run = yc_auth(words)
            .env("HTTPS_PROXY", proxy)
            .env("HOME", &self.folder.path)
            .env("YC_AUTH_CACHE", "off");
        let run = case.variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        match &case.stdin {
            Some(secret) => run.stdin(secret.clone()),
            None => run,
        }
    }

    /// Asserts that the run succeeded, that the configured installation got the exchange, and that no other
    /// installation got a request.
    #[track_caller]
    fn assert_only_the_configured_one_is_used(&self, case: &Case, run: Run) {
        self.configured.counters().reset();
        let outcome = run.done();
        assert_eq!(outcome.status, 0, "{case:?}: {outcome:?}");
        for route in &case.routes {
            assert_eq!(self.configured.counters().route(route), 1, "{route}: {case:?}");
        }
        self.assert_no_other_is_used(case);
    }

    #[track_caller]
    fn assert_no_other_is_used(&self, case: &Case) {
        assert_eq!(self.other.counters().snapshot(), Counts::default(), "{case:?}");
        let connection = self.proxy.accept().map(|(_, address)| address);
        assert_eq!(connection.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "{case:?}");
    }
}

/// One way to give a secret to the command, and the requests that exchange the secret.
#[derive(Debug)]
struct Case {
    words: Vec<String>,
    variables: Vec<(&'static str, String)>,
    stdin: Option<String>,
    routes: Vec<&'static str>,
}

fn case(words: &[&str], routes: &[&'static str]) -> Case {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Case { words, variables: Vec::new(), stdin: None, routes: routes.to_vec() }
}

impl Case {
    fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn stdin(mut self, secret: impl Into<String>) -> Self {
        self.stdin = Some(secret.into());
        self
    }
}

/// Such a value is no host: nothing is resolved, and the variable is named.
#[test]
fn a_placeholder_or_an_unreplaced_variable_is_no_address() {
    let jwt = format!("eyJhbGciOiJFUzI1NiJ9.{}.ZmFrZQ", "eyJpc3MiOiJodHRwczovL2Zha2UifQ");
    for (value, what) in [
        ("null", "a placeholder"),
        ("https://undefined:443", "a placeholder"),
        ("<your-endpoint>", "a placeholder"),
        ("$X", "a variable that was not replaced by its value"),
        ("https://${HOST}", "a variable that was not replaced by its value"),
    ] {
        let oauth = yc_auth(["token", "--timeout", "5"]).secret("YC_OAUTH_TOKEN", "y0_fake-oauth-token");
        let oidc = yc_auth(["token", "--timeout", "5"]).secret("YC_OIDC_TOKEN", &jwt);
        for (name, run) in [
            ("YC_API_ENDPOINT", oauth),
            ("YC_OAUTH_ENDPOINT", oidc.env("YC_SERVICE_ACCOUNT_ID", "ajefake")),
            ("YC_METADATA_ADDR", yc_auth(["token", "--timeout", "5"])),
        ] {
            let outcome = run.env(name, value).done();
            let printed = outcome.fails(4);
            assert!(printed.contains(&format!("{name}: the value is {what}")), "{value}: {printed}");
        }
    }
}

/// Every method that exchanges a secret: named, as a bare string, and selected automatically.
fn cases(installations: &Installations) -> Vec<Case> {
    let cloud = &installations.configured;
    let (oauth, account) = (cloud.oauth_token(), cloud.service_account_id());
    let (key, subject) = (installations.path("key.json"), installations.path("subject"));
    let key_content = cloud.service_account_key().unwrap();
    let impersonated = cloud.impersonated_account_id();
    let metadata = cloud.metadata_addr().to_string();
    let workload = |words: &[&str], routes: &[&'static str]| {
        case(words, routes)
            .env("YC_OIDC_TOKEN_FILE", &subject)
            .env("YC_SERVICE_ACCOUNT_ID", account)
            .env("YC_OAUTH_ENDPOINT", cloud.api_url())
    };
    let token = || cloud.iam_token().unwrap();
    vec![
        case(&["token"], &[EXCHANGE]).env("YC_OAUTH_TOKEN", oauth),
        case(&["token", "--method", "oauth-token"], &[EXCHANGE]).env("YC_OAUTH_TOKEN", oauth),
        case(&["token", "--auth", "-"], &[EXCHANGE]).stdin(oauth),
        case(&["token"], &[EXCHANGE]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &key),
        case(&["token", "--method", "service-account-key"], &[EXCHANGE])
            .env("YC_SERVICE_ACCOUNT_KEY_FILE", &key),
        case(&["token", "--key-file", &key], &[EXCHANGE]),
        case(&["header", "--auth", "-"], &[EXCHANGE]).stdin(key_content),
        workload(&["token"], &[TOKEN_EXCHANGE]),
        workload(&["token", "--method", "workload-identity"], &[TOKEN_EXCHANGE]),
        workload(&["token", "--impersonate", impersonated], &[TOKEN_EXCHANGE, IMPERSONATION]),
        workload(&["revoke", "--method", "workload-identity"], &[TOKEN_EXCHANGE, REVOCATION]),
        case(&["token", "--impersonate", impersonated, "--key-file", &key], &[EXCHANGE, IMPERSONATION]),
        case(&["token", "--impersonate", impersonated], &[EXCHANGE, IMPERSONATION])
            .env("YC_OAUTH_TOKEN", oauth),
        case(&["token", "--impersonate", impersonated, "--auth", "-"], &[IMPERSONATION]).stdin(token()),
        case(&["whoami", "--impersonate", impersonated], &[IMPERSONATION])
            .env("YC_METADATA_ADDR", metadata.as_str()),
        case(&["token", "--method", "profile"], &[EXCHANGE]),
        case(&["token", "--method", "profile", "--profile", "robot"], &[EXCHANGE]),
        case(&["revoke", "--auth", "-"], &[REVOCATION]).stdin(token()),
        case(&["revoke", "--key-file", &key], &[EXCHANGE, REVOCATION]),
        case(&["revoke", "--method", "metadata"], &[REVOCATION]).env("YC_METADATA_ADDR", metadata.as_str()),
        case(&["revoke", "--method", "profile"], &[EXCHANGE, REVOCATION]),
    ]
}

#[test]
fn the_flag_overrides_the_variable_and_the_profile() {
    let installations = Installations::new();
    let (configured, other) = (installations.configured.api_url(), installations.other.api_url());
    installations.write_profiles(&other);
    for case in cases(&installations) {
        let run = installations.run(&case, Some(&configured)).env("YC_API_ENDPOINT", &other);
        installations.assert_only_the_configured_one_is_used(&case, run);
    }
}

#[test]
fn the_variable_overrides_the_profile_and_the_public_endpoint() {
    let installations = Installations::new();
    installations.write_profiles(&installations.other.api_url());
    for case in cases(&installations) {
        let run = installations.run(&case, None).env("YC_API_ENDPOINT", installations.configured.api_url());
        installations.assert_only_the_configured_one_is_used(&case, run);
    }
}

#[test]
fn the_profile_overrides_the_public_endpoint() {
    let installations = Installations::new();
    installations.write_profiles(&installations.configured.api_url());
    for case in [
        case(&["token", "--method", "profile"], &[EXCHANGE]),
        case(&["token", "--method", "profile", "--profile", "robot"], &[EXCHANGE]),
        case(&["revoke", "--method", "profile"], &[EXCHANGE, REVOCATION]),
    ] {
        let run = installations.run(&case, None);
        installations.assert_only_the_configured_one_is_used(&case, run);
    }
}

#[test]
fn workload_identity_needs_an_exchange_endpoint_beside_an_endpoint_that_is_not_public() {
    let installations = Installations::new();
    let configured = installations.configured.api_url();
    let subject = installations.path("subject");
    for method in [&[][..], &["--method", "workload-identity"]] {
        for endpoint_flag in [Some(&*configured), None] {
            let case = case(&[&["token"], method].concat(), &[])
                .env("YC_OIDC_TOKEN_FILE", &subject)
                .env("YC_SERVICE_ACCOUNT_ID", installations.configured.service_account_id())
                .env("YC_API_ENDPOINT", &configured);
            let outcome = installations.run(&case, endpoint_flag).done();
            assert!(outcome.fails(4).contains("YC_OAUTH_ENDPOINT"), "{outcome:?}");
            assert_eq!(installations.configured.counters().route(TOKEN_EXCHANGE), 0);
            installations.assert_no_other_is_used(&case);
        }
    }
}

#[test]
fn yc_gets_the_endpoint_of_the_flag_or_else_of_the_variable() {
    let with_yc = |words: &[&str]| {
        let words = [&["token", "--method", "yandex-cloud-cli"], words].concat();
        let run = yc_auth(words).env("PATH", FAKES).env("FAKE_YC", "arguments");
        run.env("YC_API_ENDPOINT", "api.variable.test:443").done().stdout
    };
    let by_flag = with_yc(&["--endpoint", "api.flag.test:443"]);
    assert!(by_flag.contains("__endpoint_api_flag_test_443") && !by_flag.contains("variable"), "{by_flag}");
    let by_variable = with_yc(&[]);
    assert!(by_variable.contains("__endpoint_api_variable_test_443"), "{by_variable}");
}
