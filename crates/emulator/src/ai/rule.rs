//! The rule by which the model answers; it understands nothing.
//!
//! | what it finds | what it answers |
//! |---|---|
//! | the last message is a tool's | `authenticated as …; the tool said: …` |
//! | a function is forced by the choice of tools, or named by a word of what the user said last | calls of it |
//! | anything else | `authenticated as …; you said: …` |
//!
//! A text that is asked for as JSON is `{"answer": text}`; by a schema, a value of that schema.
//! A call's arguments are a value of the function's schema too. A value of a schema has the properties that are
//! required (or all, if none is); a string is what was said, or the first of an `enum`; numbers are those that were
//! said, or 0; a boolean is true; a list of numbers has all that were said, another list one item.

use std::cell::Cell;
use std::collections::HashSet;

use serde_json::{Map, Number, Value, json};

use crate::identity::Caller;
use crate::status::Status;

/// How deep a value goes into a schema, which may refer to itself; of how many parts it is; how long a string in it.
const MAX_DEPTH: usize = 16;
const MAX_PARTS: u32 = 256;
const MAX_STRING: usize = 1024;

/// What was asked, whatever the wire.
#[derive(Default)]
pub(super) struct Asked<'a> {
    /// What the user said last.
    pub(super) said: String,
    /// What the tools said, where they spoke last.
    pub(super) tools_said: Option<String>,
    pub(super) functions: Vec<Function<'a>>,
    pub(super) choice: Choice<'a>,
    /// Whether more than one function may be called at once.
    pub(super) parallel: bool,
    pub(super) form: Form<'a>,
}

#[derive(Clone, Copy)]
pub(super) struct Function<'a> {
    name: &'a str,
    parameters: Option<&'a Value>,
}

impl<'a> Function<'a> {
    /// From `{"name": …, "parameters": {…}}`, with whatever else.
    pub(super) fn of(value: &'a Value) -> Result<Self, Status> {
        let name = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Status::invalid("a function of tools has no name"))?;
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
    /// `none`, `auto`, `required`, in either case.
    pub(super) fn by_mode(mode: &str) -> Result<Self, Status> {
        match mode {
            "auto" | "AUTO" => Ok(Self::Auto),
            "none" | "NONE" => Ok(Self::None),
            "required" | "REQUIRED" => Ok(Self::Required),
            _ => Err(Status::invalid("the choice of tools is neither none nor auto nor required")),
        }
    }

    pub(super) fn by_name(name: Option<&'a Value>) -> Result<Self, Status> {
        let name = name.and_then(Value::as_str);
        name.map(Self::Named).ok_or_else(|| Status::invalid("the choice of tools has no name of a function"))
    }
}

#[derive(Clone, Copy, Default)]
pub(super) enum Form<'a> {
    #[default]
    Text,
    JsonObject,
    JsonSchema(&'a Value),
}

impl<'a> Form<'a> {
    /// By the `type` of a format, with the schema that belongs to it.
    pub(super) fn of(format: &Value, schema: Option<&'a Value>) -> Result<Self, Status> {
        match (format.get("type").and_then(Value::as_str), schema) {
            (Some("text"), _) => Ok(Self::Text),
            (Some("json_object"), _) => Ok(Self::JsonObject),
            (Some("json_schema"), Some(schema)) => Ok(Self::JsonSchema(schema)),
            (Some("json_schema"), None) => Err(Status::invalid("the format has no schema")),
            _ => Err(Status::invalid("the format's type is neither text nor json_object nor json_schema")),
        }
    }

    fn dress(self, text: String) -> String {
        match self {
            Self::Text => text,
            Self::JsonObject => json!({ "answer": text }).to_string(),
            Self::JsonSchema(schema) => example(schema, &text).to_string(),
        }
    }
}

pub(super) enum Answer {
    Text(String),
    Calls(Vec<Call>),
}

impl Answer {
    /// What it costs: the words of it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Calls(calls) => calls
                .iter()
                .map(|call| format!("{} {}", call.name, call.arguments))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// What the model answers.
pub(super) fn answer(caller: &Caller, asked: &Asked<'_>) -> Result<Answer, Status> {
    if let Some(said) = &asked.tools_said {
        return Ok(Answer::Text(
            asked.form.dress(format!("authenticated as {caller}; the tool said: {said}")),
        ));
    }
    let called = called(asked)?;
    if called.is_empty() {
        let said = &asked.said;
        return Ok(Answer::Text(asked.form.dress(format!("authenticated as {caller}; you said: {said}"))));
    }
    let call = |function: &Function<'_>| Call {
        name: function.name.to_owned(),
        arguments: function.parameters.map_or_else(|| json!({}), |schema| example(schema, &asked.said)),
    };
    Ok(Answer::Calls(called.iter().map(call).collect()))
}

fn called<'a>(asked: &Asked<'a>) -> Result<Vec<Function<'a>>, Status> {
    let named = || {
        let words = asked.said.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'));
        let words: HashSet<&str> = words.map(|word| word.trim_matches('.')).collect();
        let named = asked.functions.iter().filter(|function| words.contains(function.name));
        named.copied().collect::<Vec<_>>()
    };
    let mut called = match asked.choice {
        Choice::None => Vec::new(),
        Choice::Auto => named(),
        Choice::Required => {
            let named = named();
            if named.is_empty() { asked.functions.first().copied().into_iter().collect() } else { named }
        }
        Choice::Named(name) => {
            let found = asked.functions.iter().find(|function| function.name == name);
            vec![*found.ok_or_else(|| Status::invalid("the choice of tools names no function of tools"))?]
        }
    };
    if !asked.parallel {
        called.truncate(1);
    }
    Ok(called)
}

/// A value of this schema.
fn example(schema: &Value, said: &str) -> Value {
    let end = said.char_indices().map(|(at, _)| at).nth(MAX_STRING).unwrap_or(said.len());
    let (said, left) = (&said[..end], Cell::new(MAX_PARTS));
    Example { root: schema, said, left: &left }.of(schema, 0)
}

#[derive(Clone, Copy)]
struct Example<'a> {
    root: &'a Value,
    said: &'a str,
    /// How many more parts there is room for.
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
                    Some(kind @ ("integer" | "number")) => Value::Array(numbers(self.said, kind)),
                    _ => json!([inner(items)]),
                }
            }
            "integer" | "number" => numbers(self.said, kind).into_iter().next().unwrap_or_else(|| json!(0)),
            "boolean" => json!(true),
            "string" => json!(self.said),
            _ => Value::Null,
        }
    }
}

/// A constant of a schema, unless it is one that would fill an answer by being repeated.
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

/// The numbers that were said, as far as they are of the kind.
fn numbers(said: &str, kind: &str) -> Vec<Value> {
    let words = said.split(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-'));
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
    fn a_value_has_what_its_schema_requires() {
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
        let said = "5, -4, a, 1.5.";
        assert_eq!(
            example(&schema, said),
            json!({
                "numbers": [5, -4], "text": said, "unit": "metre", "deep": { "names": [said] }, "flag": true,
                "ratio": 5,
            })
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schema = json!({ "properties": { "again": { "$ref": "#" } } });
        assert!(example(&schema, "").to_string().len() < 1000);
        let names = (0..50).map(|n| (n.to_string(), json!({ "$ref": "#" })));
        let wide = json!({ "properties": names.collect::<Map<_, _>>() });
        assert!(example(&wide, "").to_string().len() < 100_000);
    }

    #[test]
    fn a_function_is_called_when_a_word_names_it() {
        let tools = [json!({ "name": "something" }), json!({ "name": "get_weather" })];
        let functions: Vec<_> = tools.iter().map(|tool| Function::of(tool).unwrap()).collect();
        for (said, choice, parallel, expected) in [
            ("use something, then get_weather.", Choice::Auto, true, vec!["something", "get_weather"]),
            ("use something, then get_weather.", Choice::Auto, false, vec!["something"]),
            ("use somethings", Choice::Auto, true, vec![]),
            ("something", Choice::None, true, vec![]),
            ("anything", Choice::Required, true, vec!["something"]),
            ("get_weather", Choice::Required, true, vec!["get_weather"]),
            ("something", Choice::Named("get_weather"), true, vec!["get_weather"]),
        ] {
            let asked = Asked {
                said: said.to_owned(),
                functions: functions.clone(),
                choice,
                parallel,
                ..Asked::default()
            };
            let names: Vec<&str> = called(&asked).unwrap().iter().map(|function| function.name).collect();
            assert_eq!(names, expected, "{said}");
        }
    }
}
