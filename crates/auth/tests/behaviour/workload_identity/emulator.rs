//! Workload identity against the emulator, and the pages about it.

use super::*;

/// A system whose authorization server is the emulator's, with these variables and one file.
fn beside(cloud: &Emulator, variables: &[(&str, &str)], token: &str) -> System {
    let (url, account) = (cloud.api_url(), cloud.service_account_id());
    let own = [("YC_OAUTH_ENDPOINT", &*url), ("YC_SERVICE_ACCOUNT_ID", account)];
    let variables = own.into_iter().chain(variables.iter().copied());
    System::real()
        .with_environment(TestEnvironment::new(variables))
        .with_files(TestFiles::new([(FILE, token)]))
}

#[test]
fn the_emulator_exchanges_the_tokens_of_every_source() {
    let cloud = Emulator::start_in_thread().unwrap();
    let token = cloud.oidc_token().unwrap();
    let github = cloud.github_variables();
    let github: Vec<_> = github.iter().map(|(name, value)| (&**name, &**value)).collect();
    for variables in [&[("YC_OIDC_TOKEN_FILE", FILE)][..], &[("YC_OIDC_TOKEN", &*token)], &github] {
        let credentials = Credentials::automatic().with_system(beside(&cloud, variables, &token));
        assert!(header(&credentials).starts_with("Bearer t1."));
        assert_eq!(credentials.method(), Some(Method::WorkloadIdentity));
        let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
        assert_eq!(identity.subject_id.as_deref(), Some(cloud.service_account_id()));
    }
    assert_eq!(cloud.counters().tokens_issued(), 3);

    let system = beside(&cloud, &github, "");
    let audience = SubjectToken::github_actions_for(cloud.oidc_audience());
    let named = WorkloadIdentityAuth::new(cloud.service_account_id(), audience);
    assert!(header(&Credentials::from(named).with_system(system)).starts_with("Bearer t1."));
}

#[test]
fn the_emulator_refuses_tokens_outside_the_federation() {
    let cloud = Emulator::start_in_thread().unwrap();
    let (subject, audience) = (cloud.oidc_subject(), cloud.oidc_audience());
    let foreign = cloud.oidc_token_for("repo:somebody/else", audience, secs(60)).unwrap();
    let elsewhere = cloud.oidc_token_for(subject, "https://elsewhere.example", secs(60)).unwrap();
    let over = cloud.oidc_token_for(subject, audience, secs(60)).unwrap();
    cloud.clock().advance(secs(3600));
    for (token, help) in [(&foreign, "`sub`"), (&elsewhere, "`aud`"), (&over, "federation")] {
        let credentials =
            Credentials::automatic().with_system(beside(&cloud, &[("YC_OIDC_TOKEN", token)], ""));
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::WorkloadIdentity)));
        assert!(error.help().unwrap().contains(help), "{:?}", error.help());
        assert!(!format!("{error} {error:?}").contains(&**token));
    }
}

/// The pages that tell how a federation is set up speak of variables that are read.
#[test]
fn the_pages_name_existing_variables() {
    let known = [
        WorkloadIdentityAuth::VARIABLE,
        WorkloadIdentityAuth::TOKEN_VARIABLE,
        WorkloadIdentityAuth::ACCOUNT_VARIABLE,
        WorkloadIdentityAuth::ENDPOINT_VARIABLE,
        URL,
        TOKEN,
    ];
    for page in ["github-actions.md", "gitlab.md", "kubernetes.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("passed over: {page} is not beside this crate");
            continue;
        };
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        for word in words.filter(|word| word.starts_with("YC_") || word.starts_with("ACTIONS_")) {
            assert!(known.contains(&word), "{page}: {word}");
        }
        assert!(text.contains("workload-identity") && text.contains("## Not verified"), "{page}");
    }
}
