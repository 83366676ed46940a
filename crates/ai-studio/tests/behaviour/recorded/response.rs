//! The recorded response, and the comparison with the read one.

use serde::Serialize;
use serde_json::Value;
use yandex_ai_studio_sdk::Error;
use yandex_cloud_replay::Interaction;

use super::accessors::same;

/// The recorded messages.
pub(crate) struct RecordedResponse {
    pub(crate) messages: Vec<Value>,
    status: u16,
}

impl RecordedResponse {
    pub(crate) fn of(recorded: &Interaction) -> Self {
        let unwrapped = |value: Value| match value.get("result") {
            Some(result) if result.is_object() => result.clone(),
            _ => value,
        };
        let messages = recorded.response.messages();
        let status = recorded.response.status.as_u16();
        // The wrapper of a whole native response; that of a stream is removed already.
        let is_completion = recorded.request.target == "/foundationModels/v1/completion";
        let messages = if is_completion { messages.into_iter().map(unwrapped).collect() } else { messages };
        Self { messages, status }
    }

    fn is_error(&self) -> bool {
        !(200..300).contains(&self.status)
    }

    pub(crate) fn first(&self) -> Result<&Value, String> {
        self.messages.first().ok_or_else(|| "the recorded response is no JSON".to_owned())
    }

    /// A recorded error must be read as an error.
    pub(crate) fn check_status<T>(&self, outcome: Result<T, Error>) -> Result<Option<T>, String> {
        match outcome {
            Err(error) if self.is_error() => {
                let status = error.status().map(|status| status.as_u16());
                same("status of the error", &status, &Some(self.status)).map(|()| None)
            }
            Err(error) => Err(error.to_string()),
            Ok(_) if self.is_error() => Err(format!("no error was read for the status {}", self.status)),
            Ok(value) => Ok(Some(value)),
        }
    }

    pub(crate) fn check_single<T: Serialize>(
        &self,
        outcome: Result<T, Error>,
        compare: impl Fn(&T, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        if !self.is_error() && is_error_message(self.first()?) {
            return self.check_message(0, outcome, compare);
        }
        let Some(value) = self.check_status(outcome)? else { return Ok(()) };
        self.check_message(0, Ok(value), compare)
    }

    /// Checks that a message, written again, is the recorded one, and that its accessors agree.
    pub(crate) fn check_message<T: Serialize>(
        &self,
        place: usize,
        outcome: Result<T, Error>,
        compare: impl Fn(&T, &Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let recorded = self.messages.get(place).ok_or_else(|| match &outcome {
            Ok(_) => format!("message {place} was not recorded"),
            Err(error) => error.to_string(),
        })?;
        let value = match outcome {
            Err(_) if is_error_message(recorded) => return Ok(()),
            Err(error) => return Err(format!("message {place}: {error}")),
            Ok(value) => value,
        };
        let written = serde_json::to_value(&value).map_err(|error| error.to_string())?;
        if written != *recorded {
            return Err(format!("message {place} was {recorded} and is written as {written}"));
        }
        compare(&value, recorded).map_err(|wrong| format!("message {place}: {wrong}"))
    }

    pub(crate) fn check_count(&self, place: usize) -> Result<(), String> {
        same("number of messages", &place, &self.messages.len())
    }
}

/// An error in a response with status 200.
fn is_error_message(value: &Value) -> bool {
    // The error of an operation is a regular response.
    value.get("error").is_some_and(|error| !error.is_null()) && value.get("id").is_none()
}
