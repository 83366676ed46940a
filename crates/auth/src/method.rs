//! The ways to authenticate, by name.

use std::fmt;

/// One way to authenticate. Its name is the same in errors, logs, reports and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// An API key of a service account: [`ApiKeyAuth`](crate::ApiKeyAuth).
    ApiKey,
    /// An IAM token in a variable that another program keeps fresh: [`EnvIamTokenAuth`](crate::EnvIamTokenAuth).
    EnvIamToken,
    /// The token that the runtime of a function passes with each invocation: [`FunctionAuth`](crate::FunctionAuth).
    Function,
    /// A given IAM token: [`IamTokenAuth`](crate::IamTokenAuth).
    IamToken,
    /// The metadata service of a virtual machine, function, container or pod: [`MetadataAuth`](crate::MetadataAuth).
    Metadata,
    /// No credentials at all: [`NoAuth`](crate::NoAuth).
    None,
    /// An OAuth token of a Yandex account, exchanged for IAM tokens: [`OAuthTokenAuth`](crate::OAuthTokenAuth).
    OAuthToken,
    /// A service account, impersonated via other credentials: [`ImpersonationAuth`](crate::ImpersonationAuth).
    Impersonation,
    /// A profile of yc, read from its file: `ProfileAuth`, with the feature `profile`.
    Profile,
    /// An authorized key of a service account: `ServiceAccountKeyAuth`, with the feature `service-account-key`.
    ServiceAccountKey,
    /// An IAM token in a file that another program keeps fresh: [`TokenFileAuth`](crate::TokenFileAuth).
    TokenFile,
    /// A token of another issuer, exchanged for a token of a service account:
    /// [`WorkloadIdentityAuth`](crate::WorkloadIdentityAuth).
    WorkloadIdentity,
    /// The yc CLI: [`YandexCloudCliAuth`](crate::YandexCloudCliAuth).
    YandexCloudCli,
    /// A token source of the program's own: [`CustomAuth`](crate::CustomAuth).
    Custom,
}

impl Method {
    /// The stable name of the method.
    ///
    /// ```
    /// assert_eq!(yandex_cloud_auth::Method::OAuthToken.name(), "oauth-token");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::EnvIamToken => "env-iam-token",
            Self::Function => "function",
            Self::IamToken => "iam-token",
            Self::Metadata => "metadata",
            Self::None => "none",
            Self::OAuthToken => "oauth-token",
            Self::Impersonation => "impersonation",
            Self::Profile => "profile",
            Self::ServiceAccountKey => "service-account-key",
            Self::TokenFile => "token-file",
            Self::WorkloadIdentity => "workload-identity",
            Self::YandexCloudCli => "yandex-cloud-cli",
            Self::Custom => "custom",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
