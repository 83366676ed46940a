//! `doctor`: prints the report and one header, and no secret.

use std::time::Duration;

use serde_json::{Value, json};
use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{Outcome, keys, side_by_side, yc_auth};

#[track_caller]
fn selected(diagnosis: &Value) -> &Value {
    let attempts = diagnosis["attempts"].as_array().unwrap();
    attempts.iter().find(|attempt| attempt["outcome"] == "selected").expect("a selected attempt")
}

#[test]
fn json_has_the_documented_fields() {
    let outcome = yc_auth(["doctor", "--format", "json"]).secret("YC_IAM_TOKEN", "t1.fake.token").done();
    let diagnosis = outcome.json();
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    let fields = [
        "selected",
        "attempts",
        "error",
        "header",
        "expires_at",
        "subject_id",
        "check",
        "notes",
        "subject_token",
    ];
    assert_eq!(keys(&diagnosis, &outcome.stdout), fields);
    assert_eq!(diagnosis["header"], "Authorization: Bearer t1.***");
    assert_eq!((&diagnosis["expires_at"], &diagnosis["check"]), (&Value::Null, &Value::Null));
    assert_eq!((&diagnosis["selected"], &diagnosis["error"]), (&json!("iam-token"), &Value::Null));
    let outcomes: Vec<_> =
        diagnosis["attempts"].as_array().unwrap().iter().map(|a| a["outcome"].clone()).collect();
    assert_eq!(outcomes[..3], ["absent", "selected", "not-tried"]);
    let chosen = selected(&diagnosis);
    assert_eq!(keys(chosen, &chosen.to_string()).len(), 5);
    assert_eq!(chosen["source"], "YC_IAM_TOKEN");
    assert!(chosen["elapsed_ms"].is_u64());
    assert_eq!(chosen["reason"], "set; not checked with a server");
}

#[test]
fn a_failure_is_in_the_json_and_on_standard_error() {
    let outcome = yc_auth(["doctor", "--format", "json"]).secret("YC_API_KEY", "t1.fake.token").done();
    let diagnosis = outcome.json();
    assert_eq!((outcome.status, &diagnosis["selected"]), (4, &Value::Null));
    assert_eq!(
        keys(&diagnosis["error"], &outcome.stdout[outcome.stdout.find("\"error\"").unwrap()..]).len(),
        3
    );
    assert_eq!(diagnosis["error"]["kind"], "invalid");
    let message = diagnosis["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("api-key: YC_API_KEY: "), "{message}");
    assert!(diagnosis["error"]["help"].as_str().unwrap().contains("YC_IAM_TOKEN"));
    assert_eq!(diagnosis["attempts"][0]["outcome"], "broken");
    assert!(outcome.stderr.starts_with(&format!("error: {message}\nhelp: ")), "{outcome:?}");
}

#[test]
fn it_has_the_exit_status_and_errors_of_token() {
    let emulator = Emulator::start_in_thread().unwrap();
    emulator.faults().add(Fault::status(503).on(Service::Metadata));
    let metadata = emulator.metadata_addr().to_string();
    let cases = [
        (&["--method", "none"][..], &[][..]),
        (&["--method", "api-key"], &[]),
        (&["--method", "metadata", "--timeout", "2"], &[("YC_METADATA_ADDR", &*metadata)]),
        (&["--auth", "Bearer fake"], &[]),
        (&["--timeout", "2"], &[("YC_METADATA_ADDR", &*metadata)]),
        (&[], &[("YC_API_KEY", "y0_fake")]),
        (&["--timeout", "nonsense"], &[]),
    ];
    side_by_side(cases, |(words, variables)| {
        let run = |command| {
            let run = yc_auth([command].iter().chain(words));
            variables.iter().fold(run, |run, (name, value)| run.env(name, value)).done()
        };
        let (token, doctor) = (run("token"), run("doctor"));
        assert_eq!(token.status, doctor.status, "{words:?} {variables:?}: {doctor:?}");
        // `doctor` has its report on standard output, so standard error does not repeat it.
        let printed = |outcome: &Outcome| {
            outcome
                .stderr
                .split(" (request id")
                .next()
                .and_then(|text| text.split("\n\nmethod ").next())
                .map(|text| text.trim_end().to_owned())
        };
        assert_eq!(printed(&token), printed(&doctor), "{words:?} {variables:?}");
    });
}

#[test]
fn static_values_are_marked_as_not_checked() {
    for (variable, value, shown) in [
        ("YC_API_KEY", "AQVN-fake-key", "Api-Key AQVN***"),
        ("YC_API_KEY", "key-of-no-shape-fake", "Api-Key ***"),
        ("YC_IAM_TOKEN", "t1.fake.token", "Bearer t1.***"),
    ] {
        let outcome = yc_auth(["doctor"]).secret(variable, value).done();
        let text = outcome.output();
        assert!(text.contains(&format!("Authorization: {shown}\n")), "{text}");
        assert!(text.contains("not checked with a server"), "{text}");
    }
    let outcome = yc_auth(["doctor", "--auth", "t1.fake.token"]).hides("t1.fake.token").done();
    assert!(outcome.output().contains("not checked with a server"));
}

#[test]
fn it_fetches_one_token_and_calls_no_other_service() {
    let emulator = Emulator::start_in_thread().unwrap();
    let text = |outcome: Outcome| outcome.output().to_owned();
    let metadata = yc_auth(["doctor"]).env("YC_METADATA_ADDR", emulator.metadata_addr().to_string());
    let seen = text(metadata.done());
    assert!(seen.contains("Bearer t1.***") && seen.contains("valid until "), "{seen}");
    assert!(seen.contains("h 59 min left") && !seen.contains("not checked"), "{seen}");
    let oauth = yc_auth(["doctor"])
        .env("YC_API_ENDPOINT", emulator.api_url())
        .secret("YC_OAUTH_TOKEN", emulator.oauth_token());
    let seen = text(oauth.done());
    assert!(seen.contains("note: an OAuth token gives access to the whole account"), "{seen}");
    let counters = emulator.counters();
    assert_eq!(counters.requests(Service::Metadata), 1);
    assert_eq!(counters.requests(Service::Iam), 1);
    assert_eq!(counters.requests(Service::Ai), 0);
}

#[test]
fn an_unconfigured_method_still_gets_a_row() {
    let diagnosis = yc_auth(["doctor", "--format", "json", "--method", "api-key"]).done().json();
    let row = &diagnosis["attempts"][0];
    assert_eq!(
        (&row["method"], &row["source"], &row["outcome"], &row["reason"]),
        (&json!("api-key"), &json!("YC_API_KEY"), &json!("absent"), &json!("not set"))
    );
}

#[test]
fn a_failed_fetch_shows_the_selection_and_the_error() {
    let emulator = Emulator::start_in_thread().unwrap();
    let run = yc_auth(["doctor", "--format", "json"])
        .env("YC_API_ENDPOINT", emulator.api_url())
        .secret("YC_OAUTH_TOKEN", emulator.new_oauth_token());
    let outcome = run.done();
    let diagnosis = outcome.json();
    assert_eq!((outcome.status, &diagnosis["selected"]), (6, &json!("oauth-token")));
    assert_eq!(diagnosis["error"]["kind"], "refused");
    assert_eq!(selected(&diagnosis)["method"], "oauth-token");
}

#[test]
fn a_foreign_endpoint_in_the_environment_is_noted() {
    let run =
        yc_auth(["doctor"]).env("YC_API_ENDPOINT", "api.example.test").secret("YC_API_KEY", "AQVN-fake");
    let outcome = run.done();
    assert!(outcome.output().contains("note: YC_API_ENDPOINT names "), "{outcome:?}");

    let run = yc_auth(["doctor", "--format", "json"]).env("YC_API_ENDPOINT", "api.example.test");
    let diagnosis = run.secret("YC_API_KEY", "AQVN-fake").done().json();
    let [note] = diagnosis["notes"].as_array().unwrap().as_slice() else { panic!("{diagnosis}") };
    assert!(note.as_str().unwrap().starts_with("YC_API_ENDPOINT names "), "{note}");
}

#[test]
fn json_has_the_header_the_expiry_and_the_subject() {
    let emulator = Emulator::start_in_thread().unwrap();
    let report = |words: &[&str]| {
        let run = yc_auth([&["doctor", "--format", "json"], words].concat());
        run.env("YC_API_ENDPOINT", emulator.api_url())
            .env("YC_METADATA_ADDR", emulator.metadata_addr().to_string())
    };
    let key = emulator.service_account_key().unwrap();
    let of_key = report(&["--auth", "-"]).stdin(key.clone()).done().json();
    assert_eq!(of_key["subject_id"], emulator.service_account_id());
    assert_eq!(of_key["header"], "Authorization: Bearer t1.***");
    assert!(of_key["expires_at"].as_str().unwrap().ends_with('Z'), "{of_key}");
    let account = emulator.impersonated_account_id();
    let impersonated = report(&["--auth", "-", "--impersonate", account]).stdin(key).done().json();
    assert_eq!(impersonated["subject_id"], account);
    // The metadata service does not tell its service account, and is asked once.
    let metadata = report(&[]).done().json();
    assert_eq!(metadata["subject_id"], Value::Null);
    assert!(metadata["expires_at"].is_string(), "{metadata}");
    assert_eq!(emulator.counters().requests(Service::Metadata), 1);
    let none = report(&["--method", "none"]).done().json();
    assert_eq!((&none["header"], &none["expires_at"]), (&Value::Null, &Value::Null));
}

/// Whether the exchange is refused or not: the claims, and what would accept them; the token never.
#[test]
fn the_token_of_another_issuer_is_explained_and_not_shown() {
    const OTHER: &str = "repo:O@1/R@2:ref:refs/heads/it's";
    let cloud = Emulator::start_in_thread().unwrap();
    let (audience, account) = (cloud.oidc_audience(), cloud.service_account_id());
    let accepted = cloud.oidc_token().unwrap();
    let refused = cloud.oidc_token_for(OTHER, audience, Duration::from_secs(600)).unwrap();
    for (token, subject, status) in [(&accepted, cloud.oidc_subject(), 0), (&refused, OTHER, 6)] {
        let run = |words: &[&str]| {
            let run = yc_auth([&["doctor"], words].concat()).secret("YC_OIDC_TOKEN", token);
            let run = run.env("YC_API_ENDPOINT", cloud.api_url()).env("YC_OAUTH_ENDPOINT", cloud.api_url());
            run.hides(token.rsplit('.').next().unwrap()).env("YC_SERVICE_ACCOUNT_ID", account).done()
        };
        for words in [&["--format", "json"][..], &["--format", "json", "--method", "workload-identity"]] {
            let outcome = run(words);
            assert_eq!(outcome.status, status, "{outcome:?}");
            let said = &outcome.json()["subject_token"];
            assert!(said["issuer"].as_str().unwrap().ends_with("/_emulator/oidc"), "{outcome:?}");
            assert_eq!((&said["audiences"], &said["subject"]), (&json!([audience]), &json!(subject)));
            let command = said["commands"][1].as_str().unwrap();
            assert!(command.contains(&format!("--service-account-id {account} ")), "{command}");
        }
        let page = run(&[]).stdout;
        let lines: Vec<_> = page.lines().map(str::trim).collect();
        for line in
            ["Token of the other issuer", &*format!("audience  {audience}"), &*format!("subject   {subject}")]
        {
            assert!(lines.contains(&line), "{page}");
        }
        let create = "yc iam workload-identity oidc federation create --name ";
        assert!(lines.iter().any(|line| line.starts_with(create)), "{page}");
        let create = "yc iam workload-identity federated-credential create ";
        let quoted = subject.replace('\'', r"'\''");
        assert!(lines.iter().any(|line| line.starts_with(create) && line.contains(&quoted)), "{page}");
    }
    let other = yc_auth(["doctor", "--format", "json"]).secret("YC_IAM_TOKEN", "t1.fake.token").done();
    assert_eq!(other.json()["subject_token"], Value::Null);
}
