//! The methods that `--method` accepts, under the library's names.

use clap::ValueEnum;
use yandex_cloud_auth::Method;

/// A method that the command line can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// An API key: `YC_API_KEY`, `YC_API_KEY_FILE` or `--auth`
    ApiKey,
    /// An IAM token in a variable that another program renews: `YC_TOKEN`
    EnvIamToken,
    /// An IAM token: `YC_IAM_TOKEN` or `--auth`
    IamToken,
    /// The service account of this machine, from the metadata service
    Metadata,
    /// Another service account, impersonated with the selected credentials: `--impersonate`
    Impersonation,
    /// No credentials, no header
    None,
    /// An OAuth token, exchanged for IAM tokens: `YC_OAUTH_TOKEN`, `YC_OAUTH_TOKEN_FILE` or `--auth`
    OauthToken,
    /// A yc profile, read from its file without yc: `--profile`, `YC_PROFILE` or the current profile
    Profile,
    /// An authorized key of a service account: `--key-file`, `YC_SERVICE_ACCOUNT_KEY_FILE` or `--auth`
    ServiceAccountKey,
    /// An IAM token in a file that another program renews: `YC_IAM_TOKEN_FILE`
    TokenFile,
    /// A token of GitHub, GitLab, Kubernetes or another issuer, exchanged for IAM tokens: `YC_OIDC_TOKEN_FILE`,
    /// `YC_OIDC_TOKEN`
    WorkloadIdentity,
    /// The identity that yc is logged in as
    YandexCloudCli,
}

impl MethodName {
    /// The library's method of this name.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::ApiKey => Method::ApiKey,
            Self::EnvIamToken => Method::EnvIamToken,
            Self::IamToken => Method::IamToken,
            Self::Metadata => Method::Metadata,
            Self::None => Method::None,
            Self::OauthToken => Method::OAuthToken,
            Self::Impersonation => Method::Impersonation,
            Self::Profile => Method::Profile,
            Self::ServiceAccountKey => Method::ServiceAccountKey,
            Self::TokenFile => Method::TokenFile,
            Self::WorkloadIdentity => Method::WorkloadIdentity,
            Self::YandexCloudCli => Method::YandexCloudCli,
        }
    }

    /// Whether `--key-file` goes with this method.
    pub(super) fn takes_a_key_file(self) -> bool {
        matches!(self, Self::ServiceAccountKey | Self::Impersonation)
    }

    /// Whether `--auth` goes with this method.
    pub(super) fn takes_a_value(self) -> bool {
        matches!(
            self,
            Self::ApiKey | Self::IamToken | Self::OauthToken | Self::ServiceAccountKey | Self::Impersonation
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_the_librarys_name() {
        for method in MethodName::value_variants() {
            let name = method.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(name, method.method().name());
        }
    }
}
