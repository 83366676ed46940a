//! The table of kinds, places and layers.

mod any_text;
mod layers;
mod places;

use super::*;
use crate::secret::Secret;

const KEY_JSON: &str = r#"{"id":"ajefakefakefakefakef","service_account_id":"ajefakefakefakefakee","private_key":"PLEASE DO NOT REMOVE\n-----BEGIN PRIVATE KEY-----\nRkFLRQ==\n-----END PRIVATE KEY-----\n"}"#;
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nRkFLRQ==\n-----END PRIVATE KEY-----\n";
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.FAKE";

fn place(text: &str) -> [Result<Secret, Error>; 4] {
    [api_key(text), iam_token(text).map(|token| token.secret), oauth_token(text), jwt(text)]
}

fn shown(secret: Result<Secret, Error>) -> Result<String, String> {
    secret.map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
}
