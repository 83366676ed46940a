//! The one client behind everything: a call in, a whole answer or a stream out.

mod call;
mod incoming;

use std::time::Duration;

use serde::de::DeserializeOwned;

pub(crate) use self::call::{Call, Service};
pub(crate) use self::incoming::Incoming;
use crate::error::Error;

/// Cheap to clone; every model object holds one.
#[derive(Clone, Debug)]
pub(crate) struct Client {}

impl Client {
    pub(crate) async fn folder(&self) -> Result<String, Error> {
        Ok(String::new())
    }

    pub(crate) async fn model_uri(&self, scheme: &str, name: &str) -> Result<String, Error> {
        let name = crate::model_uri::Name::parse(name)?;
        Ok(name.in_folder(scheme, &self.folder().await?))
    }

    pub(crate) async fn ask<T: DeserializeOwned>(&self, _call: Call) -> Result<T, Error> {
        Err(Error::new(crate::ErrorKind::Unavailable, "not yet"))
    }

    pub(crate) async fn stream(&self, _call: Call) -> Result<Incoming, Error> {
        Err(Error::new(crate::ErrorKind::Unavailable, "not yet"))
    }

    pub(crate) async fn sleep(&self, _span: Duration) {}
}
