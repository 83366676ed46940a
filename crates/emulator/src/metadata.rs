//! The metadata service of a virtual machine: the token of its service account, its folder and its cloud.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::cloud::Cloud;
use crate::routes::Route;
use crate::wire::body::{self, Body};
use crate::wire::status::Status;

const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const GOOGLE: HeaderValue = HeaderValue::from_static("Google");

pub(crate) fn respond(
    cloud: &Cloud,
    route: Route,
    same_old: bool,
    headers: &HeaderMap,
) -> Result<Response<Body>, Status> {
    if headers.get(FLAVOR) != Some(&GOOGLE) {
        return Err(Status::denied("the header Metadata-Flavor: Google is missing"));
    }
    let mut response = match route {
        Route::MetadataToken => token(cloud, same_old)?,
        Route::MetadataServiceAccounts if cloud.options.attach_service_account => {
            text(format!("default/\n{}/\n", cloud.options.service_account_id))
        }
        Route::MetadataServiceAccounts => text(String::new()),
        Route::MetadataFolder => text(cloud.options.folder_id.clone()),
        Route::MetadataCloud => text(cloud.options.cloud_id.clone()),
        _ => return Err(Status::not_found("the metadata service has no such path")),
    };
    response.headers_mut().insert(FLAVOR, GOOGLE);
    Ok(response)
}

fn token(cloud: &Cloud, same_old: bool) -> Result<Response<Body>, Status> {
    if !cloud.options.attach_service_account {
        return Err(Status::not_found("no service account is attached to this machine"));
    }
    let issued = cloud.metadata_token(same_old)?;
    // The remaining lifetime, not the initial lifetime.
    let left = issued.expires_at.duration_since(cloud.clock.now()).unwrap_or_default();
    let response =
        json!({ "access_token": issued.token, "expires_in": left.as_secs(), "token_type": "Bearer" });
    Ok(body::json(StatusCode::OK, &response))
}

fn text(text: String) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    response.headers_mut().insert(header::CONTENT_TYPE, body::TEXT);
    response
}
