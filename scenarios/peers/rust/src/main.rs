//! Plays the calls of one scenario: `scenario-peers ours|google ADDRESS`. Each line of standard input is a call,
//! `NUMBER DEADLINE` (seconds, or `-`), made when the line comes. Each line of output is its outcome:
//! `NUMBER token|error SECONDS TEXT`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use google_cloud_auth::credentials::{CacheableResource, mds};
use tokio::io::{AsyncBufReadExt, BufReader};
use yandex_cloud_auth::{Credentials, HeaderOptions, MetadataAuth};

enum Player {
    Ours(Credentials),
    Google(google_cloud_auth::credentials::Credentials),
}

impl Player {
    async fn call(&self, deadline: Option<Duration>) -> Result<String, String> {
        match self {
            Self::Ours(credentials) => {
                let options = deadline.map_or(HeaderOptions::new(), |limit| HeaderOptions::new().deadline(limit));
                let header = credentials.header_with(options).await.map_err(|error| error.to_string())?;
                header.ok_or("no header")?.to_str().map(str::to_owned).map_err(|error| error.to_string())
            }
            Self::Google(credentials) => {
                // The library has no deadline of its own: a caller with one drops the future.
                let limit = deadline.unwrap_or(Duration::from_secs(60));
                let headers = tokio::time::timeout(limit, credentials.headers(http::Extensions::new())).await;
                match headers.map_err(|_| "the caller's own deadline".to_owned())?.map_err(chain)? {
                    CacheableResource::New { data, .. } => {
                        let header = data.get(http::header::AUTHORIZATION).ok_or("no header")?;
                        header.to_str().map(str::to_owned).map_err(|error| error.to_string())
                    }
                    CacheableResource::NotModified => Err("not modified".to_owned()),
                }
            }
        }
    }
}

fn chain(error: impl std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (name, address) = (arguments.next().unwrap(), arguments.next().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut player: Option<Arc<Player>> = None;
    let mut calls = Vec::new();
    println!("ready");
    while let Ok(Some(line)) = lines.next_line().await {
        let (number, deadline) = line.split_once(' ').unwrap();
        let (number, deadline) = (number.to_owned(), deadline.parse().ok().map(Duration::from_secs_f64));
        // Made at the first call: google-cloud-auth starts to fetch as soon as credentials exist.
        let player = Arc::clone(player.get_or_insert_with(|| {
            Arc::new(match name.as_str() {
                "ours" => Player::Ours(MetadataAuth::builder().address(&address).build().into()),
                _ => {
                    let builder = mds::Builder::default().with_endpoint(format!("http://{address}"));
                    Player::Google(builder.build().unwrap())
                }
            })
        }));
        calls.push(tokio::spawn(async move {
            let began = Instant::now();
            let outcome = player.call(deadline).await;
            let (kind, text) = match &outcome {
                Ok(header) => ("token", header.trim_start_matches("Bearer ")),
                Err(error) => ("error", error.as_str()),
            };
            println!("{number} {kind} {:.3} {}", began.elapsed().as_secs_f64(), text.replace('\n', " "));
        }));
    }
    for call in calls {
        let _ = call.await;
    }
}
