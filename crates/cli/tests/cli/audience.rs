//! `--audience`: the audience that a job of GitHub Actions or Forgejo Actions asks for.

use yandex_cloud_emulator::Emulator;

use crate::run::{Run, yc_auth};

const AUDIENCE: &str = "https://ci.example.test/yandex cloud&x=1";

fn in_job(cloud: &Emulator, words: &[&str]) -> Run {
    let run = yc_auth(words)
        .env("YC_API_ENDPOINT", cloud.api_url())
        .env("YC_OAUTH_ENDPOINT", cloud.api_url())
        .env("YC_SERVICE_ACCOUNT_ID", cloud.service_account_id());
    let [url, token] = cloud.github_variables();
    run.env(&url.0, &url.1).secret(&token.0, &token.1)
}

#[test]
fn the_job_asks_for_a_token_of_this_audience() {
    let cloud = Emulator::builder().oidc_audience(AUDIENCE).start_in_thread().unwrap();
    for words in [&["token"][..], &["token", "--method", "workload-identity"]] {
        let run = in_job(&cloud, &[words, &["--audience", AUDIENCE]].concat());
        assert!(run.done().output().starts_with("t1."));
        // The federation accepts no other audience.
        in_job(&cloud, &[words, &["--audience", "https://other.example.test"]].concat()).done().fails(6);
    }
    in_job(&cloud, &["token", "--audience", " "]).done().fails(4);
}

#[test]
fn an_audience_without_effect_is_named() {
    let cloud = Emulator::start_in_thread().unwrap();
    let given =
        in_job(&cloud, &["token", "--audience", AUDIENCE]).env("YC_OIDC_TOKEN", cloud.oidc_token().unwrap());
    let outcome = given.done();
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert_eq!(outcome.stderr, "warning: --audience has no effect: the token is in YC_OIDC_TOKEN\n");
    let outcome = yc_auth(["token", "--audience", AUDIENCE]).env("YC_IAM_TOKEN", "t1.fake.token").done();
    assert_eq!(outcome.stderr, "warning: --audience has no effect: the method is iam-token\n");
}
