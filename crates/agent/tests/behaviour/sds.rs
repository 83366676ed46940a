//! Envoy's Secret Discovery Service: what a client gets, and when.

use test_support::log::Log;
use test_support::token_source::{token, unavailable};
use test_support::wait::{HOUR, on_runtime, soon};
use tonic::Code;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, Endpoints, IamTokenAuth, RevokeOptions, System};
use yandex_cloud_auth_agent::{Agent, Config};
use yandex_cloud_emulator::Emulator;

use crate::common::{Folder, LONG_DRAIN, ONE, of, passing, start, tokens};
use crate::envoy::{Bench, NAME, Stream, client, config, secrets, socket, wanted};

#[test]
fn each_new_token_is_pushed() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let bench = Bench::new("", &source, &clock).await;
        let mut stream = bench.subscribe(&[NAME]).await;
        let mut versions = Vec::new();
        for count in 0..3 {
            let value = passing(&clock, stream.value()).await;
            assert_eq!(value, format!("Bearer t1.fake.{count}"));
            let version: u64 = stream.last().version_info.parse().unwrap();
            versions.push((version, stream.last().nonce.clone()));
            clock.advance(HOUR);
        }
        assert!(
            versions.is_sorted_by(|before, after| before.0 < after.0 && before.1 != after.1),
            "{versions:?}"
        );
    });
}

/// The clock stands from the end of the fetch until the client has the token.
#[test]
fn a_new_token_is_pushed_without_a_wait() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let bench = Bench::new("", &source, &clock).await;
        let mut stream = bench.subscribe(&[NAME]).await;
        passing(&clock, stream.value()).await;
        for count in 1..4 {
            source.hold();
            clock.advance(HOUR);
            passing(&clock, async {
                while source.started() == count {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            source.release();
            assert_eq!(stream.value().await, format!("Bearer t1.fake.{count}"));
        }
    });
}

#[test]
fn a_token_that_is_over_is_withdrawn_and_the_next_one_is_pushed() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let bench = Bench::new("", &source, &clock).await;
        let mut stream = bench.subscribe(&[NAME]).await;
        assert_eq!(passing(&clock, stream.value()).await, "Bearer t1.fake.0");
        source.set(|_| Err(unavailable()));
        clock.advance(12 * HOUR);
        assert_eq!(passing(&clock, stream.value()).await, "");
        // A client that comes later may have the token from an earlier agent.
        assert_eq!(bench.subscribe(&[NAME]).await.value().await, "");
        assert!(stream.is_quiet().await);
        source.set(|count| Ok(token(count)?.expiring_in(12 * HOUR)));
        let value = passing(&clock, stream.value()).await;
        assert!(value.starts_with("Bearer t1.fake."), "{value}");
    });
}

#[test]
fn a_revoked_token_is_withdrawn() {
    on_runtime(async {
        let cloud = Emulator::builder().start().await.unwrap();
        let token = cloud.iam_token().unwrap();
        let endpoints = Endpoints::new().api(cloud.api_url());
        let credentials = Credentials::from(IamTokenAuth::new(token.clone()).unwrap())
            .with_system(System::real().with_endpoints(endpoints));
        let folder = Folder::new();
        let of_agent = credentials.clone();
        let config = Config::parse(&config(&folder, ONE, "")).unwrap();
        let _agent = Agent::start(config, move |_| Ok(of_agent.clone())).await.unwrap();
        let mut stream = Stream::open(&mut client(&socket(&folder)).await.unwrap(), &[NAME]).await;
        assert_eq!(stream.value().await, format!("Bearer {token}"));
        credentials.revoke(RevokeOptions::new()).await.unwrap();
        assert_eq!(stream.value().await, "");
    });
}

#[test]
fn a_client_waits_for_the_first_token() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.hold();
        let bench = Bench::new("", &source, &clock).await;
        let mut stream = bench.subscribe(&[NAME]).await;
        assert!(stream.is_quiet().await);
        source.release();
        assert_eq!(stream.value().await, "Bearer t1.fake.0");
    });
}

#[test]
fn a_refusal_is_told_once_and_the_secret_is_not_sent_again() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let (source, clock) = (tokens(), TestClock::new());
            let bench = Bench::new("", &source, &clock).await;
            let mut stream = bench.subscribe(&[NAME]).await;
            stream.try_next().await.unwrap();
            let reason = "I do not take `t1.fake.0-which-is-long-enough-to-be-a-secret`\nreally";
            for _ in 0..3 {
                stream.answer(Some(reason)).await;
            }
            assert!(stream.is_quiet().await);
            // A client that comes again with the same reason.
            let mut again = bench.subscribe(&[NAME]).await;
            again.try_next().await.unwrap();
            again.answer(Some(reason)).await;
            assert!(again.is_quiet().await);
            clock.advance(HOUR);
            assert_eq!(passing(&clock, stream.value()).await, "Bearer t1.fake.1");
            let refusals: Vec<_> =
                log.warnings().into_iter().filter(|line| line.contains("refuses")).collect();
            assert_eq!(refusals.len(), 1, "{refusals:?}");
            assert!(refusals[0].contains("a node") && refusals[0].contains("really"), "{refusals:?}");
            assert!(!refusals[0].contains("which-is-long") && !refusals[0].contains('\n'), "{refusals:?}");
        });
    });
}

#[test]
fn a_refusal_is_told_after_many_unknown_names() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let bench = Bench::new("", &tokens(), &TestClock::new()).await;
            for start in [0, 60] {
                let names: Vec<_> = (start..start + 60).map(|number| format!("unknown-{number}")).collect();
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                assert!(bench.subscribe(&names).await.is_quiet().await);
            }
            assert_eq!(log.warnings().len(), 100, "the names of an hour");
            let mut stream = bench.subscribe(&[NAME]).await;
            stream.try_next().await.unwrap();
            stream.answer(Some("I do not take this")).await;
            assert!(stream.is_quiet().await);
            let told = log.warnings().iter().filter(|line| line.contains("I do not take this")).count();
            assert_eq!(told, 1);
        });
    });
}

#[test]
fn an_answer_to_an_older_response_changes_nothing() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let bench = Bench::new("", &source, &clock).await;
        let mut stream = bench.subscribe(&[NAME]).await;
        passing(&clock, stream.value()).await;
        let old = stream.last().clone();
        clock.advance(HOUR);
        passing(&clock, stream.value()).await;
        // It takes back the name, too: a client that does repeats that with the last nonce.
        let late = wanted(&["other"]);
        stream
            .send(envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest {
                response_nonce: old.nonce,
                ..late
            })
            .await;
        clock.advance(HOUR);
        assert_eq!(passing(&clock, stream.value()).await, "Bearer t1.fake.2");
    });
}

const THREE: &str =
    "secrets = [{ name = \"one\" }, { name = \"bare\", format = \"bare\" }, { name = \"three\" }]\n";

#[test]
fn a_client_gets_the_names_that_it_asks_for() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let (source, clock) = (tokens(), TestClock::new());
            let bench = Bench::new(THREE, &source, &clock).await;
            let mut stream = bench.subscribe(&["bare", "unknown", "one", "bare", "unknown"]).await;
            let value = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let both = [value("bare", "t1.fake.0"), value("one", "Bearer t1.fake.0")];
            assert_eq!(stream.next().await, both.into());
            let mut second = bench.subscribe(&["unknown"]).await;
            assert!(second.is_quiet().await);
            let told = log.warnings().iter().filter(|line| line.contains("unknown")).count();
            assert_eq!(told, 1, "{:?}", log.warnings());

            // Other names are answered at once, and no names are no wish.
            stream.change(&["three", "one"]).await;
            let both = [value("one", "Bearer t1.fake.0"), value("three", "Bearer t1.fake.0")];
            assert_eq!(stream.next().await, both.into());
            stream.change(&[]).await;
            let mut third = bench.subscribe(&["one"]).await;
            third.value().await;
            // The next token may be faster than this wish, and no later one.
            let mut is_quiet = false;
            for count in 1..4 {
                clock.advance(HOUR);
                assert_eq!(passing(&clock, third.value()).await, format!("Bearer t1.fake.{count}"));
                is_quiet = stream.is_quiet().await;
            }
            assert!(is_quiet);
            second.change(&["one"]).await;
            assert_eq!(second.value().await, "Bearer t1.fake.3");
        });
    });
}

#[test]
fn each_name_has_the_token_of_its_identity() {
    on_runtime(async {
        let folder = Folder::new();
        let (one, two, clock) = (tokens(), tokens(), TestClock::new());
        two.set(|count| yandex_cloud_auth::Token::new(format!("t1.two.{count}")));
        let identities = "[[identity]]\nname = \"one\"\n[[identity]]\nname = \"two\"\n";
        let more = "secrets = [{ name = \"a\", identity = \"two\" }, { name = \"b\", identity = \"one\" }]";
        let config = Config::parse(&config(&folder, identities, more)).unwrap();
        let credentials = |identity: &yandex_cloud_auth_agent::IdentityConfig| {
            Ok(if identity.name == "two" { &two } else { &one }.on_clock(&clock))
        };
        let _agent = Agent::start(config, credentials).await.unwrap();
        let mut client = client(&socket(&folder)).await.unwrap();
        let mut stream = Stream::open(&mut client, &["a"]).await;
        assert_eq!(stream.value().await, "Bearer t1.two.0");
        let mut stream = Stream::open(&mut client, &["b"]).await;
        assert_eq!(stream.value().await, "Bearer t1.fake.0");
    });
}

#[test]
fn the_other_methods() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.hold();
        let bench = Bench::new("", &source, &clock).await;
        let mut asked = bench.client().await;
        let fetch = tokio::spawn(async move { asked.fetch_secrets(wanted(&[NAME])).await });
        while source.started() == 0 {
            tokio::task::yield_now().await;
        }
        source.release();
        let fetched = soon(fetch).await.unwrap().unwrap().into_inner();
        assert_eq!(secrets(&fetched)[NAME], "Bearer t1.fake.0");
        let mut client = bench.client().await;
        let missing = client.fetch_secrets(wanted(&["unknown"])).await.unwrap_err();
        assert_eq!(missing.code(), Code::NotFound);
        let delta = client.delta_secrets(futures_util::stream::pending()).await.unwrap_err();
        assert_eq!(
            (delta.code(), delta.message()),
            (Code::Unimplemented, "the agent has StreamSecrets and FetchSecrets")
        );
    });
}

#[test]
fn a_reload_keeps_the_streams_of_a_listener_that_is_the_same() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let (source, clock) = (tokens(), TestClock::new());
            let mut bench = Bench::new(THREE, &source, &clock).await;
            let mut stream = bench.subscribe(&["one"]).await;
            passing(&clock, stream.value()).await;
            let probes = format!(
                "{}[[listen]]\nkind = \"probes\"\naddress = \"127.0.0.1:0\"\n",
                config(&bench.folder, ONE, THREE)
            );
            bench.agent.reload(Config::parse(&probes).unwrap(), of(&source, &clock)).await.unwrap();
            clock.advance(HOUR);
            assert_eq!(passing(&clock, stream.value()).await, "Bearer t1.fake.1");

            // Another configuration ends the stream, and what it has no more is withdrawn. The connection stays.
            let mut connection = bench.client().await;
            let mut of_removed = Stream::open(&mut connection, &["three"]).await;
            of_removed.value().await;
            let less = THREE.replace(", { name = \"three\" }", "");
            let config = Config::parse(&config(&bench.folder, ONE, &less)).unwrap();
            bench.agent.reload(config, of(&source, &clock)).await.unwrap();
            assert_eq!(stream.end().await, Code::Unavailable);
            assert_eq!(of_removed.end().await, Code::Unavailable);
            assert_eq!(Stream::open(&mut connection, &["three"]).await.value().await, "");
            assert_eq!(Stream::open(&mut connection, &["one"]).await.value().await, "Bearer t1.fake.1");
            let told: Vec<_> =
                log.warnings().into_iter().filter(|line| line.contains("a reload has removed")).collect();
            assert!(told.len() == 1 && told[0].contains("three"), "{told:?}");
        });
    });
}

#[test]
fn the_end_of_the_agent_ends_the_streams() {
    on_runtime(async {
        let bench = Bench::with(&format!("{LONG_DRAIN}{ONE}"), "", &tokens(), &TestClock::new()).await;
        let socket = bench.socket();
        let mut stream = bench.subscribe(&[NAME]).await;
        stream.value().await;
        let drained = tokio::spawn(bench.agent.drain());
        assert_eq!(stream.end().await, Code::Unavailable);
        drop(stream);
        soon(drained).await.unwrap();
        assert!(client(&socket).await.is_err() && !socket.exists());
    });
}

/// What the metrics say about Envoy.
#[test]
fn the_metrics_count_streams_pushes_and_refusals() {
    on_runtime(async {
        let folder = Folder::new();
        let admin =
            format!("{}[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\n", config(&folder, ONE, ""));
        let agent = start(&admin, &tokens(), &TestClock::new()).await;
        let mut client = client(&socket(&folder)).await.unwrap();
        let mut first = Stream::open(&mut client, &[NAME]).await;
        first.value().await;
        let mut second = Stream::open(&mut client, &[NAME]).await;
        second.try_next().await.unwrap();
        second.answer(Some("no")).await;
        client.fetch_secrets(wanted(&["unknown"])).await.unwrap_err();
        let url = format!("http://{}/metrics", agent.addresses()[0]);
        let has = async |lines: &[&str]| {
            let text = test_support::http_client::get(&url, &[]).await.text();
            lines.iter().all(|line| text.lines().any(|found| found == *line))
        };
        let lines = [
            "yc_auth_agent_sds_streams 2",
            "yc_auth_agent_sds_pushes_total 2",
            "yc_auth_agent_sds_rejections_total 1",
            "yc_auth_agent_requests_total{listener=\"sds\",outcome=\"ok\"} 2",
            "yc_auth_agent_requests_total{listener=\"sds\",outcome=\"refused\"} 1",
        ];
        while !has(&lines).await {}
        drop((first, second));
        while !has(&["yc_auth_agent_sds_streams 0"]).await {}
    });
}
