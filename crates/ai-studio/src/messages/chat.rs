//! Converts messages to those of the chat.

use serde_json::Value;

use super::calls::Calls;
use super::message::{Message, Source};
use crate::error::Error;
use crate::types::chat::{ChatMessage, Content, ToolCall};
use crate::types::native::{CompletionMessage, NativeToolCall};

/// The messages of a chat request.
pub(crate) fn to_chat(messages: Vec<Message>) -> Result<Vec<ChatMessage>, Error> {
    let mut calls = Calls::default();
    let mut list = Vec::with_capacity(messages.len());
    for Message(source) in messages {
        match source {
            Source::Chat(message) => {
                if message.tool_call_id.is_none() {
                    calls = message.calls();
                }
                list.push(message);
            }
            Source::Native(message) => match &message.tool_result_list {
                Some(results) => {
                    let results = results.tool_results.iter();
                    for result in results.filter_map(|result| result.function_result.as_ref()) {
                        let content = result.content.clone().unwrap_or_default();
                        list.push(tool_result(calls.id_of(&result.name)?, content));
                    }
                }
                None => {
                    calls = message.calls();
                    list.push(from_native(&message));
                }
            },
            Source::ResultById { id, content } => list.push(tool_result(id, content)),
            Source::ResultByName { name, content } => list.push(tool_result(calls.id_of(&name)?, content)),
        }
    }
    Ok(list)
}

impl ChatMessage {
    pub(super) fn calls(&self) -> Calls {
        Calls::new(self.tool_calls.iter().map(|call| (call.id.clone(), call.name().to_owned())))
    }
}

fn tool_result(id: String, content: String) -> ChatMessage {
    ChatMessage { tool_call_id: Some(id), ..ChatMessage::text("tool", content) }
}

fn from_native(message: &CompletionMessage) -> ChatMessage {
    let call = |(position, call): (usize, &NativeToolCall)| {
        let arguments = call.function_call.as_ref().and_then(|call| call.arguments.as_ref());
        let arguments = arguments.map_or_else(|| "{}".to_owned(), Value::to_string);
        let index = u64::try_from(position).ok();
        ToolCall { index, ..ToolCall::function(call.name(), call.name(), arguments) }
    };
    ChatMessage {
        role: message.role.clone(),
        content: message.text.clone().map(Content::Text),
        tool_calls: message.tool_calls().iter().enumerate().map(call).collect(),
        ..ChatMessage::default()
    }
}
