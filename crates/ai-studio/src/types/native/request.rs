//! The requests of the native API.

use serde_json::Value;

use super::message::CompletionMessage;
use crate::error::{Error, ErrorKind};
use crate::types::tools::{ResponseFormat, Tool, ToolChoice};
use crate::wire::{Extra, Int64, message, open_enum};

message! {
    /// A request to `POST /foundationModels/v1/completion`, `…/completionAsync` or `…/tokenizeCompletion`.
    ///
    /// [`Models::completion`](crate::models::Models::completion) and its siblings send it unchanged.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::models::CompletionRequest;
    ///
    /// let recorded = json!({
    ///     "modelUri": "gpt://b1g/yandexgpt/latest",
    ///     "completionOptions": { "maxTokens": "100" },
    ///     "messages": [{ "role": "user", "text": "hello" }],
    /// });
    /// let request: CompletionRequest = serde_json::from_value(recorded.clone())?;
    /// assert_eq!(request.completion_options.max_tokens.unwrap(), 100);
    /// assert_eq!(json!(request), recorded);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CompletionRequest {
        /// The model URI: `gpt://<folder>/<name>/<version>`.
        pub model_uri: String = "modelUri",
        /// The options of the completion.
        pub completion_options: CompletionOptions = "completionOptions",
        /// The conversation so far.
        pub messages: Vec<CompletionMessage> = "messages",
        /// The tools that the model may call.
        pub tools: Vec<NativeTool> = "tools",
        /// Whether the response is a JSON object.
        pub json_object: Option<bool> = "jsonObject",
        /// The JSON schema of the response.
        pub json_schema: Option<NativeJsonSchema> = "jsonSchema",
        /// Whether the model may call several tools at once.
        pub parallel_tool_calls: Option<bool> = "parallelToolCalls",
        /// Whether the model calls tools, and which.
        pub tool_choice: Option<NativeToolChoice> = "toolChoice",
    }

    /// The options of a completion.
    pub struct CompletionOptions {
        /// Whether the response is a stream.
        pub stream: Option<bool> = "stream",
        /// The sampling temperature, from 0 to 1.
        pub temperature: Option<f64> = "temperature",
        /// The maximum number of generated tokens.
        pub max_tokens: Option<Int64> = "maxTokens",
        /// The options of the reasoning.
        pub reasoning_options: Option<ReasoningOptions> = "reasoningOptions",
    }

    /// The options of the reasoning.
    pub struct ReasoningOptions {
        /// Whether the model reasons.
        pub mode: Option<ReasoningMode> = "mode",
    }

    /// A tool that the model may call.
    pub struct NativeTool {
        /// The function, of a tool that is a function.
        pub function: Option<NativeFunction> = "function",
    }

    /// A function that the model may call.
    pub struct NativeFunction {
        /// The name of the function.
        pub name: String = "name",
        /// What the function does; the model reads it.
        pub description: Option<String> = "description",
        /// The JSON schema of the arguments.
        pub parameters: Option<Value> = "parameters",
        /// Whether the arguments must follow the schema.
        pub strict: Option<bool> = "strict",
    }

    /// The JSON schema of a response.
    pub struct NativeJsonSchema {
        /// The JSON schema.
        pub schema: Option<Value> = "schema",
    }

    /// Whether the model calls tools, and which.
    pub struct NativeToolChoice {
        /// `NONE`, `AUTO` or `REQUIRED`.
        pub mode: Option<String> = "mode",
        /// The function that the model must call.
        pub function_name: Option<String> = "functionName",
    }

    /// A request to `POST /foundationModels/v1/tokenize`.
    pub struct TokenizeRequest {
        /// The model URI.
        pub model_uri: String = "modelUri",
        /// The text to tokenize.
        pub text: String = "text",
    }

    /// A request to `POST /foundationModels/v1/textEmbedding`.
    pub struct TextEmbeddingRequest {
        /// The model URI: `emb://<folder>/<name>/<version>`.
        pub model_uri: String = "modelUri",
        /// The text to embed.
        pub text: String = "text",
        /// The number of dimensions of the vector, for models that support several.
        pub dim: Option<Int64> = "dim",
    }
}

open_enum! {
    /// Whether the model reasons before it responds: `reasoning_mode` of the native models.
    pub enum ReasoningMode {
        /// The model does not reason.
        Disabled = "DISABLED",
        /// The model reasons and does not return the reasoning.
        EnabledHidden = "ENABLED_HIDDEN",
    }
}

impl CompletionRequest {
    /// A request that sends `completionOptions` even where no option is set, as the Python SDK does.
    pub(crate) fn with_empty_options() -> Self {
        let mut request = Self::default();
        request.received.insert("completionOptions".to_owned(), Value::Object(Extra::new()));
        request
    }

    /// Sets the format of the response. The native API has neither a name nor strictness for a schema.
    pub(crate) fn set_response_format(&mut self, format: ResponseFormat) {
        self.json_object = None;
        self.json_schema = None;
        match format.json_schema {
            Some(format) => {
                self.json_schema =
                    Some(NativeJsonSchema { schema: format.schema, ..NativeJsonSchema::default() });
            }
            None => self.json_object = Some(true),
        }
    }
}

impl TryFrom<Tool> for NativeTool {
    type Error = Error;

    fn try_from(tool: Tool) -> Result<Self, Error> {
        let Some(function) = tool.function else {
            let kind = tool.kind;
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("native models have no tool of type {kind:?}"),
            )
            .with_help("declare functions, or use `sdk.chat()`"));
        };
        let function = NativeFunction {
            name: function.name,
            description: function.description,
            parameters: function.parameters,
            strict: function.strict,
            ..NativeFunction::default()
        };
        Ok(Self { function: Some(function), ..Self::default() })
    }
}

impl From<ToolChoice> for NativeToolChoice {
    fn from(choice: ToolChoice) -> Self {
        match choice {
            ToolChoice::Mode(mode) => Self { mode: Some(mode.to_ascii_uppercase()), ..Self::default() },
            ToolChoice::Function(tool) => Self { function_name: Some(tool.function.name), ..Self::default() },
        }
    }
}
