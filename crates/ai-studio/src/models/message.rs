//! Messages of the native API on the wire, as proto3 JSON.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::wire::message;

message! {
    /// One message, as it is sent and answered: a text, calls of tools, or results of tools.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::models::CompletionMessage;
    /// let message = CompletionMessage::text("user", "hello");
    /// assert_eq!(json!(message), json!({ "role": "user", "text": "hello" }));
    /// ```
    pub struct CompletionMessage {
        /// Who says it: `system`, `user` or `assistant`.
        pub role: String = "role",
        /// What is said.
        pub text: Option<String> = "text",
        /// The tools that the model wants called.
        pub tool_call_list: Option<ToolCallList> = "toolCallList",
        /// What the tools gave.
        pub tool_result_list: Option<ToolResultList> = "toolResultList",
    }

    /// The tools that the model wants called.
    pub struct ToolCallList {
        /// One by one.
        pub tool_calls: Vec<NativeToolCall> = "toolCalls",
    }

    /// A tool that the model wants called.
    pub struct NativeToolCall {
        /// Which function, with what.
        pub function_call: Option<NativeFunctionCall> = "functionCall",
    }

    /// A function and its arguments.
    pub struct NativeFunctionCall {
        /// Its name.
        pub name: String = "name",
        /// The arguments, as JSON. Whole numbers come as floats here.
        pub arguments: Option<Value> = "arguments",
    }

    /// What the tools gave.
    pub struct ToolResultList {
        /// One by one.
        pub tool_results: Vec<ToolResult> = "toolResults",
    }

    /// What a tool gave.
    pub struct ToolResult {
        /// Which function, and what.
        pub function_result: Option<FunctionResult> = "functionResult",
    }

    /// What a function gave.
    pub struct FunctionResult {
        /// The function's name.
        pub name: String = "name",
        /// What it gave.
        pub content: Option<String> = "content",
    }
}

impl CompletionMessage {
    /// A message of one text.
    #[must_use]
    pub fn text(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), text: Some(text.into()), ..Self::default() }
    }

    /// What is said, as far as it is text.
    #[must_use]
    pub fn as_text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The tools that the model wants called.
    #[must_use]
    pub fn tool_calls(&self) -> &[NativeToolCall] {
        self.tool_call_list.as_ref().map_or(&[], |list| &list.tool_calls)
    }
}

impl NativeToolCall {
    /// The name of the function.
    #[must_use]
    pub fn name(&self) -> &str {
        self.function_call.as_ref().map_or("", |call| &call.name)
    }

    /// The arguments as a type of yours.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`] where the model gave something else.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::models::NativeToolCall;
    /// #[derive(serde::Deserialize)]
    /// struct Sum { numbers: Vec<f64> }
    ///
    /// let call: NativeToolCall = serde_json::from_value(serde_json::json!({
    ///     "functionCall": { "name": "sum", "arguments": { "numbers": [5.0, 4.0, 1.0] } },
    /// }))?;
    /// assert_eq!(call.parse::<Sum>()?.numbers, [5.0, 4.0, 1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let arguments = self.function_call.as_ref().and_then(|call| call.arguments.clone());
        let arguments = arguments.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        serde_json::from_value(arguments).map_err(|error| {
            let name = self.name();
            Error::new(
                ErrorKind::Unreadable,
                format!("the arguments of the call of {name:?} are not as declared: {error}"),
            )
            .with_help("models make such mistakes: declare the tool as strict, or ask again")
        })
    }
}
