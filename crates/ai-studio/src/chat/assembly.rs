//! An answer put together from its chunks.

use crate::chat::answer::{ChatAnswer, ChatChoice, ChatChunk, ChatChunkChoice, FinishReason};
use crate::chat::message::{ChatMessage, Content, ToolCall};

/// Adds what is new: text grows, fragments of a tool call go together by their index, and what a filter gives takes the
/// place of what was said.
pub(crate) fn add(answer: &mut ChatAnswer, chunk: &ChatChunk) {
    for (have, new) in [(&mut answer.id, &chunk.id), (&mut answer.model, &chunk.model)] {
        replace(have, new);
    }
    "chat.completion".clone_into(&mut answer.object);
    answer.created = answer.created.or(chunk.created);
    if let Some(usage) = &chunk.usage {
        answer.usage = Some(usage.clone());
    }
    answer.extra.extend(chunk.extra.clone());
    for (place, choice) in (0_u64..).zip(&chunk.choices) {
        let index = choice.index.unwrap_or(place);
        let choices = &mut answer.choices;
        let at = choices.iter().position(|have| have.index >= Some(index)).unwrap_or(choices.len());
        if choices.get(at).is_none_or(|have| have.index != Some(index)) {
            choices.insert(at, ChatChoice { index: Some(index), ..ChatChoice::default() });
        }
        add_choice(&mut choices[at], choice);
    }
}

fn add_choice(have: &mut ChatChoice, new: &ChatChunkChoice) {
    have.extra.extend(new.extra.clone());
    let filtered = new.finish_reason == Some(FinishReason::ContentFilter);
    if new.finish_reason.is_some() {
        have.finish_reason.clone_from(&new.finish_reason);
    }
    if filtered && new.delta.content.is_some() {
        have.message.content = None;
    }
    add_message(&mut have.message, &new.delta);
}

fn add_message(have: &mut ChatMessage, new: &ChatMessage) {
    have.extra.extend(new.extra.clone());
    replace(&mut have.role, &new.role);
    match (&mut have.content, &new.content) {
        (_, None) => {}
        (Some(Content::Text(text)), Some(Content::Text(more))) => text.push_str(more),
        (Some(Content::Parts(parts)), Some(Content::Parts(more))) => parts.extend(more.iter().cloned()),
        (content, Some(_)) => content.clone_from(&new.content),
    }
    if let Some(more) = &new.reasoning_content {
        have.reasoning_content.get_or_insert_default().push_str(more);
    }
    for call in &new.tool_calls {
        add_call(&mut have.tool_calls, call);
    }
}

fn add_call(calls: &mut Vec<ToolCall>, new: &ToolCall) {
    // A fragment without an index goes on with the last call, unless it brings an id of its own.
    let last = calls.last().and_then(|call| call.index);
    let index = new.index.unwrap_or(match last {
        None => 0,
        Some(last) if new.id.is_empty() => last,
        Some(last) => last.saturating_add(1),
    });
    let at = calls.iter().position(|call| call.index >= Some(index)).unwrap_or(calls.len());
    if calls.get(at).is_none_or(|call| call.index != Some(index)) {
        let call = ToolCall { index: Some(index), ..ToolCall::function("", "", "") };
        calls.insert(at, call);
    }
    let call = &mut calls[at];
    call.extra.extend(new.extra.clone());
    replace(&mut call.id, &new.id);
    replace(&mut call.kind, &new.kind);
    call.function.extra.extend(new.function.extra.clone());
    call.function.name.push_str(&new.function.name);
    call.function.arguments.get_or_insert_default().push_str(new.arguments());
}

/// What is told again may be told shorter: empty says nothing.
fn replace(have: &mut String, new: &str) {
    if !new.is_empty() {
        new.clone_into(have);
    }
}
