//! Which installation of Yandex Cloud one source asks: its API, and its IAM.

use super::endpoints::Endpoint;
use crate::Error;
use crate::system::System;

/// The addresses that one source uses. They stay as they were read first: a token of one installation never goes to
/// another one.
#[derive(Clone, Debug)]
pub struct Installation {
    /// An address that cannot be read is an error of those that need it: where the code names IAM, discovery is not asked.
    api: Result<Endpoint, Error>,
    iam: Option<Endpoint>,
}

impl Installation {
    /// As the code says, else the environment, else the public one.
    ///
    /// # Errors
    /// `Invalid` where the address of IAM in code cannot be read.
    pub(crate) fn of(system: &System) -> Result<Self, Error> {
        Self::new(Endpoint::resolve(system), system)
    }

    /// As the code says, else the environment, else the profile of yc that names `endpoint`, else the public one.
    ///
    /// # Errors
    /// `Invalid` where the address of IAM in code cannot be read.
    #[cfg(feature = "profile")]
    pub(crate) fn of_profile(endpoint: Option<&str>, system: &System) -> Result<Self, Error> {
        let configured = Endpoint::configured(system);
        let api = configured.and_then(|configured| match (configured, endpoint) {
            (Some(configured), _) => Ok(configured),
            (None, Some(text)) => Endpoint::in_file(text, "the endpoint in yc's configuration", system),
            (None, None) => Endpoint::resolve(system),
        });
        Self::new(api, system)
    }

    fn new(api: Result<Endpoint, Error>, system: &System) -> Result<Self, Error> {
        let iam = system.endpoints().given_iam();
        let iam = iam.map(|text| Endpoint::in_code(text, "iam endpoint", system)).transpose()?;
        Ok(Self { api, iam })
    }

    /// The discovery endpoint.
    ///
    /// # Errors
    /// `Invalid` where its address cannot be read.
    pub fn api(&self) -> Result<&Endpoint, Error> {
        self.api.as_ref().map_err(Clone::clone)
    }

    /// The endpoint that IAM is asked at or found by, and whether it is IAM itself.
    ///
    /// # Errors
    /// As [`api`](Self::api).
    pub(crate) fn iam(&self) -> Result<(&Endpoint, bool), Error> {
        match &self.iam {
            Some(iam) => Ok((iam, true)),
            None => Ok((self.api()?, false)),
        }
    }

    /// The address that does not belong to the public installation, where there is one.
    ///
    /// # Errors
    /// As [`api`](Self::api).
    pub(crate) fn outside_of_the_public_one(&self) -> Result<Option<&Endpoint>, Error> {
        let mut endpoints = [Some(self.api()?), self.iam.as_ref()].into_iter().flatten();
        Ok(endpoints.find(|endpoint| !endpoint.address.is_public_installation()))
    }
}
