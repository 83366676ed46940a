use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, Error, IamTokenAuth, Method, OAuthTokenAuth, ServiceAccountKeyAuth, Token,
};

use crate::support::{Called, assert_none_of, assert_presentable, call, is_oauth, system, with_secrets};

/// The recogniser: a value of the program, of a flag, of a variable or of a file. The second reading is the short one of
/// [`secret_of`].
pub fn given_values(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = &with_secrets(text);
    let marked = secret_of(text, 0);

    match Credentials::from_string(text) {
        Ok(credentials) => {
            let method = credentials.method().expect("a string decides the method");
            match marked {
                Some(Marked::OAuthToken) => assert_eq!(method, Method::OAuthToken),
                Some(Marked::PrivateKey) => assert_eq!(method, Method::ServiceAccountKey),
                Some(Marked::IamToken) => assert_eq!(method, Method::IamToken),
                None => {}
            }
            check(text, &call(credentials, system()), method);
        }
        Err(error) => refused(text, &error),
    }

    for (name, made) in [
        (Method::ApiKey, ApiKeyAuth::new(text).map(Credentials::from)),
        (Method::IamToken, IamTokenAuth::new(text).map(Credentials::from)),
        (Method::OAuthToken, OAuthTokenAuth::new(text).map(Credentials::from)),
        (Method::ServiceAccountKey, ServiceAccountKeyAuth::from_path_or_json(text).map(Credentials::from)),
    ] {
        match made {
            Ok(credentials) => {
                let fits = match marked {
                    Some(Marked::OAuthToken) => name == Method::OAuthToken,
                    Some(Marked::IamToken) => name == Method::IamToken,
                    Some(Marked::PrivateKey) => name == Method::ServiceAccountKey,
                    None => true,
                };
                assert!(fits, "{name:?} takes {marked:?}");
                check(text, &call(credentials, system()), name);
            }
            Err(error) => refused(text, &error),
        }
    }
    if let Err(error) = Token::new(text) {
        refused(text, &error);
    }

    for variable in ["YC_API_KEY", "YC_IAM_TOKEN", "YC_OAUTH_TOKEN", "YC_TOKEN"] {
        let environment = TestEnvironment::new([(variable, text.as_str())]);
        let called = call(Credentials::automatic(), system().with_environment(environment));
        match &called.header {
            Ok(_) => assert_ne!(marked, Some(Marked::PrivateKey)),
            Err(error) => refused(text, error),
        }
        assert_none_of(text, &called.log);
    }
}

/// The header is made of the value alone.
fn check(text: &str, called: &Called, method: Method) {
    match called.token() {
        Some(token) => {
            assert!(matches!(method, Method::ApiKey | Method::IamToken), "{method:?} needs an exchange");
            assert!(text.contains(token), "the header holds another value: {token}");
            assert!(!format!("{:?}", called.credentials).contains(token) || token.len() < 8);
        }
        None => {
            if let Err(error) = &called.header
                && method != Method::ServiceAccountKey
            {
                refused(text, error);
            }
        }
    }
}

fn refused(text: &str, error: &Error) {
    assert_presentable(error);
    assert_none_of(text, &format!("{error} {error:?} {:?}", error.help()));
}

/// A secret that its first characters show, perhaps in quotes or in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marked {
    IamToken,
    OAuthToken,
    PrivateKey,
}

fn secret_of(text: &str, layers: usize) -> Option<Marked> {
    let text = text.trim_matches(|next: char| next.is_whitespace() || next == '\u{feff}');
    if is_oauth(text) {
        return Some(Marked::OAuthToken);
    }
    if text.contains("-----BEGIN PRIVATE KEY-----") {
        return Some(Marked::PrivateKey);
    }
    if let [b't', b'1', b'.', rest @ ..] = text.as_bytes()
        && rest.len() >= 20
        && rest.iter().all(u8::is_ascii_alphabetic)
    {
        return Some(Marked::IamToken);
    }
    if layers == 2 {
        return None;
    }
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains([quote, '\\'])) {
            return secret_of(inner, layers + 1);
        }
    }
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        let Ok(decoded) = engine.decode(text) else { continue };
        if let Ok(decoded) = std::str::from_utf8(&decoded)
            && let Some(marked) = secret_of(decoded, layers + 1)
            && decoded.len() > 20
            && decoded.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Some(match marked {
                // Base64 of a token is refused in every place.
                Marked::IamToken => return None,
                marked => marked,
            });
        }
    }
    None
}
