//! `credential aws`: ephemeral keys of Object Storage.

use std::time::Duration;

use serde_json::json;
use yandex_cloud_emulator::{Emulator, Fault, Service};

use super::{is_hours, left, one_line};
use crate::run::{CLOSED_PORT, Folder, Outcome, keys, yc_auth};

const EXCHANGE: &str = "POST /iam/v1/tokens";
const KEYS: &str = "POST /iam/aws-compatibility/v1/ephemeralAccessKeys";

fn aws(cloud: &Emulator, words: &[&str]) -> Outcome {
    yc_auth(["credential", "aws"].iter().chain(words))
        .secret("YC_SERVICE_ACCOUNT_KEY_FILE", &cloud.service_account_key().unwrap())
        .env("YC_API_ENDPOINT", cloud.api_url())
        .done()
}

#[test]
fn the_keys_have_the_form_of_credential_process() {
    let cloud = Emulator::start_in_thread().unwrap();
    let outcome = aws(&cloud, &[]);
    let answer = outcome.json();
    assert_eq!(
        keys(&answer, outcome.output()),
        ["Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]
    );
    assert_eq!(answer["Version"], json!(1), "a number");
    assert!(answer["SecretAccessKey"].as_str().unwrap().starts_with("YC"));
    assert!(answer["SessionToken"].as_str().unwrap().starts_with("s1."));
    assert!(is_hours(left(answer["Expiration"].as_str().unwrap()), 1), "{answer}");
    assert_eq!((cloud.counters().route(EXCHANGE), cloud.counters().route(KEYS)), (1, 1));
}

#[test]
fn the_life_is_cut_to_that_of_the_token() {
    for (lifetime, duration, hours) in [(12, "12h", 12), (12, "2h", 2), (3, "12h", 3)] {
        let lifetime = Duration::from_secs(lifetime * 3600);
        let cloud = Emulator::builder().token_lifetime(lifetime).start_in_thread().unwrap();
        let answer = aws(&cloud, &["--duration", duration]).json();
        assert!(is_hours(left(answer["Expiration"].as_str().unwrap()), hours), "{answer}");
        assert_eq!(cloud.counters().route(EXCHANGE), 1, "a new token would not live longer");
    }
    // Shorter than the shortest life that can be asked for.
    let cloud = Emulator::builder().token_lifetime(Duration::from_secs(600)).start_in_thread().unwrap();
    let answer = aws(&cloud, &[]).json();
    assert!(left(answer["Expiration"].as_str().unwrap()) <= Duration::from_secs(600), "{answer}");
}

#[test]
fn options_that_the_service_would_refuse_are_refused_here() {
    let cloud = Emulator::start_in_thread().unwrap();
    let folder = Folder::new();
    let file = |name: &str, text: &str| folder.file(name, text).display().to_string();
    let policy = file("policy.json", r#"{"Version":"2012-10-17","Statement":[]}"#);
    let (long, text) =
        (file("long", &format!("{{\"a\":\"{}\"}}", "a".repeat(2048))), file("text", "allow all"));
    assert_eq!(aws(&cloud, &["--policy", &policy, "--session-name", "a.b@c"]).status, 0);
    for (words, place) in [
        (["--policy", &*long], "--policy"),
        (["--policy", &*text], "--policy"),
        (["--policy", "/nonexistent/policy.json"], "--policy"),
        (["--policy", "/dev/zero"], "--policy"),
        (["--session-name", "two words"], "--session-name"),
        (["--session-name", ""], "--session-name"),
    ] {
        let outcome = aws(&cloud, &words);
        let line = outcome.fails(4);
        assert!(line.starts_with(&format!("error: {place}")) && line.lines().count() == 1, "{line}");
    }
    // A pipe that nobody writes to ends with the time of the hook; one with a writer is read.
    let pipe = folder.pipe("pipe");
    let outcome = aws(&cloud, &["--timeout", "0.5", "--policy", pipe.to_str().unwrap()]);
    assert!(outcome.fails(5).contains("did not end within 0.5 s"), "{outcome:?}");
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "{}")
    });
    assert_eq!(aws(&cloud, &["--policy", pipe.to_str().unwrap()]).status, 0);
    writer.join().unwrap().unwrap();
    for duration in ["59m", "13h", "1", ""] {
        assert_eq!(aws(&cloud, &["--duration", duration]).status, 2, "{duration}");
    }
    assert_eq!(cloud.counters().route(KEYS), 2);
}

#[test]
fn without_an_iam_token_or_without_iam_there_are_no_keys() {
    let outcome = yc_auth(["credential", "aws"]).secret("YC_API_KEY", "AQVN-fake-key").done();
    assert!(one_line(&outcome, 4).contains("requested with an IAM token"), "{outcome:?}");
    let token = yc_auth(["credential", "aws", "--timeout", "2"]).secret("YC_IAM_TOKEN", "t1.FAKE-token.aws");
    let outcome = token.env("YC_API_ENDPOINT", format!("http://{CLOSED_PORT}")).done();
    assert!(one_line(&outcome, 5).contains("connection refused"), "{outcome:?}");
    let cloud = Emulator::start_in_thread().unwrap();
    let token = yc_auth(["credential", "aws"]).secret("YC_IAM_TOKEN", "t1.FAKE-token.aws");
    let outcome = token.env("YC_API_ENDPOINT", cloud.api_url()).done();
    assert!(one_line(&outcome, 6).contains("HTTP 401"), "{outcome:?}");
    cloud.faults().add(Fault::hang().on(Service::Iam));
    let outcome = aws(&cloud, &["--timeout", "1.5"]);
    assert!(one_line(&outcome, 5).contains("1.5 s"), "{outcome:?}");
}
