//! Secrets in the real format. Each contains `FAKE-EMULATOR`, so that it cannot be mistaken for a real secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::wire::status::Status;

/// The stored form of a secret.
pub(crate) type Hash = [u8; 32];

pub(crate) fn hash(secret: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// An IAM token: `t1.<body>.<64 bytes>`, the format in the documentation.
pub(crate) fn iam_token() -> Result<String, Status> {
    Ok(format!("t1.FAKE-EMULATOR-TOKEN-{}.{}", text::<18>()?, text::<64>()?))
}

/// An OAuth token of Yandex ID.
pub(crate) fn oauth_token() -> Result<String, Status> {
    Ok(format!("y0_FAKE-EMULATOR-{}", text::<30>()?))
}

/// An API key of a service account.
pub(crate) fn api_key() -> Result<String, Status> {
    Ok(format!("AQVNFAKE-EMULATOR-{}", text::<16>()?))
}

/// An ephemeral access key of Object Storage, in the documented form: the id, the secret and the session token.
pub(crate) fn ephemeral_key() -> Result<[String; 3], Status> {
    Ok([
        format!("ajefake{}0", hex::<6>()?),
        format!("YCFAKE-EMULATOR-{}", text::<20>()?),
        format!("s1.FAKE-EMULATOR-{}", text::<200>()?),
    ])
}

/// The id of a service account's key.
pub(crate) fn key_id() -> Result<String, Status> {
    Ok(format!("ajefakekey{}", hex::<5>()?))
}

/// The bearer token with which a GitHub Actions job requests its OIDC token.
pub(crate) fn github_request_token() -> Result<String, Status> {
    Ok(format!("FAKE-EMULATOR-{}", text::<32>()?))
}

/// Random bytes as lower-case hexadecimal.
pub(crate) fn hex<const N: usize>() -> Result<String, Status> {
    Ok(bytes::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn text<const N: usize>() -> Result<String, Status> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<N>()?))
}

fn bytes<const N: usize>() -> Result<[u8; N], Status> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Status::internal("the operating system returns no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_the_real_formats() {
        let iam = iam_token().unwrap();
        let parts: Vec<_> = iam.split('.').collect();
        assert_eq!((parts.len(), parts[0], parts[2].len()), (3, "t1", 86));
        assert!(parts[1].starts_with("FAKE-EMULATOR"));
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(parts[1].chars().chain(parts[2].chars()).all(allowed));
        assert!(oauth_token().unwrap().starts_with("y0_FAKE-EMULATOR-"));
        let key = api_key().unwrap();
        assert!(key.starts_with("AQVNFAKE-EMULATOR-"));
        assert_eq!(key.len(), 40);
        assert_ne!(iam, iam_token().unwrap());
        let [id, secret, session_token] = ephemeral_key().unwrap();
        assert!(id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        assert_eq!((secret.len(), &secret[..2], &session_token[..3]), (43, "YC", "s1."));
    }
}
