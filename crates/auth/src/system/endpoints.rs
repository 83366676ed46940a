//! Where Yandex Cloud is, as the program says it.

use std::fmt;

use crate::secret::redact;

/// The addresses of Yandex Cloud, given in code once for a [`System`](crate::System): every method, every impersonation
/// and every revocation on that system uses them.
///
/// An address is `host`, `host:port` (TLS), or a URL without a path. Nothing is checked when the value is made; an
/// address that cannot be used is an error of the first call that needs it.
///
/// | address | where it comes from, first match |
/// |---|---|
/// | [`api`](Self::api) | this value; `YC_API_ENDPOINT`; for the method `profile`, the endpoint of the profile; `api.cloud.yandex.net` |
/// | [`iam`](Self::iam) | this value; discovery at `api` |
/// | [`oauth`](Self::oauth) | this value; `YC_OAUTH_ENDPOINT`; `auth.yandex.cloud`, if `api` belongs to the same installation |
///
/// **Installations.** `api.cloud.yandex.net` and the hosts below it are one installation, the public one;
/// `auth.yandex.cloud` is its authorization server. `api.yandexcloud.kz` is another installation, with its own accounts,
/// keys and tokens (docs, "Region"). No authorization server is documented for it, so workload identity needs `oauth` or
/// `YC_OAUTH_ENDPOINT` there, as with every other `api`.
///
/// A host that is named here may receive secrets, because the program said so. A host that only the environment names
/// may receive them too, and the log warns about a host that is not Yandex Cloud's. Both need TLS, unless
/// [`danger_allow_plaintext`](Self::danger_allow_plaintext) is set.
///
/// ```
/// use yandex_cloud_auth::{Credentials, Endpoints, OAuthTokenAuth, System};
///
/// let system = System::real().with_endpoints(Endpoints::new().api("api.yandexcloud.kz"));
/// let credentials = Credentials::from(OAuthTokenAuth::new("y0_fake")?).with_system(system);
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Endpoints {
    api: Option<String>,
    iam: Option<String>,
    oauth: Option<String>,
    allow_plaintext: bool,
}

impl Endpoints {
    /// No address: the environment decides, then the public addresses.
    pub fn new() -> Self {
        Self::default()
    }

    /// The discovery endpoint. The hosts below it may receive secrets too.
    pub fn api(mut self, address: impl Into<String>) -> Self {
        self.api = Some(address.into());
        self
    }

    /// The address of IAM. Discovery is not asked.
    ///
    /// yc has no such option: the method `yandex-cloud-cli` uses [`api`](Self::api) alone.
    pub fn iam(mut self, address: impl Into<String>) -> Self {
        self.iam = Some(address.into());
        self
    }

    /// The authorization server, which exchanges the tokens of workload identity.
    pub fn oauth(mut self, address: impl Into<String>) -> Self {
        self.oauth = Some(address.into());
        self
    }

    /// Allows secrets without TLS to a host that is not this machine, also to one that only the environment names. Anyone on the path can then read the secrets and
    /// use the account.
    pub fn danger_allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    pub(crate) fn given_api(&self) -> Option<&str> {
        self.api.as_deref()
    }

    pub(crate) fn given_iam(&self) -> Option<&str> {
        self.iam.as_deref()
    }

    pub(crate) fn given_oauth(&self) -> Option<&str> {
        self.oauth.as_deref()
    }

    pub(crate) fn allows_plaintext(&self) -> bool {
        self.allow_plaintext
    }
}

impl fmt::Debug for Endpoints {
    /// A password in an address is masked.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |address: &Option<String>| address.as_deref().map(|address| redact(address, &[]));
        formatter
            .debug_struct("Endpoints")
            .field("api", &shown(&self.api))
            .field("iam", &shown(&self.iam))
            .field("oauth", &shown(&self.oauth))
            .field("allow_plaintext", &self.allow_plaintext)
            .finish()
    }
}
