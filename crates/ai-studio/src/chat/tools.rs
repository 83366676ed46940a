//! What a model may call, whether it has to, and in which form it answers. The same for the chat and native models.

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
        /// `function`.
        pub kind: String = "type",
        /// The function, of a tool that is one.
        pub function: Option<FunctionTool> = "function",
    }

    /// A function that the model may call.
    pub struct FunctionTool {
        /// Its name.
        pub name: String = "name",
        /// What it does, for the model.
        pub description: Option<String> = "description",
        /// The JSON schema of its arguments.
        pub parameters: Option<Value> = "parameters",
        /// Whether the model has to keep to the schema.
        pub strict: Option<bool> = "strict",
    }

    /// The form of the answer.
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
        /// `json_object` or `json_schema`.
        pub kind: String = "type",
        /// The schema, where there is one.
        pub json_schema: Option<JsonSchemaFormat> = "json_schema",
    }

    /// A schema that the answer follows.
    pub struct JsonSchemaFormat {
        /// Its name, which the chat requires.
        pub name: Option<String> = "name",
        /// What it describes, for the model.
        pub description: Option<String> = "description",
        /// The JSON schema.
        pub schema: Option<Value> = "schema",
        /// Whether the model has to keep to it.
        pub strict: Option<bool> = "strict",
    }

    /// The one tool that the model has to call.
    pub struct NamedTool {
        /// `function`.
        pub kind: String = "type",
        /// Which one.
        pub function: ToolName = "function",
    }

    /// A tool by its name.
    pub struct ToolName {
        /// The name.
        pub name: String = "name",
    }
}

impl Tool {
    /// A function by its name, without parameters as yet.
    #[must_use]
    pub fn function(name: impl Into<String>) -> Self {
        let function = FunctionTool { name: name.into(), ..FunctionTool::default() };
        Self { kind: "function".to_owned(), function: Some(function), ..Self::default() }
    }

    fn with(mut self, change: impl FnOnce(&mut FunctionTool)) -> Self {
        change(self.function.get_or_insert_default());
        self
    }

    /// What the function does, for the model.
    #[must_use]
    pub fn description(self, text: impl Into<String>) -> Self {
        self.with(|function| function.description = Some(text.into()))
    }

    /// The JSON schema of its arguments.
    #[must_use]
    pub fn parameters(self, schema: impl Into<Value>) -> Self {
        self.with(|function| function.parameters = Some(schema.into()))
    }

    /// Whether the model has to keep to the schema.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        self.with(|function| function.strict = Some(strict))
    }

    /// The name of the function; empty for a tool of another kind.
    #[must_use]
    pub fn name(&self) -> &str {
        self.function.as_ref().map_or("", |function| &function.name)
    }
}

impl ResponseFormat {
    /// Some JSON object. Say so in the prompt as well.
    #[must_use]
    pub fn json() -> Self {
        Self { kind: "json_object".to_owned(), ..Self::default() }
    }

    /// JSON by a schema, under a name.
    #[must_use]
    pub fn json_schema(name: impl Into<String>, schema: impl Into<Value>) -> Self {
        let json_schema = JsonSchemaFormat {
            name: Some(name.into()),
            schema: Some(schema.into()),
            ..JsonSchemaFormat::default()
        };
        Self { kind: "json_schema".to_owned(), json_schema: Some(json_schema), ..Self::default() }
    }

    /// Whether the model has to keep to the schema; says nothing where there is no schema.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        if let Some(schema) = &mut self.json_schema {
            schema.strict = Some(strict);
        }
        self
    }
}

/// Whether the model calls tools.
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
    /// `none`, `auto` or `required`.
    Mode(String),
    /// This one.
    Function(NamedTool),
}

impl ToolChoice {
    /// It calls none.
    #[must_use]
    pub fn none() -> Self {
        Self::from("none")
    }

    /// As it likes: what holds where nothing is said.
    #[must_use]
    pub fn auto() -> Self {
        Self::from("auto")
    }

    /// It calls one or more.
    #[must_use]
    pub fn required() -> Self {
        Self::from("required")
    }

    /// It calls this function.
    #[must_use]
    pub fn function(name: impl Into<String>) -> Self {
        let function = ToolName { name: name.into(), ..ToolName::default() };
        Self::Function(NamedTool { kind: "function".to_owned(), function, ..NamedTool::default() })
    }
}

/// A mode by its word.
impl From<&str> for ToolChoice {
    fn from(mode: &str) -> Self {
        Self::Mode(mode.to_owned())
    }
}

/// The function by its declaration.
impl From<&Tool> for ToolChoice {
    fn from(tool: &Tool) -> Self {
        Self::function(tool.name())
    }
}

impl Wire for ToolChoice {
    fn read(value: Value) -> Result<Read<Self>, Value> {
        match value {
            Value::String(mode) => Read::exactly(Self::Mode(mode)),
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
