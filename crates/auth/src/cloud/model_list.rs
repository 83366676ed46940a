//! The list of models of AI Studio (`GET /v1/models`): the request that shows whether the services accept credentials.
//!
//! The list costs nothing and changes nothing. Its host is the one that endpoint discovery names for the models.

use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};

use super::address::Address;
use super::installation::Installation;
use super::request::{finish, send};
use super::response::{about_a_token, server_message};
use super::service_list::ServiceList;
use crate::secret::{Secret, redact};
use crate::system::System;
use crate::{Error, ErrorKind};

/// The ids of the hosts of AI Studio in endpoint discovery, in the order of preference.
const IDS: [&str; 2] = ["ai-foundation-models", "ai-llm"];

/// How long discovery, and then the service, may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The host of the OpenAI-compatible API of the public installation (docs, "OpenAI compatibility"). Other installations
/// have this API at the host of the native models.
pub const PUBLIC_OPENAI: &str = "ai.api.cloud.yandex.net";

/// The base URL of the OpenAI-compatible API: documented for the public installation, else from discovery.
///
/// # Errors
/// As [`check`]; `Invalid` if the installation has no such service.
pub(crate) async fn openai_base_url(
    installation: &Installation,
    limit: Duration,
    system: &System,
) -> Result<String, Error> {
    let endpoint = installation.api()?;
    if endpoint.address.is_public_installation() {
        return Ok(format!("https://{PUBLIC_OPENAI}/v1"));
    }
    let found = find(installation, limit.min(TIMEOUT), system).await?;
    found.map(|address| address.url("/v1")).map_err(|reason| {
        Error::new(ErrorKind::Invalid, reason)
            .at("OPENAI_BASE_URL")
            .with_help("give the endpoint of an installation with AI Studio, such as api.cloud.yandex.net")
    })
}

/// The address of AI Studio; `Ok(Err(reason))` if discovery lists none.
///
/// # Errors
/// `Blocked` if the credentials must not go to the host; why discovery gave no response.
async fn find(
    installation: &Installation,
    limit: Duration,
    system: &System,
) -> Result<Result<Address, String>, Error> {
    let endpoint = installation.api()?;
    endpoint.check()?;
    if endpoint.is_foreign() && !endpoint.is_explicit() {
        return Err(Error::new(ErrorKind::Blocked, endpoint.foreign_host())
            .with_help("a variable or a file may not decide which host gets the credentials: name the host with `--endpoint`"));
    }
    let services = match ServiceList::new(endpoint.clone(), limit).get(IDS[0], system).await {
        Ok(services) => services,
        // The server has no discovery. This says nothing about the credentials.
        Err(error) if error.is_refusal() => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    for id in IDS {
        if let Some(address) = services.address(id)? {
            return Ok(Ok(address));
        }
    }
    Ok(Err(format!("{} lists no service of AI Studio", endpoint.address)))
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiCheck {
    /// A service responded.
    Answered {
        /// The request.
        url: String,
        /// The status of the response.
        status: u16,
        /// The message of the server, redacted.
        message: Option<String>,
    },
    /// There is no service to ask, for this reason.
    NotPossible(String),
}

impl ApiCheck {
    pub(crate) fn not_possible(reason: &str) -> Self {
        Self::NotPossible(format!("the credentials cannot be checked: {reason}"))
    }
}

/// Asks for the list with the header. `secret` is the secret in the header.
///
/// # Errors
/// `Blocked` if the header must not go to the host; why discovery or the service gave no response.
pub(crate) async fn check(
    installation: &Installation,
    header: HeaderValue,
    secret: &Secret,
    folder: Option<HeaderValue>,
    limit: Duration,
    system: &System,
) -> Result<ApiCheck, Error> {
    let limit = limit.min(TIMEOUT);
    let address = match find(installation, limit, system).await? {
        Ok(address) => address,
        Err(reason) => return Ok(ApiCheck::not_possible(&reason)),
    };
    let url = address.url("/v1/models");
    let mut request =
        http::Request::get(&url).header(AUTHORIZATION, header.clone()).header(ACCEPT, "application/json");
    if let Some(folder) = folder {
        request = request.header("openai-project", folder);
    }
    let response = send(system, finish(request, Vec::new(), &url)?, &url, limit).await?;
    let is_token = header.as_bytes().starts_with(b"Bearer ");
    let status = response.status();
    let message = (status != 200).then(|| server_message(response.body())).flatten();
    let message = message.map(|text| if is_token { about_a_token(text) } else { text });
    let message = message.map(|text| redact(&text, &[secret.expose()]));
    Ok(ApiCheck::Answered { url, status: status.as_u16(), message })
}
