//! Plays one scenario in virtual time, and lists the differences from what it expects.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use yandex_cloud_auth::system::Clock;

use super::format::{Described, Requests, Scenario, Span, Step};
use super::program::Program;
use super::world::{World, seconds};

/// The jitters of a scenario that fixes none: its expectations have to hold for all of them.
const JITTERS: [f64; 3] = [0.0, 0.5, 0.999];

/// The differences, each with the scenario, the step, what was expected and what came.
pub(super) fn play(file: &str, scenario: &Scenario) -> Vec<String> {
    let jitters = scenario.jitter.map_or(JITTERS.to_vec(), |jitter| vec![jitter]);
    let mut all = Vec::new();
    for jitter in jitters {
        let outcome = catch_unwind(AssertUnwindSafe(|| play_once(scenario, jitter)));
        let differences = outcome.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            vec![format!("panic: {}", text.unwrap_or("of another kind"))]
        });
        let place = format!("scenarios/{file}: {} (jitter {jitter})", scenario.name);
        all.extend(differences.into_iter().map(|difference| format!("{place}: {difference}")));
    }
    all
}

/// A step at one moment. A step that repeats has several.
struct Occurrence<'a> {
    at: f64,
    number: usize,
    step: &'a Step,
}

fn occurrences(scenario: &Scenario) -> Vec<Occurrence<'_>> {
    let mut all = Vec::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        let mut at = step.at;
        loop {
            let occurrence = |_| Occurrence { at, number: index + 1, step };
            all.extend((0..step.count.unwrap_or(1)).map(occurrence));
            at += step.every.unwrap_or(f64::INFINITY);
            if at > step.until.unwrap_or(step.at) {
                break;
            }
        }
    }
    // Stable: steps at one moment keep their order.
    all.sort_by(|one, other| one.at.total_cmp(&other.at));
    all
}

fn play_once(scenario: &Scenario, jitter: f64) -> Vec<String> {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let world = World::new(scenario, RUNS.fetch_add(1, Ordering::SeqCst), jitter);
    let program = Program::new(scenario, world.clone());
    let mut differences = run(&program, &occurrences(scenario));
    // What is due now is done now.
    world.time.pass(std::time::Duration::ZERO);
    differences.extend(compare_requests(scenario, &world));
    differences.extend(compare_report(scenario, &program));
    differences.extend(program.leaks.borrow().iter().cloned());
    program.end();
    if world.under_way() > 0 || world.time.clock.sleepers() > 0 {
        let (requests, timers) = (world.under_way(), world.time.clock.sleepers());
        differences.push(format!("law 5: {requests} requests and {timers} timers are left after the end"));
    }
    differences.extend(world.broken_laws());
    differences
}

/// Runs the steps, each at its time, and lists those whose outcome is not the expected one.
fn run(program: &Program, occurrences: &[Occurrence<'_>]) -> Vec<String> {
    let world = &program.world;
    let mut differences = Vec::new();
    let mut waiting: Vec<Pin<Box<dyn Future<Output = Option<String>> + '_>>> = Vec::new();
    let mut next = 0;
    let mut timer = None;
    world.time.run(std::future::poll_fn(|context| {
        loop {
            // Those that wait first: what has ended is not lost to a step at the same moment.
            waiting.retain_mut(|call| match call.as_mut().poll(context) {
                Poll::Ready(difference) => {
                    differences.extend(difference);
                    false
                }
                Poll::Pending => true,
            });
            let Some(occurrence) = occurrences.get(next) else {
                return if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending };
            };
            let left = occurrence.at - world.elapsed();
            if left > 1e-9 {
                let sleep = timer.get_or_insert_with(|| world.time.clock.sleep(seconds(left)));
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
            // At one moment the services and the library come before the steps.
            if timer.take().is_some() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            next += 1;
            let mut step = Box::pin(perform(program, occurrence));
            match step.as_mut().poll(context) {
                Poll::Ready(difference) => differences.extend(difference),
                Poll::Pending => waiting.push(step),
            }
            // The library works before the next step, so that a fetch that a step starts is under way.
            if occurrences.get(next).is_some_and(|later| later.at > occurrence.at) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }));
    differences
}

async fn perform(program: &Program, occurrence: &Occurrence<'_>) -> Option<String> {
    let Occurrence { at, number, step } = occurrence;
    let began = program.world.elapsed();
    let got = program.perform(step).await;
    let waited = program.world.elapsed() - began;
    let expect = step.expect.as_ref()?;
    if expect.under_way.is_some() {
        // One turn, in which the library ends what nobody needs any more.
        let mut is_second = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    let difference = expect.difference(&got, waited, program.world.under_way())?;
    Some(format!("step {number} ({:?} at {at} s): {difference}", step.action))
}

fn compare_requests(scenario: &Scenario, world: &World) -> Vec<String> {
    let mut differences = Vec::new();
    for (service, expected) in &scenario.requests {
        let got = world.requests(*service);
        let is_expected = match expected {
            Requests::At(times) => {
                times.len() == got.len() && times.iter().zip(&got).all(|(span, at)| span.has(*at))
            }
            Requests::Described(described) => described.is_met(&got),
        };
        if !is_expected {
            differences.push(format!("requests to {service:?}: expected {expected}, got {got:?}"));
        }
    }
    for service in world.asked_services() {
        if !scenario.requests.contains_key(&service) {
            differences
                .push(format!("requests to {service:?}: expected none, got {:?}", world.requests(service)));
            break;
        }
    }
    differences
}

impl Described {
    fn is_met(&self, got: &[f64]) -> bool {
        let gaps: Vec<_> = got.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let has_gaps = |expected: &Vec<Span>| {
            expected.len() == gaps.len() && expected.iter().zip(&gaps).all(|(span, gap)| span.has(*gap))
        };
        self.first.is_none_or(|first| got.first().is_some_and(|at| first.has(*at)))
            && self.gaps.as_ref().is_none_or(has_gaps)
            && self.count.is_none_or(|count| count.has(got.len() as f64))
            && self.shortest_gap.is_none_or(|least| gaps.iter().all(|gap| *gap >= least - 0.001))
    }
}

impl std::fmt::Display for Requests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |spans: &[Span]| spans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::At(times) => write!(formatter, "[{}]", list(times)),
            Self::Described(Described { first, gaps, count, shortest_gap }) => {
                let words = [
                    count.map(|count| format!("{count} of them")),
                    first.map(|first| format!("the first at {first}")),
                    gaps.as_ref().map(|gaps| format!("gaps [{}]", list(gaps))),
                    shortest_gap.map(|gap| format!("no gap below {gap}")),
                ];
                formatter.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn compare_report(scenario: &Scenario, program: &Program) -> Vec<String> {
    let mut differences = Vec::new();
    if scenario.report.is_none() && scenario.counters.is_none() {
        return differences;
    }
    let credentials = program.credentials("main");
    if let Some(expected) = &scenario.report {
        let Some(report) = credentials.report() else { return vec!["there is no report".to_owned()] };
        program.look_for_leaks(&format!("{report} {report:?}"));
        let selected = report.selected().map(|attempt| attempt.method.name().to_owned());
        if selected != expected.selected {
            differences.push(format!("report: expected {:?} selected, got {selected:?}", expected.selected));
        }
        let attempt = |slot: &String| report.attempts().iter().find(|attempt| attempt.method.name() == slot);
        for (slot, outcome) in &expected.outcomes {
            let got = attempt(slot).map(|attempt| attempt.outcome.name());
            if got != Some(outcome.as_str()) {
                differences.push(format!("report: {slot}: expected {outcome}, got {got:?}"));
            }
        }
        for (slot, words) in &expected.reasons {
            let got = attempt(slot).map(|attempt| attempt.reason.clone()).unwrap_or_default();
            if !got.contains(words) {
                differences.push(format!("report: {slot}: expected a reason with `{words}`, got `{got}`"));
            }
        }
        if let Some(words) = &expected.notes
            && !report.notes().iter().any(|note| note.contains(words))
        {
            differences.push(format!("report: expected a note with `{words}`, got {:?}", report.notes()));
        }
    }
    if let Some(expected) = &scenario.counters {
        let got = credentials.counters();
        for (name, span, got) in [
            ("fetches", expected.fetches, got.fetches),
            ("failures", expected.failures, got.failures),
            ("waited", expected.waited, got.waited),
        ] {
            if span.is_some_and(|span| !span.has(got as f64)) {
                differences
                    .push(format!("counter {name}: expected {}, got {got}", span.unwrap_or(Span::ZERO)));
            }
        }
    }
    differences
}
