//! This library beside others, on the same fakes in the same run: `bash run`. The output is `docs/performance.md`'s.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

mod callers;
mod fake;
mod peers;
mod ready;

use std::process::Command;

use peers::{Azure, Gcp, Google, Ours};

/// The address of the fake. The process that measures has it, so that the fake's work is not measured.
const ADDRESS: &str = "PEERS_FAKE";

macro_rules! each {
    ($call:ident($fake:expr $(, $more:expr)*)) => {
        callers::$call::<Ours>($fake $(, $more)*).await;
        callers::$call::<Google>($fake $(, $more)*).await;
        callers::$call::<Azure>($fake $(, $more)*).await;
        callers::$call::<Gcp>($fake $(, $more)*).await;
    };
}

fn main() {
    let Ok(fake) = std::env::var(ADDRESS) else {
        let fake = fake::start();
        let own = std::env::current_exe().unwrap();
        let mut child = Command::new(own);
        child.args(std::env::args_os().skip(1)).env(ADDRESS, &fake).env("IDENTITY_HEADER", "fake");
        let status = child.env("IDENTITY_ENDPOINT", format!("{fake}/msi/token")).status().unwrap();
        assert!(status.success());
        return;
    };
    // Clients of HTTP are made with TLS, although the fakes need none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&fake, std::env::args().nth(1).as_deref()));
}

async fn measure(fake: &str, only: Option<&str>) {
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    if wanted("ready") {
        ready::run(fake).await;
    }
    if wanted("cold") {
        println!("\n## New credentials and their first header\n{:20} {:>10} {:>10}", "", "µs", "requests");
        each!(cold(fake));
    }
    for (part, fails) in [("slow", false), ("down", true)] {
        if wanted(part) {
            let what = if fails { "answers 503 after 200 ms" } else { "answers after 200 ms" };
            println!("\n## 10,000 callers without a token, a source that {what}");
            println!(
                "{:20} {:>9} {:>10} {:>10} {:>12}",
                "", "requests", "median ms", "longest ms", "after 30 s"
            );
            each!(storm(fake, fails));
        }
    }
    if wanted("memory") {
        println!("\n## Resident memory of one more set of credentials with a token\n{:20} {:>10}", "", "KiB");
        each!(memory(fake));
    }
}
