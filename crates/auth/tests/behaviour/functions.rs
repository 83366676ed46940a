//! `function`: the token that each invocation brings, in a process that stands still between two of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue};
use test_support::system::empty_system;
use test_support::token_source::header;
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::system::{BoxFuture, Spawner};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{
    Automatic, Credentials, Error, ErrorKind, FunctionAuth, HeaderOptions, Method, Scheme, System,
};

/// Nobody may start anything: no thread, no fetch.
#[derive(Clone, Default)]
struct Nothing(Arc<AtomicUsize>);

impl Spawner for Nothing {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        drop(work);
    }
}

/// One instance of a function: its clock, what it has handed over to, and the client that it keeps.
struct Instance {
    clock: TestClock,
    auth: FunctionAuth,
    credentials: Credentials,
    started: Nothing,
}

impl Instance {
    fn new() -> Self {
        let (clock, started) = (TestClock::new(), Nothing::default());
        let system: System = empty_system(&clock).with_spawner(started.clone());
        let auth = FunctionAuth::with_system(system.clone());
        let credentials = Credentials::from(auth.clone()).with_system(system);
        Self { clock, auth, credentials, started }
    }

    /// An invocation with a token.
    fn invoked_with(&self, name: &str, life: u64) -> Result<(), Error> {
        self.auth.begin(&headers(&json(name, life)))
    }

    fn failure(&self) -> Error {
        self.credentials.blocking().header().unwrap_err()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        assert_eq!(self.started.0.load(Ordering::SeqCst), 0, "work was started");
    }
}

fn json(name: &str, life: u64) -> String {
    format!(r#"{{"access_token":"t1.FAKE-{name}.x","expires_in":{life},"token_type":"Bearer"}}"#)
}

fn headers(json: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(FunctionAuth::HEADER, HeaderValue::from_bytes(json.as_bytes()).unwrap());
    headers
}

#[test]
fn credentials_can_be_made_for_one_invocation() {
    let string = serde_json::to_string(&json("a", 42_637)).unwrap();
    for auth in [
        FunctionAuth::parse(json("a", 42_637)),
        FunctionAuth::parse(format!("  {}\n", json("a", 42_637))),
        FunctionAuth::parse(string),
        FunctionAuth::from_headers(&headers(&json("a", 42_637))),
    ] {
        let credentials = Credentials::from(auth.unwrap());
        let snapshot = credentials.blocking().get(HeaderOptions::new()).unwrap();
        assert_eq!(snapshot.header().unwrap(), "Bearer t1.FAKE-a.x");
        assert!(snapshot.header().unwrap().is_sensitive());
        assert_eq!((snapshot.method(), snapshot.scheme()), (Method::Function, Some(Scheme::Bearer)));
        assert!(snapshot.expires_at().is_some());
        assert!(!credentials.invalidate(&snapshot), "the invocation has no other token");
        assert_eq!(credentials.method().unwrap().name(), "function");
        assert_eq!(credentials.report().unwrap().selected().unwrap().source, "invocation");
    }
}

#[test]
fn a_warm_instance_sends_the_newest_token() {
    let instance = Instance::new();
    for name in ["a", "b", "c"] {
        instance.invoked_with(name, 3600).unwrap();
        assert_eq!(header(&instance.credentials), format!("Bearer t1.FAKE-{name}.x"));
        let cached = instance.credentials.try_header().unwrap().unwrap().unwrap();
        assert_eq!(cached, format!("Bearer t1.FAKE-{name}.x"));
        instance.clock.advance(secs(60));
    }
    assert_eq!(instance.credentials.snapshot().unwrap().generation(), 3);
    instance.auth.set(json("d", 3600)).unwrap();
    assert_eq!(header(&instance.credentials), "Bearer t1.FAKE-d.x");
    instance.credentials.prewarm();
}

#[test]
fn a_repeated_token_keeps_its_generation_and_gets_its_new_life() {
    let instance = Instance::new();
    for life in [3600, 3000, 2400] {
        instance.invoked_with("a", life).unwrap();
        let snapshot = instance.credentials.snapshot().unwrap();
        assert_eq!(snapshot.generation(), 1);
        let left = snapshot.expires_at().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(left - test_support::system::wall(&instance.clock), secs(life));
        instance.clock.advance(secs(600));
    }
    // The same token without a life says nothing new.
    instance.auth.set(r#"{"access_token":"t1.FAKE-a.x"}"#).unwrap();
    instance.clock.advance(secs(1800));
    assert_eq!(instance.failure().kind(), ErrorKind::Expired);
}

#[test]
fn a_token_expires_by_either_clock_while_the_instance_stands_still() {
    let jumps: [fn(&TestClock); 4] = [
        |clock| clock.suspend(HOUR),
        |clock| clock.advance(HOUR),
        |clock| {
            clock.set_wall_back(24 * HOUR);
            clock.advance(HOUR);
        },
        |clock| {
            clock.advance(secs(1800));
            clock.suspend(secs(1800));
        },
    ];
    for jump in jumps {
        for used in [true, false] {
            let instance = Instance::new();
            instance.invoked_with("a", 3600).unwrap();
            if used {
                header(&instance.credentials);
            }
            jump(&instance.clock);
            // The next invocation has no token.
            let missing = instance.auth.begin(&HeaderMap::new()).unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::NotConfigured);
            let error = instance.failure();
            assert_eq!((error.kind(), error.method()), (ErrorKind::Expired, Some(Method::Function)));
            assert!(error.help().unwrap().contains("each invocation"));
            assert!(instance.credentials.snapshot().is_none());

            instance.invoked_with("b", 3600).unwrap();
            assert_eq!(header(&instance.credentials), "Bearer t1.FAKE-b.x", "nothing is final");
        }
    }
}

#[test]
fn a_token_is_not_sent_in_its_last_seconds() {
    let instance = Instance::new();
    instance.invoked_with("a", 3600).unwrap();
    instance.clock.advance(secs(3589));
    assert_eq!(header(&instance.credentials), "Bearer t1.FAKE-a.x");
    instance.clock.advance(secs(1));
    assert_eq!(instance.failure().kind(), ErrorKind::Expired);
}

#[test]
fn an_invocation_without_a_token_keeps_the_current_token() {
    let instance = Instance::new();
    let error = instance.failure();
    assert_eq!((error.kind(), error.method()), (ErrorKind::NotConfigured, Some(Method::Function)));
    assert!(error.help().unwrap().contains("service account"));

    instance.invoked_with("a", 3600).unwrap();
    let error = instance.auth.begin(&HeaderMap::new()).unwrap_err();
    assert_eq!(
        (error.kind(), error.location()),
        (ErrorKind::NotConfigured, Some("Lambda-Runtime-Token-Json"))
    );
    assert!(error.help().unwrap().contains("service account"));
    instance.auth.set("{").unwrap_err();
    assert_eq!(header(&instance.credentials), "Bearer t1.FAKE-a.x");
}

#[test]
fn text_that_is_not_a_token_is_an_error_and_not_printed() {
    for (json, reason) in [
        ("", "not a JSON object"),
        ("t1.FAKE.x", "not a JSON object"),
        ("[\"FAKE\"]", "not a JSON object"),
        ("\"FAKE\"", "not a JSON object"),
        ("\"{\\\"FAKE\"", "not a JSON object"),
        ("{\"token\":\"FAKE\"}", "`access_token`"),
        ("{\"access_token\":5}", "`access_token`"),
        ("{\"access_token\":\"FAKE FAKE\"}", "a space"),
        ("{\"access_token\":\"t1.FAKE\",\"expires_in\":\"FAKE\"}", "`expires_in` is not a number"),
        ("{\"access_token\":\"t1.FAKE\",\"expires_in\":0}", "outside 1 s to 24 h"),
        ("{\"access_token\":\"t1.FAKE\",\"expires_in\":-5}", "outside 1 s to 24 h"),
        ("{\"access_token\":\"t1.FAKE\",\"expires_in\":86401}", "outside 1 s to 24 h"),
        (&format!("{{\"access_token\":\"{}\"}}", "FAKE".repeat(5000)), "16 KiB"),
    ] {
        for error in
            [FunctionAuth::parse(json).unwrap_err(), FunctionAuth::from_headers(&headers(json)).unwrap_err()]
        {
            assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, Some(Method::Function)));
            assert!(error.reason().contains(reason), "{json}: {error}");
            assert!(error.help().is_some());
            assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
        }
    }
    let mut twice = headers(&json("a", 3600));
    twice.append(FunctionAuth::HEADER, HeaderValue::from_static("{}"));
    assert!(FunctionAuth::from_headers(&twice).unwrap_err().reason().contains("more than once"));
    let auth = FunctionAuth::parse(json("a", 3600)).unwrap();
    let shown = format!("{auth:?} {:?}", Credentials::from(auth.clone()));
    assert!(!shown.contains("FAKE"), "{shown}");
}

#[test]
fn a_token_of_unknown_life_is_sent_for_twelve_hours_at_most() {
    let instance = Instance::new();
    for _ in 0..12 {
        instance.auth.set(r#"{"access_token":"t1.FAKE-a.x"}"#).unwrap();
        assert_eq!(header(&instance.credentials), "Bearer t1.FAKE-a.x");
        assert_eq!(instance.credentials.snapshot().unwrap().expires_at(), None);
        instance.clock.suspend(HOUR);
    }
    assert_eq!(instance.failure().kind(), ErrorKind::Expired);
}

#[test]
fn min_ttl_and_invalidate_work_for_pushed_tokens() {
    let instance = Instance::new();
    instance.invoked_with("a", 600).unwrap();
    let get = |ttl| instance.credentials.blocking().get(HeaderOptions::new().min_ttl(secs(ttl)));
    let refused = get(600).unwrap();
    let error = get(601).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(error.reason().contains("600 s") && error.reason().contains("601 s"), "{error}");

    assert!(!instance.credentials.invalidate(&refused), "the invocation has no other token");
    instance.invoked_with("b", 600).unwrap();
    assert!(instance.credentials.invalidate(&refused), "the next invocation has one");
    assert_eq!(header(&instance.credentials), "Bearer t1.FAKE-b.x");
}

#[test]
fn two_clients_of_one_instance_share_its_token() {
    let instance = Instance::new();
    let other = Credentials::from(instance.auth.clone());
    instance.invoked_with("a", 600).unwrap();
    for credentials in [&instance.credentials, &other, &other.clone()] {
        assert_eq!(header(credentials), "Bearer t1.FAKE-a.x");
    }
    instance.clock.advance(secs(600));
    assert_eq!(
        other.blocking().header().unwrap_err().kind(),
        ErrorKind::Expired,
        "by the clock of the method"
    );
}

#[test]
fn a_subscriber_is_told_of_a_new_token_at_its_first_call() {
    let instance = Instance::new();
    instance.invoked_with("a", 600).unwrap();
    header(&instance.credentials);
    let mut changes = instance.credentials.subscribe();
    instance.invoked_with("b", 600).unwrap();
    header(&instance.credentials);
    test_support::wait::on_runtime(async { assert_eq!(changes.changed().await.unwrap().generation(), 2) });
}

#[test]
fn the_method_function_has_no_slot_and_can_replace_one() {
    assert!(Automatic::new().slots().all(|slot| slot != "function"));
    let auth = FunctionAuth::parse(json("a", 600)).unwrap();
    let automatic = Automatic::new().replace("metadata", auth).unwrap();
    let credentials = automatic.with_system(empty_system(&TestClock::new())).build();
    assert_eq!(header(&credentials), "Bearer t1.FAKE-a.x");
    assert_eq!(credentials.method(), Some(Method::Function));
}
