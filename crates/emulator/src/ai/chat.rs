//! `POST /v1/chat/completions`, the OpenAI-compatible API: one answer, or a stream of server-sent events.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::Content;
use super::events::{self, event, fragments};
use super::rule::{self, Answer, Asked, Choice, Form, Function};
use super::{ModelUri, Scheme, Usage, authenticated, pieces, seconds};
use crate::body::{self, Body};
use crate::cloud::Cloud;
use crate::identity::hex;
use crate::status::Status;

#[derive(Deserialize)]
struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    stream: Option<bool>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<Value>,
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
    fn asked(&self) -> Result<Asked<'_>, Status> {
        let said = self.messages.iter().rev().find(|message| message.role == "user");
        let said = said.or(self.messages.last()).ok_or_else(|| Status::invalid("messages is empty"))?;
        let tools = self.messages.iter().rev().take_while(|message| message.role == "tool");
        let mut tools_said: Vec<String> = tools.map(Message::text).collect();
        tools_said.reverse();
        let functions = self.tools.iter().flatten().filter_map(|tool| tool.get("function"));
        Ok(Asked {
            said: said.text(),
            tools_said: (!tools_said.is_empty()).then(|| tools_said.join(", ")),
            functions: functions.map(Function::of).collect::<Result<_, _>>()?,
            choice: self.choice()?,
            parallel: self.parallel_tool_calls != Some(false),
            form: self.form()?,
        })
    }

    fn choice(&self) -> Result<Choice<'_>, Status> {
        match &self.tool_choice {
            None | Some(Value::Null) => Ok(Choice::Auto),
            Some(Value::String(mode)) => Choice::by_mode(mode),
            Some(choice) => Choice::by_name(choice.pointer("/function/name")),
        }
    }

    fn form(&self) -> Result<Form<'_>, Status> {
        match &self.response_format {
            None | Some(Value::Null) => Ok(Form::Text),
            Some(format) => Form::of(format, format.pointer("/json_schema/schema")),
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
    let answer = rule::answer(&caller, &asked.asked()?)?;
    let prompt: Vec<String> = asked.messages.iter().map(Message::text).collect();
    let completion = Completion {
        id: format!("chatcmpl-{}", hex::<16>()?),
        created: seconds(cloud.clock.now()),
        model: format!("gpt://{}", model.name),
        turn: asked.messages.len(),
        usage: Usage::of(prompt.iter().map(String::as_str), &answer.words()),
        answer,
    };
    Ok(if asked.stream == Some(true) { completion.into_stream() } else { completion.into_answer() })
}

struct Completion {
    id: String,
    created: u64,
    model: String,
    /// How many messages there were: it tells the calls of one conversation apart.
    turn: usize,
    answer: Answer,
    usage: Usage,
}

impl Completion {
    fn into_answer(self) -> Response<Body> {
        let message = match &self.answer {
            Answer::Text(text) => json!({ "role": "assistant", "content": text }),
            Answer::Calls(calls) => {
                let calls = calls.iter().enumerate().map(|(index, call)| {
                    self.call(index, &json!({ "name": call.name, "arguments": call.arguments.to_string() }))
                });
                json!({ "role": "assistant", "content": "", "tool_calls": calls.collect::<Vec<_>>() })
            }
        };
        let choice = json!({ "index": 0, "message": message, "finish_reason": self.finish_reason() });
        let answer = self.envelope("chat.completion", &json!([choice]), Some(&self.usage_json()));
        body::json(StatusCode::OK, &answer)
    }

    /// The order of the real service: the role, the words or calls, the reason of the end, the usage, `[DONE]`.
    fn into_stream(self) -> Response<Body> {
        let delta = |delta: Value| json!([{ "index": 0, "delta": delta }]);
        let mut choices = vec![delta(json!({ "role": "assistant" }))];
        match &self.answer {
            Answer::Text(text) => {
                choices.extend(pieces(text).map(|piece| delta(json!({ "content": piece }))));
            }
            Answer::Calls(calls) => {
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
        match self.answer {
            Answer::Text(_) => "stop",
            Answer::Calls(_) => "tool_calls",
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
