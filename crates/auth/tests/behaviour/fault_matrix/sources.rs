//! The sources, and their credentials on a stage.

use std::sync::Arc;

use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, EnvIamTokenAuth, Error, ErrorKind, FunctionAuth, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, OAuthTokenAuth, ProfileAuth, ServiceAccountKeyAuth, SubjectToken,
    TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};

use super::faults::Fault;
use super::stage::{PROFILE, Stage, TOKEN_FILE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    ApiKey,
    IamToken,
    OAuthToken,
    ServiceAccountKey,
    WorkloadIdentity,
    TokenFile,
    Metadata,
    EnvIamToken,
    YandexCloudCli,
    Profile,
    Impersonation,
    Function,
}

impl Source {
    pub(super) const ALL: [Self; 12] = [
        Self::ApiKey,
        Self::IamToken,
        Self::OAuthToken,
        Self::ServiceAccountKey,
        Self::WorkloadIdentity,
        Self::TokenFile,
        Self::Metadata,
        Self::EnvIamToken,
        Self::YandexCloudCli,
        Self::Profile,
        Self::Impersonation,
        Self::Function,
    ];

    /// Whether the source fetches tokens. The others have to serve, and to ask nobody, whatever the cloud does.
    pub(super) fn fetches(self) -> bool {
        !matches!(self, Self::ApiKey | Self::IamToken | Self::EnvIamToken | Self::Function)
    }

    /// Why a fault has no meaning for the source; `None` where it has one.
    pub(super) fn skips(self, fault: Fault) -> Option<&'static str> {
        match self {
            Self::TokenFile if fault.of_file("t1.x").is_none() => {
                Some("the read of a file has no status of HTTP, and its content comes at once")
            }
            Self::YandexCloudCli if fault == Fault::Drip => {
                Some("the output of a program counts when the program ends, so a drip is a hang")
            }
            _ => None,
        }
    }

    pub(super) fn credentials(self, stage: &Stage) -> Credentials {
        let emulator = &stage.emulator;
        let credentials: Credentials = match self {
            Self::ApiKey => ApiKeyAuth::new(emulator.api_key()).unwrap().into(),
            Self::IamToken => IamTokenAuth::new(emulator.iam_token().unwrap()).unwrap().into(),
            Self::OAuthToken => OAuthTokenAuth::new(emulator.oauth_token()).unwrap().into(),
            Self::ServiceAccountKey => {
                ServiceAccountKeyAuth::new(emulator.service_account_key().unwrap()).unwrap().into()
            }
            Self::WorkloadIdentity => {
                let issuer = Arc::clone(emulator);
                let subject = SubjectToken::from_fn(move || {
                    let token = issuer.oidc_token();
                    let failed =
                        |error: std::io::Error| Error::new(ErrorKind::Unavailable, error.to_string());
                    std::future::ready(token.map_err(failed))
                });
                WorkloadIdentityAuth::new(emulator.service_account_id(), subject).into()
            }
            Self::TokenFile => TokenFileAuth::new(TOKEN_FILE).into(),
            Self::Metadata => MetadataAuth::new().into(),
            Self::EnvIamToken => EnvIamTokenAuth::new().into(),
            Self::YandexCloudCli => YandexCloudCliAuth::new().into(),
            Self::Profile => ProfileAuth::builder().path(PROFILE).profile("test").build().into(),
            Self::Impersonation => {
                ImpersonationAuth::new(emulator.impersonated_account_id(), MetadataAuth::new()).into()
            }
            Self::Function => {
                let token = emulator.iam_token().unwrap();
                let invocation = serde_json::json!({ "access_token": token, "expires_in": 43_200 });
                FunctionAuth::parse(invocation.to_string()).unwrap().into()
            }
        };
        credentials.with_system(stage.system())
    }
}
