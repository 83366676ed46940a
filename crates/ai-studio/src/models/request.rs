//! What is asked of the native API, field by field, as proto3 JSON.

use serde_json::Value;

use crate::chat::{ResponseFormat, Tool, ToolChoice};
use crate::error::{Error, ErrorKind};
use crate::models::message::CompletionMessage;
use crate::wire::{Int64, message, words};

message! {
    /// A request to `POST /foundationModels/v1/completion`, `…/completionAsync` or `…/tokenizeCompletion`, sent
    /// exactly as it is by [`Models::completion`](crate::models::Models::completion) and its siblings.
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
        /// The whole URI of the model: `gpt://<folder>/<name>/<version>`.
        pub model_uri: String = "modelUri",
        /// How it answers.
        pub completion_options: CompletionOptions = "completionOptions",
        /// What was said so far.
        pub messages: Vec<CompletionMessage> = "messages",
        /// What the model may call.
        pub tools: Vec<NativeTool> = "tools",
        /// Whether the answer is some JSON object.
        pub json_object: Option<bool> = "jsonObject",
        /// The schema that the answer follows.
        pub json_schema: Option<NativeJsonSchema> = "jsonSchema",
        /// Whether it may call several tools at once.
        pub parallel_tool_calls: Option<bool> = "parallelToolCalls",
        /// Whether it calls tools.
        pub tool_choice: Option<NativeToolChoice> = "toolChoice",
    }

    /// How the model answers.
    pub struct CompletionOptions {
        /// Whether the answer comes as it grows.
        pub stream: Option<bool> = "stream",
        /// From 0 to 1: the higher, the more the answers vary.
        pub temperature: Option<f64> = "temperature",
        /// How many tokens the answer may have.
        pub max_tokens: Option<Int64> = "maxTokens",
        /// How the model thinks.
        pub reasoning_options: Option<ReasoningOptions> = "reasoningOptions",
    }

    /// How the model thinks.
    pub struct ReasoningOptions {
        /// Whether it does.
        pub mode: Option<ReasoningMode> = "mode",
    }

    /// A tool that the model may call.
    pub struct NativeTool {
        /// The function, of a tool that is one.
        pub function: Option<NativeFunction> = "function",
    }

    /// A function that the model may call.
    pub struct NativeFunction {
        /// Its name.
        pub name: String = "name",
        /// What it does, for the model.
        pub description: Option<String> = "description",
        /// The JSON schema of its arguments.
        pub parameters: Option<Value> = "parameters",
        /// Whether the model has to keep to the schema.
        pub strict: Option<bool> = "strict",
    }

    /// A schema that the answer follows.
    pub struct NativeJsonSchema {
        /// The JSON schema.
        pub schema: Option<Value> = "schema",
    }

    /// Whether the model calls tools.
    pub struct NativeToolChoice {
        /// `NONE`, `AUTO` or `REQUIRED`.
        pub mode: Option<String> = "mode",
        /// It calls this function.
        pub function_name: Option<String> = "functionName",
    }

    /// A request to `POST /foundationModels/v1/tokenize`.
    pub struct TokenizeRequest {
        /// The whole URI of the model.
        pub model_uri: String = "modelUri",
        /// What to take apart.
        pub text: String = "text",
    }

    /// A request to `POST /foundationModels/v1/textEmbedding`.
    pub struct TextEmbeddingRequest {
        /// The whole URI of the model: `emb://<folder>/<name>/<version>`.
        pub model_uri: String = "modelUri",
        /// What to embed.
        pub text: String = "text",
        /// How many numbers the vector has, of models that leave the choice.
        pub dim: Option<Int64> = "dim",
    }
}

words! {
    /// Whether the model thinks before it answers: `reasoning_mode` of the native models.
    pub enum ReasoningMode {
        /// It does not.
        Disabled = "DISABLED",
        /// It does, and does not tell.
        EnabledHidden = "ENABLED_HIDDEN",
    }
}

impl CompletionRequest {
    /// The form of the answer. The native API knows neither name nor strictness.
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
            .with_help("declare functions, or use the chat"));
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
