//! `POST /v1/chat/completions`, the OpenAI-compatible API: a complete response, or a stream of server-sent events.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::Content;
use super::events::{self, event, fragments};
use super::limit::Limit;
use super::model_rule::{self, Choice, Format, Function, Output, Prompt};
use super::{ModelUri, Scheme, Usage, pieces, seconds};
use crate::cloud::Cloud;
use crate::cloud::authenticated;
use crate::identity::hex;
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::status::Status;

#[derive(Deserialize)]
struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    stream: Option<bool>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<Value>,
    max_tokens: Option<i64>,
    /// The newer name of OpenAI.
    max_completion_tokens: Option<i64>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

impl Message {
    fn text(&self) -> String {
        self.content.as_ref().map(Content::text).unwrap_or_default()
    }
}

impl ChatRequest {
    fn prompt(&self) -> Result<Prompt<'_>, Status> {
        let message = self.messages.iter().rev().find(|message| message.role == "user");
        let message = message.or(self.messages.last()).ok_or_else(|| Status::invalid("messages is empty"))?;
        let tools = self.messages.iter().rev().take_while(|message| message.role == "tool");
        let mut tool_results: Vec<String> = tools.map(Message::text).collect();
        tool_results.reverse();
        let functions = self.tools.iter().flatten().filter_map(|tool| tool.get("function"));
        Ok(Prompt {
            user_text: message.text(),
            tool_results: (!tool_results.is_empty()).then(|| tool_results.join(", ")),
            functions: functions.map(Function::of).collect::<Result<_, _>>()?,
            choice: self.choice()?,
            parallel: self.parallel_tool_calls != Some(false),
            format: self.format()?,
            limit: match self.max_completion_tokens {
                None => Limit::read("max_tokens", self.max_tokens)?,
                tokens => Limit::read("max_completion_tokens", tokens)?,
            },
        })
    }

    fn choice(&self) -> Result<Choice<'_>, Status> {
        match &self.tool_choice {
            None | Some(Value::Null) => Ok(Choice::Auto),
            Some(Value::String(mode)) => Choice::by_mode(mode),
            Some(choice) => Choice::by_name(choice.pointer("/function/name")),
        }
    }

    fn format(&self) -> Result<Format<'_>, Status> {
        match &self.response_format {
            None | Some(Value::Null) => Ok(Format::Text),
            Some(format) => Format::of(format, format.pointer("/json_schema/schema")),
        }
    }
}

pub(crate) async fn completions(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let caller = authenticated(cloud, request.headers(), true)?;
    let request: ChatRequest = body::read_json(request.into_body()).await?;
    let model = ModelUri::check(cloud, Scheme::Text, &request.model)?;
    let (output, is_cut) = model_rule::respond(&caller, &request.prompt()?)?;
    let texts: Vec<String> = request.messages.iter().map(Message::text).collect();
    let completion = Completion {
        id: format!("chatcmpl-{}", hex::<16>()?),
        created: seconds(cloud.clock.now()),
        model: format!("gpt://{}", model.name),
        turn: request.messages.len(),
        usage: Usage::of(texts.iter().map(String::as_str), &output.words()),
        output,
        is_cut,
    };
    Ok(if request.stream == Some(true) { completion.into_stream() } else { completion.into_complete() })
}

struct Completion {
    id: String,
    created: u64,
    model: String,
    /// The number of messages, which makes the call ids of a conversation distinct.
    turn: usize,
    output: Output,
    /// Whether `max_tokens` cut the output.
    is_cut: bool,
    usage: Usage,
}

impl Completion {
    fn into_complete(self) -> Response<Body> {
        let message = match &self.output {
            Output::Text(text) => json!({ "role": "assistant", "content": text }),
            Output::Calls(calls) => {
                let calls = calls.iter().enumerate().map(|(index, call)| {
                    self.call(index, &json!({ "name": call.name, "arguments": call.arguments.to_string() }))
                });
                json!({ "role": "assistant", "content": "", "tool_calls": calls.collect::<Vec<_>>() })
            }
        };
        let choice = json!({ "index": 0, "message": message, "finish_reason": self.finish_reason() });
        let completion = self.envelope("chat.completion", &json!([choice]), Some(&self.usage_json()));
        body::json(StatusCode::OK, &completion)
    }

    /// The events in the order of the real service: the role, the words or calls, the finish reason, the usage,
    /// `[DONE]`.
    fn into_stream(self) -> Response<Body> {
        let delta = |delta: Value| json!([{ "index": 0, "delta": delta }]);
        let mut choices = vec![delta(json!({ "role": "assistant" }))];
        match &self.output {
            Output::Text(text) => {
                choices.extend(pieces(text).map(|piece| delta(json!({ "content": piece }))));
            }
            Output::Calls(calls) => {
                for (index, call) in calls.iter().enumerate() {
                    let head = self.call(index, &json!({ "name": call.name, "arguments": "" }));
                    choices.push(delta(json!({ "tool_calls": [head] })));
                    let arguments = call.arguments.to_string();
                    choices.extend(fragments(&arguments).into_iter().map(|fragment| {
                        let fragment = json!({ "index": index, "function": { "arguments": fragment } });
                        delta(json!({ "tool_calls": [fragment] }))
                    }));
                }
            }
        }
        choices.push(json!([{ "index": 0, "delta": {}, "finish_reason": self.finish_reason() }]));

        let mut events: Vec<Bytes> = choices
            .into_iter()
            .map(|choices| event(&self.envelope("chat.completion.chunk", &choices, None)))
            .collect();
        events.push(event(&self.envelope("chat.completion.chunk", &json!([]), Some(&self.usage_json()))));
        events.push(events::DONE);
        events::response(events)
    }

    fn finish_reason(&self) -> &'static str {
        match self.output {
            _ if self.is_cut => "length",
            Output::Text(_) => "stop",
            Output::Calls(_) => "tool_calls",
        }
    }

    fn call(&self, index: usize, function: &Value) -> Value {
        let id = format!("call-{}-{index}", self.turn);
        json!({ "index": index, "id": id, "type": "function", "function": function })
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
