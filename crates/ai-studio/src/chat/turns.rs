//! What may be given to a model as its input: texts, messages, earlier answers, results of tools, and lists of them.

use serde_json::Value;

use crate::chat::answer::ChatAnswer;
use crate::chat::message::{ChatMessage, Content, ContentPart, ToolCall};
use crate::error::{Error, ErrorKind};
use crate::models::{
    CompletionAnswer, CompletionMessage, FunctionResult, NativeFunctionCall, NativeToolCall, ToolCallList,
    ToolResult, ToolResultList,
};

/// One message to a model, whichever API it goes to.
///
/// ```
/// use yandex_ai_studio_sdk::Message;
/// use yandex_ai_studio_sdk::chat::ContentPart;
///
/// let conversation = [
///     Message::system("Your name is Arkadiy"),
///     Message::user([ContentPart::text("what is this?"), ContentPart::image("https://example.com/cat.png")].to_vec()),
/// ];
/// # let _ = conversation;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message(Turn);

#[derive(Clone, Debug, PartialEq)]
enum Turn {
    Chat(ChatMessage),
    Native(CompletionMessage),
    /// What a tool gave, for the call with this id.
    ById {
        id: String,
        content: String,
    },
    /// What a function gave, for the call of it in the last answer.
    ByName {
        name: String,
        content: String,
    },
}

impl Message {
    /// How the model is to behave.
    #[must_use]
    pub fn system(content: impl Into<Content>) -> Self {
        Self::of("system", content)
    }

    /// What the user says: a text, or parts.
    #[must_use]
    pub fn user(content: impl Into<Content>) -> Self {
        Self::of("user", content)
    }

    /// What the model said.
    #[must_use]
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self::of("assistant", content)
    }

    /// What a tool gave for the call with this id.
    #[must_use]
    pub fn tool_result(id: impl Into<String>, content: impl Into<String>) -> Self {
        Self(Turn::ById { id: id.into(), content: content.into() })
    }

    /// What a function gave for the one call of it in the answer before.
    #[must_use]
    pub fn function_result(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self(Turn::ByName { name: name.into(), content: content.into() })
    }

    fn of(role: &str, content: impl Into<Content>) -> Self {
        let content = Some(content.into());
        Self(Turn::Chat(ChatMessage { role: role.to_owned(), content, ..ChatMessage::default() }))
    }
}

/// What may be given to a model: a text, `(role, text)`, a message, an earlier answer, or a list of any of these.
///
/// An answer stands for what the model said in it: its first choice, with the tools it wanted called. A list of mixed
/// things is one of [`Message`]s, into which all of them turn.
///
/// ```no_run
/// use yandex_ai_studio_sdk::{AiStudio, Error, Message};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let model = sdk.chat().completions("yandexgpt");
/// model.run("hello").await?;
/// model.run(("system", "Your name is Arkadiy")).await?;
/// let answer = model.run([("system", "Your name is Arkadiy"), ("user", "who are you?")]).await?;
/// model.run([Message::user("who are you?"), Message::from(&answer), Message::user("shorter!")]).await?;
/// # Ok(()) }
/// ```
pub trait IntoMessages: Send {
    /// The messages, in order.
    fn into_messages(self) -> Vec<Message>;
}

impl<T: Into<Message> + Send> IntoMessages for T {
    fn into_messages(self) -> Vec<Message> {
        vec![self.into()]
    }
}

impl<T: IntoMessages, const N: usize> IntoMessages for [T; N] {
    fn into_messages(self) -> Vec<Message> {
        self.into_iter().flat_map(IntoMessages::into_messages).collect()
    }
}

impl<T: IntoMessages> IntoMessages for Vec<T> {
    fn into_messages(self) -> Vec<Message> {
        self.into_iter().flat_map(IntoMessages::into_messages).collect()
    }
}

impl<T: IntoMessages + Clone + Sync> IntoMessages for &[T] {
    fn into_messages(self) -> Vec<Message> {
        self.iter().cloned().flat_map(IntoMessages::into_messages).collect()
    }
}

impl<T: IntoMessages + Clone + Sync> IntoMessages for &Vec<T> {
    fn into_messages(self) -> Vec<Message> {
        self.as_slice().into_messages()
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::user(text)
    }
}

impl From<&String> for Message {
    fn from(text: &String) -> Self {
        Self::user(text.as_str())
    }
}

/// A role and a text.
impl<R: Into<String>, T: Into<String>> From<(R, T)> for Message {
    fn from((role, text): (R, T)) -> Self {
        Self(Turn::Chat(ChatMessage::text(role, text)))
    }
}

impl From<ChatMessage> for Message {
    fn from(message: ChatMessage) -> Self {
        Self(Turn::Chat(message))
    }
}

impl From<CompletionMessage> for Message {
    fn from(message: CompletionMessage) -> Self {
        Self(Turn::Native(message))
    }
}

/// What the model said: its tool calls where it made some, else its text.
impl From<&ChatAnswer> for Message {
    fn from(answer: &ChatAnswer) -> Self {
        let said = answer.choices.first().map(|choice| &choice.message);
        let role = said.map(|message| message.role.as_str()).filter(|role| !role.is_empty());
        let role = role.unwrap_or("assistant");
        let tool_calls: Vec<_> = answer.tool_calls().iter().cloned().map(ToolCall::whole).collect();
        let mut message = ChatMessage::text(role, answer.text());
        if !tool_calls.is_empty() {
            message.content.take_if(|_| answer.text().is_empty());
            message.tool_calls = tool_calls;
        }
        message.into()
    }
}

impl From<ChatAnswer> for Message {
    fn from(answer: ChatAnswer) -> Self {
        Self::from(&answer)
    }
}

/// What the model said: its tool calls where it made some, else its text.
impl From<&CompletionAnswer> for Message {
    fn from(answer: &CompletionAnswer) -> Self {
        let said = answer.alternatives.first().map(|alternative| alternative.message.clone());
        let mut message = said.unwrap_or_default();
        if message.role.is_empty() {
            "assistant".clone_into(&mut message.role);
        }
        message.into()
    }
}

impl From<CompletionAnswer> for Message {
    fn from(answer: CompletionAnswer) -> Self {
        Self::from(&answer)
    }
}

/// The calls of the last answer that had some: the names by their ids, in order. Where an API has no ids, names are.
#[derive(Default)]
struct Calls(Vec<(String, String)>);

impl Calls {
    fn of(calls: impl Iterator<Item = (String, String)>) -> Self {
        Self(calls.collect())
    }

    fn id_of(&self, name: &str) -> Result<String, Error> {
        let mut ids = self.0.iter().filter(|(_, named)| named == name).map(|(id, _)| id);
        match (ids.next(), ids.next()) {
            (Some(id), None) => Ok(id.clone()),
            (None, _) => Err(Error::new(
                ErrorKind::Invalid,
                format!("there is a result of the function {name:?}, which the answer before does not call"),
            )
            .with_help("put the answer that calls the function before its result")),
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::Invalid,
                format!("the answer before calls the function {name:?} more than once"),
            )
            .with_help("give the results by the ids of the calls: `Message::tool_result`")),
        }
    }

    fn name_of(&self, id: &str) -> Result<String, Error> {
        let call = self.0.iter().find(|(called, _)| called == id);
        call.map(|(_, name)| name.clone()).ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                format!("there is a result of the call {id:?}, which the answer before does not make"),
            )
            .with_help("put the answer that calls the function before its result")
        })
    }
}

/// The messages as the chat takes them.
pub(crate) fn to_chat(messages: Vec<Message>) -> Result<Vec<ChatMessage>, Error> {
    let mut calls = Calls::default();
    let mut list = Vec::with_capacity(messages.len());
    for Message(turn) in messages {
        match turn {
            Turn::Chat(message) => {
                if message.tool_call_id.is_none() {
                    let made = |call: &ToolCall| (call.id.clone(), call.name().to_owned());
                    calls = Calls::of(message.tool_calls.iter().map(made));
                }
                list.push(message);
            }
            Turn::Native(message) => match &message.tool_result_list {
                Some(results) => {
                    for result in
                        results.tool_results.iter().filter_map(|result| result.function_result.as_ref())
                    {
                        let content = result.content.clone().unwrap_or_default();
                        list.push(answered(calls.id_of(&result.name)?, content));
                    }
                }
                None => {
                    let named = |call: &NativeToolCall| (call.name().to_owned(), call.name().to_owned());
                    calls = Calls::of(message.tool_calls().iter().map(named));
                    list.push(native_as_chat(&message));
                }
            },
            Turn::ById { id, content } => list.push(answered(id, content)),
            Turn::ByName { name, content } => list.push(answered(calls.id_of(&name)?, content)),
        }
    }
    Ok(list)
}

/// The answer to a call.
fn answered(id: String, content: String) -> ChatMessage {
    ChatMessage { tool_call_id: Some(id), ..ChatMessage::text("tool", content) }
}

fn native_as_chat(message: &CompletionMessage) -> ChatMessage {
    let as_chat = |(place, call): (usize, &NativeToolCall)| {
        let arguments = call.function_call.as_ref().and_then(|call| call.arguments.as_ref());
        let arguments = arguments.map_or_else(|| "{}".to_owned(), Value::to_string);
        let index = u64::try_from(place).ok();
        ToolCall { index, ..ToolCall::function(call.name(), call.name(), arguments) }
    };
    ChatMessage {
        role: message.role.clone(),
        content: message.text.clone().map(Content::Text),
        tool_calls: message.tool_calls().iter().enumerate().map(as_chat).collect(),
        ..ChatMessage::default()
    }
}

/// The messages as native models take them. Results that follow each other go in one message.
pub(crate) fn to_native(messages: Vec<Message>) -> Result<Vec<CompletionMessage>, Error> {
    let mut calls = Calls::default();
    let mut list: Vec<CompletionMessage> = Vec::with_capacity(messages.len());
    for Message(turn) in messages {
        let (name, content) = match turn {
            Turn::Native(message) => {
                let named = |call: &NativeToolCall| (call.name().to_owned(), call.name().to_owned());
                if message.tool_result_list.is_none() {
                    calls = Calls::of(message.tool_calls().iter().map(named));
                }
                list.push(message);
                continue;
            }
            Turn::Chat(message) => match &message.tool_call_id {
                Some(id) => (calls.name_of(id)?, message.as_text().to_owned()),
                None => {
                    let made = |call: &ToolCall| (call.id.clone(), call.name().to_owned());
                    calls = Calls::of(message.tool_calls.iter().map(made));
                    list.push(chat_as_native(message)?);
                    continue;
                }
            },
            Turn::ById { id, content } => (calls.name_of(&id)?, content),
            Turn::ByName { name, content } => (name, content),
        };
        let function_result = FunctionResult { name, content: Some(content), ..FunctionResult::default() };
        let result = ToolResult { function_result: Some(function_result), ..ToolResult::default() };
        match list.last_mut().and_then(|message| message.tool_result_list.as_mut()) {
            Some(results) => results.tool_results.push(result),
            None => list.push(CompletionMessage {
                role: "user".to_owned(),
                tool_result_list: Some(ToolResultList {
                    tool_results: vec![result],
                    ..ToolResultList::default()
                }),
                ..CompletionMessage::default()
            }),
        }
    }
    Ok(list)
}

fn chat_as_native(message: ChatMessage) -> Result<CompletionMessage, Error> {
    let mut native = CompletionMessage { role: message.role, ..CompletionMessage::default() };
    if !message.tool_calls.is_empty() {
        let calls: Result<_, Error> = message.tool_calls.iter().map(call_as_native).collect();
        native.tool_call_list = Some(ToolCallList { tool_calls: calls?, ..ToolCallList::default() });
        return Ok(native);
    }
    native.text = match message.content {
        None => None,
        Some(Content::Text(text)) => Some(text),
        Some(Content::Parts(parts)) => Some(parts.into_iter().map(part_as_native).collect::<Result<_, _>>()?),
    };
    Ok(native)
}

fn part_as_native(part: ContentPart) -> Result<String, Error> {
    part.text.ok_or_else(|| {
        Error::new(ErrorKind::Invalid, format!("native models take no part of type {:?}", part.kind))
            .with_help("use the chat: `sdk.chat().completions(…)` takes images")
    })
}

fn call_as_native(call: &ToolCall) -> Result<NativeToolCall, Error> {
    let function_call = NativeFunctionCall {
        name: call.name().to_owned(),
        arguments: Some(call.parse()?),
        ..NativeFunctionCall::default()
    };
    Ok(NativeToolCall { function_call: Some(function_call), ..NativeToolCall::default() })
}
