//! Assembles a whole response from its chunks.

use super::{
    ChatChoice, ChatChunk, ChatChunkChoice, ChatMessage, ChatResponse, Content, FinishReason, ToolCall,
};

impl ChatResponse {
    /// Adds one chunk. Text grows, fragments of a tool call join by their index, and the text of a content filter
    /// replaces the text before it.
    pub(crate) fn add_chunk(&mut self, chunk: &ChatChunk) {
        set_unless_empty(&mut self.id, &chunk.id);
        set_unless_empty(&mut self.model, &chunk.model);
        "chat.completion".clone_into(&mut self.object);
        self.created = self.created.or(chunk.created);
        if let Some(usage) = &chunk.usage {
            self.usage = Some(usage.clone());
        }
        self.extra.extend(chunk.extra.clone());
        for (position, delta) in (0_u64..).zip(&chunk.choices) {
            let index = delta.index.unwrap_or(position);
            // The choices stay sorted by index, because chunks of several choices may alternate.
            let at = self.choices.iter().position(|choice| choice.index >= Some(index));
            let at = at.unwrap_or(self.choices.len());
            if self.choices.get(at).is_none_or(|choice| choice.index != Some(index)) {
                self.choices.insert(at, ChatChoice { index: Some(index), ..ChatChoice::default() });
            }
            add_to_choice(&mut self.choices[at], delta);
        }
    }
}

fn add_to_choice(choice: &mut ChatChoice, chunk: &ChatChunkChoice) {
    choice.extra.extend(chunk.extra.clone());
    if chunk.finish_reason.is_some() {
        choice.finish_reason.clone_from(&chunk.finish_reason);
    }
    if chunk.finish_reason == Some(FinishReason::ContentFilter) && chunk.delta.content.is_some() {
        choice.message.content = None;
    }
    add_to_message(&mut choice.message, &chunk.delta);
}

fn add_to_message(message: &mut ChatMessage, delta: &ChatMessage) {
    message.extra.extend(delta.extra.clone());
    set_unless_empty(&mut message.role, &delta.role);
    match (&mut message.content, &delta.content) {
        (_, None) => {}
        (Some(Content::Text(text)), Some(Content::Text(more))) => text.push_str(more),
        (Some(Content::Parts(parts)), Some(Content::Parts(more))) => parts.extend(more.iter().cloned()),
        (content, Some(_)) => content.clone_from(&delta.content),
    }
    if let Some(more) = &delta.reasoning_content {
        message.reasoning_content.get_or_insert_default().push_str(more);
    }
    for fragment in &delta.tool_calls {
        add_to_calls(&mut message.tool_calls, fragment);
    }
}

fn add_to_calls(calls: &mut Vec<ToolCall>, fragment: &ToolCall) {
    // A fragment without an index continues the last call, unless it has an id of its own.
    let last = calls.last().and_then(|call| call.index);
    let index = fragment.index.unwrap_or(match last {
        None => 0,
        Some(last) if fragment.id.is_empty() => last,
        Some(last) => last.saturating_add(1),
    });
    let at = calls.iter().position(|call| call.index >= Some(index)).unwrap_or(calls.len());
    if calls.get(at).is_none_or(|call| call.index != Some(index)) {
        calls.insert(at, ToolCall { index: Some(index), ..ToolCall::function("", "", "") });
    }
    let call = &mut calls[at];
    call.extra.extend(fragment.extra.clone());
    set_unless_empty(&mut call.id, &fragment.id);
    set_unless_empty(&mut call.kind, &fragment.kind);
    call.function.extra.extend(fragment.function.extra.clone());
    call.function.name.push_str(&fragment.function.name);
    call.function.arguments.get_or_insert_default().push_str(fragment.arguments());
}

/// Later chunks repeat a value or leave it empty; empty means unchanged.
fn set_unless_empty(field: &mut String, new: &str) {
    if !new.is_empty() {
        new.clone_into(field);
    }
}
