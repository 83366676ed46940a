//! The API port: calls the service of each route.

use http::{Request, Response, StatusCode};

use crate::cloud::Cloud;
use crate::routes::Route;
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::error_form::ErrorForm;
use crate::wire::status::{Code, Status};
use crate::{ai, endpoints, iam, operations, token_exchange, userinfo};

pub(crate) async fn respond(
    cloud: &Cloud,
    route: Route,
    authority: &str,
    same_old: bool,
    form: ErrorForm<'_>,
    request: Request<impl RequestBody>,
) -> Response<Body> {
    let rest = |response| form.respond(response);
    match route {
        Route::IamCreate => rest(iam::rest::create(cloud, same_old, request).await),
        Route::IamCreateForServiceAccount => {
            rest(iam::rest::create_for_service_account(cloud, same_old, request).await)
        }
        Route::IamRevoke => rest(iam::rest::revoke(cloud, request).await),
        Route::IamEphemeralKey => rest(iam::ephemeral_keys::create(cloud, request).await),
        Route::TokenExchange => token_exchange::respond(cloud, same_old, request).await,
        Route::UserInfo => rest(userinfo::get(cloud, request.headers())),
        Route::OidcJwks => body::json(StatusCode::OK, &cloud.issuer.jwks()),
        Route::GithubToken => rest(token_exchange::github::token(cloud, request.headers(), request.uri())),
        Route::EndpointsList => endpoints::rest::list(authority),
        Route::EndpointsGet => rest(endpoints::rest::get(authority, request.uri().path())),
        Route::Chat => rest(ai::chat::completions(cloud, request).await),
        Route::Models => rest(ai::models::list(cloud, request.headers())),
        Route::Embeddings => rest(ai::embeddings::create(cloud, request).await),
        Route::ResponseCreate => rest(ai::responses::create(cloud, request).await),
        Route::ResponseGet => rest(ai::responses::get(cloud, request.headers(), request.uri())),
        Route::ResponseDelete => rest(ai::responses::delete(cloud, request.headers(), request.uri().path())),
        Route::ResponseCancel => rest(ai::responses::cancel(cloud, request.headers(), request.uri().path())),
        Route::ResponseInput => {
            rest(ai::responses::input_items::list(cloud, request.headers(), request.uri()))
        }
        Route::GrpcIamCreate => iam::grpc::create(cloud, same_old, request).await,
        Route::GrpcIamCreateForServiceAccount => {
            iam::grpc::create_for_service_account(cloud, same_old, request).await
        }
        Route::GrpcIamRevoke => iam::grpc::revoke(cloud, request).await,
        Route::GrpcEndpointsList => endpoints::grpc::list(authority, request).await,
        Route::GrpcEndpointsGet => endpoints::grpc::get(authority, request).await,
        Route::Completion => rest(ai::text_generation::rest::completion(cloud, request).await),
        Route::CompletionAsync => rest(ai::text_generation::rest::completion_async(cloud, request).await),
        Route::Tokenize => rest(ai::tokenizer::rest_tokenize(cloud, request).await),
        Route::TokenizeCompletion => rest(ai::tokenizer::rest_tokenize_completion(cloud, request).await),
        Route::TextEmbedding => rest(ai::embeddings::rest_text_embedding(cloud, request).await),
        Route::OperationGet => rest(operations::rest::get(cloud, request.headers(), request.uri().path())),
        Route::OperationCancel => {
            rest(operations::rest::cancel(cloud, request.headers(), request.uri().path()))
        }
        Route::GrpcCompletion => ai::text_generation::grpc::completion(cloud, request).await,
        Route::GrpcCompletionAsync => ai::text_generation::grpc::completion_async(cloud, request).await,
        Route::GrpcTokenize => ai::tokenizer::tokenize(cloud, request).await,
        Route::GrpcTokenizeCompletion => ai::tokenizer::tokenize_completion(cloud, request).await,
        Route::GrpcTextEmbedding => ai::embeddings::text_embedding(cloud, request).await,
        Route::GrpcOperationGet => operations::grpc::get(cloud, request).await,
        Route::GrpcOperationCancel => operations::grpc::cancel(cloud, request).await,
        Route::Metadata | Route::Unknown => {
            // A gRPC client has to learn that the method is missing; the status of HTTP would not tell it.
            let status = if form.is_grpc() {
                Status::new(Code::Unimplemented, "the emulator does not implement this method")
            } else {
                Status::not_found("the emulator does not implement this method and path")
            };
            form.error(&status)
        }
    }
}
