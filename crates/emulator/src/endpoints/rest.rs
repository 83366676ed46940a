//! Discovery over REST.

use http::{Response, StatusCode};
use serde_json::json;

use crate::wire::body::{self, Body};
use crate::wire::status::Status;

/// `GET /endpoints`
pub(crate) fn list(authority: &str) -> Response<Body> {
    body::json(StatusCode::OK, &json!({ "endpoints": super::list(authority) }))
}

/// `GET /endpoints/{id}`
pub(crate) fn get(authority: &str, path: &str) -> Result<Response<Body>, Status> {
    let id = path.rsplit('/').next().unwrap_or_default();
    Ok(body::json(StatusCode::OK, &super::get(authority, id)?))
}
