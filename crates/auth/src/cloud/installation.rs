//! The installation of Yandex Cloud that one source uses: its API and its IAM.

use super::endpoints::Endpoint;
use crate::Error;
use crate::system::System;

/// The addresses that one source uses. A token of one installation never goes to another one, so impersonation and
/// revocation ask the credentials for this value.
#[derive(Clone, Debug)]
pub struct Installation {
    /// An invalid address is an error only of the calls that need it: if the code names IAM, discovery is not needed.
    api: Result<Endpoint, Error>,
    iam: Option<Endpoint>,
}

impl Installation {
    /// The installation in code, else in the environment, else the public one.
    ///
    /// # Errors
    /// `Invalid` if the address of IAM in code cannot be read.
    pub fn of(system: &System) -> Result<Self, Error> {
        Self::new(Endpoint::resolve(system), system)
    }

    /// The installation in code, else in the environment, else in a profile of yc (`endpoint`), else the public one.
    ///
    /// # Errors
    /// `Invalid` if the address of IAM in code cannot be read.
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
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the address cannot be read.
    pub fn api(&self) -> Result<&Endpoint, Error> {
        self.api.as_ref().map_err(Clone::clone)
    }

    /// The endpoint of IAM, if the code names it.
    #[must_use]
    pub fn iam_in_code(&self) -> Option<&Endpoint> {
        self.iam.as_ref()
    }

    /// The endpoint of IAM or of the discovery that finds IAM, and whether it is IAM itself.
    ///
    /// # Errors
    /// As [`api`](Self::api).
    pub(crate) fn iam(&self) -> Result<(&Endpoint, bool), Error> {
        match &self.iam {
            Some(iam) => Ok((iam, true)),
            None => Ok((self.api()?, false)),
        }
    }

    /// The addresses as the shared cache tells them apart.
    #[cfg(feature = "shared-cache")]
    pub(crate) fn cache_name(&self) -> Option<String> {
        let api = &self.api.as_ref().ok()?.address;
        Some(match &self.iam {
            Some(iam) => format!("{api} {}", iam.address),
            None => api.to_string(),
        })
    }

    /// The first address that does not belong to the public installation.
    ///
    /// # Errors
    /// As [`api`](Self::api).
    pub(crate) fn outside_of_the_public_one(&self) -> Result<Option<&Endpoint>, Error> {
        let mut endpoints = [Some(self.api()?), self.iam.as_ref()].into_iter().flatten();
        Ok(endpoints.find(|endpoint| !endpoint.address.is_public_installation()))
    }
}
