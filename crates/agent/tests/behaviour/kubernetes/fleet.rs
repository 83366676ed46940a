//! How many exchanges IAM sees from a fleet: its nodes behind one holder, and each node by itself. Simulated in virtual
//! time, with the real agents and credentials. The figures are those of docs/fleet.md.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use test_support::system::empty_system;
use test_support::token_source::{InStep, Source, unavailable};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::system::Clock;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, Token};

use super::{Cluster, on_one_thread};

/// Where the monotonic clock of a test begins.
const START: Duration = HOUR;

/// How long a fleet is watched.
const DAY: Duration = Duration::from_secs(24 * 3600);
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// When IAM is down for an hour.
const DOWN: std::ops::Range<u64> = 6 * 3600..7 * 3600;
/// How often a node uses its token, and how often the kubelet looks for another one.
const USE: Duration = Duration::from_secs(300);
const SYNC: Duration = Duration::from_secs(90);
/// How often the simulated agents may work.
const STEP: Duration = Duration::from_secs(5);

/// What IAM has seen: the times of its exchanges and the ends of its tokens, since the start.
#[derive(Clone, Default)]
struct Iam {
    exchanges: Arc<Mutex<Vec<Duration>>>,
}

impl Iam {
    /// A source of this IAM, by this clock.
    fn source(&self, clock: &TestClock) -> Source {
        let (exchanges, clock) = (Arc::clone(&self.exchanges), clock.clone());
        Source::new(move |_| {
            let now = elapsed(&clock);
            if DOWN.contains(&now.as_secs()) {
                return Err(unavailable());
            }
            let mut exchanges = exchanges.lock().unwrap();
            exchanges.push(now);
            Ok(Token::new(format!("t1.fake_{}.fake", exchanges.len() - 1))?.expiring_in(LIFE))
        })
    }

    /// Whether IAM takes this token now.
    fn takes(&self, token: &str, now: Duration) -> bool {
        let number = token.trim_matches(|letter: char| !letter.is_ascii_digit()).rsplit('_').next();
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let issued = number.and_then(|number| self.exchanges.lock().unwrap().get(number).copied());
        issued.is_some_and(|issued| now < issued + LIFE)
    }

    fn count(&self) -> usize {
        self.exchanges.lock().unwrap().len()
    }

    /// The most exchanges within any such time.
    fn most_within(&self, window: Duration) -> usize {
        let mut times = self.exchanges.lock().unwrap().clone();
        times.sort_unstable();
        // The busiest window begins with an exchange.
        let within = |(first, start): (usize, &Duration)| {
            times.partition_point(|time| *time < *start + window) - first
        };
        times.iter().enumerate().map(within).max().unwrap_or(0)
    }
}

/// What a day of a fleet was like.
#[derive(Debug)]
struct Outcome {
    exchanges: usize,
    in_an_hour: usize,
    in_a_minute: usize,
    uses: usize,
    failed: usize,
}

impl Outcome {
    fn of(iam: &Iam, uses: usize, failed: usize) -> Self {
        let (in_an_hour, in_a_minute) = (iam.most_within(HOUR), iam.most_within(secs(60)));
        Self { exchanges: iam.count(), in_an_hour, in_a_minute, uses, failed }
    }
}

fn elapsed(clock: &TestClock) -> Duration {
    clock.now().monotonic - START
}

/// The nodes that do now what each node does once in a period. The nodes are spread evenly over the period.
fn due(now: Duration, period: Duration, nodes: usize) -> impl Iterator<Item = usize> {
    let steps = |time: Duration| usize::try_from(time.as_secs() / STEP.as_secs()).unwrap();
    (steps(now) % steps(period)..nodes).step_by(steps(period))
}

/// A day of nodes behind two agents, of which one is the holder, for each of these numbers of nodes.
fn behind_one_holder(sizes: &[usize]) -> Vec<Outcome> {
    on_one_thread(async {
        let (iam, mut random) = (Iam::default(), fastrand::Rng::with_seed(17));
        let mut cluster = Cluster::new();
        cluster.source = iam.source(&cluster.clock);
        let _agents = [cluster.agent("a").await, cluster.agent("b").await];
        cluster.pass(STEP).await;
        // The token that each node has.
        let nodes = *sizes.last().unwrap();
        let mut mounted = vec![cluster.server.token().unwrap(); nodes];
        let mut counts = vec![(0, 0); sizes.len()];
        let start = elapsed(&cluster.clock);
        while elapsed(&cluster.clock) < start + DAY {
            let now = elapsed(&cluster.clock);
            let token = cluster.server.token().unwrap();
            for node in due(now - start, SYNC, nodes) {
                mounted[node].clone_from(&token);
            }
            for node in due(now - start, USE, nodes) {
                let is_failure = !iam.takes(&mounted[node], now);
                for (_, (uses, failed)) in sizes.iter().zip(&mut counts).filter(|(size, _)| node < **size) {
                    *uses += 1;
                    *failed += usize::from(is_failure);
                }
            }
            cluster.clock.set_random(random.f64());
            cluster.clock.advance(STEP);
            cluster.settle().await;
        }
        counts.into_iter().map(|(uses, failed)| Outcome::of(&iam, uses, failed)).collect()
    })
}

/// A day of nodes that start together, each with a key of its own, for each of these numbers of nodes.
fn each_by_itself(sizes: &[usize]) -> Vec<Outcome> {
    let (iam, mut random) = (Iam::default(), fastrand::Rng::with_seed(17));
    let (mut uses, mut failed, mut outcomes) = (0, 0, Vec::new());
    for node in 1..=*sizes.last().unwrap() {
        let clock = TestClock::new();
        clock.set_random(random.f64());
        let system = empty_system(&clock).with_spawner(InStep);
        let credentials = Credentials::from_source(iam.source(&clock)).with_system(system);
        for _ in 0..DAY.as_secs() / USE.as_secs() {
            uses += 1;
            failed += usize::from(credentials.blocking().header().is_err());
            clock.advance(USE);
        }
        if sizes.contains(&node) {
            outcomes.push(Outcome::of(&iam, uses, failed));
        }
    }
    outcomes
}

/// IAM allows this many keys in a cloud.
const KEYS: usize = 1000;

/// Compares the rows of the page for these numbers of nodes with the simulation.
#[allow(clippy::print_stdout, reason = "the rows of the page")]
fn check(sizes: &[usize]) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fleet.md");
    let page = std::fs::read_to_string(page).unwrap();
    let outcomes = behind_one_holder(sizes).into_iter().zip(each_by_itself(sizes));
    for (nodes, (held, alone)) in sizes.iter().copied().zip(outcomes) {
        assert!(held.in_an_hour <= 2, "{held:?}");
        for (who, day, keys) in [("one holder", held, 1), ("each node by itself", alone, nodes)] {
            assert_eq!((day.failed, day.uses), (0, nodes * 288), "{day:?}");
            let counts = [nodes, day.exchanges, day.in_an_hour, day.in_a_minute, keys].map(grouped);
            let [nodes, exchanges, in_an_hour, in_a_minute, count] = counts;
            let keys = if keys > KEYS { format!("{count}: too many") } else { count };
            let row = format!("| {nodes} | {who} | {exchanges} | {in_an_hour} | {in_a_minute} | {keys} |\n");
            print!("{row}");
            assert!(page.contains(&row), "docs/fleet.md does not have this row:\n{row}");
        }
    }
}

#[test]
fn the_figures_of_the_page_are_those_of_the_simulation() {
    check(&[10, 1000]);
}

#[test]
#[ignore = "takes half a minute; .ci/run runs it"]
fn the_figures_of_the_page_for_10_000_nodes_are_those_of_the_simulation() {
    check(&[10, 1000, 10_000]);
}

/// A number with a comma before each group of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let is_start = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    digits
        .char_indices()
        .flat_map(|(at, digit)| is_start(at).then_some(',').into_iter().chain([digit]))
        .collect()
}

/// The worst hour for an outage begins when the holder is about to ask for the next token, and the holder changes in it.
#[test]
fn an_hour_without_iam_fails_nobody_also_if_the_holder_changes_in_it() {
    on_one_thread(async {
        let (iam, mut cluster) = (Iam::default(), Cluster::new());
        cluster.source = iam.source(&cluster.clock);
        cluster.clock.set_random(1.0);
        let a = cluster.agent("a").await;
        let _b = cluster.agent("b").await;
        let mut a = Some(a);
        cluster.pass(secs(10)).await;
        let (mut failed, mut uses) = (0, 0);
        while elapsed(&cluster.clock) < DAY {
            for _ in 0..6 {
                cluster.clock.advance(STEP);
                cluster.settle().await;
            }
            let now = elapsed(&cluster.clock);
            if now.as_secs() >= DOWN.start + 600 {
                // As after a crash.
                drop(a.take());
            }
            uses += 1;
            failed += usize::from(!iam.takes(&cluster.server.token().unwrap(), now));
        }
        assert_eq!((failed, cluster.server.holder()), (0, "b".to_owned()), "of {uses}");
        assert!(iam.most_within(HOUR) <= 2, "{:?}", iam.exchanges);
        assert!(uses > 2000);
    });
}
