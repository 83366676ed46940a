//! The forms in which the services of the cloud write an error.
//!
//! | form | services | body |
//! |---|---|---|
//! | [`ErrorForm::Gateway`] | IAM, endpoint discovery, operations | `{"code", "message", "details": [RequestInfo]}` |
//! | [`ErrorForm::Native`] | `/foundationModels/` | `{"error": {"grpcCode", "httpCode", "message", "httpStatus", "details"}}` |
//! | [`ErrorForm::OpenAi`] | `/v1/` | `{"error": {"message", "type"}}` |
//! | [`ErrorForm::Grpc`] | gRPC | the headers `grpc-status` and `grpc-message` |
//! | [`ErrorForm::Text`] | the metadata service | the message |
//!
//! The first four were recorded by users of the cloud; no document has them. Not known: the form of the metadata
//! service, and the types of OpenAI's form beside `invalid_request_error` and `server_error`. The recorded 401 has no
//! type; the emulator always sends one.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::wire::body::{self, Body};
use crate::wire::status::{Code, Status};

#[derive(Clone, Copy, Debug)]
pub(crate) enum ErrorForm<'a> {
    Gateway { request_id: &'a str },
    Native,
    OpenAi,
    Grpc,
    Text,
}

impl ErrorForm<'_> {
    pub(crate) fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc)
    }

    /// The response, or the response of its error.
    pub(crate) fn respond(self, response: Result<Response<Body>, Status>) -> Response<Body> {
        response.unwrap_or_else(|status| self.error(&status))
    }

    pub(crate) fn error(self, status: &Status) -> Response<Body> {
        match self {
            Self::Grpc => status.to_grpc(),
            Self::Text => body::text(status.http_status(), format!("{}\n", status.message())),
            Self::Gateway { request_id } => body::json(status.http_status(), &gateway(status, request_id)),
            Self::Native => body::json(status.http_status(), &native(status)),
            Self::OpenAi => body::json(status.http_status(), &open_ai(status)),
        }
    }
}

fn gateway(status: &Status, request_id: &str) -> Value {
    let info = json!({ "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id });
    json!({ "code": status.code().number(), "message": status.message(), "details": [info] })
}

fn native(status: &Status) -> Value {
    let http = status.http_status();
    json!({ "error": {
        "grpcCode": status.code().number(),
        "httpCode": http.as_u16(),
        "message": status.message(),
        "httpStatus": http.canonical_reason().unwrap_or_default(),
        "details": [],
    } })
}

fn open_ai(status: &Status) -> Value {
    // The texts of a refused credential are those of the service behind, with its code.
    let message = match status.code() {
        code @ (Code::Unauthenticated | Code::PermissionDenied) => {
            format!("rpc error: code = {code:?} desc = {}", status.message())
        }
        _ => status.message().to_owned(),
    };
    json!({ "error": { "message": message, "type": status.kind().unwrap_or_else(|| kind(status)) } })
}

fn kind(status: &Status) -> &'static str {
    match status.http_status() {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        http if http.is_client_error() => "invalid_request_error",
        _ => "server_error",
    }
}
