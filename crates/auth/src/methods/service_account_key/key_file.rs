//! The JSON of an authorized key of a service account: the file of `yc iam key create`, the same in camel case, or the
//! response of the REST API.
//!
//! Each mistake has its own error, and no error shows the content of the key.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::recognize::{self, Wiped};
use crate::{Error, ErrorKind};

/// Ids of Yandex Cloud have 20 characters, at most 50 (`iam_token_service.proto`).
const MAX_ID: usize = 50;

/// A key has about 3 KiB. A much larger text is not a key.
pub(crate) const MAX_FILE: usize = 64 << 10;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Texts that are not such a key: parts that identify the text, the reason, and the help.
const NOT_KEYS: [(&[&str], &str, &str); 6] = [
    // The older form of encryption has the label of a plain key too, so it is checked first.
    (
        &["Proc-Type: 4,ENCRYPTED", "-----BEGIN ENCRYPTED PRIVATE KEY-----"],
        "the private key is encrypted with a password",
        "give the file as `yc iam key create` wrote it, and keep it where no other user can read it",
    ),
    (
        &["-----BEGIN RSA PRIVATE KEY-----"],
        "the private key is in PKCS#1 form; keys of Yandex Cloud are in PKCS#8 form (`BEGIN PRIVATE KEY`)",
        "give the file as `yc iam key create` wrote it; `openssl pkcs8 -topk8 -nocrypt` converts a key",
    ),
    (&["-----BEGIN EC PRIVATE KEY-----"], "the private key is not an RSA key", NEW_KEY),
    (
        &["-----BEGIN PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----"],
        "the value is a public key, not a private key",
        "give the file as `yc iam key create` wrote it: its field `private_key` holds the private key",
    ),
    (&["-----BEGIN CERTIFICATE-----"], "the value is a certificate, not a private key", NEW_KEY),
    (
        &["-----BEGIN OPENSSH PRIVATE KEY-----"],
        "the value is an SSH key, not an RSA key in PKCS#8 form",
        NEW_KEY,
    ),
];

const NEW_KEY: &str = "make a key: `yc iam key create --service-account-name NAME -o key.json`";

const YC_FILE: &str = "give the file that `yc iam key create` wrote";

const CUT: &str = "copy the whole file again (about 3 KiB)";

/// A key that can sign.
pub(crate) struct ServiceAccountKey {
    pub(crate) id: String,
    pub(crate) service_account_id: String,
    pub(crate) pair: KeyPair,
    /// What the shared cache derives its key from.
    #[cfg(feature = "shared-cache")]
    pub(crate) digest: Zeroizing<Vec<u8>>,
}

/// The parts of a key, before the numbers of the private key are checked.
pub(crate) struct KeyParts {
    pub(crate) id: String,
    pub(crate) service_account_id: String,
    /// The private key in PKCS#8 form.
    der: Zeroizing<Vec<u8>>,
}

impl ServiceAccountKey {
    /// Reads the JSON of a key.
    ///
    /// # Errors
    /// `Invalid`, with the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        KeyParts::parse(text)?.check()
    }

    /// A key by its fields.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    #[cfg(feature = "profile")]
    pub(crate) fn new(id: &str, service_account_id: &str, private_key: &str) -> Result<Self, Error> {
        KeyParts::new(id, service_account_id, private_key)?.check()
    }
}

impl KeyParts {
    /// Reads the JSON of a key. Some faults of the private key show only in [`check`](Self::check), which takes longer.
    ///
    /// # Errors
    /// `Invalid`, with the reason.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        // Checked before parsing: a variable has no size limit of its own.
        if text.len() > MAX_FILE {
            let reason = format!("the key is larger than {} KiB", MAX_FILE >> 10);
            return Err(bad(&reason, "check the source of the value: a key has about 3 KiB"));
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(bad("the key is empty", NEW_KEY));
        }
        let text = recognize::key(text)?;
        // Whatever is in the JSON, and is not taken out of it, is wiped.
        let mut value = match recognize::parse_json(&text) {
            Ok(value) => Wiped(value),
            Err(error) if error.is_eof() => return Err(bad("the JSON is incomplete", CUT)),
            Err(error) => {
                let place = format!("the key is not JSON (line {}, column {})", error.line(), error.column());
                return Err(bad(&place, YC_FILE));
            }
        };
        let Value::Object(fields) = &mut value.0 else {
            return Err(bad("the key is JSON, but not an object", YC_FILE));
        };
        let private_key = take(fields, ["private_key", "privateKey"])?;
        // The response of the REST API has the ids in the object `key`.
        let mut inner = Wiped(fields.remove("key").unwrap_or_default());
        let fields = inner.0.as_object_mut().unwrap_or(fields);
        let account = take(fields, ["service_account_id", "serviceAccountId"])?;
        if account.is_none() && take(fields, ["user_account_id", "userAccountId"])?.is_some() {
            return Err(bad(
                "the key belongs to a user account, and IAM exchanges only keys of service accounts",
                NEW_KEY,
            ));
        }
        if let Some(algorithm) = take(fields, ["key_algorithm", "keyAlgorithm"])?
            && !algorithm.starts_with("RSA")
        {
            return Err(bad("`key_algorithm` is not RSA: IAM accepts only PS256", NEW_KEY));
        }
        let id = take(fields, ["id", "id"])?.ok_or_else(|| missing("id"))?;
        let account = account.ok_or_else(|| missing("service_account_id"))?;
        Self::new(&id, &account, &private_key.ok_or_else(|| missing("private_key"))?)
    }

    /// The parts of a key by its fields.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(crate) fn new(id: &str, service_account_id: &str, private_key: &str) -> Result<Self, Error> {
        for (name, value) in [("id", id), ("service_account_id", service_account_id)] {
            let fits = value.len() <= MAX_ID && value.bytes().all(|byte| byte.is_ascii_graphic());
            if value.is_empty() {
                return Err(missing(name));
            }
            if !fits {
                return Err(bad(&format!("`{name}` is not an id"), YC_FILE));
            }
        }
        Ok(Self {
            id: id.to_owned(),
            service_account_id: service_account_id.to_owned(),
            der: private(private_key)?,
        })
    }

    /// The key, if it can sign.
    ///
    /// # Errors
    /// `Invalid`, with the reason.
    fn check(self) -> Result<ServiceAccountKey, Error> {
        Ok(ServiceAccountKey {
            pair: pair(&self.der)?,
            #[cfg(feature = "shared-cache")]
            digest: self.digest(),
            id: self.id,
            service_account_id: self.service_account_id,
        })
    }

    /// A digest of the private key itself, whatever the form of the file. As secret as the key.
    #[cfg(feature = "shared-cache")]
    pub(crate) fn digest(&self) -> Zeroizing<Vec<u8>> {
        use ring::digest::{SHA256, digest};
        Zeroizing::new(digest(&SHA256, &self.der).as_ref().to_vec())
    }
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceAccountKey")
            .field("id", &self.id)
            .field("service_account_id", &self.service_account_id)
            .finish_non_exhaustive()
    }
}

/// A text field, by either of its names.
fn take(fields: &mut Map<String, Value>, names: [&str; 2]) -> Result<Option<Zeroizing<String>>, Error> {
    for name in names {
        match fields.remove(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => return Ok(Some(Zeroizing::new(text))),
            Some(other) => {
                drop(Wiped(other));
                return Err(bad(&format!("`{name}` is not a text"), YC_FILE));
            }
        }
    }
    Ok(None)
}

/// The private key in a PEM. A line of text may come before the PEM, as in the keys of Yandex Cloud.
fn private(pem: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    if pem.trim().is_empty() {
        return Err(missing("private_key"));
    }
    for (labels, reason, help) in NOT_KEYS {
        if labels.iter().any(|label| pem.contains(label)) {
            return Err(bad(reason, help));
        }
    }
    let Some((_, rest)) = pem.split_once(BEGIN) else {
        return Err(bad("`private_key` is not a PEM", YC_FILE));
    };
    let Some((body, _)) = rest.split_once(END) else {
        return Err(bad("`private_key` is incomplete", CUT));
    };
    // Each buffer has room for its whole content: a reallocation would leave a copy of the key in freed memory.
    let mut packed = Zeroizing::new(String::with_capacity(body.len()));
    // In a variable a line break can become the two characters `\n`.
    let lines = body.split(|at: char| at.is_ascii_whitespace()).flat_map(|line| line.split("\\n"));
    packed.extend(lines.flat_map(|line| line.split("\\r")));
    let mut der = Zeroizing::new(Vec::with_capacity(packed.len()));
    STANDARD
        .decode_vec(packed.as_bytes(), &mut der)
        .map_err(|_| bad("`private_key` is damaged: the value is not base64", CUT))?;
    Ok(der)
}

/// The key pair of a private key in PKCS#8 form.
fn pair(der: &[u8]) -> Result<KeyPair, Error> {
    let pair = KeyPair::from_pkcs8(der).map_err(|error| match error.to_string().as_str() {
        // RSA keys have the first version of PKCS#8.
        "WrongAlgorithm" | "VersionNotSupported" => bad("the private key is not an RSA key", NEW_KEY),
        "TooSmall" => bad("the RSA key is shorter than 2048 bits", NEW_KEY),
        "TooLarge" => bad("the RSA key is longer than 4096 bits", NEW_KEY),
        why => bad(&format!("`private_key` is damaged ({why})"), CUT),
    })?;
    // ring checks some numbers of the key only when it signs. This signature needs no random numbers, so it fails only
    // if the key is damaged.
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"", &mut signature)
        .map_err(|_| bad("`private_key` is damaged: the numbers in the key do not match", CUT))?;
    Ok(pair)
}

fn missing(field: &str) -> Error {
    bad(&format!("the key has no `{field}`"), "give the whole JSON file that `yc iam key create` wrote")
}

fn bad(reason: &str, help: &'static str) -> Error {
    Error::new(ErrorKind::Invalid, reason).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}", id in "\\PC{0,60}", key in "(x|\\\\n|-----BEGIN PRIVATE KEY-----|-----END PRIVATE KEY-----|[A-Za-z0-9+/=\\s]{0,20}){0,6}") {
            let _ = ServiceAccountKey::parse(&text);
            let json = serde_json::json!({"id": id, "service_account_id": "aje", "private_key": key}).to_string();
            prop_assert!(ServiceAccountKey::parse(&json).is_err());
            for cut in 0..json.len() {
                if let Some(part) = json.get(..cut) {
                    prop_assert!(ServiceAccountKey::parse(part).is_err());
                }
            }
        }
    }
}
