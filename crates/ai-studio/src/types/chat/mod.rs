//! The messages of the OpenAI-compatible API.

mod assembly;
mod message;
mod model_list;
mod request;
mod response;

pub use self::message::{ChatMessage, Content, ContentPart, FunctionCall, ImageUrl, ToolCall};
pub use self::model_list::{ModelInfo, ModelList};
pub use self::request::{ChatRequest, EmbeddingInput, EmbeddingRequest, ReasoningEffort};
pub use self::response::{
    ChatChoice, ChatChunk, ChatChunkChoice, ChatResponse, ChatUsage, Embedding, EmbeddingResponse,
    FinishReason,
};
