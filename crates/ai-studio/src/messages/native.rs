//! Converts messages to those of the native API.

use super::calls::Calls;
use super::message::{Message, Source};
use crate::error::{Error, ErrorKind};
use crate::types::chat::{ChatMessage, Content, ContentPart, ToolCall};
use crate::types::native::{
    CompletionMessage, FunctionResult, NativeFunctionCall, NativeToolCall, ToolCallList, ToolResult,
    ToolResultList,
};

/// The messages of a native request. Consecutive results share one message.
pub(crate) fn to_native(messages: Vec<Message>) -> Result<Vec<CompletionMessage>, Error> {
    let mut calls = Calls::default();
    let mut list: Vec<CompletionMessage> = Vec::with_capacity(messages.len());
    for Message(source) in messages {
        let (name, content) = match source {
            Source::Native(message) => {
                if message.tool_result_list.is_none() {
                    calls = message.calls();
                }
                list.push(message);
                continue;
            }
            Source::Chat(message) => match &message.tool_call_id {
                Some(id) => (calls.name_of(id)?, message.as_text().to_owned()),
                None => {
                    calls = message.calls();
                    list.push(from_chat(message)?);
                    continue;
                }
            },
            Source::ResultById { id, content } => (calls.name_of(&id)?, content),
            Source::ResultByName { name, content } => (name, content),
        };
        push_result(&mut list, name, content);
    }
    Ok(list)
}

impl CompletionMessage {
    pub(super) fn calls(&self) -> Calls {
        Calls::new(self.tool_calls().iter().map(|call| (call.name().to_owned(), call.name().to_owned())))
    }
}

fn push_result(list: &mut Vec<CompletionMessage>, name: String, content: String) {
    let function_result = FunctionResult { name, content: Some(content), ..FunctionResult::default() };
    let result = ToolResult { function_result: Some(function_result), ..ToolResult::default() };
    match list.last_mut().and_then(|message| message.tool_result_list.as_mut()) {
        Some(results) => results.tool_results.push(result),
        None => list.push(CompletionMessage {
            role: "user".to_owned(),
            tool_result_list: Some(ToolResultList {
                tool_results: vec![result],
                ..ToolResultList::default()
            }),
            ..CompletionMessage::default()
        }),
    }
}

fn from_chat(message: ChatMessage) -> Result<CompletionMessage, Error> {
    let mut native = CompletionMessage { role: message.role, ..CompletionMessage::default() };
    if !message.tool_calls.is_empty() {
        let calls: Result<_, Error> = message.tool_calls.iter().map(from_call).collect();
        native.tool_call_list = Some(ToolCallList { tool_calls: calls?, ..ToolCallList::default() });
        return Ok(native);
    }
    native.text = match message.content {
        None => None,
        Some(Content::Text(text)) => Some(text),
        Some(Content::Parts(parts)) => Some(parts.into_iter().map(from_part).collect::<Result<_, _>>()?),
    };
    Ok(native)
}

fn from_part(part: ContentPart) -> Result<String, Error> {
    part.text.ok_or_else(|| {
        Error::new(
            ErrorKind::Invalid,
            format!("native models do not support content parts of type {:?}", part.kind),
        )
        .with_help("use the chat: `sdk.chat().completions(…)` supports images")
    })
}

fn from_call(call: &ToolCall) -> Result<NativeToolCall, Error> {
    let function_call = NativeFunctionCall {
        name: call.name().to_owned(),
        arguments: Some(call.parse()?),
        ..NativeFunctionCall::default()
    };
    Ok(NativeToolCall { function_call: Some(function_call), ..NativeToolCall::default() })
}
