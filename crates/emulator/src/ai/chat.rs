//! `POST /v1/chat/completions`, the OpenAI-compatible API: one answer, or a stream of server-sent events.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ModelUri, Scheme, Usage, authenticated, pieces, reply};
use crate::body::{self, Body, Pieces};
use crate::cloud::Cloud;
use crate::identity::hex;
use crate::status::Status;

#[derive(Deserialize)]
struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: Option<bool>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// Images and the like have no text, and count for nothing here.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

impl Message {
    fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().map(|part| part.text.as_str()).collect(),
        }
    }
}

pub(crate) async fn completions<B>(cloud: &Cloud, request: Request<B>) -> Result<Response<Body>, Status>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let caller = authenticated(cloud, request.headers(), true)?;
    let asked: ChatRequest = body::read_json(request.into_body()).await?;
    let model = ModelUri::check(cloud, Scheme::Text, &asked.model)?;
    let said = asked.messages.iter().rev().find(|message| message.role == "user").or(asked.messages.last());
    let said = said.ok_or_else(|| Status::invalid("messages is empty"))?.text();
    let text = reply(&caller, &said);
    let prompt: Vec<String> = asked.messages.iter().map(Message::text).collect();
    let usage = Usage::of(prompt.iter().map(String::as_str), &text);
    let completion = Completion {
        id: format!("chatcmpl-{}", hex::<16>()?),
        created: cloud.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        model: format!("gpt://{}", model.name),
        text,
        usage,
    };
    Ok(if asked.stream == Some(true) { completion.into_stream() } else { completion.into_answer() })
}

struct Completion {
    id: String,
    created: u64,
    model: String,
    text: String,
    usage: Usage,
}

impl Completion {
    fn into_answer(self) -> Response<Body> {
        let choice = json!({
            "index": 0,
            "message": { "role": "assistant", "content": self.text },
            "finish_reason": "stop",
        });
        let answer = self.envelope("chat.completion", &json!([choice]), Some(&self.usage_json()));
        body::json(StatusCode::OK, &answer)
    }

    /// The order of the real service: the role, the words, the reason of the end, the usage, `[DONE]`.
    fn into_stream(self) -> Response<Body> {
        let delta = |delta: Value| json!([{ "index": 0, "delta": delta }]);
        let mut choices = vec![delta(json!({ "role": "assistant" }))];
        choices.extend(pieces(&self.text).map(|piece| delta(json!({ "content": piece }))));
        choices.push(json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]));

        let mut events: Vec<Bytes> = choices
            .into_iter()
            .map(|choices| event(&self.envelope("chat.completion.chunk", &choices, None)))
            .collect();
        events.push(event(&self.envelope("chat.completion.chunk", &json!([]), Some(&self.usage_json()))));
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));

        let mut response = Response::new(Body::new(Pieces::new(events)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    fn envelope(&self, object: &str, choices: &Value, usage: Option<&Value>) -> Value {
        let mut envelope = json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            envelope["usage"] = usage.clone();
        }
        envelope
    }

    fn usage_json(&self) -> Value {
        json!({
            "prompt_tokens": self.usage.prompt,
            "completion_tokens": self.usage.completion,
            "total_tokens": self.usage.total(),
        })
    }
}

fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}
