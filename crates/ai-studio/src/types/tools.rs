//! Tools, tool choice and response format. The chat and the native models share them.

use serde_json::Value;

use crate::wire::{Read, Wire, message};

message! {
    /// A tool that the model may call.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::Tool;
    ///
    /// let schema = json!({ "type": "object", "properties": { "expression": { "type": "string" } } });
    /// let tool = Tool::function("calculator").description("computes").parameters(schema.clone()).strict(true);
    /// assert_eq!(json!(tool), json!({ "type": "function", "function": {
    ///     "name": "calculator", "description": "computes", "parameters": schema, "strict": true,
    /// } }));
    /// ```
    pub struct Tool {
        /// The type of the tool: `function`.
        pub kind: String = "type",
        /// The function, of a tool that is a function.
        pub function: Option<FunctionTool> = "function",
    }

    /// A function that the model may call.
    pub struct FunctionTool {
        /// The name of the function.
        pub name: String = "name",
        /// What the function does; the model reads it.
        pub description: Option<String> = "description",
        /// The JSON schema of the arguments.
        pub parameters: Option<Value> = "parameters",
        /// Whether the arguments must follow the schema.
        pub strict: Option<bool> = "strict",
    }

    /// The format of the response.
    ///
    /// ```
    /// use serde_json::json;
    /// use yandex_ai_studio_sdk::ResponseFormat;
    ///
    /// assert_eq!(json!(ResponseFormat::json()), json!({ "type": "json_object" }));
    /// let schema = json!({ "type": "object", "properties": { "numbers": { "type": "array" } } });
    /// let format = ResponseFormat::json_schema("numbers", schema.clone()).strict(true);
    /// assert_eq!(json!(format), json!({
    ///     "type": "json_schema",
    ///     "json_schema": { "name": "numbers", "schema": schema, "strict": true },
    /// }));
    /// ```
    pub struct ResponseFormat {
        /// The type of the format: `json_object` or `json_schema`.
        pub kind: String = "type",
        /// The schema, of the type `json_schema`.
        pub json_schema: Option<JsonSchemaFormat> = "json_schema",
    }

    /// The JSON schema of a response.
    pub struct JsonSchemaFormat {
        /// The name of the schema. The chat requires it.
        pub name: Option<String> = "name",
        /// What the schema describes; the model reads it.
        pub description: Option<String> = "description",
        /// The JSON schema.
        pub schema: Option<Value> = "schema",
        /// Whether the response must follow the schema.
        pub strict: Option<bool> = "strict",
    }

    /// The tool that the model must call.
    pub struct NamedTool {
        /// The type of the tool: `function`.
        pub kind: String = "type",
        /// The function.
        pub function: ToolName = "function",
    }

    /// The name of a function.
    pub struct ToolName {
        /// The name.
        pub name: String = "name",
    }
}

impl Tool {
    /// A function with this name, without parameters.
    #[must_use]
    pub fn function(name: impl Into<String>) -> Self {
        let function = FunctionTool { name: name.into(), ..FunctionTool::default() };
        Self { kind: "function".to_owned(), function: Some(function), ..Self::default() }
    }

    fn with(mut self, change: impl FnOnce(&mut FunctionTool)) -> Self {
        change(self.function.get_or_insert_default());
        self
    }

    /// Sets what the function does; the model reads it.
    #[must_use]
    pub fn description(self, text: impl Into<String>) -> Self {
        self.with(|function| function.description = Some(text.into()))
    }

    /// Sets the JSON schema of the arguments.
    #[must_use]
    pub fn parameters(self, schema: impl Into<Value>) -> Self {
        self.with(|function| function.parameters = Some(schema.into()))
    }

    /// Sets whether the arguments must follow the schema.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        self.with(|function| function.strict = Some(strict))
    }

    /// The name of the function; empty for a tool of another type.
    #[must_use]
    pub fn name(&self) -> &str {
        self.function.as_ref().map_or("", |function| &function.name)
    }
}

impl ResponseFormat {
    /// Any JSON object. The prompt must ask for JSON, too.
    #[must_use]
    pub fn json() -> Self {
        Self { kind: "json_object".to_owned(), ..Self::default() }
    }

    /// JSON that follows a schema. `name` is the name of the schema.
    #[must_use]
    pub fn json_schema(name: impl Into<String>, schema: impl Into<Value>) -> Self {
        let json_schema = JsonSchemaFormat {
            name: Some(name.into()),
            schema: Some(schema.into()),
            ..JsonSchemaFormat::default()
        };
        Self { kind: "json_schema".to_owned(), json_schema: Some(json_schema), ..Self::default() }
    }

    /// Sets whether the response must follow the schema; has no effect without a schema.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        if let Some(schema) = &mut self.json_schema {
            schema.strict = Some(strict);
        }
        self
    }
}

/// Whether the model calls tools, and which.
///
/// ```
/// use serde_json::json;
/// use yandex_ai_studio_sdk::{Tool, ToolChoice};
///
/// assert_eq!(json!(ToolChoice::required()), "required");
/// let calculator = Tool::function("calculator");
/// let choice = json!({ "type": "function", "function": { "name": "calculator" } });
/// assert_eq!(json!(ToolChoice::from(&calculator)), choice);
/// assert_eq!(json!(ToolChoice::function("calculator")), choice);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// The mode: `none`, `auto` or `required`.
    Mode(String),
    /// The model must call this function.
    Function(NamedTool),
}

impl ToolChoice {
    /// The model calls no tool.
    #[must_use]
    pub fn none() -> Self {
        Self::from("none")
    }

    /// The model decides; the default.
    #[must_use]
    pub fn auto() -> Self {
        Self::from("auto")
    }

    /// The model calls one tool or more.
    #[must_use]
    pub fn required() -> Self {
        Self::from("required")
    }

    /// The model calls this function.
    #[must_use]
    pub fn function(name: impl Into<String>) -> Self {
        let function = ToolName { name: name.into(), ..ToolName::default() };
        Self::Function(NamedTool { kind: "function".to_owned(), function, ..NamedTool::default() })
    }
}

/// A mode: `none`, `auto` or `required`.
impl From<&str> for ToolChoice {
    fn from(mode: &str) -> Self {
        Self::Mode(mode.to_owned())
    }
}

/// The function of this declaration.
impl From<&Tool> for ToolChoice {
    fn from(tool: &Tool) -> Self {
        Self::function(tool.name())
    }
}

impl Wire for ToolChoice {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        match value {
            Value::String(mode) => Read::exact(Self::Mode(mode)),
            value => Ok(NamedTool::read(value)?.map(Self::Function)),
        }
    }

    fn write(&self) -> Value {
        match self {
            Self::Mode(mode) => mode.write(),
            Self::Function(function) => function.write(),
        }
    }
}

message!(@serde ToolChoice);
