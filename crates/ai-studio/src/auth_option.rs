//! The `auth` option: a string, a method, a selection, or credentials.

use std::fmt;

use yandex_cloud_auth::{
    self as auth, ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, FunctionAuth, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, Method, NoAuth, OAuthTokenAuth, ProfileAuth, ServiceAccountKeyAuth,
    System, TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};

use crate::error::Error;

/// The values of [`AiStudioBuilder::auth`](crate::AiStudioBuilder::auth). Sealed.
///
/// - A string: `t1.…` is an IAM token, `y0_…` an OAuth token, JSON or its base64 a service account key, any other
///   token an API key. A path, a placeholder or other text is refused by name. [`build`](crate::AiStudioBuilder::build) returns the error of a malformed string.
/// - A method: [`ApiKeyAuth`], [`EnvIamTokenAuth`], [`FunctionAuth`], [`IamTokenAuth`], [`ImpersonationAuth`],
///   [`MetadataAuth`], [`NoAuth`], [`OAuthTokenAuth`], [`ProfileAuth`], [`ServiceAccountKeyAuth`], [`TokenFileAuth`],
///   [`WorkloadIdentityAuth`], [`YandexCloudCliAuth`].
/// - [`Automatic`]: a selection with options.
/// - [`Credentials`], which other clients may share.
///
/// All of them use the system of the SDK: its [`endpoint`](crate::AiStudioBuilder::endpoint), its certificate
/// authorities ([`verify`](crate::AiStudioBuilder::verify)) and its [`system`](crate::AiStudioBuilder::system). If one
/// of these options is set, the SDK uses a copy of the credentials on its system, and the copy fetches tokens of its
/// own. If none is set, the SDK shares the tokens of the credentials.
///
/// `Automatic` and `Credentials` with a system of their own ([`Credentials::with_system`]) keep it. If they belong to
/// another endpoint than the SDK, they are refused with [`auth::ErrorKind::Blocked`]: by `build` if the code names both
/// endpoints, otherwise by the first call.
///
/// ```
/// use yandex_ai_studio_sdk::AiStudio;
/// use yandex_ai_studio_sdk::auth::{Automatic, Credentials, MetadataAuth, NoAuth};
///
/// let builder = AiStudio::builder();
/// builder.clone().auth("AQVN-fake").build()?;
/// builder.clone().auth(MetadataAuth::new()).build()?;
/// builder.clone().auth(Automatic::new().without("metadata")?).build()?;
/// builder.clone().auth(Credentials::automatic()).build()?;
/// builder.clone().auth(NoAuth::new()).build()?;
/// builder.auth(None::<&str>).build()?; // the default: automatic selection
/// # Ok::<(), yandex_ai_studio_sdk::Error>(())
/// ```
pub trait IntoAuth: sealed::Sealed {}

impl<T: sealed::Sealed> IntoAuth for T {}

pub(crate) mod sealed {
    pub trait Sealed {
        fn into_auth(self) -> super::Auth;
    }
}

/// The option, before the system of the SDK is known.
#[derive(Clone, Default)]
pub enum Auth {
    /// Not set: automatic selection.
    #[default]
    Automatic,
    Credentials(Credentials),
    /// A string that is not a credential.
    Invalid(auth::Error),
}

/// The other options of the builder that concern the credentials.
pub(crate) struct AuthContext<'a> {
    pub(crate) system: &'a System,
    /// Whether an option makes the system differ from the default one.
    pub(crate) is_customized: bool,
    pub(crate) yc_profile: Option<&'a str>,
}

impl Auth {
    /// The credentials on the system of the SDK. Does no I/O.
    pub(crate) fn credentials(self, context: &AuthContext<'_>) -> Result<Credentials, Error> {
        match self {
            Self::Automatic => automatic(context),
            Self::Credentials(credentials) if context.is_customized => {
                Ok(credentials.inherit_system(context.system))
            }
            Self::Credentials(credentials) => Ok(credentials),
            Self::Invalid(error) => Err(Error::of_auth(error)),
        }
    }
}

fn automatic(context: &AuthContext<'_>) -> Result<Credentials, Error> {
    let mut selection = Automatic::new();
    if let Some(profile) = context.yc_profile {
        let yc = YandexCloudCliAuth::builder().profile(profile).build();
        selection = selection.replace(Method::YandexCloudCli.name(), yc)?;
    }
    Ok(selection.with_system(context.system.clone()).build())
}

impl sealed::Sealed for &str {
    fn into_auth(self) -> Auth {
        Credentials::from_string(self).map_or_else(Auth::Invalid, Auth::Credentials)
    }
}

impl sealed::Sealed for String {
    fn into_auth(self) -> Auth {
        self.as_str().into_auth()
    }
}

impl sealed::Sealed for &String {
    fn into_auth(self) -> Auth {
        self.as_str().into_auth()
    }
}

impl sealed::Sealed for Credentials {
    fn into_auth(self) -> Auth {
        Auth::Credentials(self)
    }
}

impl sealed::Sealed for Automatic {
    fn into_auth(self) -> Auth {
        Auth::Credentials(self.build())
    }
}

macro_rules! methods {
    ($($method:ty),+ $(,)?) => {$(
        impl sealed::Sealed for $method {
            fn into_auth(self) -> Auth {
                Auth::Credentials(Credentials::from(self))
            }
        }
    )+};
}

methods!(
    ApiKeyAuth,
    EnvIamTokenAuth,
    FunctionAuth,
    IamTokenAuth,
    ImpersonationAuth,
    MetadataAuth,
    NoAuth,
    OAuthTokenAuth,
    ProfileAuth,
    ServiceAccountKeyAuth,
    TokenFileAuth,
    WorkloadIdentityAuth,
    YandexCloudCliAuth,
);

/// `None` stands for automatic selection.
impl<T: sealed::Sealed> sealed::Sealed for Option<T> {
    fn into_auth(self) -> Auth {
        self.map_or(Auth::Automatic, sealed::Sealed::into_auth)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => formatter.write_str("automatic"),
            Self::Credentials(credentials) => credentials.fmt(formatter),
            Self::Invalid(error) => error.fmt(formatter),
        }
    }
}
