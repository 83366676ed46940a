//! Workload identity: the variables, and automatic selection.

use super::*;

/// What the slot is to do.
enum Slot {
    /// Selected, with the place that the report shows.
    Open(&'static str),
    /// Passed over, for this reason.
    Absent(&'static str),
    /// The end, at this place, with these words.
    Broken(&'static str, &'static str),
}

#[test]
fn the_variables_select_the_slot_together() {
    use Slot::{Absent, Broken, Open};
    let file = ("YC_OIDC_TOKEN_FILE", FILE);
    let token = ("YC_OIDC_TOKEN", SUBJECT);
    let account = ("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
    let (url, ask) = ((URL, GITHUB), (TOKEN, REQUEST_TOKEN));
    let cases: [(&[(&str, &str)], Slot); 15] = [
        (&[], Absent("not set")),
        (&[account], Absent("YC_SERVICE_ACCOUNT_ID alone is not enough")),
        (&[file, account], Open("YC_OIDC_TOKEN_FILE")),
        (&[token, account], Open("YC_OIDC_TOKEN")),
        (&[url, ask, account], Open(URL)),
        (&[file, url, ask, account], Open("YC_OIDC_TOKEN_FILE")),
        (&[token, url, ask, account], Open("YC_OIDC_TOKEN")),
        (&[url, ask], Absent("not set")),
        (&[url], Absent("not set")),
        (
            &[file],
            Broken("YC_SERVICE_ACCOUNT_ID", "YC_OIDC_TOKEN_FILE is set, but YC_SERVICE_ACCOUNT_ID is not"),
        ),
        (
            &[token, url, ask],
            Broken("YC_SERVICE_ACCOUNT_ID", "YC_OIDC_TOKEN is set, but YC_SERVICE_ACCOUNT_ID is not"),
        ),
        (&[file, token, account], Broken("YC_OIDC_TOKEN_FILE", "YC_OIDC_TOKEN is set too")),
        (&[url, account], Broken(TOKEN, "ACTIONS_ID_TOKEN_REQUEST_URL is set, but")),
        (&[ask, account], Broken(URL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN is set, but")),
        (&[("YC_OIDC_TOKEN_FILE", "/missing"), account], Broken("/missing", "the file does not exist")),
    ];
    for (variables, slot) in cases {
        for automatic in [Automatic::new(), Automatic::new().lenient()] {
            let mut test_system = TestSystem::new().answering(|request, count| match request.uri().host() {
                Some("169.254.169.254") => TestReply::status(200, METADATA_ANSWER),
                _ => federation(granted())(request, count),
            });
            test_system.files.write(FILE, SUBJECT);
            for (name, value) in variables {
                test_system = test_system.set(name, value);
            }
            let credentials = automatic.with_system(test_system.system()).build();
            let outcome = credentials.blocking().header();
            let find = |report: &yandex_cloud_auth::Report| {
                let of_ours = |attempt: &&_| {
                    let attempt: &yandex_cloud_auth::Attempt = attempt;
                    attempt.method == Method::WorkloadIdentity
                };
                report.attempts().iter().find(of_ours).unwrap().clone()
            };
            match slot {
                Open(place) => {
                    assert_eq!(outcome.unwrap().unwrap(), format!("Bearer {IAM_TOKEN}"));
                    let attempt = find(&credentials.report().unwrap());
                    assert_eq!((attempt.outcome, &*attempt.source), (Outcome::Selected, place));
                    assert!(attempt.reason.contains(ACCOUNT), "{}", attempt.reason);
                }
                Absent(words) => {
                    outcome.unwrap();
                    assert_eq!(credentials.method(), Some(Method::Metadata), "{variables:?}");
                    let attempt = find(&credentials.report().unwrap());
                    assert_eq!((attempt.outcome, &*attempt.source), (Outcome::Absent, "YC_OIDC_TOKEN_FILE"));
                    assert!(attempt.reason.contains(words), "{variables:?}: {}", attempt.reason);
                }
                Broken(place, words) => {
                    let error = failure(&credentials);
                    assert_eq!(error.location(), Some(place), "{variables:?}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Invalid);
                    assert!(error.reason().contains(words), "{variables:?}: {error}");
                    assert!(error.help().is_some());
                    assert_eq!(find(error.report().unwrap()).outcome, Outcome::Broken);
                    assert!(test_system.http.requests().is_empty(), "nobody else is asked: {variables:?}");
                }
            }
        }
    }
}

#[test]
fn the_explicit_method_reads_the_same_variables_and_names_the_missing_one() {
    let test_system = test_system().set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
    header(&test_system.with(WorkloadIdentityAuth::from_env()));
    for (test_system, place) in [
        (TestSystem::new(), "YC_OIDC_TOKEN_FILE"),
        (TestSystem::new().set("YC_SERVICE_ACCOUNT_ID", ACCOUNT), "YC_OIDC_TOKEN_FILE"),
    ] {
        let error = failure(&test_system.with(WorkloadIdentityAuth::from_env()));
        assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some(place)));
        assert!(error.help().unwrap().contains("YC_SERVICE_ACCOUNT_ID"));
    }
}

#[test]
fn a_missing_subject_token_in_a_replaced_slot_is_absent() {
    for subject in [SubjectToken::github_actions(), SubjectToken::variable("NOT_THERE")] {
        let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN);
        let auth = WorkloadIdentityAuth::new(ACCOUNT, subject);
        let automatic = Automatic::new().replace("workload-identity", auth).unwrap();
        let credentials = automatic.with_system(test_system.system()).build();
        header(&credentials);
        assert_eq!(credentials.method(), Some(Method::EnvIamToken));
    }
}

#[test]
fn the_identity_is_the_service_account() {
    let test_system = test_system().set("YC_SERVICE_ACCOUNT_ID", ACCOUNT).set("YC_OIDC_TOKEN_FILE", FILE);
    for credentials in [by(&test_system, closure()), test_system.automatic()] {
        let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
        assert_eq!(identity.subject_id.as_deref(), Some(ACCOUNT));
        assert!(identity.remarks[0].contains("another issuer"), "{identity:?}");
        assert!(!format!("{identity:?}").contains("HUSH"));
    }
}

#[test]
fn an_oauth_token_is_not_a_subject_token() {
    let test_system = test_system().set("YC_OIDC_TOKEN", OAUTH_TOKEN).set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
    let error = failure(&test_system.automatic());
    assert!(error.help().unwrap().contains("YC_OAUTH_TOKEN"), "{:?}", error.help());
}
