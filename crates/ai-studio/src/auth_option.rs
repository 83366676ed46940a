//! What `auth` takes: a string, a method, or credentials.

use std::fmt;

use yandex_cloud_auth::{
    self as auth, ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, Method,
    NoAuth, OAuthTokenAuth, System, YandexCloudCliAuth,
};

use crate::error::Error;

/// What [`AiStudioBuilder::auth`](crate::AiStudioBuilder::auth) takes. Sealed.
///
/// - A string: `t1.…` is an IAM token, `y0_…` an OAuth token, anything else an API key. What is wrong with it is the
///   error of [`build`](crate::AiStudioBuilder::build).
/// - A method: [`ApiKeyAuth`], [`IamTokenAuth`], [`OAuthTokenAuth`], [`MetadataAuth`], [`EnvIamTokenAuth`],
///   [`YandexCloudCliAuth`], [`NoAuth`].
/// - [`Automatic`]: selection with options of your own.
/// - [`Credentials`], which may be shared with other clients.
///
/// A method and a string see the machine as the SDK does ([`system`](crate::AiStudioBuilder::system)), and trust what
/// it trusts ([`verify`](crate::AiStudioBuilder::verify)). `Automatic` and `Credentials` keep the system that they were
/// made with.
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
/// builder.auth(None::<&str>).build()?; // as if nothing was said
/// # Ok::<(), yandex_ai_studio_sdk::Error>(())
/// ```
pub trait IntoAuth: sealed::Sealed {}

impl<T: sealed::Sealed> IntoAuth for T {}

pub(crate) mod sealed {
    pub trait Sealed {
        fn into_auth(self) -> super::Auth;
    }
}

/// The option, before there is a machine to put it on.
#[derive(Clone, Default)]
pub enum Auth {
    /// Nothing was said: chosen by what the machine offers.
    #[default]
    Automatic,
    /// A method, to be put on the SDK's machine.
    Method(Credentials),
    /// As it is.
    Credentials(Credentials),
    /// A string that is no credential.
    Bad(auth::Error),
}

/// What of the other options concerns the credentials.
pub(crate) struct AuthContext<'a> {
    pub(crate) system: System,
    pub(crate) yc_profile: Option<&'a str>,
}

impl Auth {
    /// Puts it on the machine. Looks at nothing.
    pub(crate) fn credentials(self, context: AuthContext<'_>) -> Result<Credentials, Error> {
        match self {
            Self::Automatic => automatic(context),
            Self::Method(credentials) => Ok(credentials.with_system(context.system)),
            Self::Credentials(credentials) => Ok(credentials),
            Self::Bad(error) => Err(Error::of_auth(error)),
        }
    }
}

/// The auth crate's selection, with the slots that the other options concern made anew.
fn automatic(context: AuthContext<'_>) -> Result<Credentials, Error> {
    let mut selection = Automatic::new();
    if let Some(profile) = context.yc_profile {
        let yc = YandexCloudCliAuth::builder().profile(profile).build();
        selection = selection.replace(Method::YandexCloudCli.name(), yc)?;
    }
    Ok(selection.with_system(context.system).build())
}

impl sealed::Sealed for &str {
    fn into_auth(self) -> Auth {
        match Credentials::from_string(self) {
            Ok(credentials) => Auth::Method(credentials),
            Err(error) => Auth::Bad(error),
        }
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
    ($($method:ty),+) => {$(
        impl sealed::Sealed for $method {
            fn into_auth(self) -> Auth {
                Auth::Method(Credentials::from(self))
            }
        }
    )+};
}

methods!(ApiKeyAuth, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, NoAuth, OAuthTokenAuth, YandexCloudCliAuth);

/// Nothing where there is nothing: `auth(None::<&str>)` is the automatic selection.
impl<T: sealed::Sealed> sealed::Sealed for Option<T> {
    fn into_auth(self) -> Auth {
        self.map_or(Auth::Automatic, sealed::Sealed::into_auth)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => formatter.write_str("automatic"),
            Self::Method(credentials) | Self::Credentials(credentials) => credentials.fmt(formatter),
            Self::Bad(error) => error.fmt(formatter),
        }
    }
}
