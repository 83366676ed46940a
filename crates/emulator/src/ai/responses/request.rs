//! A request of the Responses API: its prompt for the model's rule, and the settings that the response repeats.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::input_items;
use crate::ai::content::Content;
use crate::ai::limit::Limit;
use crate::ai::model_rule::{Choice, Format, Function, Prompt};
use crate::wire::status::Status;

#[derive(Deserialize)]
pub(super) struct ResponseRequest {
    pub(super) model: Option<String>,
    input: Option<Input>,
    conversation: Option<Value>,
    prompt: Option<Value>,
    pub(super) stream: Option<bool>,
    pub(super) store: Option<bool>,
    pub(super) background: Option<bool>,
    pub(super) previous_response_id: Option<String>,
    instructions: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    text: Option<Value>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_output_tokens: Option<i64>,
    metadata: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Value>),
}

/// A message, the result of a function, or an item that the rule ignores.
#[derive(Deserialize)]
struct Item {
    role: Option<String>,
    content: Option<Content>,
    #[serde(rename = "type")]
    kind: Option<String>,
    output: Option<Value>,
}

impl Item {
    fn of_user(text: &str) -> Self {
        let content = Some(Content::Text(text.to_owned()));
        Self { role: Some("user".to_owned()), content, kind: None, output: None }
    }

    fn text(&self) -> String {
        match (&self.content, &self.output) {
            (Some(content), _) => content.text(),
            (None, Some(output)) => {
                Content::deserialize(output).map(|output| output.text()).unwrap_or_default()
            }
            (None, None) => String::new(),
        }
    }

    fn is_result(&self) -> bool {
        self.kind.as_deref() == Some("function_call_output")
    }
}

impl ResponseRequest {
    /// Refuses what names something that the emulator does not have.
    pub(super) fn check_references(&self) -> Result<(), Status> {
        let is_given = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_null());
        if is_given(&self.conversation) {
            return Err(Status::not_found("no conversation has this id: the emulator has no conversations"));
        }
        if is_given(&self.prompt) {
            return Err(Status::not_found("no prompt has this id: the emulator has no prompts"));
        }
        Ok(())
    }

    fn items(&self) -> Result<Vec<Item>, Status> {
        match &self.input {
            None => Err(Status::invalid("input is missing")),
            Some(Input::Text(text)) => Ok(vec![Item::of_user(text)]),
            Some(Input::Items(items)) => {
                let read = |(number, item)| {
                    // The error of serde quotes the value.
                    Item::deserialize(item).map_err(|_| {
                        Status::invalid(format!("a field of input[{number}] has the wrong type"))
                    })
                };
                items.iter().enumerate().map(read).collect()
            }
        }
    }

    pub(super) fn prompt(&self) -> Result<Prompt<'_>, Status> {
        let items = self.items()?;
        let item = items.iter().rev().find(|item| item.role.as_deref() == Some("user"));
        let item = item.or(items.last()).ok_or_else(|| Status::invalid("input is empty"))?;
        let user_text = item.text();
        let results = items.iter().rev().take_while(|item| item.is_result());
        let mut tool_results: Vec<String> = results.map(Item::text).collect();
        tool_results.reverse();
        let is_function = |tool: &&Value| tool.get("type").is_some_and(|kind| kind == "function");
        let functions = self.tools.iter().flatten().filter(is_function).map(Function::of);
        Ok(Prompt {
            user_text,
            tool_results: (!tool_results.is_empty()).then(|| tool_results.join(", ")),
            functions: functions.collect::<Result<_, _>>()?,
            choice: match &self.tool_choice {
                None | Some(Value::Null) => Choice::Auto,
                Some(Value::String(mode)) => Choice::by_mode(mode)?,
                Some(choice) => Choice::by_name(choice.get("name"))?,
            },
            parallel: self.parallel_tool_calls != Some(false),
            format: match self.text.as_ref().and_then(|text| text.get("format")) {
                None | Some(Value::Null) => Format::Text,
                Some(format) => Format::of(format, format.get("schema"))?,
            },
            limit: Limit::read("max_output_tokens", self.max_output_tokens)?,
        })
    }

    /// All texts of the request, for the token count.
    pub(super) fn texts(&self) -> Result<Vec<String>, Status> {
        let items = self.items()?;
        Ok(self.instructions.iter().cloned().chain(items.iter().map(Item::text)).collect())
    }

    /// The items as the service lists them: a text is a message of the user, and every item has an id.
    pub(super) fn input_items(&self, id: &str) -> Vec<Value> {
        let items = match &self.input {
            None => Vec::new(),
            Some(Input::Text(text)) => vec![json!({ "role": "user", "content": text })],
            Some(Input::Items(items)) => items.clone(),
        };
        items.into_iter().enumerate().map(|(number, item)| input_items::listed(item, id, number)).collect()
    }

    pub(super) fn settings(&self) -> Map<String, Value> {
        let settings = json!({
            "background": self.background.unwrap_or(false),
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "metadata": self.metadata.clone().unwrap_or_default(),
            "parallel_tool_calls": self.parallel_tool_calls.unwrap_or(true),
            "previous_response_id": self.previous_response_id,
            "temperature": self.temperature,
            "text": self.text.clone().unwrap_or_else(|| json!({ "format": { "type": "text" } })),
            "tool_choice": self.tool_choice.clone().unwrap_or_else(|| json!("auto")),
            "tools": self.tools.clone().unwrap_or_default(),
            "top_p": self.top_p,
            "truncation": "disabled",
        });
        match settings {
            Value::Object(settings) => settings,
            _ => Map::new(),
        }
    }
}
