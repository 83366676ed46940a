//! The tool calls of the previous model message: the link between a result and its call.

use crate::error::{Error, ErrorKind};

/// Names of functions by the ids of their calls, in order. The native API has no ids; names stand in for them.
#[derive(Default)]
pub(super) struct Calls(Vec<(String, String)>);

impl Calls {
    /// Pairs of the id and the function name.
    pub(super) fn new(calls: impl Iterator<Item = (String, String)>) -> Self {
        Self(calls.collect())
    }

    pub(super) fn id_of(&self, name: &str) -> Result<String, Error> {
        let mut ids = self.0.iter().filter(|(_, called)| called == name).map(|(id, _)| id);
        match (ids.next(), ids.next()) {
            (Some(id), None) => Ok(id.clone()),
            (None, _) => Err(no_call(&format!("a result of the function {name:?}"))),
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::Invalid,
                format!("the previous response calls the function {name:?} more than once"),
            )
            .with_help("identify each result by the id of its call: use `Message::tool_result`")),
        }
    }

    pub(super) fn name_of(&self, id: &str) -> Result<String, Error> {
        let call = self.0.iter().find(|(call, _)| call == id);
        call.map(|(_, name)| name.clone()).ok_or_else(|| no_call(&format!("a result of the call {id:?}")))
    }
}

fn no_call(result: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("there is {result}, but no such call in the previous response"))
        .with_help("put the response that calls the function before its result")
}
