//! How a model is run: at random, and through every schedule with few preemptions.
//!
//! | variable | what it sets |
//! |---|---|
//! | `MODEL_SCHEDULES` | random schedules of each model; uniform, by priorities (PCT), and by the length of the tasks (URW), a third each |
//! | `MODEL_BOUNDED` | the most schedules of each exhaustive search |
//! | `MODEL_SEED` | the seed of the random schedules, which are the same in each run without it |
//! | `MODEL_REPLAY` | a schedule that a failure has printed: that one alone |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler, UrwRandomScheduler};
use shuttle::{Config, MaxSteps, Runner};
use yandex_cloud_auth_model::sync;

use super::bounded::BoundedScheduler;

/// What one run of each model takes where nothing else is said: the models together end in a minute on two cores.
const SCHEDULES: usize = 10_000;
const BOUNDED: usize = 200_000;

/// How many changes of priority one schedule of PCT has.
const PRIORITY_CHANGES: usize = 3;

/// Runs `body` under random schedules.
pub(crate) fn at_random(name: &str, body: fn()) {
    if let Ok(schedule) = std::env::var("MODEL_REPLAY") {
        run(ReplayScheduler::new_from_encoded(schedule.trim()), body);
        return;
    }
    let (schedules, seed) = (number("MODEL_SCHEDULES", SCHEDULES), number("MODEL_SEED", 15) as u64);
    let third = schedules / 3;
    let began = Instant::now();
    let mut ran = run(RandomScheduler::new_from_seed(seed, schedules - 2 * third), body);
    ran += run(PctScheduler::new_from_seed(seed, PRIORITY_CHANGES, third), body);
    ran += run(UrwRandomScheduler::new_from_seed(seed, third), body);
    println!("{name}: {ran} random schedules in {:.1?}", began.elapsed());
}

/// Runs `body` under every schedule with at most `preemptions` preemptions.
pub(crate) fn exhaustively(name: &str, preemptions: usize, body: fn()) {
    let most = number("MODEL_BOUNDED", BOUNDED);
    if std::env::var_os("MODEL_REPLAY").is_some() || most == 0 {
        return;
    }
    let complete = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let ran = run(BoundedScheduler::new(preemptions, most, Arc::clone(&complete)), body);
    let all = if complete.load(Ordering::SeqCst) { "all" } else { "the first" };
    println!("{name}: {all} {ran} schedules with {preemptions} preemptions in {:.1?}", began.elapsed());
}

fn run(scheduler: impl Scheduler + 'static, body: fn()) -> usize {
    let mut config = Config::new();
    config.max_time = Some(std::time::Duration::from_secs(number("MODEL_SECONDS", 3600) as u64));
    config.stack_size = 256 << 10;
    config.max_steps = MaxSteps::FailAfter(20_000);
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || {
        sync::begin_execution();
        body();
    })
}

fn number(variable: &str, default: usize) -> usize {
    let Ok(text) = std::env::var(variable) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{variable} is not a number"))
}
