//! `GET /v1/responses/{id}/input_items`: the items of a request, in pages. The newest is first, as with OpenAI.

use http::{HeaderMap, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::{checked, id, unknown};
use crate::cloud::{Cloud, StoredResponse};
use crate::wire::body::{self, Body};
use crate::wire::form::Form;
use crate::wire::status::Status;

/// The number of items of a page, unless the request says another number.
const LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

pub(crate) fn list(cloud: &Cloud, headers: &HeaderMap, uri: &Uri) -> Result<Response<Body>, Status> {
    checked(cloud, headers)?;
    let page = Page::read(uri.query().unwrap_or_default())?;
    let id = id(uri.path().trim_end_matches("/input_items"));
    let items = cloud.responses.with(id, |stored: &mut StoredResponse| stored.record.input.clone());
    Ok(body::json(StatusCode::OK, &page.of(items.ok_or_else(unknown)?)?))
}

/// An item of a request with its id, its type, and its text as a part.
pub(super) fn listed(mut item: Value, response: &str, number: usize) -> Value {
    let Some(fields) = item.as_object_mut() else { return item };
    if !fields.get("type").is_some_and(Value::is_string) {
        fields.insert("type".to_owned(), json!("message"));
    }
    let is_message = fields["type"] == "message";
    if !fields.get("id").is_some_and(Value::is_string) {
        let prefix = if is_message { "msg" } else { "item" };
        fields.insert("id".to_owned(), json!(format!("{prefix}_{response}_in_{number}")));
    }
    if is_message {
        let kind = if fields.get("role").is_some_and(|role| role == "assistant") {
            "output_text"
        } else {
            "input_text"
        };
        if let Some(Value::String(text)) = fields.get("content") {
            let part = if kind == "output_text" {
                json!({ "type": kind, "text": text, "annotations": [] })
            } else {
                json!({ "type": kind, "text": text })
            };
            fields.insert("content".to_owned(), json!([part]));
        }
        fields.entry("status").or_insert_with(|| json!("completed"));
    }
    item
}

struct Page {
    limit: usize,
    is_ascending: bool,
    after: Option<String>,
}

impl Page {
    fn read(query: &str) -> Result<Self, Status> {
        let form = Form::read(query.as_bytes());
        let form = form.ok_or_else(|| Status::invalid("the query is not percent-encoded UTF-8"))?;
        let one = |name: &'static str| {
            form.one(name).map_err(|_| Status::invalid(format!("the query has more than one {name}")))
        };
        let limit = match one("limit")? {
            None => LIMIT,
            Some(limit) => limit
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| Status::invalid(format!("limit is not from 1 to {MAX_LIMIT}")))?,
        };
        let is_ascending = match one("order")? {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(_) => return Err(Status::invalid("order is neither asc nor desc")),
        };
        Ok(Self { limit, is_ascending, after: one("after")?.map(str::to_owned) })
    }

    fn of(&self, mut items: Vec<Value>) -> Result<Value, Status> {
        if !self.is_ascending {
            items.reverse();
        }
        if let Some(after) = &self.after {
            let place = items.iter().position(|item| item["id"] == after.as_str());
            let place = place.ok_or_else(|| Status::not_found("no item has the id in after"))?;
            items.drain(..=place);
        }
        let has_more = items.len() > self.limit;
        items.truncate(self.limit);
        let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
        Ok(json!({
            "object": "list",
            "first_id": id(items.first()),
            "last_id": id(items.last()),
            "has_more": has_more,
            "data": items,
        }))
    }
}
