//! The messages of the native API, as proto3 JSON.

mod message;
mod request;
mod response;

pub use self::message::{
    CompletionMessage, FunctionResult, NativeFunctionCall, NativeToolCall, ToolCallList, ToolResult,
    ToolResultList,
};
pub use self::request::{
    CompletionOptions, CompletionRequest, NativeFunction, NativeJsonSchema, NativeTool, NativeToolChoice,
    ReasoningMode, ReasoningOptions, TextEmbeddingRequest, TokenizeRequest,
};
pub use self::response::{
    Alternative, AlternativeStatus, CompletionResponse, CompletionTokensDetails, CompletionUsage,
    OperationError, OperationState, TextEmbeddingResponse, Token, TokenizeResponse,
};
