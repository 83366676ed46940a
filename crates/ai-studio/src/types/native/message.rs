//! One message of the native API: a text, tool calls, or results of tools.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::types::arguments_mismatch;
use crate::wire::message;

message! {
    /// One message, in requests and responses: a text, tool calls, or results of tools.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::models::CompletionMessage;
    /// let message = CompletionMessage::text("user", "hello");
    /// assert_eq!(json!(message), json!({ "role": "user", "text": "hello" }));
    /// ```
    pub struct CompletionMessage {
        /// The role of the author: `system`, `user` or `assistant`.
        pub role: String = "role",
        /// The text.
        pub text: Option<String> = "text",
        /// The tool calls of the model.
        pub tool_call_list: Option<ToolCallList> = "toolCallList",
        /// The results of the tools.
        pub tool_result_list: Option<ToolResultList> = "toolResultList",
    }

    /// The tool calls of one message.
    pub struct ToolCallList {
        /// The calls, in order.
        pub tool_calls: Vec<NativeToolCall> = "toolCalls",
    }

    /// One tool call of the model.
    pub struct NativeToolCall {
        /// The function and its arguments.
        pub function_call: Option<NativeFunctionCall> = "functionCall",
    }

    /// The function and the arguments of a call.
    pub struct NativeFunctionCall {
        /// The name of the function.
        pub name: String = "name",
        /// The arguments, as JSON. The service returns whole numbers as floats.
        pub arguments: Option<Value> = "arguments",
    }

    /// The results of the tools, in one message.
    pub struct ToolResultList {
        /// The results, in order.
        pub tool_results: Vec<ToolResult> = "toolResults",
    }

    /// The result of one tool.
    pub struct ToolResult {
        /// The function and its result.
        pub function_result: Option<FunctionResult> = "functionResult",
    }

    /// The result of one function.
    pub struct FunctionResult {
        /// The name of the function.
        pub name: String = "name",
        /// The result, as text.
        pub content: Option<String> = "content",
    }
}

impl CompletionMessage {
    /// A message with a text.
    #[must_use]
    pub fn text(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), text: Some(text.into()), ..Self::default() }
    }

    /// The text; empty where there is no text.
    #[must_use]
    pub fn as_text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The tool calls of the model.
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

    /// Parses the arguments as your type.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) where the arguments are not JSON of this type.
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
        serde_json::from_value(arguments).map_err(|error| arguments_mismatch(self.name(), &error))
    }
}
