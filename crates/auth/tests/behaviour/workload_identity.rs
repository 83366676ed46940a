//! Workload identity: where the subject token comes from, where it goes, and what the answers become.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::SystemTime;

use crate::support::{IAM_TOKEN, METADATA_ANSWER, Machine, OAUTH_TOKEN};
use test_support::token_source::header;
use test_support::wait::{secs, until};
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestReply};
use yandex_cloud_auth::{
    Automatic, Credentials, Endpoints, Error, ErrorKind, HeaderOptions, Method, Outcome, SubjectToken,
    System, WorkloadIdentityAuth,
};
use yandex_cloud_emulator::Emulator;

const ACCOUNT: &str = "ajefake0account00001";
/// `{"iss":"https://issuer.example","exp":1795478400}`: the first moment of the test clock's day, and so expired.
const OVER: &str =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiZXhwIjoxNzk1NDc4NDAwfQ.HUSH-over";
/// `{"sub":"x"}`, without an end.
const SUBJECT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.HUSH-signature";
const FILE: &str = "/var/run/secrets/tokens/yandex-cloud";
const EXCHANGE: &str = "POST https://auth.yandex.cloud/oauth/token";

const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const GITHUB: &str = "https://pipelines.actions.githubusercontent.example/FAKE-job/idtoken?api-version=2.0";
const REQUEST_TOKEN: &str = "HUSH-request-token";

fn granted() -> TestReply {
    TestReply::status(
        200,
        format!(r#"{{"access_token":"{IAM_TOKEN}","token_type":"Bearer","expires_in":43200}}"#),
    )
}

/// GitHub's endpoint, and the authorization server, which answers `exchange`.
fn federation(
    exchange: TestReply,
) -> impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static {
    move |request, _| match request.uri().path() {
        "/FAKE-job/idtoken" => TestReply::status(200, format!(r#"{{"count":1,"value":"{SUBJECT}"}}"#)),
        "/oauth/token" => exchange.clone(),
        _ => TestReply::status(404, ""),
    }
}

fn machine() -> Machine {
    let machine = Machine::new()
        .set(URL, GITHUB)
        .set(TOKEN, REQUEST_TOKEN)
        .set("MY_TOKEN", SUBJECT)
        .answering(federation(granted()));
    machine.files.write(FILE, format!("{SUBJECT}\n"));
    machine
}

fn closure() -> SubjectToken {
    SubjectToken::from_fn(|| async { Ok(SUBJECT.to_owned()) })
}

/// Every source of subject tokens.
fn sources() -> [SubjectToken; 5] {
    [
        SubjectToken::file(FILE),
        SubjectToken::variable("MY_TOKEN"),
        SubjectToken::github_actions(),
        SubjectToken::github_actions_for("https://example.com/?a=b&c"),
        closure(),
    ]
}

fn by(machine: &Machine, subject: SubjectToken) -> Credentials {
    machine.with(WorkloadIdentityAuth::new(ACCOUNT, subject))
}

fn failure(credentials: &Credentials) -> Error {
    let error = credentials.blocking().header().unwrap_err();
    assert_eq!(error.method(), Some(Method::WorkloadIdentity), "{error}");
    let shown = format!("{error} {error:?} {:?} {credentials:?}", error.help());
    assert!(!shown.contains("HUSH"), "{shown}");
    error
}

/// The fields of a form.
fn fields(body: &[u8]) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, more @ ..] = rest {
            rest = more;
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&more[..2]).unwrap(), 16).unwrap());
                rest = &more[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    let body = std::str::from_utf8(body).unwrap();
    body.split('&')
        .map(|field| field.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

#[test]
fn every_source_of_subject_tokens_ends_in_the_documented_exchange() {
    for subject in sources() {
        let machine = machine();
        let rule = federation(granted());
        let machine = machine.answering(move |request, count| {
            if request.uri().path() == "/oauth/token" {
                assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
                assert!(!request.headers().contains_key("authorization"));
                let expected = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                    ("audience", ACCOUNT),
                    ("subject_token", SUBJECT),
                    ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
                ];
                let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
                assert_eq!(fields(request.body()), BTreeMap::from(expected));
            }
            rule(request, count)
        });
        let credentials = by(&machine, subject);
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
        assert_eq!(credentials.method(), Some(Method::WorkloadIdentity));
        assert_eq!(machine.http.requests().last().unwrap(), EXCHANGE);
        let shown = format!("{:?} {credentials:?}", machine.log.lines());
        assert!(!shown.contains("HUSH"), "{shown}");
    }
}

#[test]
fn the_life_of_the_token_is_what_the_answer_says() {
    let machine = machine();
    let credentials = by(&machine, closure());
    header(&credentials);
    let expires_at = credentials.snapshot().unwrap().expires_at().unwrap();
    let left = expires_at.duration_since(SystemTime::UNIX_EPOCH).unwrap() - machine.clock.now().wall;
    assert_eq!(left, secs(12 * 3600));
}

#[test]
fn a_file_is_read_again_for_each_exchange() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&seen);
    let machine = Machine::new().answering(move |request, count| {
        told.lock().unwrap().push(fields(request.body())["subject_token"].clone());
        TestReply::status(200, format!(r#"{{"access_token":"t1.FAKE-{count}.x","expires_in":300}}"#))
    });
    let credentials = by(&machine, SubjectToken::file(FILE));
    for (count, subject) in ["a.b.c", "d.e.f"].into_iter().enumerate() {
        machine.files.write(FILE, subject);
        assert_eq!(header(&credentials), format!("Bearer t1.FAKE-{count}.x"));
        machine.clock.advance(secs(300));
    }
    assert_eq!(*seen.lock().unwrap(), ["a.b.c", "d.e.f"]);
}

#[test]
fn a_token_at_hand_outlives_a_file_that_is_gone() {
    let machine = machine();
    let credentials = by(&machine, SubjectToken::file(FILE));
    let held = header(&credentials);
    machine.files.remove(FILE);
    machine.clock.advance(secs(3 * 3600));
    assert_eq!(header(&credentials), held);
    until("the renewal beside the call has failed", || credentials.counters().failures == 1);
    machine.clock.advance(secs(9 * 3600));
    let error = failure(&credentials);
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(FILE)));
    machine.files.write(FILE, SUBJECT);
    machine.clock.advance(secs(60));
    assert_eq!(header(&credentials), held, "nothing is final");
}

#[test]
fn what_stands_in_a_variable_is_exchanged_once_for_the_whole_life_of_the_token() {
    for (subject, exchanges) in [(SubjectToken::variable("MY_TOKEN"), 1), (SubjectToken::file(FILE), 2)] {
        let machine = machine();
        let credentials = by(&machine, subject);
        header(&credentials);
        machine.clock.advance(secs(3 * 3600));
        header(&credentials);
        assert_eq!(credentials.counters().fetches, exchanges);
    }
}

#[test]
fn github_is_asked_at_its_own_address_with_its_own_token() {
    for (url, audience, asked) in [
        (GITHUB, None, GITHUB.to_owned()),
        (GITHUB, Some("https://x/?a&b"), format!("{GITHUB}&audience=https%3A%2F%2Fx%2F%3Fa%26b")),
        (
            "https://ghe.example/FAKE-job/idtoken",
            Some("me"),
            "https://ghe.example/FAKE-job/idtoken?audience=me".to_owned(),
        ),
        (
            "http://127.0.0.1:9/FAKE-job/idtoken?x=1",
            Some("me"),
            "http://127.0.0.1:9/FAKE-job/idtoken?x=1&audience=me".to_owned(),
        ),
    ] {
        let rule = federation(granted());
        let machine = machine().set(URL, url).answering(move |request, count| {
            if request.uri().path() == "/FAKE-job/idtoken" {
                assert_eq!(request.method(), "GET");
                assert_eq!(request.headers()["authorization"], format!("bearer {REQUEST_TOKEN}"));
                assert!(request.headers()["authorization"].is_sensitive());
            } else {
                let everything = format!("{request:?} {}", String::from_utf8_lossy(request.body()));
                assert!(!everything.contains(REQUEST_TOKEN), "{everything}");
            }
            rule(request, count)
        });
        let subject = audience.map_or_else(SubjectToken::github_actions, SubjectToken::github_actions_for);
        header(&by(&machine, subject));
        assert_eq!(machine.http.requests(), [format!("GET {asked}"), EXCHANGE.to_owned()]);
    }
}

#[test]
fn what_github_answers_instead_of_a_token_is_told_by_its_host() {
    let value = |value: &str| TestReply::status(200, format!(r#"{{"value":{value}}}"#));
    for (reply, kind, words) in [
        (TestReply::status(200, ""), ErrorKind::Unavailable, "no JSON"),
        (TestReply::status(200, "{}"), ErrorKind::Unavailable, "no text `value`"),
        (value("7"), ErrorKind::Unavailable, "no text `value`"),
        (value("\"HUSH\""), ErrorKind::Unavailable, "no JWT"),
        (TestReply::status(302, ""), ErrorKind::Unavailable, "never followed"),
        (TestReply::status(500, ""), ErrorKind::Unavailable, "HTTP 500"),
        (TestReply::status(403, format!("no {REQUEST_TOKEN}")), ErrorKind::Refused, "HTTP 403"),
        (TestReply::Fail(HttpFault::NameResolution), ErrorKind::Unavailable, "NameResolution"),
    ] {
        let answer = match reply {
            TestReply::Response(302, _, body) => {
                TestReply::Response(302, vec![("location", "https://evil.example/".to_owned())], body)
            }
            reply => reply,
        };
        let machine = machine().answering(move |_, _| answer.clone());
        let error = failure(&by(&machine, SubjectToken::github_actions()));
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.location(), Some("https://pipelines.actions.githubusercontent.example"));
        assert!(error.reason().contains(words), "{error}");
        assert!(error.help().is_some());
        assert_eq!(machine.http.requests().len(), 1, "nothing is asked after it");
        if kind == ErrorKind::Refused {
            assert!(error.help().unwrap().contains("id-token: write"));
        }
    }
}

#[test]
fn the_token_to_ask_github_with_never_travels_in_clear_nor_to_what_is_no_url() {
    for (url, kind) in [
        ("http://pipelines.example/idtoken", ErrorKind::Blocked),
        ("http://10.0.0.1/idtoken", ErrorKind::Blocked),
        ("ftp://pipelines.example/idtoken", ErrorKind::Invalid),
        ("pipelines.example/idtoken", ErrorKind::Invalid),
        ("/idtoken", ErrorKind::Invalid),
        ("https://", ErrorKind::Invalid),
        ("https://user:HUSH@pipelines.example/", ErrorKind::Invalid),
        ("https://pipelines.example:0/", ErrorKind::Invalid),
        ("https://pipelines example/", ErrorKind::Invalid),
        ("https://конвейер.рф/", ErrorKind::Invalid),
    ] {
        let machine = machine().set(URL, url).set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
        for credentials in [by(&machine, SubjectToken::github_actions()), machine.automatic()] {
            let error = failure(&credentials);
            assert_eq!((error.kind(), error.location()), (kind, Some(URL)), "{url}");
            assert!(error.help().is_some());
        }
        assert!(machine.http.requests().is_empty(), "{url}");
    }
    let machine = machine().set(TOKEN, "HUSH HUSH");
    let error = failure(&by(&machine, SubjectToken::github_actions()));
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(TOKEN)));
}

#[test]
fn the_programs_own_subject_token_is_asked_for_at_each_exchange_where_fetches_run() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let machine = machine().always(TestReply::status(200, r#"{"access_token":"t1.FAKE.x","expires_in":60}"#));
    let caller = std::thread::current().id();
    let subject = SubjectToken::from_fn(move || {
        assert_ne!(std::thread::current().id(), caller);
        let count = count.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::task::yield_now().await; // there is a runtime
            Ok(format!("a.{count}.c"))
        }
    });
    let credentials = by(&machine, subject);
    for exchanges in 1..=3 {
        header(&credentials);
        assert_eq!(asked.load(Ordering::SeqCst), exchanges);
        machine.clock.advance(secs(60));
    }

    let shut = SubjectToken::from_fn(|| async {
        Err(Error::new(ErrorKind::Unavailable, "the vault is shut").with_help("open it"))
    });
    let error = failure(&by(&machine, shut));
    assert_eq!((error.reason(), error.help()), ("the vault is shut", Some("open it")));
    let odd = SubjectToken::from_fn(|| async { Ok("HUSH".to_owned()) });
    let error = failure(&by(&machine, odd));
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("subject token of the program")));
}

#[test]
fn what_is_no_subject_token_is_refused_before_anything_is_sent() {
    for (value, words) in [
        ("HUSH", "no JWT"),
        ("HUSH.HUSH", "no JWT"),
        ("HUSH..HUSH", "no JWT"),
        ("HUSH.HUSH.HUSH.HUSH.HUSH", "no JWT"),
        ("HUSH.HU=SH.HUSH", "no JWT"),
        ("HUSH.HU+SH.HUSH", "no JWT"),
        ("{\"access_token\":\"HUSH\"}", "no JWT"),
        ("HUSH.HUSH.HUSH HUSH", "space"),
        ("HUSH.HUSH\nHUSH.HUSH", "control character"),
        ("Bearer HUSH.HUSH.HUSH", "scheme"),
        ("HUSH.ЖЖ.HUSH", "outside ASCII"),
        ("t1.HUSH.HUSH", "IAM token"),
        ("y0_HUSH", "OAuth token"),
    ] {
        let machine = machine()
            .set("MY_TOKEN", value)
            .set("YC_OIDC_TOKEN", value)
            .set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
        machine.files.write(FILE, value);
        let given = value.to_owned();
        for (credentials, place) in [
            (by(&machine, SubjectToken::file(FILE)), FILE),
            (by(&machine, SubjectToken::variable("MY_TOKEN")), "MY_TOKEN"),
            (machine.with(WorkloadIdentityAuth::from_env()), "YC_OIDC_TOKEN"),
            (machine.automatic(), "YC_OIDC_TOKEN"),
            (
                by(&machine, SubjectToken::from_fn(move || std::future::ready(Ok(given.clone())))),
                "subject token of the program",
            ),
        ] {
            let error = failure(&credentials);
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(place)), "{value:?}");
            assert!(error.reason().contains(words), "{value:?}: {error}");
            assert!(error.help().is_some());
        }
        assert!(machine.http.requests().is_empty(), "{value:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_says_what_is_wrong_with_it() {
    let machine = machine();
    machine.files.write("/big", vec![b'a'; 20 << 10]);
    machine.files.write("/binary", vec![0xff, 0xfe]);
    machine.files.write("/empty", "\n");
    for (path, words) in [
        ("/missing", "no such file"),
        ("/big", "larger than 16 KiB"),
        ("/binary", "not text"),
        ("/empty", "empty"),
    ] {
        let error = failure(&by(&machine, SubjectToken::file(path)));
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(path)));
        assert!(error.reason().contains(words), "{error}");
        assert!(error.help().is_some());
    }
    assert!(machine.http.requests().is_empty());
}

#[test]
fn what_is_no_id_of_a_service_account_is_refused_and_not_shown() {
    for id in ["", " ", "HUSH", "t1.HUSH", "AQVN-HUSH", "aje/HUSH", "aje&audience=HUSH", &"a".repeat(51)] {
        let machine = machine().set("YC_SERVICE_ACCOUNT_ID", id).set("YC_OIDC_TOKEN", SUBJECT);
        let error = failure(&machine.with(WorkloadIdentityAuth::new(id, closure())));
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some("service account id")),
            "{id}"
        );
        assert!(error.help().unwrap().contains("service-account list"));
        for credentials in [machine.with(WorkloadIdentityAuth::from_env()), machine.automatic()] {
            let error = failure(&credentials);
            assert_eq!(
                (error.kind(), error.location()),
                (ErrorKind::Invalid, Some("YC_SERVICE_ACCOUNT_ID")),
                "{id}"
            );
        }
        assert!(machine.http.requests().is_empty());
    }
}

#[test]
fn a_name_of_a_variable_that_is_none_is_not_shown() {
    let error = failure(&by(&machine(), SubjectToken::variable("eyJHUSH.HUSH.HUSH")));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = failure(&by(&machine(), SubjectToken::variable("NOT_THERE")));
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("NOT_THERE")));
}

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
fn the_variables_open_the_slot_together() {
    use Slot::{Absent, Broken, Open};
    let file = ("YC_OIDC_TOKEN_FILE", FILE);
    let token = ("YC_OIDC_TOKEN", SUBJECT);
    let account = ("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
    let (url, ask) = ((URL, GITHUB), (TOKEN, REQUEST_TOKEN));
    let cases: [(&[(&str, &str)], Slot); 15] = [
        (&[], Absent("not set")),
        (&[account], Absent("YC_SERVICE_ACCOUNT_ID alone opens nothing")),
        (&[file, account], Open("YC_OIDC_TOKEN_FILE")),
        (&[token, account], Open("YC_OIDC_TOKEN")),
        (&[url, ask, account], Open(URL)),
        (&[file, url, ask, account], Open("YC_OIDC_TOKEN_FILE")),
        (&[token, url, ask, account], Open("YC_OIDC_TOKEN")),
        (&[url, ask], Absent("not set")),
        (&[url], Absent("not set")),
        (&[file], Broken("YC_SERVICE_ACCOUNT_ID", "YC_OIDC_TOKEN_FILE is")),
        (&[token, url, ask], Broken("YC_SERVICE_ACCOUNT_ID", "YC_OIDC_TOKEN is")),
        (&[file, token, account], Broken("YC_OIDC_TOKEN_FILE", "YC_OIDC_TOKEN is set too")),
        (&[url, account], Broken(TOKEN, "not set")),
        (&[ask, account], Broken(URL, "not set")),
        (&[("YC_OIDC_TOKEN_FILE", "/missing"), account], Broken("/missing", "no such file")),
    ];
    for (variables, slot) in cases {
        for automatic in [Automatic::new(), Automatic::new().lenient()] {
            let mut machine = Machine::new().answering(|request, count| match request.uri().host() {
                Some("169.254.169.254") => TestReply::status(200, METADATA_ANSWER),
                _ => federation(granted())(request, count),
            });
            machine.files.write(FILE, SUBJECT);
            for (name, value) in variables {
                machine = machine.set(name, value);
            }
            let credentials = automatic.with_system(machine.system()).build();
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
                    assert!(machine.http.requests().is_empty(), "nobody else is asked: {variables:?}");
                }
            }
        }
    }
}

#[test]
fn made_by_hand_it_reads_the_same_variables_and_misses_them_by_name() {
    let machine = machine().set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
    header(&machine.with(WorkloadIdentityAuth::from_env()));
    for (machine, place) in [
        (Machine::new(), "YC_OIDC_TOKEN_FILE"),
        (Machine::new().set("YC_SERVICE_ACCOUNT_ID", ACCOUNT), "YC_OIDC_TOKEN_FILE"),
    ] {
        let error = failure(&machine.with(WorkloadIdentityAuth::from_env()));
        assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some(place)));
        assert!(error.help().unwrap().contains("YC_SERVICE_ACCOUNT_ID"));
    }
}

#[test]
fn in_a_slot_of_ones_own_a_source_that_is_not_there_is_passed_over() {
    for subject in [SubjectToken::github_actions(), SubjectToken::variable("NOT_THERE")] {
        let machine = Machine::new().set("YC_TOKEN", IAM_TOKEN);
        let auth = WorkloadIdentityAuth::new(ACCOUNT, subject);
        let automatic = Automatic::new().replace("workload-identity", auth).unwrap();
        let credentials = automatic.with_system(machine.system()).build();
        header(&credentials);
        assert_eq!(credentials.method(), Some(Method::EnvIamToken));
    }
}

#[test]
fn a_refusal_is_told_in_the_servers_words_with_what_to_compare() {
    for (status, body, words, help) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"no federated credential"}"#,
            "no federated credential",
            "`sub`",
        ),
        (400, r#"{"error":"invalid_request"}"#, "invalid_request", "`iss`"),
        (401, r#"{"code":16,"message":"the token is unknown"}"#, "the token is unknown", ACCOUNT),
        (403, "", "HTTP 403", "federated-credential list"),
        (404, "", "HTTP 404", "YC_OAUTH_ENDPOINT"),
    ] {
        let machine = machine().answering(federation(TestReply::status(status, body)));
        for subject in sources() {
            let error = failure(&by(&machine, subject));
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
            assert_eq!(error.location(), Some("https://auth.yandex.cloud/oauth/token"));
            assert!(error.reason().contains(words), "{error}");
            assert!(error.help().unwrap().contains(help), "{:?}", error.help());
        }
    }
    let echo = TestReply::status(401, format!(r#"{{"error_description":"bad {SUBJECT}"}}"#));
    failure(&by(&machine().answering(federation(echo)), closure()));
}

#[test]
fn a_refused_token_that_is_over_is_said_to_be() {
    let machine = machine().answering(federation(TestReply::status(400, "{}"))).set("MY_TOKEN", OVER);
    let error = failure(&by(&machine, SubjectToken::variable("MY_TOKEN")));
    let help = error.help().unwrap();
    assert!(help.contains("MY_TOKEN") && help.contains("2026-11-24T00:00:00Z"), "{help}");
    assert_eq!(machine.http.requests(), [EXCHANGE], "the server is the judge: our clock may be wrong");
}

#[test]
fn an_answer_that_is_no_token_is_an_outage_that_says_why() {
    let body = |body: &str| TestReply::status(200, body);
    for (reply, words) in [
        (body(""), "no JSON"),
        (body("[]"), "not a JSON object"),
        (body("{}"), "`access_token`"),
        (body(r#"{"iamToken":"t1.HUSH"}"#), "`access_token`"),
        (body(r#"{"access_token":"HUSH HUSH"}"#), "`access_token`"),
        (body(r#"{"access_token":"t1.HUSH","expires_in":0}"#), "`expires_in`"),
        (body(r#"{"access_token":"t1.HUSH","expires_in":1e99}"#), "`expires_in`"),
        (body(r#"{"access_token":"t1.HUSH","expires_in":"43200"}"#), "`expires_in`"),
        (TestReply::status(200, vec![b' '; 2 << 20]), "too large"),
        (TestReply::status(307, ""), "never followed"),
        (TestReply::status(503, ""), "HTTP 503"),
        (TestReply::Fail(HttpFault::ConnectTimeout), "ConnectTimeout"),
    ] {
        let error = failure(&by(&machine().answering(federation(reply.clone())), closure()));
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{reply:?}: {error}");
        assert!(error.reason().contains(words), "{error}");
        assert!(error.help().is_some());
    }
    let busy = TestReply::Response(429, vec![("retry-after", "30".to_owned())], Vec::new());
    let error = failure(&by(&machine().answering(federation(busy)), closure()));
    assert_eq!(error.retry_after(), Some(secs(30)));
}

#[test]
fn the_subject_token_goes_to_the_authorization_server_alone() {
    // In code and in the variable: where it goes, or what is said instead.
    for (named, goes, in_code_kind) in [
        ("auth.yandex.cloud", Some("https://auth.yandex.cloud"), None),
        ("https://AUTH.yandex.cloud.:443/", Some("https://auth.yandex.cloud"), None),
        ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"), None),
        ("http://localhost:8080/", Some("http://localhost:8080"), None),
        ("auth.corp.example:8443", Some("https://auth.corp.example:8443"), None),
        ("http://auth.yandex.cloud", None, Some(ErrorKind::Blocked)),
        ("http://10.0.0.1", None, Some(ErrorKind::Blocked)),
        ("https://auth.yandex.cloud/oauth/token", None, Some(ErrorKind::Invalid)),
        ("https://user:HUSH@auth.yandex.cloud", None, Some(ErrorKind::Invalid)),
        ("ftp://auth.yandex.cloud", None, Some(ErrorKind::Invalid)),
    ] {
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&shown);
        let machine = machine().answering(move |request, count| {
            if String::from_utf8_lossy(request.body()).contains(SUBJECT) {
                seen.lock().unwrap().push(request.uri().to_string());
            }
            federation(granted())(request, count)
        });
        let in_variable = machine.clone().set("YC_OAUTH_ENDPOINT", named);
        let in_code = machine.at(Endpoints::new().oauth(named));
        let in_code = by(&in_code, SubjectToken::github_actions());
        for (credentials, place) in [
            (in_code, "oauth endpoint"),
            (by(&in_variable, SubjectToken::github_actions()), "YC_OAUTH_ENDPOINT"),
        ] {
            match (goes, in_code_kind) {
                (Some(goes), _) => {
                    header(&credentials);
                    assert_eq!(shown.lock().unwrap().pop(), Some(format!("{goes}/oauth/token")), "{named}");
                }
                (None, kind) => {
                    let error = failure(&credentials);
                    assert_eq!((Some(error.kind()), error.location()), (kind, Some(place)), "{named}");
                    assert!(shown.lock().unwrap().is_empty(), "{named}");
                }
            }
        }
    }
    let plain = Endpoints::new().oauth("http://auth.corp.example").danger_allow_plaintext();
    header(&by(&machine().at(plain), closure()));
}

#[test]
fn an_authorization_server_of_somebody_elses_in_the_environment_is_warned_about() {
    for (named, foreign) in [
        ("auth.corp.example", true),
        ("auth.yandex.cloud.evil.example", true),
        ("storage.yandexcloud.net", true),
        ("auth.yandex.cloud", false),
        ("http://127.0.0.1:8080", false),
    ] {
        let machine = machine().set("YC_OAUTH_ENDPOINT", named);
        let credentials = by(&machine, closure());
        header(&credentials);
        let warnings = machine.log.warnings();
        assert_eq!(warnings.iter().any(|line| line.contains("YC_OAUTH_ENDPOINT")), foreign, "{warnings:?}");
        let notes = credentials.report().unwrap().notes().to_vec();
        assert_eq!(notes.iter().any(|note| note.contains("YC_OAUTH_ENDPOINT")), foreign, "{notes:?}");
    }
}

#[test]
fn everything_together_takes_no_longer_than_the_limit() {
    // Who is silent, and what is said after which time.
    for (silent, subject, limit, words) in [
        ("/FAKE-job/idtoken", SubjectToken::github_actions(), 5, "no response within 5s"),
        ("/oauth/token", SubjectToken::github_actions(), 10, "within 10s"),
        ("", SubjectToken::from_fn(std::future::pending), 10, "no token within 10s"),
    ] {
        let (tell, asked) = mpsc::channel();
        let tell = Mutex::new(tell);
        let machine = machine().answering(move |request, count| {
            let path = request.uri().path().to_owned();
            let reply =
                if path == silent { TestReply::Silence } else { federation(granted())(request, count) };
            tell.lock().unwrap().send(path).unwrap();
            reply
        });
        let credentials = by(&machine, subject);
        let call = std::thread::spawn(move || credentials.blocking().header().unwrap_err());
        while !silent.is_empty() && asked.recv().unwrap() != silent {}
        machine.clock.wait_for_sleepers(1 + usize::from(!silent.is_empty()));
        machine.clock.advance(secs(limit));
        let error = call.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.reason().contains(words), "{error}");
    }
}

#[test]
fn it_tells_whom_it_stands_for() {
    let machine = machine().set("YC_SERVICE_ACCOUNT_ID", ACCOUNT).set("YC_OIDC_TOKEN_FILE", FILE);
    for credentials in [by(&machine, closure()), machine.automatic()] {
        let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
        assert_eq!(identity.subject_id.as_deref(), Some(ACCOUNT));
        assert!(identity.remarks[0].contains("another issuer"), "{identity:?}");
        assert!(!format!("{identity:?}").contains("HUSH"));
    }
}

#[test]
fn an_oauth_token_is_not_taken_for_it() {
    let machine = machine().set("YC_OIDC_TOKEN", OAUTH_TOKEN).set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
    let error = failure(&machine.automatic());
    assert!(error.help().unwrap().contains("YC_OAUTH_TOKEN"), "{:?}", error.help());
}

/// A machine whose authorization server is the emulator's, with these variables and one file.
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
fn the_emulator_refuses_what_the_federation_does_not_name() {
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
fn the_pages_name_the_variables_that_there_are() {
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
