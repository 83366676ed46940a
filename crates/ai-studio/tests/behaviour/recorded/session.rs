//! One recording, from the first call to the result of the replay server.

use http::Method;
use serde_json::Value;
use yandex_ai_studio_sdk::auth::System;
use yandex_ai_studio_sdk::auth::testing::TestEnvironment;
use yandex_ai_studio_sdk::{AiStudio, RetryPolicy};
use yandex_cloud_replay::{Interaction, Recording, ReplayServer};

use super::call::{Call, perform};

/// The result of one recording.
pub(crate) struct Outcome {
    /// The number of calls that the SDK sent.
    pub(crate) sent: usize,
    /// The recorded requests that the SDK has no call for.
    pub(crate) skipped: Vec<String>,
    pub(crate) wrong: Option<String>,
}

/// The steps of a recording.
enum Step {
    /// Build a new SDK, because each SDK requests discovery once.
    Discover,
    Send(Call),
}

pub(crate) async fn replay(recording: &Recording, seed: u64) -> Outcome {
    let mut skipped = recording.unsupported.clone();
    let mut steps: Vec<(Step, Interaction)> = Vec::new();
    for interaction in recording.interactions.iter().cloned() {
        let request = &interaction.request;
        if request.method == Method::GET && request.target == "/endpoints" {
            steps.push((Step::Discover, interaction));
        } else if let Some(call) = Call::of(request) {
            steps.push((Step::Send(call), interaction));
        } else {
            skipped.push(format!("{} {}", request.method, request.path()));
        }
    }
    drop_idle_discovery(&mut steps);

    let sent = steps.iter().filter(|(step, _)| matches!(step, Step::Send(_))).count();
    let wrong = run(recording, seed, steps).await.err();
    Outcome { sent, skipped, wrong }
}

/// Drops discovery requests that no covered call needs.
fn drop_idle_discovery(steps: &mut Vec<(Step, Interaction)>) {
    let mut needed = false;
    let mut kept: Vec<_> = std::mem::take(steps)
        .into_iter()
        .rev()
        .filter(|(step, _)| match step {
            Step::Discover => std::mem::take(&mut needed),
            Step::Send(call) => {
                needed |= call.is_discovered();
                true
            }
        })
        .collect();
    kept.reverse();
    *steps = kept;
}

async fn run(recording: &Recording, seed: u64, steps: Vec<(Step, Interaction)>) -> Result<(), String> {
    let mut covered = recording.clone();
    covered.interactions = steps.iter().map(|(_, interaction)| interaction.clone()).collect();
    let server = ReplayServer::start(&covered, seed).await.map_err(|error| error.to_string())?;
    let mut sdk = sdk(&server, &covered, false)?;
    let mut outcome = Ok(());
    for (step, interaction) in &steps {
        match step {
            Step::Discover => sdk = self::sdk(&server, &covered, true)?,
            Step::Send(call) => {
                if let Err(wrong) = perform(&sdk, call, interaction).await {
                    let place = format!("{} {}", interaction.request.method, interaction.request.target);
                    outcome = Err(format!("{place}: {wrong}"));
                    break;
                }
            }
        }
    }
    let server_result = server.finish().map_err(|error| error.to_string());
    match (outcome, server_result) {
        (Ok(()), server_result) => server_result,
        (wrong, Ok(())) => wrong,
        (Err(wrong), Err(server_result)) => Err(format!("{wrong}\n{server_result}")),
    }
}

/// An SDK that knows only the replay server, with the options of the recording.
fn sdk(server: &ReplayServer, recording: &Recording, discover: bool) -> Result<AiStudio, String> {
    let compatible = format!("{}/v1", server.url());
    let builder = AiStudio::builder()
        .folder_id(folder(recording))
        .auth("AQVN-fake-recorded")
        .system(System::real().with_environment(TestEnvironment::empty()))
        .retry_policy(RetryPolicy::none())
        .service_map([("http_completions", compatible)]);
    let builder = if discover {
        builder.endpoint(server.url())
    } else {
        builder
            .without_endpoint()
            .service_map([("ai-foundation-models", server.url()), ("operation", server.url())])
    };
    let logging = header(recording, "x-data-logging-enabled").map(|value| value == "true");
    let builder = match logging {
        Some(on) => builder.enable_server_data_logging(on),
        None => builder,
    };
    builder.build().map_err(|error| error.to_string())
}

/// The recorded folder: from the header, or from a model URI.
fn folder(recording: &Recording) -> String {
    let of_model = |interaction: &Interaction| {
        let body = interaction.request.json()?;
        let model = body.get("model").or(body.get("modelUri")).and_then(Value::as_str)?;
        Some(model.split_once("://")?.1.split('/').next()?.to_owned())
    };
    header(recording, "openai-project")
        .or_else(|| recording.interactions.iter().find_map(of_model))
        .unwrap_or_else(|| "b1gnone".to_owned())
}

fn header(recording: &Recording, name: &str) -> Option<String> {
    let headers = recording.interactions.iter().map(|interaction| &interaction.request.headers);
    headers.filter_map(|headers| headers.get(name)?.to_str().ok()).map(str::to_owned).next()
}
