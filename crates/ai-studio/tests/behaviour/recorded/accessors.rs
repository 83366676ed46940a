//! Checks that the accessors of a response return the values of the JSON.
//!
//! Without this check, a message that keeps all fields as unknown ones would pass.

use std::fmt::Debug;

use serde_json::Value;
use yandex_ai_studio_sdk::chat::{ChatChunk, ChatResponse, EmbeddingResponse, ModelList};
use yandex_ai_studio_sdk::models::{
    CompletionResponse, OperationState, TextEmbeddingResponse, TokenizeResponse,
};

/// The error names the first value that differs.
type Comparison = Result<(), String>;

pub(crate) fn chat(response: &ChatResponse, value: &Value) -> Comparison {
    if value.pointer("/choices/0/message/content").is_none_or(|content| !content.is_array()) {
        same("text", response.text(), &string(value, "/choices/0/message/content"))?;
    }
    same("calls", &response.tool_calls().len(), &length(value, "/choices/0/message/tool_calls"))?;
    for (place, call) in response.tool_calls().iter().enumerate() {
        let recorded = string(value, &format!("/choices/0/message/tool_calls/{place}/function/arguments"));
        same("arguments", call.function.arguments.as_deref().unwrap_or_default(), &recorded)?;
    }
    let total = response.usage.as_ref().and_then(|usage| usage.total_tokens);
    same("tokens", &total, &value.pointer("/usage/total_tokens").and_then(Value::as_u64))
}

pub(crate) fn chunk(chunk: &ChatChunk, value: &Value) -> Comparison {
    same("text", chunk.text(), &string(value, "/choices/0/delta/content"))?;
    let calls = chunk.choices.first().map_or(0, |choice| choice.delta.tool_calls.len());
    same("calls", &calls, &length(value, "/choices/0/delta/tool_calls"))
}

/// The response assembled from the chunks.
pub(crate) fn assembled(response: &ChatResponse, chunks: &[Value]) -> Comparison {
    let text: String = chunks.iter().map(|chunk| string(chunk, "/choices/0/delta/content")).collect();
    same("text of all", response.text(), &text)?;
    let fragments = || {
        let calls = chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls"));
        calls.filter_map(Value::as_array).flatten()
    };
    for call in response.tool_calls() {
        let own = fragments().filter(|fragment| fragment.get("index").and_then(Value::as_u64) == call.index);
        let recorded: String = own.map(|fragment| string(fragment, "/function/arguments")).collect();
        same("arguments of all", call.function.arguments.as_deref().unwrap_or_default(), &recorded)?;
    }
    same("whether there are calls", &response.tool_calls().is_empty(), &(fragments().count() == 0))
}

pub(crate) fn models(list: &ModelList, value: &Value) -> Comparison {
    same("models", &list.data.len(), &length(value, "/data"))?;
    for (place, model) in list.data.iter().enumerate() {
        same("id", model.id.as_str(), &string(value, &format!("/data/{place}/id")))?;
    }
    Ok(())
}

pub(crate) fn embedding(response: &EmbeddingResponse, value: &Value) -> Comparison {
    same("vector", response.vector(), &numbers(value, "/data/0/embedding"))
}

pub(crate) fn completion(response: &CompletionResponse, value: &Value) -> Comparison {
    same("text", response.text(), &string(value, "/alternatives/0/message/text"))?;
    let calls = length(value, "/alternatives/0/message/toolCallList/toolCalls");
    same("calls", &response.tool_calls().len(), &calls)?;
    let total = response.usage.as_ref().and_then(|usage| usage.total_tokens);
    let total = total.map(|tokens| tokens.get().to_string()).unwrap_or_default();
    same("tokens", &total, &string(value, "/usage/totalTokens"))
}

pub(crate) fn tokens(response: &TokenizeResponse, value: &Value) -> Comparison {
    same("tokens", &response.tokens.len(), &length(value, "/tokens"))
}

pub(crate) fn vector(response: &TextEmbeddingResponse, value: &Value) -> Comparison {
    same("vector", response.embedding.as_slice(), &numbers(value, "/embedding"))
}

pub(crate) fn operation(state: &OperationState, value: &Value) -> Comparison {
    same("id", state.id.as_str(), &string(value, "/id"))?;
    let done = value.get("done").and_then(Value::as_bool).unwrap_or(false);
    same("whether it runs", &state.is_running(), &!done)
}

pub(crate) fn same<T: PartialEq + Debug + ?Sized>(what: &str, read: &T, recorded: &T) -> Comparison {
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
