//! `yc-auth demo`: everything end to end, on a machine and against a cloud that are both in this process.
//!
//! What is shown is measured, and every claim is checked: the exit status is 0 only where all of them held.

mod client;
pub(crate) mod fake_yc;
mod judge;
mod scenes;
mod screen;
mod stage;

use std::io::{self, Write};
use std::time::Instant;

use judge::Claim;
use screen::Screen;
use stage::Stage;
use yandex_cloud_auth::Method;

use crate::failure::Failure;
use crate::output::span;
use crate::paint::{Paint, is_live};

/// Plays it.
pub(crate) fn run(out: &mut dyn Write) -> Result<(), Failure> {
    let start = Instant::now();
    let stage =
        Stage::set().map_err(|error| Failure::Other(format!("demo: the stage cannot be set: {error}")))?;
    let mut screen = Screen::new(out, Paint::for_stdout(), is_live());
    let tally = play(&stage, &mut screen)?;
    drop(stage);
    let Tally { held, broken } = tally;
    let took = span(start.elapsed());
    if broken == 0 {
        let words = screen.paint.good(&format!("All {held} claims held"));
        screen.heading(&format!("{words}, in {took}."))?;
        return Ok(());
    }
    screen.heading(&screen.paint.bad(&format!("{broken} of {} claims did not hold.", held + broken)))?;
    Err(Failure::Other(format!("demo: {broken} of {} claims did not hold", held + broken)))
}

/// How many claims held, and how many did not.
#[derive(Default)]
struct Tally {
    held: usize,
    broken: usize,
}

impl Tally {
    fn take(&mut self, claim: &Claim, screen: &mut Screen<'_>) -> io::Result<()> {
        match claim.held {
            true => self.held += 1,
            false => self.broken += 1,
        }
        screen.claim(claim.held, &claim.text)
    }
}

fn play(stage: &Stage, screen: &mut Screen<'_>) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let emulator = &stage.emulator;
    screen.line(&screen.paint.bold("A Yandex Cloud inside this program"))?;
    screen.line(&format!(
        "  API {}, metadata http://{}, folder {}",
        emulator.api_url(),
        emulator.metadata_addr(),
        emulator.folder_id()
    ))?;

    screen.heading("Each method: the header, and what a chat completion with it says")?;
    for method in scenes::METHODS {
        screen.progress(method.name())?;
        tally.take(&judge::visit(&stage.visit(method)), screen)?;
    }

    screen.heading("Automatic selection: the metadata service and YC_TOKEN and yc are there")?;
    screen.progress("looking")?;
    let (report, visit) = stage.automatic();
    for line in
        report.iter().flat_map(|report| report.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
    {
        screen.line(&screen.paint.dim(&format!("    {line}")))?;
    }
    let mut claim = judge::visit(&visit);
    let chosen = report.as_ref().and_then(|report| report.selected()).map(|attempt| attempt.method);
    claim.held &= chosen == Some(Method::Metadata) && visit.method == Method::Metadata;
    tally.take(&claim, screen)?;

    screen.heading("A token goes stale: an hour passes, and IAM is slow")?;
    screen.progress("calling")?;
    let credentials = match stage.oauth() {
        Ok(credentials) => credentials,
        Err(error) => {
            tally.take(&Claim { held: false, text: format!("no first token: {error}") }, screen)?;
            return Ok(tally);
        }
    };
    for claim in judge::stale(&stage.stale(&credentials)) {
        tally.take(&claim, screen)?;
    }

    screen.heading("IAM is cut off, for ten hours of a token that lives for twelve")?;
    let facts = stage.outage(&credentials, |hour| {
        let _ = screen.progress(&format!("hour {hour}"));
    });
    for claim in judge::outage(&facts) {
        tally.take(&claim, screen)?;
    }
    tally.take(&judge::refusals(emulator.counters().unauthenticated()), screen)?;
    Ok(tally)
}
