//! The state of a response that a client can get again. The service is in `ai/responses/`.

use serde_json::{Map, Value, json};

use crate::job::{Job, JobState};

/// A response and, if it runs in the background, its job.
pub(crate) struct StoredResponse {
    pub(crate) record: ResponseRecord,
    pub(crate) job: Option<Job>,
}

/// The content of a response, complete from the start. The job decides when a client sees the output.
#[derive(Clone)]
pub(crate) struct ResponseRecord {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
    /// The settings of the request, which the response repeats.
    pub(crate) settings: Map<String, Value>,
    /// The items of the request, each with an id.
    pub(crate) input: Vec<Value>,
    /// Whether `max_output_tokens` cut the output.
    pub(crate) is_cut: bool,
    pub(crate) output: Vec<Value>,
    pub(crate) usage: Value,
}

impl ResponseRecord {
    pub(crate) fn json(&self, state: JobState) -> Value {
        let mut response = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": match state {
                JobState::Running => "in_progress",
                JobState::Done if self.is_cut => "incomplete",
                JobState::Done => "completed",
                JobState::Cancelled => "cancelled",
            },
            "error": null,
            "incomplete_details": if state == JobState::Done && self.is_cut {
                json!({ "reason": "max_output_tokens" })
            } else {
                Value::Null
            },
            "model": self.model,
            "output": if state == JobState::Done { self.output.as_slice() } else { &[] },
            "usage": if state == JobState::Done { &self.usage } else { &Value::Null },
        });
        if let Some(response) = response.as_object_mut() {
            response.extend(self.settings.clone());
        }
        response
    }

    pub(crate) fn bytes(&self) -> usize {
        let input: usize = self.input.iter().map(|item| item.to_string().len()).sum();
        input + self.json(JobState::Done).to_string().len()
    }
}
