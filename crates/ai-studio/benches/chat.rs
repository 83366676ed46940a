//! The figures of the SDK, each as a ratio measured in this run: `cargo bench -p yandex-ai-studio-sdk`.
//!
//! - A chat completion by the SDK against the same call by bare `reqwest` with a header made by hand: once with exactly
//!   the request of the SDK, with an id for each call, and once with the smallest request that works. Each variant sends
//!   its calls one after another on one connection, in turns, to an emulator in a process of its own.
//! - The memory of the process after 10,000 such calls and after 100,000 more.
//! - For comparison, the same call by the Python SDK, if `YC_PYTHON` names an interpreter with that SDK, or
//!   `tests/interop/run --install` has made one.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use uuid::Uuid;
use yandex_ai_studio_sdk::AiStudio;
use yandex_ai_studio_sdk::auth::System;
use yandex_ai_studio_sdk::auth::testing::TestEnvironment;
use yandex_cloud_emulator::Emulator;

const ROUNDS: usize = 9;
const CALLS: u32 = 2_000;
const SOAK: u32 = 100_000;
/// The user agent of the SDK.
const USER_AGENT: &str =
    concat!("yandex-ai-studio-sdk/", env!("CARGO_PKG_VERSION"), " rust/", env!("CARGO_PKG_RUST_VERSION"));

fn main() {
    if std::env::args().any(|argument| argument == "emulator") {
        return serve();
    }
    // The bare reqwest client needs a default provider; the SDK does not.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cloud = Cloud::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sdk = runtime.block_on(against_reqwest(&cloud));
    against_python(&cloud, sdk);
    runtime.block_on(soak(&cloud));
}

/// The process of the emulator: prints its address, and ends when its standard input is closed.
fn serve() {
    let cloud = Emulator::start_in_thread().unwrap();
    println!("{} {} {}", cloud.api_url(), cloud.folder_id(), cloud.api_key());
    let _ = std::io::stdin().read(&mut [0]);
}

struct Cloud {
    child: Child,
    url: String,
    folder: String,
    key: String,
}

impl Cloud {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("emulator")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut words = line.split_whitespace().map(str::to_owned);
        let mut word = || words.next().unwrap();
        Self { url: word(), folder: word(), key: word(), child }
    }

    fn sdk(&self) -> AiStudio {
        AiStudio::builder()
            .system(System::real().with_environment(TestEnvironment::default()))
            .endpoint(&self.url)
            .folder_id(&self.folder)
            .auth(&*self.key)
            .build()
            .unwrap()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Microseconds per call, over many consecutive calls.
async fn per_call(call: impl AsyncFn()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        call().await;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Microseconds per call of the SDK.
async fn against_reqwest(cloud: &Cloud) -> f64 {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let (url, header) = (format!("{}/v1/chat/completions", cloud.url), format!("Api-Key {}", cloud.key));
    let body = json!({
        "model": format!("gpt://{}/yandexgpt/latest", cloud.folder),
        "messages": [{ "role": "user", "content": "hello" }],
        "stream": false,
    });
    let least = || {
        client
            .post(&url)
            .header("authorization", &header)
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&body).unwrap())
    };
    let same = || {
        let id = Uuid::new_v4().to_string();
        least()
            .header("x-client-request-id", &id)
            .header("idempotency-key", &id)
            .header("openai-project", &cloud.folder)
            .header("user-agent", USER_AGENT)
            .header("accept", "application/json, text/event-stream")
    };
    let ask = async |request: RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let response: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert!(response["choices"][0]["message"]["content"].as_str().unwrap().ends_with("hello"));
    };
    let sdk = cloud.sdk();
    let model = sdk.chat().completions("yandexgpt");
    let mut rounds = Vec::new();
    // The first round warms up connections and caches.
    for _ in 0..=ROUNDS {
        let of_least = per_call(async || ask(least()).await).await;
        let of_same = per_call(async || ask(same()).await).await;
        let ours = async || assert!(model.run("hello").await.unwrap().text().ends_with("hello"));
        rounds.push([of_least, of_same, per_call(ours).await]);
    }
    let middle =
        |of: fn([f64; 3]) -> f64| median(&mut rounds[1..].iter().copied().map(of).collect::<Vec<_>>());
    let ours = middle(|[_, _, ours]| ours);
    println!(
        "chat completion, µs per call (median of {ROUNDS} rounds of {CALLS}, by turns; ratios: median of the rounds')"
    );
    println!("  the SDK                                 {ours:8.1}");
    println!(
        "  bare reqwest, the very same request     {:8.1}  ratio {:.2} (at most 1.15)",
        middle(|[_, same, _]| same),
        middle(|[_, same, ours]| ours / same)
    );
    println!(
        "  bare reqwest, the least request         {:8.1}  ratio {:.2}",
        middle(|[least, _, _]| least),
        middle(|[least, _, ours]| ours / least)
    );
    ours
}

fn against_python(cloud: &Cloud, ours: f64) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("YC_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root.join("../../tests/interop/.venv/bin/python"));
    println!("the Python SDK, same server, same run");
    let output = Command::new(&python)
        .arg(root.join("benches/chat.py"))
        .args([&cloud.url, &cloud.folder, &cloud.key])
        .env("YC_METADATA_ADDR", "127.0.0.1:1")
        .stderr(Stdio::inherit())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            let theirs: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
            println!(
                "  chat.completions().run()          {theirs:9.1} µs, {:.1} times the SDK's",
                theirs / ours
            );
        }
        Ok(output) => panic!("it failed: {}", output.status),
        Err(error) => println!("  not measured: no Python with the SDK at {} ({error})", python.display()),
    }
}

/// The resident memory of this process, in KiB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
}

async fn soak(cloud: &Cloud) {
    let sdk = cloud.sdk();
    let model = sdk.chat().completions("yandexgpt");
    let calls = async |number: u32| {
        for _ in 0..number {
            model.run("hello").await.unwrap();
        }
    };
    calls(10_000).await;
    let before = resident();
    calls(SOAK).await;
    match before.zip(resident()) {
        Some((before, after)) => println!(
            "resident after 10,000 calls and after {SOAK} more: {before} KiB, {after} KiB ({:+.1} %)",
            (after as f64 / before as f64 - 1.0) * 100.0
        ),
        None => println!("resident memory: not measured, there is no /proc here"),
    }
}
