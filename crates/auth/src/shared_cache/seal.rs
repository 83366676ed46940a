//! The seal of an entry: HKDF-SHA256 derives a key from the credential, and ChaCha20-Poly1305 seals with it.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, Zeroizing};

use super::identity::CacheIdentity;

/// The version of the form of the entries. It stands in the derivation of each key and each name.
pub(super) const VERSION: u64 = 1;

const LABEL: &[u8] = b"yandex-cloud-auth shared cache 1";

/// The length of the random salt of one entry.
const SALT: usize = 32;

/// The keys of one identity.
#[derive(Clone)]
pub(super) struct Sealer {
    prk: Prk,
}

/// The length of a derived key.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

impl Sealer {
    pub(super) fn new(identity: &CacheIdentity) -> Self {
        Self { prk: Salt::new(HKDF_SHA256, LABEL).extract(&identity.credential) }
    }

    /// The name of the identity's entry. Where the identity has a public id, every process can compute the name; else
    /// only a process with the credential can.
    pub(super) fn name(&self, identity: &CacheIdentity) -> String {
        let parts = identity.public_parts();
        let mut hash = Context::new(&SHA256);
        hash.update(LABEL);
        for part in parts {
            // The length first, so that no two lists of parts hash alike.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let public = hash.finish();
        if identity.identity.is_some() {
            return hex(public.as_ref());
        }
        hex(&*self.derive(&[b"name", public.as_ref()]))
    }

    /// Seals `secret`, and authenticates `clear` with it. `None` where the operating system gives no random bytes.
    pub(super) fn seal(&self, clear: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).ok()?;
        let mut sealed = Zeroizing::new(Vec::with_capacity(secret.len() + CHACHA20_POLY1305.tag_len()));
        sealed.extend_from_slice(secret);
        self.key(&salt)?.seal_in_place_append_tag(nonce(), Aad::from(clear), &mut *sealed).ok()?;
        Some([&salt, &sealed[..]].concat())
    }

    /// What [`seal`](Self::seal) sealed; `None` where the credential is another one, or where a bit has changed.
    pub(super) fn open(&self, clear: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (salt, sealed) = sealed.split_at_checked(SALT)?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let length = self.key(salt)?.open_in_place(nonce(), Aad::from(clear), &mut opened).ok()?.len();
        opened[length..].zeroize();
        opened.truncate(length);
        Some(opened)
    }

    fn key(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let key = self.derive(&[b"seal", salt]);
        Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &*key).ok()?))
    }

    fn derive(&self, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut derived = Zeroizing::new([0; 32]);
        // The only error is a length beyond the limit of HKDF (RFC 5869, section 2.3: 255 hashes).
        let filled = self.prk.expand(info, Length).and_then(|key| key.fill(&mut *derived));
        debug_assert!(filled.is_ok());
        derived
    }
}

/// A key seals once, because its salt is random. So the nonce may be the same each time.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    fn identity(credential: &str, id: Option<&str>) -> CacheIdentity {
        CacheIdentity {
            method: Method::OAuthToken,
            endpoint: "api.example".to_owned(),
            audience: None,
            identity: id.map(str::to_owned),
            credential: Zeroizing::new(credential.as_bytes().to_vec()),
        }
    }

    #[test]
    fn only_the_credential_opens_a_seal_and_no_bit_may_change() {
        let sealer = Sealer::new(&identity("fake-credential", None));
        let sealed = sealer.seal(b"clear", b"t1.fake.token").unwrap();
        assert_eq!(sealer.open(b"clear", &sealed).unwrap().as_slice(), b"t1.fake.token");
        assert!(Sealer::new(&identity("other", None)).open(b"clear", &sealed).is_none());
        assert!(sealer.open(b"clean", &sealed).is_none());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(sealer.open(b"clear", &changed).is_none(), "byte {position}");
            assert!(sealer.open(b"clear", &sealed[..position]).is_none(), "length {position}");
        }
        // The same secret is never sealed alike.
        assert_ne!(sealer.seal(b"clear", b"t1.fake.token").unwrap(), sealed);
    }

    #[test]
    fn a_name_without_a_public_id_depends_on_the_credential() {
        let name = |credential, id| {
            let identity = identity(credential, id);
            Sealer::new(&identity).name(&identity)
        };
        assert_eq!(name("one", Some("aje")), name("two", Some("aje")));
        assert_ne!(name("one", None), name("two", None));
        assert_ne!(name("one", Some("aje")), name("one", Some("ajf")));
        assert_eq!(name("one", None).len(), 64);
    }
}
