//! The credentials that clients use, and how to revoke them.

use std::io;
use std::time::Duration;

use super::Emulator;
use crate::identity::Grant;
use crate::token_exchange::github;

/// Credentials of the service account, of a user, and of the OIDC issuer.
impl Emulator {
    /// An OAuth token that IAM accepts.
    #[must_use]
    pub fn oauth_token(&self) -> &str {
        &self.instance.oauth_token
    }

    /// An OAuth token that IAM refuses, because the token was issued on or after 2026-06-01.
    #[must_use]
    pub fn new_oauth_token(&self) -> &str {
        &self.instance.new_oauth_token
    }

    /// An API key of the service account.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.instance.api_key
    }

    /// A new IAM token of the service account, with the lifetime of the builder.
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn iam_token(&self) -> io::Result<String> {
        self.iam_token_for(self.instance.cloud.options.token_lifetime)
    }

    /// A new IAM token of the service account with this lifetime.
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn iam_token_for(&self, lifetime: Duration) -> io::Result<String> {
        let issued = self.instance.cloud.issue(Grant::Issued, lifetime);
        issued.map(|issued| issued.token).map_err(io::Error::other)
    }

    /// A new API key of the service account, limited to these scopes.
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn api_key_with_scopes(&self, scopes: &[&str]) -> io::Result<String> {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let cloud = &self.instance.cloud;
        cloud.identity.issue_api_key(cloud.service_account(), Some(scopes)).map_err(io::Error::other)
    }

    /// The authorized key of the service account, as the JSON that `yc iam key create --output key.json` writes. Every
    /// call returns the same key.
    ///
    /// The id is new. The RSA key is one of a few fake ones in the emulator's code, which everybody can read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// let key: serde_json::Value = serde_json::from_str(&emulator.service_account_key()?)?;
    /// assert_eq!(key["service_account_id"], emulator.service_account_id());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn service_account_key(&self) -> io::Result<String> {
        self.instance.cloud.service_account_key().map_err(io::Error::other)
    }

    /// A new authorized key of the service account, in the same format.
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn create_service_account_key(&self) -> io::Result<String> {
        let file = self.instance.cloud.create_service_account_key();
        file.and_then(|file| file.to_json()).map_err(io::Error::other)
    }

    /// Trusts a key that was created elsewhere: a public RSA key of 2048 or 4096 bits in PEM
    /// (`-----BEGIN PUBLIC KEY-----`), an id for the key, and the service account of the key.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput): the key cannot be read, an id is empty or longer than 50 bytes,
    /// or another key has the id.
    pub fn add_service_account_key(
        &self,
        public_key_pem: &str,
        key_id: &str,
        service_account_id: &str,
    ) -> io::Result<()> {
        let added = self.instance.cloud.identity.add_public_key(public_key_pem, key_id, service_account_id);
        added.map_err(|status| io::Error::new(io::ErrorKind::InvalidInput, status))
    }

    /// Deletes an authorized key and the IAM tokens that were obtained with it. False if no key has the id.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// let key: serde_json::Value = serde_json::from_str(&emulator.create_service_account_key()?)?;
    /// let id = key["id"].as_str().unwrap_or_default();
    /// assert!(emulator.delete_service_account_key(id));
    /// # Ok(()) }
    /// ```
    pub fn delete_service_account_key(&self, id: &str) -> bool {
        self.instance.cloud.identity.delete_key(id)
    }

    /// The service account that every subject may impersonate, unless
    /// [`Builder::token_creators`](crate::Builder::token_creators) replaces this rule.
    #[must_use]
    pub fn impersonated_account_id(&self) -> &str {
        &self.instance.cloud.options.token_creators.impersonated
    }

    /// The service account that only [`impersonated_account_id`](Self::impersonated_account_id) may impersonate, for
    /// nested impersonation.
    #[must_use]
    pub fn nested_account_id(&self) -> &str {
        &self.instance.cloud.options.token_creators.nested
    }

    /// The required audience of an OIDC token.
    #[must_use]
    pub fn oidc_audience(&self) -> &str {
        &self.instance.cloud.federation.audience
    }

    /// The OIDC subject that is linked to [`service_account_id`](Self::service_account_id).
    #[must_use]
    pub fn oidc_subject(&self) -> &str {
        &self.instance.cloud.options.oidc_subject
    }

    /// A token of the OIDC issuer, such as a GitHub Actions job gets. The token is valid for an hour. `/oauth/token`
    /// exchanges it for an IAM token of [`service_account_id`](Self::service_account_id).
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn oidc_token(&self) -> io::Result<String> {
        self.oidc_token_for(self.oidc_subject(), self.oidc_audience(), Duration::from_secs(3600))
    }

    /// A token of the OIDC issuer with this subject and this audience. They need not be valid.
    ///
    /// # Errors
    /// The operating system returns no random bytes.
    pub fn oidc_token_for(&self, subject: &str, audience: &str, lifetime: Duration) -> io::Result<String> {
        let cloud = &self.instance.cloud;
        cloud.issuer.issue(subject, audience, cloud.clock.now(), lifetime).map_err(io::Error::other)
    }

    /// The variables with which a GitHub Actions job requests its token: `ACTIONS_ID_TOKEN_REQUEST_URL` and
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. The token has the [`oidc_subject`](Self::oidc_subject) and the audience of the
    /// request, or else the [`oidc_audience`](Self::oidc_audience). The token is valid for five minutes.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// let [(_, url), (_, token)] = emulator.github_variables();
    /// println!("curl --header 'Authorization: bearer {token}' '{url}&audience=https://github.com/fake-emulator'");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn github_variables(&self) -> [(String, String); 2] {
        let cloud = &self.instance.cloud;
        github::variables(&self.api_url(), &cloud.github_request_token)
    }

    /// Revokes an IAM token of this emulator.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound): this emulator did not issue the token.
    pub fn revoke_iam_token(&self, token: &str) -> io::Result<()> {
        let found = self.instance.cloud.identity.revoke_iam(token).is_some();
        found.then_some(()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Revokes an API key.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound): this emulator did not issue the key.
    pub fn revoke_api_key(&self, key: &str) -> io::Result<()> {
        let found = self.instance.cloud.identity.revoke_api_key(key);
        found.then_some(()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}
