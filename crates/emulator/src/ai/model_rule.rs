//! The rule that computes the output of the model. The model does not understand text.
//!
//! | prompt | output |
//! |---|---|
//! | the last message is the result of a tool | `authenticated as …; the tool said: …` |
//! | the tool choice forces a function, or a word of the last user message is the name of a function | calls of these functions |
//! | anything else | `authenticated as …; you said: …` |
//!
//! If the request asks for a JSON object, the output is `{"answer": text}`. If the request has a schema, the output is
//! an example value of the schema. The arguments of a call are an example value of the function's schema.
//!
//! An example value has the required properties, or all properties if none is required. A string is the text of the
//! user, or the first value of an `enum`. A number is a number of the user's text, or 0. A boolean is true. A list of
//! numbers has all numbers of the user's text. Another list has one item.

use std::cell::Cell;
use std::collections::HashSet;

use serde_json::{Map, Number, Value, json};

use super::limit::Limit;
use crate::identity::Caller;
use crate::wire::status::Status;

/// Limits of an example value: a schema can refer to itself, and a client chooses the schema.
const MAX_DEPTH: usize = 16;
const MAX_PARTS: u32 = 256;
const MAX_STRING: usize = 1024;

/// The content of a request, independent of the protocol.
#[derive(Default)]
pub(super) struct Prompt<'a> {
    /// The last message of the user.
    pub(super) user_text: String,
    /// The results of tools, if the last messages are results.
    pub(super) tool_results: Option<String>,
    pub(super) functions: Vec<Function<'a>>,
    pub(super) choice: Choice<'a>,
    /// Whether the output may have several calls.
    pub(super) parallel: bool,
    pub(super) format: Format<'a>,
    pub(super) limit: Limit,
}

#[derive(Clone, Copy)]
pub(super) struct Function<'a> {
    name: &'a str,
    parameters: Option<&'a Value>,
}

impl<'a> Function<'a> {
    /// Parses `{"name": …, "parameters": {…}}`. Other fields are ignored.
    pub(super) fn of(value: &'a Value) -> Result<Self, Status> {
        let name = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Status::invalid("a function in tools has no name"))?;
        Ok(Self { name, parameters: value.get("parameters") })
    }
}

#[derive(Clone, Copy, Default)]
pub(super) enum Choice<'a> {
    #[default]
    Auto,
    None,
    Required,
    Named(&'a str),
}

impl<'a> Choice<'a> {
    /// Parses `none`, `auto` or `required`, in lower or upper case.
    pub(super) fn by_mode(mode: &str) -> Result<Self, Status> {
        match mode {
            "auto" | "AUTO" => Ok(Self::Auto),
            "none" | "NONE" => Ok(Self::None),
            "required" | "REQUIRED" => Ok(Self::Required),
            _ => Err(Status::invalid("the tool choice is not none, auto or required")),
        }
    }

    pub(super) fn by_name(name: Option<&'a Value>) -> Result<Self, Status> {
        let name = name.and_then(Value::as_str);
        name.map(Self::Named).ok_or_else(|| Status::invalid("the tool choice has no function name"))
    }
}

#[derive(Clone, Copy, Default)]
pub(super) enum Format<'a> {
    #[default]
    Text,
    JsonObject,
    JsonSchema(&'a Value),
}

impl<'a> Format<'a> {
    /// Parses the `type` of a format. The schema belongs to the type `json_schema`.
    pub(super) fn of(format: &Value, schema: Option<&'a Value>) -> Result<Self, Status> {
        match (format.get("type").and_then(Value::as_str), schema) {
            (Some("text"), _) => Ok(Self::Text),
            (Some("json_object"), _) => Ok(Self::JsonObject),
            (Some("json_schema"), Some(schema)) => Ok(Self::JsonSchema(schema)),
            (Some("json_schema"), None) => Err(Status::invalid("the format has no schema")),
            _ => Err(Status::invalid("the type of the format is not text, json_object or json_schema")),
        }
    }

    fn format(self, text: String) -> String {
        match self {
            Self::Text => text,
            Self::JsonObject => json!({ "answer": text }).to_string(),
            Self::JsonSchema(schema) => example(schema, &text).to_string(),
        }
    }
}

pub(super) enum Output {
    Text(String),
    Calls(Vec<Call>),
}

impl Output {
    /// The words of the output, for the token count.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Calls(calls) => calls.iter().map(Call::words).collect::<Vec<_>>().join(" "),
        }
    }
}

pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Value,
}

impl Call {
    pub(super) fn words(&self) -> String {
        format!("{} {}", self.name, self.arguments)
    }
}

/// The output of the model within the limit, and whether the limit cut it.
pub(super) fn respond(caller: &Caller, prompt: &Prompt<'_>) -> Result<(Output, bool), Status> {
    Ok(prompt.limit.cut(unlimited(caller, prompt)?))
}

fn unlimited(caller: &Caller, prompt: &Prompt<'_>) -> Result<Output, Status> {
    if let Some(results) = &prompt.tool_results {
        return Ok(Output::Text(
            prompt.format.format(format!("authenticated as {caller}; the tool said: {results}")),
        ));
    }
    let called = called(prompt)?;
    if called.is_empty() {
        let text = &prompt.user_text;
        return Ok(Output::Text(
            prompt.format.format(format!("authenticated as {caller}; you said: {text}")),
        ));
    }
    let call = |function: &Function<'_>| Call {
        name: function.name.to_owned(),
        arguments: function.parameters.map_or_else(|| json!({}), |schema| example(schema, &prompt.user_text)),
    };
    Ok(Output::Calls(called.iter().map(call).collect()))
}

fn called<'a>(prompt: &Prompt<'a>) -> Result<Vec<Function<'a>>, Status> {
    let named = || {
        let words = prompt.user_text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'));
        let words: HashSet<&str> = words.map(|word| word.trim_matches('.')).collect();
        let named = prompt.functions.iter().filter(|function| words.contains(function.name));
        named.copied().collect::<Vec<_>>()
    };
    let mut called = match prompt.choice {
        Choice::None => Vec::new(),
        Choice::Auto => named(),
        Choice::Required => {
            let named = named();
            if named.is_empty() { prompt.functions.first().copied().into_iter().collect() } else { named }
        }
        Choice::Named(name) => {
            let found = prompt.functions.iter().find(|function| function.name == name);
            vec![*found.ok_or_else(|| {
                Status::invalid("the tool choice names a function that tools does not contain")
            })?]
        }
    };
    if !prompt.parallel {
        called.truncate(1);
    }
    Ok(called)
}

/// An example value of a schema.
fn example(schema: &Value, user_text: &str) -> Value {
    let end = user_text.char_indices().map(|(at, _)| at).nth(MAX_STRING).unwrap_or(user_text.len());
    let (user_text, left) = (&user_text[..end], Cell::new(MAX_PARTS));
    Example { root: schema, user_text, left: &left }.of(schema, 0)
}

#[derive(Clone, Copy)]
struct Example<'a> {
    root: &'a Value,
    user_text: &'a str,
    /// The number of values that can still be added.
    left: &'a Cell<u32>,
}

impl Example<'_> {
    fn of(self, schema: &Value, depth: usize) -> Value {
        let Some(left) = self.left.get().checked_sub(1).filter(|_| depth <= MAX_DEPTH) else {
            return Value::Null;
        };
        self.left.set(left);
        let inner = |schema: &Value| self.of(schema, depth + 1);
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let referred = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return referred.map_or(Value::Null, inner);
        }
        if let Some(constant) = schema.get("const") {
            return small(constant);
        }
        let first = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|all| all.first());
        if let Some(first) = first("enum") {
            return small(first);
        }
        if let Some(first) = ["anyOf", "oneOf", "allOf"].into_iter().find_map(first) {
            return inner(first);
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
            _ if properties.is_some() => "object",
            _ => "",
        };
        match kind {
            "object" => Value::Object(object(schema, properties, inner)),
            "array" => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                match items.get("type").and_then(Value::as_str) {
                    Some(kind @ ("integer" | "number")) => Value::Array(numbers(self.user_text, kind)),
                    _ => json!([inner(items)]),
                }
            }
            "integer" | "number" => {
                numbers(self.user_text, kind).into_iter().next().unwrap_or_else(|| json!(0))
            }
            "boolean" => json!(true),
            "string" => json!(self.user_text),
            _ => Value::Null,
        }
    }
}

/// A constant of a schema, or null if the constant is large: a schema can repeat the constant many times.
fn small(constant: &Value) -> Value {
    match constant {
        Value::String(text) if text.len() <= MAX_STRING => constant.clone(),
        Value::String(_) | Value::Array(_) | Value::Object(_) => Value::Null,
        Value::Null | Value::Bool(_) | Value::Number(_) => constant.clone(),
    }
}

fn object(
    schema: &Value,
    properties: Option<&Map<String, Value>>,
    inner: impl Fn(&Value) -> Value,
) -> Map<String, Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted = |name: &str| required.is_empty() || required.contains(&name);
    properties
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted(name))
        .map(|(name, schema)| (name.clone(), inner(schema)))
        .collect()
}

/// The numbers of the user's text that have this type.
fn numbers(user_text: &str, kind: &str) -> Vec<Value> {
    let words = user_text.split(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-'));
    let number = |word: &str| {
        let word = word.trim_end_matches(['.', '-']);
        match word.parse::<i64>() {
            Ok(whole) => Some(Number::from(whole)),
            Err(_) if kind == "number" => word.parse().ok().and_then(Number::from_f64),
            Err(_) => None,
        }
    };
    words.filter_map(number).map(Value::Number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_value_has_the_required_properties() {
        let schema = json!({
            "type": "object",
            "required": ["numbers", "text", "unit", "deep", "flag", "ratio"],
            "properties": {
                "numbers": { "type": "array", "items": { "type": "integer" } },
                "text": { "type": "string" },
                "unit": { "enum": ["metre", "foot"] },
                "deep": { "$ref": "#/$defs/deep" },
                "flag": { "anyOf": [{ "type": "boolean" }, { "type": "null" }] },
                "ratio": { "type": ["number", "null"] },
                "optional": { "type": "string" },
            },
            "$defs": { "deep": { "properties": { "names": { "type": "array", "items": { "type": "string" } } } } },
        });
        let user_text = "5, -4, a, 1.5.";
        assert_eq!(
            example(&schema, user_text),
            json!({
                "numbers": [5, -4], "text": user_text, "unit": "metre", "deep": { "names": [user_text] }, "flag": true,
                "ratio": 5,
            })
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_gives_a_small_value() {
        let schema = json!({ "properties": { "again": { "$ref": "#" } } });
        assert!(example(&schema, "").to_string().len() < 1000);
        let names = (0..50).map(|n| (n.to_string(), json!({ "$ref": "#" })));
        let wide = json!({ "properties": names.collect::<Map<_, _>>() });
        assert!(example(&wide, "").to_string().len() < 100_000);
    }

    #[test]
    fn calls_the_functions_that_a_word_of_the_text_names() {
        let tools = [json!({ "name": "something" }), json!({ "name": "get_weather" })];
        let functions: Vec<_> = tools.iter().map(|tool| Function::of(tool).unwrap()).collect();
        for (user_text, choice, parallel, expected) in [
            ("use something, then get_weather.", Choice::Auto, true, vec!["something", "get_weather"]),
            ("use something, then get_weather.", Choice::Auto, false, vec!["something"]),
            ("use somethings", Choice::Auto, true, vec![]),
            ("something", Choice::None, true, vec![]),
            ("anything", Choice::Required, true, vec!["something"]),
            ("get_weather", Choice::Required, true, vec!["get_weather"]),
            ("something", Choice::Named("get_weather"), true, vec!["get_weather"]),
        ] {
            let prompt = Prompt {
                user_text: user_text.to_owned(),
                functions: functions.clone(),
                choice,
                parallel,
                ..Prompt::default()
            };
            let names: Vec<&str> = called(&prompt).unwrap().iter().map(|function| function.name).collect();
            assert_eq!(names, expected, "{user_text}");
        }
    }
}
