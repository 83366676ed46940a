//! The input of a model, and its conversion to the messages of each API.

mod calls;
mod chat;
mod message;
mod native;

pub(crate) use self::chat::to_chat;
pub use self::message::Message;
pub(crate) use self::native::to_native;

/// The input of a model: a text, `(role, text)`, a [`Message`], an earlier response, or a list of these.
///
/// An earlier response stands for the message of its first choice, with its tool calls. Convert the items of a mixed
/// list to [`Message`].
///
/// ```no_run
/// use yandex_ai_studio_sdk::{AiStudio, Error, Message};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let model = sdk.chat().completions("yandexgpt");
/// model.run("hello").await?;
/// model.run(("system", "Your name is Arkadiy")).await?;
/// let response = model.run([("system", "Your name is Arkadiy"), ("user", "who are you?")]).await?;
/// model.run([Message::user("who are you?"), Message::from(&response), Message::user("shorter!")]).await?;
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
