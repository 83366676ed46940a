//! The cost of a JWT of a service account, against the bare signature: `cargo bench -p yandex-cloud-auth --bench jwt`.
//!
//! Measured from outside, in whole exchanges: from the read of the clock for the claims until the request arrives at the
//! transport; and from the start of the fetch, which includes the read of the file. After each exchange the same key signs
//! a message of the same length on the same thread.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PSS_SHA256;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use yandex_cloud_auth::system::{BoxFuture, Clock, Now};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestHttp, TestReply};
use yandex_cloud_auth::{Credentials, Endpoints, ServiceAccountKeyAuth, System};
use yandex_cloud_emulator::Emulator;

const EXCHANGES: usize = 1000;

fn main() {
    let json = Emulator::start_in_thread().unwrap().service_account_key().unwrap();
    let path = std::env::temp_dir().join(format!("yandex-cloud-auth-bench-{}.json", std::process::id()));
    std::fs::write(&path, &json).unwrap();
    println!("a JWT signed by RSA-2048, µs (median and best of {EXCHANGES})");
    println!("  {:42} {:>8} {:>8} {:>14} {:>14}", "", "median", "best", "median ratio", "best ratio");
    let given = ServiceAccountKeyAuth::new(&json).unwrap();
    let [bare, jwt, _] = measure(&json, given);
    line("bare signature", &bare, &bare);
    line("JWT and request, key given", &jwt, &bare);
    let [bare, jwt, fetch] = measure(&json, ServiceAccountKeyAuth::from_file(&path));
    line("bare signature", &bare, &bare);
    line("JWT and request, key in a file", &jwt, &bare);
    line("the same, with the read of the file", &fetch, &bare);
    println!("  (JWT and request: at most 1.1 of the bare signature)");
    std::fs::remove_file(&path).unwrap();
}

fn line(name: &str, times: &[Duration], bare: &[Duration]) {
    let figures = |times: &[Duration]| {
        let mut times: Vec<_> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        times.sort_by(f64::total_cmp);
        (times[times.len() / 2], times[0])
    };
    let ((median, best), (bare_median, bare_best)) = (figures(times), figures(bare));
    let ratios = (median / bare_median, best / bare_best);
    println!("  {name:42} {median:8.1} {best:8.1} {:14.3} {:14.3}", ratios.0, ratios.1);
}

/// The bare signatures; claims to arrival; beginning of the fetch to arrival.
fn measure(json: &str, method: ServiceAccountKeyAuth) -> [Vec<Duration>; 3] {
    let clock = Marked::default();
    let times = Arc::new(Mutex::new([const { Vec::new() }; 3]));
    let http = {
        let (clock, times, pair) = (clock.clone(), Arc::clone(&times), pair(json));
        TestHttp::new(move |request, count| {
            let arrival = Instant::now();
            let marks = std::mem::take(&mut *clock.marks.lock().unwrap());
            let [.., fetch, claims] = marks[..] else {
                panic!("the clock is read for the fetch and the claims")
            };
            let jwt: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            let (signed, _) = jwt["jwt"].as_str().unwrap().rsplit_once('.').unwrap();
            let bare = bare(&pair, signed.as_bytes());
            let mut times = times.lock().unwrap();
            times[0].push(bare);
            times[1].push(arrival - claims);
            times[2].push(arrival - fetch);
            let ends = SystemTime::UNIX_EPOCH + clock.clock.now().wall + Duration::from_secs(600);
            let ends = OffsetDateTime::from(ends).format(&Rfc3339).unwrap();
            TestReply::status(200, format!(r#"{{"iamToken":"t1.FAKE-{count}.x","expiresAt":"{ends}"}}"#))
        })
    };
    let system = System::real()
        .with_environment(TestEnvironment::empty())
        .with_clock(clock.clone())
        .with_http(http)
        .with_endpoints(Endpoints::new().iam("iam.api.cloud.yandex.net"));
    let credentials = Credentials::from(method).with_system(system);
    // The first one reads the key, and is not counted.
    for _ in 0..=EXCHANGES {
        credentials.blocking().header().unwrap();
        clock.clock.advance(Duration::from_secs(3600));
    }
    let mut times = std::mem::take(&mut *times.lock().unwrap());
    for times in &mut times {
        times.remove(0);
    }
    times
}

fn bare(pair: &KeyPair, message: &[u8]) -> Duration {
    let mut signature = vec![0; pair.public().modulus_len()];
    let start = Instant::now();
    pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    let took = start.elapsed();
    black_box(signature);
    took
}

fn pair(json: &str) -> KeyPair {
    let file: serde_json::Value = serde_json::from_str(json).unwrap();
    let pem = file["private_key"].as_str().unwrap();
    let (_, body) = pem.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
    let (body, _) = body.split_once("-----END").unwrap();
    KeyPair::from_pkcs8(&STANDARD.decode(body.replace('\n', "")).unwrap()).unwrap()
}

/// A clock that is moved by hand, and remembers when it was read.
#[derive(Clone, Default)]
struct Marked {
    clock: TestClock,
    marks: Arc<Mutex<Vec<Instant>>>,
}

impl Clock for Marked {
    fn now(&self) -> Now {
        self.marks.lock().unwrap().push(Instant::now());
        self.clock.now()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(span)
    }
}
