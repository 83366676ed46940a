//! The table of routes: one line for each method and path, for REST and gRPC.

use http::Method;

use crate::counters::Service;
use crate::wire::error_form::ErrorForm;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    IamCreate,
    IamCreateForServiceAccount,
    IamRevoke,
    IamEphemeralKey,
    TokenExchange,
    UserInfo,
    OidcJwks,
    GithubToken,
    EndpointsList,
    EndpointsGet,
    Chat,
    Models,
    Embeddings,
    ResponseCreate,
    ResponseGet,
    ResponseDelete,
    ResponseCancel,
    ResponseInput,
    GrpcIamCreate,
    GrpcIamCreateForServiceAccount,
    GrpcIamRevoke,
    GrpcEndpointsList,
    GrpcEndpointsGet,
    Completion,
    CompletionAsync,
    Tokenize,
    TokenizeCompletion,
    TextEmbedding,
    OperationGet,
    OperationCancel,
    GrpcCompletion,
    GrpcCompletionAsync,
    GrpcTokenize,
    GrpcTokenizeCompletion,
    GrpcTextEmbedding,
    GrpcOperationGet,
    GrpcOperationCancel,
    Metadata,
    Unknown,
}

/// A route, its service, and the name of its counter.
pub(crate) struct Found {
    pub(crate) route: Route,
    pub(crate) service: Service,
    pub(crate) name: &'static str,
}

type Line = (&'static str, Service, Route);

/// Requests to the API port that are not gRPC.
const REST: &[Line] = &[
    ("POST /iam/v1/tokens", Service::Iam, Route::IamCreate),
    ("POST /iam/v1/tokens:createForServiceAccount", Service::Iam, Route::IamCreateForServiceAccount),
    ("POST /iam/v1/tokens:revoke", Service::Iam, Route::IamRevoke),
    ("POST /iam/aws-compatibility/v1/ephemeralAccessKeys", Service::Iam, Route::IamEphemeralKey),
    ("POST /oauth/token", Service::Iam, Route::TokenExchange),
    ("GET /oauth/userinfo", Service::Iam, Route::UserInfo),
    ("GET /_emulator/oidc/jwks", Service::Oidc, Route::OidcJwks),
    ("GET /_emulator/github/token", Service::Oidc, Route::GithubToken),
    ("GET /endpoints", Service::Endpoints, Route::EndpointsList),
    ("GET /endpoints/{id}", Service::Endpoints, Route::EndpointsGet),
    ("POST /v1/chat/completions", Service::Ai, Route::Chat),
    ("GET /v1/models", Service::Ai, Route::Models),
    ("POST /v1/embeddings", Service::Ai, Route::Embeddings),
    ("POST /v1/responses", Service::Ai, Route::ResponseCreate),
    ("GET /v1/responses/{id}", Service::Ai, Route::ResponseGet),
    ("DELETE /v1/responses/{id}", Service::Ai, Route::ResponseDelete),
    ("POST /v1/responses/{id}/cancel", Service::Ai, Route::ResponseCancel),
    ("GET /v1/responses/{id}/input_items", Service::Ai, Route::ResponseInput),
    ("POST /foundationModels/v1/completion", Service::Ai, Route::Completion),
    ("POST /foundationModels/v1/completionAsync", Service::Ai, Route::CompletionAsync),
    ("POST /foundationModels/v1/tokenize", Service::Ai, Route::Tokenize),
    ("POST /foundationModels/v1/tokenizeCompletion", Service::Ai, Route::TokenizeCompletion),
    ("POST /foundationModels/v1/textEmbedding", Service::Ai, Route::TextEmbedding),
    // Before the next line, which matches the verb as part of the id.
    ("GET /operations/{id}:cancel", Service::Operation, Route::OperationCancel),
    ("POST /operations/{id}:cancel", Service::Operation, Route::OperationCancel),
    ("GET /operations/{id}", Service::Operation, Route::OperationGet),
];

/// Requests to the API port that are gRPC.
const GRPC: &[Line] = &[
    ("POST /yandex.cloud.iam.v1.IamTokenService/Create", Service::Iam, Route::GrpcIamCreate),
    (
        "POST /yandex.cloud.iam.v1.IamTokenService/CreateForServiceAccount",
        Service::Iam,
        Route::GrpcIamCreateForServiceAccount,
    ),
    ("POST /yandex.cloud.iam.v1.IamTokenService/Revoke", Service::Iam, Route::GrpcIamRevoke),
    ("POST /yandex.cloud.endpoint.ApiEndpointService/List", Service::Endpoints, Route::GrpcEndpointsList),
    ("POST /yandex.cloud.endpoint.ApiEndpointService/Get", Service::Endpoints, Route::GrpcEndpointsGet),
    (
        "POST /yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion",
        Service::Ai,
        Route::GrpcCompletion,
    ),
    (
        "POST /yandex.cloud.ai.foundation_models.v1.TextGenerationAsyncService/Completion",
        Service::Ai,
        Route::GrpcCompletionAsync,
    ),
    (
        "POST /yandex.cloud.ai.foundation_models.v1.EmbeddingsService/TextEmbedding",
        Service::Ai,
        Route::GrpcTextEmbedding,
    ),
    ("POST /yandex.cloud.operation.OperationService/Get", Service::Operation, Route::GrpcOperationGet),
    ("POST /yandex.cloud.operation.OperationService/Cancel", Service::Operation, Route::GrpcOperationCancel),
    (
        "POST /yandex.cloud.ai.foundation_models.v1.TokenizerService/Tokenize",
        Service::Ai,
        Route::GrpcTokenize,
    ),
    (
        "POST /yandex.cloud.ai.foundation_models.v1.TokenizerService/TokenizeCompletion",
        Service::Ai,
        Route::GrpcTokenizeCompletion,
    ),
];

/// Requests to the metadata port. `metadata/` finds the value of a path; the names here are those of the counters.
const METADATA: &[Line] = &[
    ("GET /computeMetadata/v1/instance/service-accounts/default/token", Service::Metadata, Route::Metadata),
    ("GET /computeMetadata/v1/instance/service-accounts/{id}/token", Service::Metadata, Route::Metadata),
    ("GET /computeMetadata/v1/instance/service-accounts/", Service::Metadata, Route::Metadata),
    ("GET /computeMetadata/v1/instance/vendor/folder-id", Service::Metadata, Route::Metadata),
    ("GET /computeMetadata/v1/instance/vendor/cloud-id", Service::Metadata, Route::Metadata),
    ("GET /computeMetadata/v1/yandex/folder-id", Service::Metadata, Route::Metadata),
    ("GET /computeMetadata/{path}", Service::Metadata, Route::Metadata),
    ("GET /latest/{path}", Service::Metadata, Route::Metadata),
    ("GET /", Service::Metadata, Route::Metadata),
];

/// The services of paths that have no route.
const PREFIXES: &[(&str, Service)] = &[
    ("/iam/", Service::Iam),
    ("/oauth/", Service::Iam),
    ("/yandex.cloud.iam.", Service::Iam),
    ("/endpoints", Service::Endpoints),
    ("/yandex.cloud.endpoint.", Service::Endpoints),
    ("/v1/", Service::Ai),
    ("/foundationModels/", Service::Ai),
    ("/yandex.cloud.ai.", Service::Ai),
    ("/operations", Service::Operation),
    ("/yandex.cloud.operation.", Service::Operation),
];

pub(crate) fn api(method: &Method, path: &str, grpc: bool) -> Found {
    let table = if grpc { GRPC } else { REST };
    let prefix = PREFIXES.iter().find(|(prefix, _)| path.starts_with(prefix));
    find(table, method, path, prefix.map_or(Service::Other, |(_, service)| *service))
}

/// The form of the errors of a path of the API port, for requests that are not gRPC.
pub(crate) fn error_form<'a>(path: &str, request_id: &'a str) -> ErrorForm<'a> {
    if path.starts_with("/v1/") {
        ErrorForm::OpenAi
    } else if path.starts_with("/foundationModels/") {
        ErrorForm::Native
    } else {
        ErrorForm::Gateway { request_id }
    }
}

pub(crate) fn metadata(method: &Method, path: &str) -> Found {
    // A HEAD is a GET without the body.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    find(METADATA, method, path, Service::Metadata)
}

fn find(table: &[Line], method: &Method, path: &str, otherwise: Service) -> Found {
    let is_it = |name: &str| {
        name.split_once(' ').is_some_and(|(verb, pattern)| {
            verb == method.as_str()
                && match pattern.split_once("{id}") {
                    None => match pattern.strip_suffix("{path}") {
                        Some(start) => path.starts_with(start),
                        None => path == pattern,
                    },
                    Some((start, end)) => path
                        .strip_prefix(start)
                        .and_then(|rest| rest.strip_suffix(end))
                        .is_some_and(|id| !id.is_empty() && !id.contains('/')),
                }
        })
    };
    match table.iter().find(|(name, ..)| is_it(name)) {
        Some(&(name, service, route)) => Found { route, service, name },
        None => Found { route: Route::Unknown, service: otherwise, name: "unknown" },
    }
}
