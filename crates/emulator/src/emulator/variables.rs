//! The environment variables that point a program at an emulator.

use std::io;

use super::Emulator;

/// An environment variable that points a program at the emulator. [`Emulator::env`] returns all variables.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use yandex_cloud_emulator::Emulator;
///
/// for variable in Emulator::start().await?.env()? {
///     println!("export {}={}  # {}", variable.name, variable.value, variable.comment);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// The name, such as `YC_API_ENDPOINT`.
    pub name: &'static str,
    /// The value.
    pub value: String,
    /// The purpose of the variable, for people.
    pub comment: &'static str,
}

impl Emulator {
    /// The variables that point a program at this emulator. The credentials are alternatives: use one of them, or none
    /// for the metadata service. Exported variables stay set after the emulator stops.
    ///
    /// # Errors
    /// The operating system returns no random bytes for the IAM token.
    pub fn env(&self) -> io::Result<Vec<Variable>> {
        let variable = |name, value, comment| Variable { name, value, comment };
        // An endpoint without a scheme means TLS.
        let endpoint = match self.instance.ca_pem {
            Some(_) => self.instance.api_authority.clone(),
            None => self.api_url(),
        };
        Ok(vec![
            variable("YC_API_ENDPOINT", endpoint, "endpoint discovery, which returns all services"),
            variable(
                "YC_OAUTH_ENDPOINT",
                self.api_url(),
                "the authorization server, for the method workload-identity",
            ),
            variable("YC_METADATA_ADDR", self.instance.metadata_authority.clone(), "the metadata service"),
            variable("YC_FOLDER_ID", self.folder_id().to_owned(), "the folder of the models"),
            variable("YC_API_KEY", self.api_key().to_owned(), "method api-key"),
            variable("YC_IAM_TOKEN", self.iam_token()?, "method iam-token"),
            variable("YC_OAUTH_TOKEN", self.oauth_token().to_owned(), "method oauth-token"),
            variable(
                "OPENAI_BASE_URL",
                format!("{}/v1", self.api_url()),
                "the OpenAI-compatible API, for clients of OpenAI",
            ),
            variable("OPENAI_API_KEY", self.api_key().to_owned(), "the API key, for clients of OpenAI"),
            variable("OPENAI_PROJECT_ID", self.folder_id().to_owned(), "the folder, for clients of OpenAI"),
        ])
    }
}
