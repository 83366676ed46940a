//! Checks that the accessors of a response return the values of the JSON.
//!
//! Without this check, a message that keeps all fields as unknown ones would pass.

use std::fmt::Debug;

use serde_json::Value;
use yandex_ai_studio_sdk::chat::{ChatChunk, ChatResponse, EmbeddingResponse, ModelList};
use yandex_ai_studio_sdk::models::{
    CompletionResponse, OperationState, TextEmbeddingResponse, TokenizeResponse,
};

type Verdict = Result<(), String>;

pub(crate) fn answer(answer: &ChatResponse, value: &Value) -> Verdict {
    if value.pointer("/choices/0/message/content").is_none_or(|content| !content.is_array()) {
        same("text", answer.text(), &string(value, "/choices/0/message/content"))?;
    }
    same("calls", &answer.tool_calls().len(), &length(value, "/choices/0/message/tool_calls"))?;
    for (place, call) in answer.tool_calls().iter().enumerate() {
        let recorded = string(value, &format!("/choices/0/message/tool_calls/{place}/function/arguments"));
        same("arguments", call.function.arguments.as_deref().unwrap_or_default(), &recorded)?;
    }
    let total = answer.usage.as_ref().and_then(|usage| usage.total_tokens);
    same("tokens", &total, &value.pointer("/usage/total_tokens").and_then(Value::as_u64))
}

pub(crate) fn chunk(chunk: &ChatChunk, value: &Value) -> Verdict {
    same("text", chunk.text(), &string(value, "/choices/0/delta/content"))?;
    let calls = chunk.choices.first().map_or(0, |choice| choice.delta.tool_calls.len());
    same("calls", &calls, &length(value, "/choices/0/delta/tool_calls"))
}

/// The response assembled from the chunks.
pub(crate) fn assembled(answer: &ChatResponse, chunks: &[Value]) -> Verdict {
    let text: String = chunks.iter().map(|chunk| string(chunk, "/choices/0/delta/content")).collect();
    same("text of all", answer.text(), &text)?;
    let fragments = || {
        let calls = chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls"));
        calls.filter_map(Value::as_array).flatten()
    };
    for call in answer.tool_calls() {
        let of_it =
            fragments().filter(|fragment| fragment.get("index").and_then(Value::as_u64) == call.index);
        let recorded: String = of_it.map(|fragment| string(fragment, "/function/arguments")).collect();
        same("arguments of all", call.function.arguments.as_deref().unwrap_or_default(), &recorded)?;
    }
    same("whether there are calls", &answer.tool_calls().is_empty(), &(fragments().count() == 0))
}

pub(crate) fn models(list: &ModelList, value: &Value) -> Verdict {
    same("models", &list.data.len(), &length(value, "/data"))?;
    for (place, model) in list.data.iter().enumerate() {
        same("id", model.id.as_str(), &string(value, &format!("/data/{place}/id")))?;
    }
    Ok(())
}

pub(crate) fn embedding(answer: &EmbeddingResponse, value: &Value) -> Verdict {
    same("vector", answer.vector(), &numbers(value, "/data/0/embedding"))
}

pub(crate) fn completion(answer: &CompletionResponse, value: &Value) -> Verdict {
    same("text", answer.text(), &string(value, "/alternatives/0/message/text"))?;
    let calls = length(value, "/alternatives/0/message/toolCallList/toolCalls");
    same("calls", &answer.tool_calls().len(), &calls)?;
    let total = answer.usage.as_ref().and_then(|usage| usage.total_tokens);
    let total = total.map(|tokens| tokens.get().to_string()).unwrap_or_default();
    same("tokens", &total, &string(value, "/usage/totalTokens"))
}

pub(crate) fn tokens(answer: &TokenizeResponse, value: &Value) -> Verdict {
    same("tokens", &answer.tokens.len(), &length(value, "/tokens"))
}

pub(crate) fn vector(answer: &TextEmbeddingResponse, value: &Value) -> Verdict {
    same("vector", answer.embedding.as_slice(), &numbers(value, "/embedding"))
}

pub(crate) fn operation(state: &OperationState, value: &Value) -> Verdict {
    same("id", state.id.as_str(), &string(value, "/id"))?;
    let done = value.get("done").and_then(Value::as_bool).unwrap_or(false);
    same("whether it runs", &state.is_running(), &!done)
}

pub(crate) fn same<T: PartialEq + Debug + ?Sized>(what: &str, read: &T, recorded: &T) -> Verdict {
    if read == recorded { Ok(()) } else { Err(format!("{what}: recorded {recorded:?}, read {read:?}")) }
}

pub(crate) fn string(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn length(value: &Value, pointer: &str) -> usize {
    value.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len)
}

fn numbers(value: &Value, pointer: &str) -> Vec<f64> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_f64).collect()
}
