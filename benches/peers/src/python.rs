//! The libraries for Python, by `python_sdk.py` in processes of their own.

use std::process::Command;

use crate::callers::{self, Waits};
use crate::fake;

/// The names in the script and at the fake, and in the tables.
pub const LIBRARIES: [(&str, &str); 2] = [("sdk", "yandex-ai-studio-sdk"), ("google-auth", "google-auth")];

/// `python_sdk.py PART LIBRARY FAKE`. The interpreter is that of the folder of packages.
pub fn command(part: &str, library: &str, fake: &str) -> Command {
    let mut command = Command::new(std::env::var_os("PEERS_PYTHON").unwrap());
    command.args(["python_sdk.py", part, library, fake]);
    command
}

/// The figures that the script prints.
pub fn measure(part: &str, library: &str, fake: &str) -> Vec<f64> {
    let output = command(part, library, fake).stderr(std::process::Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{part} of {library}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

pub fn cold(fake: &str) {
    for (library, name) in LIBRARIES {
        fake::set(fake, library, "delay_ms=0&fails=0&life=3600");
        let microseconds = measure("cold", library, fake)[0];
        let requests = fake::set(fake, library, "delay_ms=0");
        callers::print_cold(&format!("{name} (Python)"), microseconds, requests);
    }
}

pub fn storm(fake: &str, fails: bool) {
    let (library, name) = LIBRARIES[0];
    fake::set(fake, library, &callers::start_of_storm(fails));
    let figures = measure("storm", library, fake);
    let [median_ms, longest_ms, failed, unanswered] = figures[..] else { panic!("four figures") };
    let requests = fake::set(fake, library, "delay_ms=0&fails=0");
    let waits = Waits { median_ms, longest_ms, failed: failed as usize, unanswered: unanswered as usize };
    callers::print_storm(&format!("{name} (Python)"), requests, &waits);
}
