#!/usr/bin/env bash
# google-cloud-auth (crates.io): after one 404 of the metadata service, credentials never ask again.
#
# Seen in November 2026 with google-cloud-auth 1.19.0: an error that counts as permanent ends the task that refreshes, and all
# later calls get this error. A machine that gets its service account after the program has started never gets a header; new
# credentials in the same process get one. A network error had the same end:
# https://github.com/googleapis/google-cloud-rust/issues/5864
#
# The metadata service is on loopback. This builds about 180 crates.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
edition = "2024"
[workspace]
[dependencies]
google-cloud-auth = { version = "=1.19.0", default-features = false }
http = "1"
rustls = { version = "0.23", default-features = false, features = ["ring"] }
tokio = { version = "1", features = ["full"] }
TOML
cat >src/main.rs <<'RUST'
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use google_cloud_auth::credentials::{Credentials, mds};

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// The first answer is a 404: the machine has no service account yet.
fn serve(listener: TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        BufReader::new(&stream).lines().take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).count();
        let status = if REQUESTS.fetch_add(1, SeqCst) == 0 { "404 Not Found" } else { "200 OK" };
        let body = r#"{"access_token":"token","expires_in":43200,"token_type":"Bearer"}"#;
        let length = body.len();
        let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    }
}

async fn ask(name: &str, credentials: &Credentials) {
    let result = credentials.headers(http::Extensions::new()).await.map_or("an error", |_| "a header");
    println!("{name}: {result}, {} requests", REQUESTS.load(SeqCst));
}

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(|| serve(listener));
    let new = || mds::Builder::default().with_endpoint(&endpoint).build().unwrap();
    let credentials = new();
    ask("at the start", &credentials).await;
    // A refresh after a transient error comes after 10 seconds.
    tokio::time::sleep(Duration::from_secs(12)).await;
    ask("12 seconds later", &credentials).await;
    ask("new credentials", &new()).await;
}
RUST
cargo build --quiet
seen=$(env -u GCE_METADATA_HOST cargo run --quiet)
echo "$seen"
expected='at the start: an error, 1 requests
12 seconds later: an error, 1 requests
new credentials: a header, 2 requests'
[ "$seen" = "$expected" ] || { echo 'this has changed' >&2; exit 1; }
