//! A response as numbered events in OpenAI's order. The last event is `response.completed`, or `response.incomplete` if
//! `max_output_tokens` cut the output.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::ai::{events, pieces};
use crate::cloud::ResponseRecord;
use crate::job::JobState;
use crate::wire::body::Body;

pub(super) fn response(record: &ResponseRecord) -> Response<Body> {
    let mut stream = Stream { events: Vec::new() };
    let begun = record.json(JobState::Running);
    stream.push("response.created", json!({ "response": begun }));
    stream.push("response.in_progress", json!({ "response": begun }));
    for (index, item) in record.output.iter().enumerate() {
        if item["type"] == "message" {
            stream.message(index, item);
        } else {
            stream.call(index, item);
        }
    }
    let end = if record.is_cut { "response.incomplete" } else { "response.completed" };
    stream.push(end, json!({ "response": record.json(JobState::Done) }));
    events::response(stream.events)
}

struct Stream {
    events: Vec<Bytes>,
}

impl Stream {
    fn push(&mut self, kind: &str, mut data: Value) {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.events.len());
        self.events.push(events::named(kind, &data));
    }

    fn message(&mut self, index: usize, item: &Value) {
        let (id, part) = (&item["id"], &item["content"][0]);
        let text = part["text"].as_str().unwrap_or_default();
        let place = |more: Value| {
            let mut place = json!({ "item_id": id, "output_index": index, "content_index": 0 });
            if let (Some(place), Value::Object(more)) = (place.as_object_mut(), more) {
                place.extend(more);
            }
            place
        };
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["content"] = json!([]);
        let mut empty = part.clone();
        empty["text"] = json!("");

        self.push("response.output_item.added", json!({ "output_index": index, "item": begun }));
        self.push("response.content_part.added", place(json!({ "part": empty })));
        for piece in pieces(text) {
            self.push("response.output_text.delta", place(json!({ "delta": piece, "logprobs": [] })));
        }
        self.push("response.output_text.done", place(json!({ "text": text, "logprobs": [] })));
        self.push("response.content_part.done", place(json!({ "part": part })));
        self.push("response.output_item.done", json!({ "output_index": index, "item": item }));
    }

    fn call(&mut self, index: usize, item: &Value) {
        let (id, arguments) = (&item["id"], item["arguments"].as_str().unwrap_or_default());
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["arguments"] = json!("");

        self.push("response.output_item.added", json!({ "output_index": index, "item": begun }));
        for fragment in events::fragments(arguments) {
            let delta = json!({ "item_id": id, "output_index": index, "delta": fragment });
            self.push("response.function_call_arguments.delta", delta);
        }
        let done =
            json!({ "item_id": id, "output_index": index, "name": item["name"], "arguments": arguments });
        self.push("response.function_call_arguments.done", done);
        self.push("response.output_item.done", json!({ "output_index": index, "item": item }));
    }
}
