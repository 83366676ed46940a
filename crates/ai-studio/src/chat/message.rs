//! Messages of the chat on the wire: who said what, in text or in parts, and which tools are called.

use serde::Serializer;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::wire::{Read, Wire, message};

message! {
    /// One message of a chat, as it is sent and answered.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::chat::ChatMessage;
    /// let message = ChatMessage::text("user", "hello");
    /// assert_eq!(serde_json::json!(message), serde_json::json!({ "role": "user", "content": "hello" }));
    /// ```
    pub struct ChatMessage {
        /// Who says it: `system`, `user`, `assistant` or `tool`.
        pub role: String = "role",
        /// What is said.
        pub content: Option<Content> = "content",
        /// What the model thought before it answered, where it tells.
        pub reasoning_content: Option<String> = "reasoning_content",
        /// The tools that the model wants called.
        pub tool_calls: Vec<ToolCall> = "tool_calls",
        /// In an answer of a tool: the call that it answers.
        pub tool_call_id: Option<String> = "tool_call_id",
        /// The name of the participant, where several have the same role.
        pub name: Option<String> = "name",
    }

    /// One part of a content: a text, an image, or something that this version does not know.
    pub struct ContentPart {
        /// What it is: `text` or `image_url`.
        pub kind: String = "type",
        /// The text, of a part that is one.
        pub text: Option<String> = "text",
        /// The image, of a part that is one.
        pub image_url: Option<ImageUrl> = "image_url",
    }

    /// An image, by its address.
    pub struct ImageUrl {
        /// `https://…`, or `data:image/png;base64,…`.
        pub url: String = "url",
        /// How closely the model is to look: `low`, `high` or `auto`.
        pub detail: Option<String> = "detail",
    }

    /// A tool that the model wants called.
    ///
    /// In a stream it comes in fragments, told apart by `index`;
    /// [`ChatStream::finish`](crate::chat::ChatStream::finish) puts them together.
    pub struct ToolCall {
        /// Its place among the calls of one answer.
        pub index: Option<u64> = "index",
        /// What the answer to it refers to.
        pub id: String = "id",
        /// `function`; some models leave it empty.
        pub kind: String = "type",
        /// Which function, with what.
        pub function: FunctionCall = "function",
    }

    /// A function and its arguments.
    pub struct FunctionCall {
        /// Its name.
        pub name: String = "name",
        /// The arguments, JSON as a text.
        pub arguments: Option<String> = "arguments",
    }
}

impl ChatMessage {
    /// A message of one text.
    #[must_use]
    pub fn text(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), content: Some(Content::Text(text.into())), ..Self::default() }
    }

    /// What is said, as far as it is text: the content, or its first part that is text.
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
    /// A text.
    Text(String),
    /// Texts and images.
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
            Value::String(text) => Read::exactly(Self::Text(text)),
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
    /// A text.
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

    /// An image by its address, `https://…` or `data:image/png;base64,…`.
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
    /// A call of a function. `arguments` is JSON as a text.
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

    /// The arguments: JSON as a text, as the model wrote it.
    #[must_use]
    pub fn arguments(&self) -> &str {
        self.function.arguments.as_deref().unwrap_or_default()
    }

    /// The arguments as a type of yours.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] where the model wrote something else.
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
        serde_json::from_str(text).map_err(|error| {
            let name = self.name();
            Error::new(
                ErrorKind::Unreadable,
                format!("the arguments of the call of {name:?} are not as declared: {error}"),
            )
            .with_help("models make such mistakes: declare the tool as strict, or ask again")
        })
    }

    /// The call as it is sent back: what models leave empty is filled in.
    pub(crate) fn whole(mut self) -> Self {
        if self.kind.is_empty() {
            self.kind = "function".to_owned();
        }
        self
    }
}

message!(@serde Content);
