//! One message to a model, independent of the API that it goes to.

use crate::types::chat::{ChatMessage, ChatResponse, Content, ToolCall};
use crate::types::native::{CompletionMessage, CompletionResponse};

/// One message to a model, for the chat and the native API.
///
/// ```
/// use yandex_ai_studio_sdk::Message;
/// use yandex_ai_studio_sdk::chat::ContentPart;
///
/// let conversation = [
///     Message::system("Your name is Arkadiy"),
///     Message::user([ContentPart::text("what is this?"), ContentPart::image("https://example.com/cat.png")].to_vec()),
/// ];
/// # let _ = conversation;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message(pub(super) Source);

/// The form in which the program gave the message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Chat(ChatMessage),
    Native(CompletionMessage),
    /// The result of the call with this id.
    ResultById {
        id: String,
        content: String,
    },
    /// The result of the one call of this function in the previous response.
    ResultByName {
        name: String,
        content: String,
    },
}

impl Message {
    /// Instructions for the model.
    #[must_use]
    pub fn system(content: impl Into<Content>) -> Self {
        Self::with_role("system", content)
    }

    /// A message of the user: a text, or parts.
    #[must_use]
    pub fn user(content: impl Into<Content>) -> Self {
        Self::with_role("user", content)
    }

    /// A message of the model.
    #[must_use]
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self::with_role("assistant", content)
    }

    /// The result of the tool call with this id.
    #[must_use]
    pub fn tool_result(id: impl Into<String>, content: impl Into<String>) -> Self {
        Self(Source::ResultById { id: id.into(), content: content.into() })
    }

    /// The result of a function that the previous response calls once.
    #[must_use]
    pub fn function_result(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self(Source::ResultByName { name: name.into(), content: content.into() })
    }

    fn with_role(role: &str, content: impl Into<Content>) -> Self {
        let content = Some(content.into());
        Self(Source::Chat(ChatMessage { role: role.to_owned(), content, ..ChatMessage::default() }))
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::user(text)
    }
}

impl From<&String> for Message {
    fn from(text: &String) -> Self {
        Self::user(text.as_str())
    }
}

/// A role and a text.
impl<R: Into<String>, T: Into<String>> From<(R, T)> for Message {
    fn from((role, text): (R, T)) -> Self {
        Self(Source::Chat(ChatMessage::text(role, text)))
    }
}

impl From<ChatMessage> for Message {
    fn from(message: ChatMessage) -> Self {
        Self(Source::Chat(message))
    }
}

impl From<CompletionMessage> for Message {
    fn from(message: CompletionMessage) -> Self {
        Self(Source::Native(message))
    }
}

/// The message of the first choice: the tool calls where there are any, else the text.
impl From<&ChatResponse> for Message {
    fn from(response: &ChatResponse) -> Self {
        let first = response.choices.first().map(|choice| &choice.message);
        let role = first.map(|message| message.role.as_str()).filter(|role| !role.is_empty());
        let role = role.unwrap_or("assistant");
        let tool_calls: Vec<_> = response.tool_calls().iter().cloned().map(ToolCall::with_type).collect();
        let mut message = ChatMessage::text(role, response.text());
        if !tool_calls.is_empty() {
            message.content.take_if(|_| response.text().is_empty());
            message.tool_calls = tool_calls;
        }
        message.into()
    }
}

impl From<ChatResponse> for Message {
    fn from(response: ChatResponse) -> Self {
        Self::from(&response)
    }
}

/// The message of the first alternative.
impl From<&CompletionResponse> for Message {
    fn from(response: &CompletionResponse) -> Self {
        let first = response.alternatives.first().map(|alternative| alternative.message.clone());
        let mut message = first.unwrap_or_default();
        if message.role.is_empty() {
            "assistant".clone_into(&mut message.role);
        }
        message.into()
    }
}

impl From<CompletionResponse> for Message {
    fn from(response: CompletionResponse) -> Self {
        Self::from(&response)
    }
}
