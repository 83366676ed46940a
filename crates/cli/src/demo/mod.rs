//! `yc-auth demo`: every method end to end, on a simulated system and against an emulator, both in this process.
//!
//! Every statement is measured and checked: the exit status is 0 only where all checks passed.

mod checks;
mod client;
pub(crate) mod fake_yc;
mod fixture;
mod gateway;
mod printer;
mod scenarios;

use std::io::{self, Write, stdout};
use std::time::Instant;

use checks::Check;
use fixture::Fixture;
use printer::Printer;
use yandex_cloud_auth::Method;

use crate::color::{Color, understands_escapes};
use crate::failure::Failure;
use crate::output;

/// Runs the demo.
pub(crate) fn run(out: &mut dyn Write) -> Result<(), Failure> {
    let start = Instant::now();
    let fixture =
        Fixture::new().map_err(|error| Failure::Other(format!("demo: cannot be set up: {error}")))?;
    let mut printer = Printer::new(out, Color::for_stdout(), understands_escapes(&stdout()));
    let Totals { passed, failed } = run_all(&fixture, &mut printer)?;
    drop(fixture);
    let total = passed + failed;
    if failed == 0 {
        let elapsed = output::duration(start.elapsed());
        let summary = printer.color.green(&format!("All {total} checks passed"));
        printer.heading(&format!("{summary} in {elapsed}."))?;
        return Ok(());
    }
    printer.heading(&printer.color.red(&format!("{failed} of {total} checks failed.")))?;
    Err(Failure::Other(format!("demo: {failed} of {total} checks failed")))
}

/// The numbers of passed and failed checks.
#[derive(Default)]
struct Totals {
    passed: usize,
    failed: usize,
}

impl Totals {
    fn add(&mut self, check: &Check, printer: &mut Printer<'_>) -> io::Result<()> {
        match check.passed {
            true => self.passed += 1,
            false => self.failed += 1,
        }
        printer.check(check)
    }
}

fn run_all(fixture: &Fixture, printer: &mut Printer<'_>) -> io::Result<Totals> {
    let mut totals = Totals::default();
    let emulator = &fixture.emulator;
    printer.line(&printer.color.bold("An emulator of Yandex Cloud runs inside this program"))?;
    printer.line(&format!("  API {}, metadata http://{}", emulator.api_url(), emulator.metadata_addr()))?;

    printer.heading("Every method: its header, then a chat completion and a streamed one")?;
    for method in scenarios::METHODS {
        printer.progress(method.name())?;
        totals.add(&checks::method_run(&fixture.run_method(method)), printer)?;
    }

    printer.heading("Automatic selection: the metadata service, YC_TOKEN and yc are available")?;
    printer.progress("selecting")?;
    let (report, run) = fixture.run_automatic();
    let table = report.as_ref().map(ToString::to_string).unwrap_or_default();
    for line in table.lines() {
        printer.line(&printer.color.dim(&format!("    {line}")))?;
    }
    let mut check = checks::method_run(&run);
    let selected = report.as_ref().and_then(|report| report.selected()).map(|attempt| attempt.method);
    check.passed &= selected == Some(Method::Metadata) && run.method == Method::Metadata;
    totals.add(&check, printer)?;

    printer.heading("The gateway: a tool with a key of its own asks for a bare name of a model")?;
    printer.progress("asking")?;
    match fixture.run_gateway() {
        Ok(run) => {
            for line in gateway::checks::lines(&run) {
                printer.line(&printer.color.dim(&format!("    {line}")))?;
            }
            for check in gateway::checks::gateway(&run) {
                totals.add(&check, printer)?;
            }
        }
        Err(error) => totals.add(&Check::failed(format!("no gateway: {error}")), printer)?,
    }

    printer.heading("A token becomes stale while IAM is slow")?;
    printer.progress("calling")?;
    let credentials = match fixture.oauth() {
        Ok(credentials) => credentials,
        Err(error) => {
            totals.add(&Check::failed(format!("no first token: {error}")), printer)?;
            return Ok(totals);
        }
    };
    for check in checks::stale_token(&fixture.stale_token(&credentials)) {
        totals.add(&check, printer)?;
    }

    printer.heading("IAM is down for 10 of the 12 hours that a token lives")?;
    let measured = fixture.iam_outage(&credentials, |hour| {
        let _ = printer.progress(&format!("hour {hour}"));
    });
    for check in checks::iam_outage(&measured) {
        totals.add(&check, printer)?;
    }
    totals.add(&checks::rejected_requests(emulator.counters().unauthenticated()), printer)?;
    Ok(totals)
}
