//! Every source of a token under every fault: 12 sources × 18 faults over real sockets of the emulator, in virtual time.
//!
//! In each cell the fault lasts for 10 hours of a token of 12 hours. No call may fail or wait in that time. After the
//! fault a new token comes. Then the fault comes back and the token ends: a call is told by its deadline, and after the
//! fault a call gets a token again. The product is computed, so a new source or fault adds its row or column. A cell that
//! makes no sense is skipped with its reason, and counted.

mod faults;
mod sources;
mod stage;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use futures_util::FutureExt;
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::{Credentials, HeaderOptions};

use self::faults::Fault;
use self::sources::Source;
use self::stage::Stage;

/// How long callers wait for a token after the end of a fault, at most: the longest `Retry-After` that is kept, and a
/// little.
const LONGEST_RECOVERY: Duration = Duration::from_secs(65);

/// The deadline of a call while nothing is at hand.
const DEADLINE: Duration = Duration::from_secs(2);

/// What a cell had to show.
enum Cell {
    Skipped(&'static str),
    Played(Outcome),
}

#[derive(Default)]
struct Outcome {
    /// Calls with a usable token at hand that failed or waited.
    lost: usize,
    calls: usize,
    failed_fetches: u64,
    /// How long a call waited while nothing was at hand and the fault lasted.
    told_after: Duration,
    /// How long after the end of the fault a token came, with nothing at hand before.
    recovered_after: Duration,
    /// How long after that time a new token came, with the old one at hand.
    renewed_after: Duration,
    problems: Vec<String>,
}

#[test]
#[ignore = "takes some seconds on a quiet machine and a minute on a busy one: run by name"]
fn no_source_loses_a_usable_token_under_any_fault() {
    let rows: Vec<(Source, Vec<(Fault, Cell)>)> = std::thread::scope(|scope| {
        let row = |source: Source| {
            let stage = Stage::new();
            (source, Fault::ALL.map(|fault| (fault, play(source, fault, &stage))).into_iter().collect())
        };
        let threads: Vec<_> =
            Source::ALL.map(|source| scope.spawn(move || row(source))).into_iter().collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let table = describe(&rows);
    println!("{table}");
    let cells = || rows.iter().flat_map(|(_, cells)| cells);
    assert_eq!(cells().count(), Source::ALL.len() * Fault::ALL.len());
    assert_eq!((Source::ALL.len(), Fault::ALL.len()), (12, 18));
    let problems: Vec<_> = cells().filter_map(|(_, cell)| cell.problems()).flatten().cloned().collect();
    assert!(problems.is_empty(), "{}\n{table}", problems.join("\n"));
    // A matrix whose cells are skipped, or whose faults do not arrive, proves nothing.
    let skipped = cells().filter(|(_, cell)| matches!(cell, Cell::Skipped(_))).count();
    assert!(skipped <= 20, "{skipped} cells are skipped");
}

impl Cell {
    fn problems(&self) -> Option<&Vec<String>> {
        match self {
            Self::Skipped(_) => None,
            Self::Played(outcome) => Some(&outcome.problems),
        }
    }
}

fn play(source: Source, fault: Fault, stage: &Stage) -> Cell {
    if let Some(reason) = source.skips(fault) {
        return Cell::Skipped(reason);
    }
    let mut outcome = Outcome::default();
    let name = format!("{source:?} under {fault:?}");
    stage.set_fault(None);
    let credentials = source.credentials(stage);
    // Again and again, because a machine that stalls lets virtual limits pass.
    assert!(stage.until(|| stage.drive(&credentials, secs(10)).is_ok()), "{name}: no first token");
    stage.set_fault(Some(fault));
    let requests = stage.requests();
    for _ in 0..4 {
        stage.advance(2 * HOUR + HOUR / 2);
        let (before, generation) = (credentials.counters(), credentials.generation_now());
        for _ in 0..20 {
            outcome.calls += 1;
            if !has_token_at_hand(&credentials, source, stage) {
                outcome.lost += 1;
            }
        }
        if source.fetches() {
            stage.settle(&credentials, before, generation, fault);
        }
    }
    let counters = credentials.counters();
    outcome.failed_fetches = counters.failures;
    if outcome.lost > 0 || counters.waited > 1 {
        outcome.problems.push(format!(
            "{name}: {} calls failed, {} waited",
            outcome.lost,
            counters.waited.saturating_sub(1)
        ));
    }
    if !source.fetches() {
        if stage.requests() != requests {
            outcome.problems.push(format!("{name}: a source that fetches nothing has sent a request"));
        }
        return Cell::Played(outcome);
    }
    if fault.fails() && counters.failures == 0 {
        outcome.problems.push(format!("{name}: the fault did not reach the library"));
    }
    recover_beside_the_calls(&name, (source, fault), &credentials, stage, &mut outcome);
    recover_with_nothing_at_hand(&name, fault, &credentials, stage, &mut outcome);
    Cell::Played(outcome)
}

/// Whether a call gets a header at once, and its token may be sent.
fn has_token_at_hand(credentials: &Credentials, source: Source, stage: &Stage) -> bool {
    let header = credentials.header().now_or_never();
    let end = credentials.snapshot().and_then(|snapshot| snapshot.expires_at());
    // The token of an invocation counts by the real clock.
    let is_alive = source == Source::Function || end.is_none_or(|end| end > stage.wall());
    header.is_some_and(|header| header.is_ok()) && is_alive
}

/// After the fault the next refresh brings a new token, while the old one is still used.
fn recover_beside_the_calls(
    name: &str,
    (source, fault): (Source, Fault),
    credentials: &Credentials,
    stage: &Stage,
    outcome: &mut Outcome,
) {
    stage.set_fault(None);
    stage.renew_value();
    let before = credentials.generation_now();
    // A refresh that has succeeded under the fault is due later.
    stage.advance(if fault.fails() { LONGEST_RECOVERY } else { HOUR + HOUR / 2 });
    if !has_token_at_hand(credentials, source, stage) {
        outcome.problems.push(format!("{name}: the token is lost as the fault ends"));
    }
    let (mut turns, lifted) = (0, stage.now());
    let has_a_new_token = || {
        // Time goes on: a fetch that began under the fault may end after it, and is followed by a pause.
        turns += 1;
        if turns % 100 == 0 {
            stage.advance(if fault.fails() { secs(5) } else { secs(30) });
        }
        credentials.generation_now() > before || credentials.try_header().is_none()
    };
    let is_new = stage.until(has_a_new_token) && credentials.generation_now() > before;
    let waited = stage.now() - lifted;
    outcome.renewed_after = waited;
    if !is_new || (fault.fails() && waited > 2 * LONGEST_RECOVERY) {
        let counters = credentials.counters();
        outcome.problems.push(format!("{name}: no new token {waited:?} after the fault, {counters:?}"));
    }
}

/// With a token that has ended: callers are told in time, and get a token after the fault.
fn recover_with_nothing_at_hand(
    name: &str,
    fault: Fault,
    credentials: &Credentials,
    stage: &Stage,
    outcome: &mut Outcome,
) {
    stage.set_fault(Some(fault));
    stage.advance(13 * HOUR);
    let began = stage.now();
    let told = stage.drive(credentials, DEADLINE);
    outcome.told_after = stage.now() - began;
    if outcome.told_after > DEADLINE + Duration::from_millis(500) {
        outcome.problems.push(format!("{name}: a call was told after {:?}", outcome.told_after));
    }
    if told.is_ok() && fault.fails() {
        outcome.problems.push(format!("{name}: a call got a token although the fault lasts"));
    }
    stage.set_fault(None);
    stage.renew_value();
    let lifted = stage.now();
    while stage.drive(credentials, DEADLINE).is_err() {
        stage.advance(secs(1));
        if stage.now() - lifted > LONGEST_RECOVERY {
            outcome.problems.push(format!("{name}: no token {LONGEST_RECOVERY:?} after the fault"));
            break;
        }
    }
    outcome.recovered_after = stage.now() - lifted;
}

/// What a test needs of the current token.
trait CurrentGeneration {
    fn generation_now(&self) -> u64;
}

impl CurrentGeneration for Credentials {
    fn generation_now(&self) -> u64 {
        self.snapshot().map_or(0, |snapshot| snapshot.generation())
    }
}

fn describe(rows: &[(Source, Vec<(Fault, Cell)>)]) -> String {
    let mut text = String::from("source: cells played, calls with a token at hand, lost; the worst waits\n");
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    let mut worst = Duration::ZERO;
    for (source, cells) in rows {
        let played: Vec<_> = cells
            .iter()
            .filter_map(|(fault, cell)| match cell {
                Cell::Played(outcome) => Some((fault, outcome)),
                Cell::Skipped(reason) => {
                    *skipped.entry(reason).or_default() += 1;
                    None
                }
            })
            .collect();
        let sum =
            |count: fn(&Outcome) -> usize| played.iter().map(|(_, outcome)| count(outcome)).sum::<usize>();
        let slowest = played.iter().max_by_key(|(_, outcome)| outcome.recovered_after);
        let told = played.iter().map(|(_, outcome)| outcome.told_after).max().unwrap_or_default();
        let failures: u64 = played.iter().map(|(_, outcome)| outcome.failed_fetches).sum();
        let (fault, recovered) =
            slowest.map_or((None, Duration::ZERO), |(fault, outcome)| (Some(fault), outcome.recovered_after));
        worst = worst.max(recovered);
        let _ = writeln!(
            text,
            "{source:?}: {} cells, {} calls, {} lost, {failures} failed fetches; nothing at hand: told within {told:.1?}, \
             a token at most {recovered:.1?} after the fault ({fault:?})",
            played.len(),
            sum(|outcome| outcome.calls),
            sum(|outcome| outcome.lost),
        );
    }
    for (reason, count) in skipped {
        let _ = writeln!(text, "skipped: {count} cells, because {reason}");
    }
    let _ = writeln!(text, "the worst wait for a token after a fault: {worst:.1?}");
    text
}

/// Options of a call with a deadline.
fn within(deadline: Duration) -> HeaderOptions {
    HeaderOptions::new().deadline(deadline)
}
