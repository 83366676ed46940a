//! One message of the OpenAI-compatible API: a text, parts, or tool calls.

use serde::Serializer;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::types::arguments_mismatch;
use crate::wire::{Read, Wire, message};

message! {
    /// One message of a chat, in requests and responses.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::chat::ChatMessage;
    /// let message = ChatMessage::text("user", "hello");
    /// assert_eq!(serde_json::json!(message), serde_json::json!({ "role": "user", "content": "hello" }));
    /// ```
    pub struct ChatMessage {
        /// The role of the author: `system`, `user`, `assistant` or `tool`.
        pub role: String = "role",
        /// The content.
        pub content: Option<Content> = "content",
        /// The reasoning of the model, where the model returns it.
        pub reasoning_content: Option<String> = "reasoning_content",
        /// The tool calls of the model.
        pub tool_calls: Vec<ToolCall> = "tool_calls",
        /// In the result of a tool: the id of the call.
        pub tool_call_id: Option<String> = "tool_call_id",
        /// The name of the participant, where several participants share a role.
        pub name: Option<String> = "name",
    }

    /// One part of a content: a text, an image, or a part of an unknown type.
    pub struct ContentPart {
        /// The type of the part: `text` or `image_url`.
        pub kind: String = "type",
        /// The text, of a text part.
        pub text: Option<String> = "text",
        /// The image, of an image part.
        pub image_url: Option<ImageUrl> = "image_url",
    }

    /// An image by its URL.
    pub struct ImageUrl {
        /// `https://…`, or `data:image/png;base64,…`.
        pub url: String = "url",
        /// The level of detail: `low`, `high` or `auto`.
        pub detail: Option<String> = "detail",
    }

    /// One tool call of the model.
    ///
    /// In a stream a call arrives in fragments with the same `index`;
    /// [`ChatStream::finish`](crate::chat::ChatStream::finish) assembles them.
    pub struct ToolCall {
        /// The index of the call in its message.
        pub index: Option<u64> = "index",
        /// The id of the call; the result of the tool refers to it.
        pub id: String = "id",
        /// Always `function`; some models leave it empty.
        pub kind: String = "type",
        /// The function and its arguments.
        pub function: FunctionCall = "function",
    }

    /// The function and the arguments of a call.
    pub struct FunctionCall {
        /// The name of the function.
        pub name: String = "name",
        /// The arguments, JSON in a string.
        pub arguments: Option<String> = "arguments",
    }
}

impl ChatMessage {
    /// A message with a text.
    #[must_use]
    pub fn text(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), content: Some(Content::Text(text.into())), ..Self::default() }
    }

    /// The text of the content, or of its first text part; empty where there is no text.
    #[must_use]
    pub fn as_text(&self) -> &str {
        match &self.content {
            None => "",
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => {
                parts.iter().find_map(|part| part.text.as_deref()).unwrap_or_default()
            }
        }
    }
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// One text.
    Text(String),
    /// A list of texts and images.
    Parts(Vec<ContentPart>),
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<ContentPart>> for Content {
    fn from(parts: Vec<ContentPart>) -> Self {
        Self::Parts(parts)
    }
}

impl Wire for Content {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        match value {
            Value::String(text) => Read::exact(Self::Text(text)),
            value => Ok(Vec::read(value)?.map(Self::Parts)),
        }
    }

    fn write(&self) -> Value {
        match self {
            Self::Text(text) => text.write(),
            Self::Parts(parts) => parts.write(),
        }
    }

    fn write_to<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.write_to(serializer),
            Self::Parts(parts) => parts.write_to(serializer),
        }
    }
}

impl ContentPart {
    /// A text part.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::chat::ContentPart;
    /// let part = ContentPart::text("what is this?");
    /// assert_eq!(serde_json::json!(part), serde_json::json!({ "type": "text", "text": "what is this?" }));
    /// ```
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { kind: "text".to_owned(), text: Some(text.into()), ..Self::default() }
    }

    /// An image part by its URL: `https://…` or `data:image/png;base64,…`.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::chat::ContentPart;
    /// let part = ContentPart::image("data:image/png;base64,iVBORw0KGgo=");
    /// assert_eq!(part.kind, "image_url");
    /// ```
    #[must_use]
    pub fn image(url: impl Into<String>) -> Self {
        let image_url = ImageUrl { url: url.into(), ..ImageUrl::default() };
        Self { kind: "image_url".to_owned(), image_url: Some(image_url), ..Self::default() }
    }
}

impl ToolCall {
    /// A call of a function. `arguments` is JSON in a string.
    #[must_use]
    pub fn function(id: impl Into<String>, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        let function =
            FunctionCall { name: name.into(), arguments: Some(arguments.into()), ..FunctionCall::default() };
        Self { id: id.into(), kind: "function".to_owned(), function, ..Self::default() }
    }

    /// The name of the function.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.function.name
    }

    /// The arguments: JSON in a string, as the model wrote it.
    #[must_use]
    pub fn arguments(&self) -> &str {
        self.function.arguments.as_deref().unwrap_or_default()
    }

    /// Parses the arguments as your type.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where the arguments are not JSON of this type.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::chat::ToolCall;
    /// #[derive(serde::Deserialize)]
    /// struct Sum { numbers: Vec<i64> }
    ///
    /// let call = ToolCall::function("1", "sum", r#"{"numbers":[5,4,1]}"#);
    /// let sum: Sum = call.parse()?;
    /// assert_eq!(sum.numbers, [5, 4, 1]);
    /// # Ok::<(), yandex_ai_studio_sdk::Error>(())
    /// ```
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let text = if self.arguments().trim().is_empty() { "{}" } else { self.arguments() };
        serde_json::from_str(text).map_err(|error| arguments_mismatch(self.name(), &error))
    }

    /// The call for the next request, with the type that some models leave empty.
    pub(crate) fn with_type(mut self) -> Self {
        if self.kind.is_empty() {
            self.kind = "function".to_owned();
        }
        self
    }
}

message!(@serde Content);
