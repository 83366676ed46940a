//! This library beside others, on the same fake in the same run: `bash run`. The output is `docs/performance.md`'s.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

mod callers;
mod commands;
mod fake;
mod outage;
mod peers;
mod plot;
mod python;
mod ready;

use std::process::Command;

use peers::{Aws, Azure, Gcp, Google, Ours, OursOverGrpc, Peer, YandexCloudSdk, Ydb, Yup};

/// The address of the fake. The process that measures has it, so that the fake's work is not measured.
const ADDRESS: &str = "PEERS_FAKE";
/// The part that measures the memory of one library: `memory-of NAME`.
const MEMORY_OF: &str = "memory-of";

/// Those that give a header; with more names, those too.
macro_rules! each {
    ($call:ident $arguments:tt $(, $peer:ty)*) => {
        callers::$call::<Ours> $arguments.await;
        callers::$call::<Google> $arguments.await;
        callers::$call::<Azure> $arguments.await;
        callers::$call::<Gcp> $arguments.await;
        callers::$call::<Yup> $arguments.await;
        callers::$call::<Aws> $arguments.await;
        $(callers::$call::<$peer> $arguments.await;)*
    };
}

fn main() {
    let Ok(fake) = std::env::var(ADDRESS) else {
        let fake = fake::start();
        let own = std::env::current_exe().unwrap();
        let mut child = Command::new(own);
        child.args(std::env::args_os().skip(1)).env(ADDRESS, &fake).env("IDENTITY_HEADER", "fake");
        child.env("IDENTITY_ENDPOINT", format!("{fake}/azure_identity/msi/token"));
        child.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{fake}/aws-config/credentials"));
        assert!(child.status().unwrap().success());
        return;
    };
    // Clients of HTTP are made with TLS, although the fakes need none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&fake, std::env::args().nth(1).as_deref()));
}

async fn measure(fake: &str, only: Option<&str>) {
    if only == Some(MEMORY_OF) {
        let name = &std::env::args().nth(2).unwrap();
        each!(memory(fake, name));
        return;
    }
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    if wanted("ready") {
        ready::run(fake).await;
    }
    if wanted("cold") {
        println!("\n## New credentials and their first header\n{:32} {:>10} {:>10}", "", "µs", "requests");
        each!(cold(fake), OursOverGrpc, YandexCloudSdk, Ydb);
        python::cold(fake);
    }
    for (part, fails) in [("slow", false), ("down", true)] {
        if wanted(part) {
            let what = if fails { "answers 503 after 200 ms" } else { "answers after 200 ms" };
            callers::print_storm_head(&format!("10,000 callers without a token, a source that {what}"));
            each!(storm(fake, fails), OursOverGrpc, YandexCloudSdk);
            python::storm(fake, fails);
        }
    }
    if wanted("stale") {
        callers::print_storm_head("10,000 callers with a stale token, a source that answers after 200 ms");
        each!(stale(fake), OursOverGrpc, YandexCloudSdk);
    }
    if wanted("memory") {
        println!("\n## Resident memory of one more set of credentials with a token\n{:32} {:>10}", "", "KiB");
        for name in [Ours::NAME, Google::NAME, Azure::NAME, Gcp::NAME, Yup::NAME, Aws::NAME] {
            let own = std::env::current_exe().unwrap();
            assert!(Command::new(own).args([MEMORY_OF, name]).status().unwrap().success());
        }
    }
    if wanted("commands") {
        commands::run(fake);
    }
    if wanted("outage") {
        outage::run(fake).await;
    }
}
