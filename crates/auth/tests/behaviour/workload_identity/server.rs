//! Workload identity: the responses of the authorization server, and where the subject token goes.

use super::*;

#[test]
fn a_refusal_has_the_message_of_the_server_and_what_to_compare() {
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
        let test_system = test_system().answering(federation(TestReply::status(status, body)));
        for subject in sources() {
            let error = failure(&by(&test_system, subject));
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
            assert_eq!(error.location(), Some("https://auth.yandex.cloud/oauth/token"));
            assert!(error.reason().contains(words), "{error}");
            assert!(error.help().unwrap().contains(help), "{:?}", error.help());
        }
    }
    let echo = TestReply::status(401, format!(r#"{{"error_description":"bad {SUBJECT}"}}"#));
    failure(&by(&test_system().answering(federation(echo)), closure()));
}

#[test]
fn a_refusal_of_an_expired_subject_token_says_that_it_has_expired() {
    let test_system = test_system().answering(federation(TestReply::status(400, "{}"))).set("MY_TOKEN", OVER);
    let error = failure(&by(&test_system, SubjectToken::variable("MY_TOKEN")));
    let help = error.help().unwrap();
    assert!(help.contains("MY_TOKEN") && help.contains("2026-11-24T00:00:00Z"), "{help}");
    assert_eq!(test_system.http.requests(), [EXCHANGE], "the server is the judge: our clock may be wrong");
}

#[test]
fn a_response_without_a_token_is_an_outage_with_the_reason() {
    let body = |body: &str| TestReply::status(200, body);
    for (reply, words) in [
        (body(""), "not JSON"),
        (body("[]"), "not a JSON object"),
        (body("{}"), "`access_token`"),
        (body(r#"{"iamToken":"t1.HUSH"}"#), "`access_token`"),
        (body(r#"{"access_token":"HUSH HUSH"}"#), "`access_token`"),
        (body(r#"{"access_token":"t1.HUSH","expires_in":0}"#), "`expires_in`"),
        (body(r#"{"access_token":"t1.HUSH","expires_in":1e99}"#), "`expires_in`"),
        (body(r#"{"access_token":"t1.HUSH","expires_in":"43200"}"#), "`expires_in`"),
        (TestReply::status(200, vec![b' '; 2 << 20]), "too large"),
        (TestReply::status(503, ""), "HTTP 503"),
        (TestReply::Fail(HttpFault::ConnectTimeout), "ConnectTimeout"),
    ] {
        let error = failure(&by(&test_system().answering(federation(reply.clone())), closure()));
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{reply:?}: {error}");
        assert!(error.reason().contains(words), "{error}");
        assert!(error.help().is_some());
    }
    let busy = TestReply::Response(429, vec![("retry-after", "30".to_owned())], Vec::new());
    let error = failure(&by(&test_system().answering(federation(busy)), closure()));
    assert_eq!(error.retry_after(), Some(secs(30)));
}

#[test]
fn the_subject_token_goes_to_the_authorization_server_only() {
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
        let test_system = test_system().answering(move |request, count| {
            if String::from_utf8_lossy(request.body()).contains(SUBJECT) {
                seen.lock().unwrap().push(request.uri().to_string());
            }
            federation(granted())(request, count)
        });
        let in_variable = test_system.clone().set("YC_OAUTH_ENDPOINT", named);
        let in_code = test_system.at(Endpoints::new().oauth(named));
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
    header(&by(&test_system().at(plain), closure()));
}

#[test]
fn a_foreign_authorization_server_in_the_environment_gives_a_warning() {
    for (named, foreign) in [
        ("auth.corp.example", true),
        ("auth.yandex.cloud.evil.example", true),
        ("storage.yandexcloud.net", true),
        ("auth.yandex.cloud", false),
        ("http://127.0.0.1:8080", false),
    ] {
        let test_system = test_system().set("YC_OAUTH_ENDPOINT", named);
        let credentials = by(&test_system, closure());
        header(&credentials);
        let warnings = test_system.log.warnings();
        assert_eq!(warnings.iter().any(|line| line.contains("YC_OAUTH_ENDPOINT")), foreign, "{warnings:?}");
        let notes = credentials.report().unwrap().notes().to_vec();
        assert_eq!(notes.iter().any(|note| note.contains("YC_OAUTH_ENDPOINT")), foreign, "{notes:?}");
    }
}

#[test]
fn the_timeout_covers_all_steps_together() {
    // Who is silent, and what is said after which time.
    for (silent, subject, limit, words) in [
        ("/FAKE-job/idtoken", SubjectToken::github_actions(), 5, "no response within 5 s"),
        ("/oauth/token", SubjectToken::github_actions(), 10, "within 10 s"),
        ("", SubjectToken::from_fn(std::future::pending), 10, "no token within 10 s"),
    ] {
        let (tell, asked) = mpsc::channel();
        let tell = Mutex::new(tell);
        let test_system = test_system().answering(move |request, count| {
            let path = request.uri().path().to_owned();
            let reply =
                if path == silent { TestReply::Silence } else { federation(granted())(request, count) };
            tell.lock().unwrap().send(path).unwrap();
            reply
        });
        let credentials = by(&test_system, subject);
        let call = std::thread::spawn(move || credentials.blocking().header().unwrap_err());
        while !silent.is_empty() && asked.recv().unwrap() != silent {}
        test_system.clock.wait_for_sleepers(1 + usize::from(!silent.is_empty()));
        test_system.clock.advance(secs(limit));
        let error = call.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.reason().contains(words), "{error}");
    }
}
