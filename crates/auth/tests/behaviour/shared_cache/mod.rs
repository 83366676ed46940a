//! The shared cache: processes of one machine use one token, and one of them at a time asks IAM.

mod locks;
mod refusals;

use std::io::ErrorKind::{PermissionDenied, StorageFull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{OAUTH_TOKEN, TestSystem};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::shared_cache::{clear, entries};
use yandex_cloud_auth::system::Clock;
use yandex_cloud_auth::testing::{TestCacheStore, TestReply};
use yandex_cloud_auth::{
    Credentials, Error, ErrorKind, HeaderOptions, IamTokenAuth, ImpersonationAuth, OAuthTokenAuth, System,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A machine: a store, a clock, and an IAM that gives numbered tokens of 12 h.
struct Machine {
    store: TestCacheStore,
    test: TestSystem,
    exchanges: Arc<AtomicUsize>,
    /// The status that IAM replies with.
    status: Arc<AtomicUsize>,
    /// The status that IAM replies with to a revocation.
    revoke_status: Arc<AtomicUsize>,
}

impl Machine {
    fn new() -> Self {
        let (exchanges, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(200)));
        let revoke_status = Arc::new(AtomicUsize::new(200));
        let revoke_replied = Arc::clone(&revoke_status);
        let (counted, replied) = (Arc::clone(&exchanges), Arc::clone(&status));
        let mut test = TestSystem::new();
        let clock = test.clock.clone();
        test = test.answering(move |request, _| match request.uri().path() {
            "/endpoints" => TestReply::status(
                200,
                r#"{"endpoints":[{"id":"iam","address":"iam.api.cloud.yandex.net:443"}]}"#,
            ),
            "/iam/v1/tokens:revoke" => TestReply::status(
                u16::try_from(revoke_replied.load(Ordering::SeqCst)).unwrap(),
                r#"{"subjectId":"ajefakefakefakefakef"}"#,
            ),
            path if path.starts_with("/iam/v1/tokens") => {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let end = clock.now().wall.as_secs() + 12 * 3600;
                let end = time::OffsetDateTime::from_unix_timestamp(end.try_into().unwrap()).unwrap();
                let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
                let body = format!(r#"{{"iamToken":"t1.FAKE-{number}.FAKE","expiresAt":"{end}"}}"#);
                match replied.load(Ordering::SeqCst) {
                    200 => TestReply::status(200, body),
                    status => {
                        TestReply::status(u16::try_from(status).unwrap(), r#"{"message":"FAKE reason"}"#)
                    }
                }
            }
            _ => TestReply::status(404, ""),
        });
        Self { store: TestCacheStore::default(), test, exchanges, status, revoke_status }
    }

    fn system(&self) -> System {
        let system = self.test.system().with_spawner(self.test.time.clone());
        system.with_shared_cache(self.store.clone())
    }

    /// The credentials of a new process, with one OAuth token.
    fn process(&self) -> Credentials {
        oauth(OAUTH_TOKEN).with_system(self.system())
    }

    fn header(&self, process: &Credentials) -> Result<String, Error> {
        let header = self.test.time.run(process.header());
        header.map(|header| header.unwrap().to_str().unwrap().to_owned())
    }

    fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::SeqCst)
    }

    fn iam_replies(&self, status: usize) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The name of the only entry with a token.
    fn entry(&self) -> String {
        let names = TestCacheStore::names(&self.store);
        let mut entries = names.iter().filter(|name| name.ends_with(".entry"));
        let entry = entries.next().expect("no entry").clone();
        assert_eq!(entries.next(), None);
        entry
    }

    fn work(&self) {
        self.test.time.pass(secs(1));
    }
}

fn oauth(token: &str) -> Credentials {
    Credentials::from(OAuthTokenAuth::new(token).unwrap())
}

const FIRST: &str = "Bearer t1.FAKE-0.FAKE";
const SECOND: &str = "Bearer t1.FAKE-1.FAKE";

#[test]
fn a_second_process_takes_the_token_of_the_first_one() {
    let machine = Machine::new();
    assert_eq!(machine.header(&machine.process()).unwrap(), FIRST);
    let second = machine.process();
    assert_eq!(machine.header(&second).unwrap(), FIRST);
    assert_eq!(machine.exchanges(), 1);
    let expires_at = second.snapshot().unwrap().expires_at().unwrap();
    let end = expires_at.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(end, machine.test.clock.now().wall + 12 * HOUR);
    // Without the cache a process asks for itself.
    assert_eq!(
        machine
            .header(
                &oauth(OAUTH_TOKEN)
                    .with_system(machine.test.system().with_spawner(machine.test.time.clone()))
            )
            .unwrap(),
        SECOND
    );
}

#[test]
fn a_stale_token_is_used_at_once_and_one_process_renews_it() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    machine.test.clock.advance(2 * HOUR);
    let processes: Vec<_> = (0..20).map(|_| machine.process()).collect();
    for process in &processes {
        assert_eq!(machine.header(process).unwrap(), FIRST);
    }
    assert_eq!(machine.exchanges(), 1, "a call waited for a renewal");
    // A later call of each process starts the renewal beside it.
    machine.work();
    for process in &processes {
        assert_eq!(process.try_header().unwrap().unwrap().unwrap(), FIRST);
    }
    machine.work();
    for process in &processes {
        assert_eq!(machine.header(process).unwrap(), SECOND);
    }
    assert_eq!(machine.exchanges(), 2);
}

#[test]
fn neither_clock_lets_a_token_outlive_its_end() {
    for (what, pass) in [
        ("time", (|machine: &Machine| machine.test.clock.advance(12 * HOUR)) as fn(&Machine)),
        ("a suspend", |machine| machine.test.clock.suspend(12 * HOUR)),
        ("a wall clock that was set forward", |machine| machine.test.clock.set_wall_forward(12 * HOUR)),
        ("a wall clock that was set back", |machine| {
            machine.test.clock.advance(12 * HOUR);
            machine.test.clock.set_wall_back(11 * HOUR);
        }),
        ("a restart with a wall clock before the begin", |machine| {
            machine.test.clock.set_wall_back(HOUR);
            machine.test.clock.reboot();
        }),
    ] {
        let machine = Machine::new();
        machine.header(&machine.process()).unwrap();
        pass(&machine);
        assert_eq!(machine.header(&machine.process()).unwrap(), SECOND, "{what}");
    }
    // A restart alone ends nothing.
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    machine.test.clock.advance(MINUTE);
    machine.test.clock.reboot();
    assert_eq!(machine.header(&machine.process()).unwrap(), FIRST);
}

#[test]
fn a_changed_or_foreign_entry_is_absent() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let (name, good) = (machine.entry(), machine.store.content(&machine.entry()).unwrap());
    let text = String::from_utf8(good.clone()).unwrap();
    assert!(!text.contains("t1.") && !text.contains(OAUTH_TOKEN), "{text}");
    let other = Machine::new();
    other.header(&oauth("y0_FAKE-another-oauth-token").with_system(other.system())).unwrap();
    for content in [
        Vec::new(),
        b"garbage".to_vec(),
        vec![0xff; 70_000],
        good[..good.len() / 2].to_vec(),
        text.replace("\"generation\":1", "\"generation\":2").into_bytes(),
        text.replace("\"life_ms\":43", "\"life_ms\":83").into_bytes(),
        text.replace("oauth-token", "metadata").into_bytes(),
        other.store.content(&other.entry()).unwrap(),
    ] {
        machine.store.set(&name, content.clone());
        let before = machine.exchanges();
        machine.header(&machine.process()).unwrap();
        assert_eq!(machine.exchanges(), before + 1, "{}", String::from_utf8_lossy(&content));
    }
    // The entry of the last fetch is good again.
    let before = machine.exchanges();
    machine.header(&machine.process()).unwrap();
    assert_eq!(machine.exchanges(), before);
}

#[test]
fn an_entry_of_a_newer_version_is_left_alone() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let name = machine.entry();
    let text = String::from_utf8(machine.store.content(&name).unwrap()).unwrap();
    let newer = text.replace("\"version\":1", "\"version\":2").into_bytes();
    machine.store.set(&name, newer.clone());
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
    assert_eq!(machine.store.content(&name).unwrap(), newer);
}

#[test]
fn a_store_that_cannot_be_used_fails_no_call() {
    let machine = Machine::new();
    machine.store.fail(PermissionDenied);
    assert_eq!(machine.header(&machine.process()).unwrap(), FIRST);
    machine.store.fail(None);
    machine.store.fail_writes(StorageFull);
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
    assert_eq!(TestCacheStore::names(&machine.store), Vec::<String>::new());
}

#[test]
fn another_credential_has_another_entry() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let other = oauth("y0_FAKE-another-oauth-token").with_system(machine.system());
    assert_eq!(machine.header(&other).unwrap(), SECOND);
    let elsewhere = machine.system().with_endpoints(
        yandex_cloud_auth::Endpoints::new().api("https://api.example.net").iam("https://iam.example.net"),
    );
    let header = machine.header(&oauth(OAUTH_TOKEN).with_system(elsewhere)).unwrap();
    assert_eq!(header, "Bearer t1.FAKE-2.FAKE");
    assert_eq!(entries(&machine.store).unwrap().len(), 3);
}

#[test]
fn what_is_given_is_not_shared_and_impersonation_is_where_its_credentials_are() {
    let machine = Machine::new();
    let account = "ajefakefakefakefakef";
    let given = Credentials::from(IamTokenAuth::new("t1.FAKE-given.FAKE").unwrap());
    for _ in 0..2 {
        let via = ImpersonationAuth::new(account, given.clone());
        machine.header(&Credentials::from(via).with_system(machine.system())).unwrap();
    }
    assert_eq!((machine.exchanges(), TestCacheStore::names(&machine.store).len()), (2, 0));
    for _ in 0..3 {
        let via = ImpersonationAuth::new(account, oauth(OAUTH_TOKEN));
        machine.header(&Credentials::from(via).with_system(machine.system())).unwrap();
    }
    // One exchange for the token of the account, and one for the token that asked for it.
    assert_eq!(machine.exchanges(), 4);
    let listed = entries(&machine.store).unwrap();
    let mut methods: Vec<_> = listed.iter().map(|entry| &*entry.method).collect();
    methods.sort_unstable();
    assert_eq!(methods, ["impersonation", "oauth-token"]);
}

#[test]
fn a_renewing_system_replaces_the_token_and_keeps_it_where_that_fails() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    machine.test.clock.advance(MINUTE);
    let renewing = || oauth(OAUTH_TOKEN).with_system(machine.system().renewing_shared_tokens());
    assert_eq!(machine.header(&renewing()).unwrap(), SECOND);
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
    machine.test.clock.advance(MINUTE);
    machine.iam_replies(403);
    assert_eq!(machine.header(&renewing()).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
}

#[test]
fn a_longer_life_than_the_entry_has_is_asked_for_once() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    machine.test.clock.advance(10 * HOUR);
    let process = machine.process();
    let options = HeaderOptions::new().min_ttl(11 * HOUR);
    let snapshot = machine.test.time.run(process.get(options)).unwrap();
    assert_eq!(snapshot.header().unwrap(), SECOND);
    assert_eq!(machine.exchanges(), 2);
}

#[test]
fn a_token_of_another_process_counts_as_a_new_token() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let process = machine.process();
    let mut changes = process.subscribe();
    for (header, generation) in [(FIRST, 1), (SECOND, 2)] {
        machine.header(&process).unwrap();
        machine.work();
        assert_eq!(machine.header(&process).unwrap(), header);
        assert_eq!(process.snapshot().unwrap().generation(), generation);
        assert_eq!(machine.test.time.run(changes.changed()).unwrap().generation(), generation);
        machine.test.clock.advance(2 * HOUR);
        let renewing = oauth(OAUTH_TOKEN).with_system(machine.system().renewing_shared_tokens());
        machine.header(&renewing).unwrap();
    }
}

#[test]
fn a_day_of_three_tools_makes_few_exchanges() {
    let machine = Machine::new();
    let jitters = [0.0, 0.37, 0.92, 0.5, 0.11];
    for call in 0..10_000_usize {
        machine.test.clock.set_random(jitters[call % jitters.len()]);
        let process = machine.process();
        machine.header(&process).unwrap();
        machine.work();
        // What a command leaves to a detached process.
        machine.header(&process).unwrap();
        machine.test.time.pass(Duration::from_millis(7640));
    }
    assert!(machine.exchanges() <= 28, "{} exchanges", machine.exchanges());
    let discoveries =
        machine.test.http.requests().iter().filter(|request| request.ends_with("/endpoints")).count();
    assert!(discoveries <= 28, "{discoveries} discoveries");
}

#[test]
fn the_listing_shows_whose_tokens_there_are_and_clear_removes_them() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    machine.store.set(&machine.entry().replace(".entry", ".failure"), "x");
    let digest = "0123456789abcdef".repeat(4);
    let foreign = [
        "notes.txt".to_owned(),
        format!("{digest}.txt"),
        format!("{digest}.tar.gz"),
        format!("{digest}.entry.precious"),
        format!("{}.entry", digest.to_uppercase()),
    ];
    foreign.iter().for_each(|name| machine.store.set(name, "a file of somebody else"));
    machine.store.set(&format!("{digest}.entry.77.3.new"), "a file that was not finished");
    let listed = entries(&machine.store).unwrap();
    assert_eq!(
        (listed.len(), &*listed[0].method, &*listed[0].endpoint),
        (1, "oauth-token", "https://api.cloud.yandex.net")
    );
    assert_eq!(listed[0].identity, None);
    assert!(listed[0].expires_at.is_some());
    assert_eq!(clear(&machine.store).unwrap(), 1);
    let mut left = TestCacheStore::names(&machine.store);
    left.sort();
    let mut foreign = foreign.to_vec();
    foreign.sort();
    assert_eq!(left, foreign);
}
