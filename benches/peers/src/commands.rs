//! The start of commands that print a token, in processes, each by turns.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{fake, python};

const ROUNDS: usize = 21;

pub fn run(fake: &str) {
    for name in ["yandex-cloud-auth", "google-cloud-auth", "gcp_auth", "sdk", "google-auth"] {
        fake::set(fake, name, "delay_ms=0&fails=0&life=3600");
    }
    let yc_auth = |name, value: &str| {
        let mut command = bare(std::env::var_os("PEERS_YC_AUTH").unwrap());
        command.args(["token", "--no-cache"]).env(name, value);
        command
    };
    let own = |name| {
        let mut command = bare(std::env::current_exe().unwrap().with_file_name(name));
        command.arg(fake).envs(std::env::vars_os().filter(|(name, _)| name == "PEERS_KEY"));
        command
    };
    let mut python = bare(std::env::var_os("PEERS_PYTHON").unwrap());
    python.args(["-c", ""]);
    let address = fake.strip_prefix("http://").unwrap();
    let token = format!("t1.{}.{}", "FAKE".repeat(30), "x".repeat(86));
    let mut commands = vec![
        ("an empty program".to_owned(), own("empty")),
        ("yc-auth token, YC_IAM_TOKEN".to_owned(), yc_auth("YC_IAM_TOKEN", &token)),
        ("yc-auth token, metadata service".to_owned(), yc_auth("YC_METADATA_ADDR", address)),
        ("google-cloud-auth, metadata service".to_owned(), own("token_google")),
        ("gcp_auth, service account key".to_owned(), own("token_gcp")),
        ("python3, an empty program".to_owned(), python),
    ];
    for (library, name) in python::LIBRARIES {
        commands.push((format!("{name} (Python)"), python::command("token", library, fake)));
    }
    for (name, command) in &mut commands {
        let output = command.output().unwrap();
        let has_token = output.stdout.starts_with(b"t1.");
        assert!(output.status.success() && has_token != name.contains("empty"), "{name}: {output:?}");
    }
    let mut times = vec![Vec::new(); commands.len()];
    for _ in 0..ROUNDS {
        for (times, (_, command)) in times.iter_mut().zip(&mut commands) {
            let start = Instant::now();
            assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    println!("\n## Commands that print a token: the median of {ROUNDS} runs, by turns");
    println!("{:40} {:>10} {:>9}", "", "ms", "to empty");
    let medians = times.iter_mut().map(|times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    let medians: Vec<_> = medians.collect();
    for ((name, _), median) in commands.iter().zip(&medians) {
        println!("{name:40} {median:10.2} {:9.1}", median / medians[0]);
    }
}

/// A command without the variables of the user. It has no terminal.
fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(Path::new(&program));
    command.env_clear().stdin(Stdio::null());
    command
}
