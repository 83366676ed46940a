//! Authorized keys of service accounts: the key files, and the public keys that IAM trusts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde::Serialize;

use super::rsa_key::{self, RsaKey};
use super::{Identity, Subject, secrets};
use crate::clock::rfc3339;
use crate::sync::lock;
use crate::wire::status::Status;

/// The length limit of a key id in the cloud.
const MAX_ID: usize = 50;

/// A key as `yc iam key create --output key.json` writes it.
#[derive(Serialize)]
pub(crate) struct KeyFile {
    id: String,
    service_account_id: String,
    created_at: String,
    key_algorithm: &'static str,
    public_key: String,
    private_key: String,
}

impl KeyFile {
    fn new(service_account_id: String, key: RsaKey, now: SystemTime) -> Result<Self, Status> {
        let RsaKey { private_pem, public_pem } = key;
        let id = secrets::key_id()?;
        Ok(Self {
            private_key: format!(
                "PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{id}>\n{private_pem}"
            ),
            id,
            service_account_id,
            created_at: rfc3339(now),
            key_algorithm: "RSA_2048",
            public_key: public_pem,
        })
    }

    pub(crate) fn to_json(&self) -> Result<String, Status> {
        serde_json::to_string_pretty(self).map_err(|_| Status::internal("cannot encode the key"))
    }
}

/// The keys that IAM trusts.
#[derive(Default)]
pub(super) struct Keys(HashMap<Arc<str>, Key>);

struct Key {
    service_account_id: Arc<str>,
    /// DER of PKCS#1's `RSAPublicKey`
    public: Arc<[u8]>,
    deleted: bool,
}

impl Keys {
    /// Whether a key has this id and is not deleted.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    /// Restores deleted keys.
    pub(super) fn restore(&mut self) {
        self.0.values_mut().for_each(|key| key.deleted = false);
    }

    fn get(&self, id: &str) -> Option<(&Arc<str>, &Key)> {
        self.0.get_key_value(id).filter(|(_, key)| !key.deleted)
    }
}

/// The key that a JWT names.
pub(crate) struct Signer {
    pub(crate) key_id: Arc<str>,
    pub(crate) service_account_id: Arc<str>,
    public: Arc<[u8]>,
}

impl Signer {
    /// Whether the key signed the message: PS256, with a salt of the hash's length.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &*self.public).verify(message, signature).is_ok()
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::ServiceAccount(Arc::clone(&self.service_account_id))
    }
}

impl Identity {
    /// A new key of a service account, which IAM trusts. Two keys differ in their ids; their RSA keys repeat after the
    /// last fake one.
    pub(crate) fn create_key(&self, service_account_id: &str) -> Result<KeyFile, Status> {
        let number = self.created_keys.fetch_add(1, Ordering::Relaxed);
        let file = KeyFile::new(service_account_id.to_owned(), RsaKey::fake(number)?, self.clock.now())?;
        self.add_public_key(&file.public_key, &file.id, &file.service_account_id)?;
        Ok(file)
    }

    /// Trusts a key that was created elsewhere, given its public key in PEM.
    pub(crate) fn add_public_key(&self, pem: &str, id: &str, service_account_id: &str) -> Result<(), Status> {
        let allowed = |id: &str| !id.is_empty() && id.len() <= MAX_ID;
        if !allowed(id) || !allowed(service_account_id) {
            return Err(Status::invalid(format!("an id is empty or longer than {MAX_ID}")));
        }
        // Parsing is slow, so it comes before the lock, which every request takes.
        let public = rsa_key::public_from_pem(pem)?.into();
        let keys = &mut lock(&self.known).keys.0;
        if keys.contains_key(id) {
            return Err(Status::exists("a key with this id already exists"));
        }
        keys.insert(id.into(), Key { service_account_id: service_account_id.into(), public, deleted: false });
        Ok(())
    }

    /// Deletes a key and the tokens that were obtained with it. False if no key has the id.
    pub(crate) fn delete_key(&self, id: &str) -> bool {
        let known = &mut lock(&self.known);
        let found = known.keys.0.get_mut(id).filter(|key| !key.deleted);
        found.map(|key| key.deleted = true).is_some()
    }

    /// Whether a service account has or had a key. Such an account exists.
    pub(crate) fn has_key_of(&self, service_account_id: &str) -> bool {
        let known = lock(&self.known);
        known.keys.0.values().any(|key| &*key.service_account_id == service_account_id)
    }

    pub(crate) fn signer(&self, key_id: &str) -> Option<Signer> {
        let known = lock(&self.known);
        known.keys.get(key_id).map(|(id, key)| Signer {
            key_id: Arc::clone(id),
            service_account_id: Arc::clone(&key.service_account_id),
            public: Arc::clone(&key.public),
        })
    }
}
