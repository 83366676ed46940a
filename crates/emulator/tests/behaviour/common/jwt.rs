//! A client with an authorized key: reads the key file and signs JWTs.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RSA_PSS_SHA512, RsaEncoding};
use serde_json::{Value, json};
use yandex_cloud_emulator::Emulator;

pub const AUDIENCE: &str = "https://iam.api.cloud.yandex.net/iam/v1/tokens";

/// The key of a key file.
pub struct Key {
    pub id: String,
    pub service_account_id: String,
    pub public_pem: String,
    pair: KeyPair,
}

impl Key {
    pub fn of(emulator: &Emulator) -> Self {
        Self::read(&emulator.service_account_key().unwrap())
    }

    pub fn read(file: &str) -> Self {
        let file: Value = serde_json::from_str(file).unwrap();
        let text = |name: &str| file[name].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            service_account_id: text("service_account_id"),
            public_pem: text("public_key"),
            pair: KeyPair::from_pkcs8(&der(&text("private_key"))).unwrap(),
        }
    }

    pub fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": "PS256", "kid": self.id })
    }

    pub fn claims(&self, now: u64) -> Value {
        json!({ "iss": self.service_account_id, "aud": AUDIENCE, "iat": now, "exp": now + 3600 })
    }

    /// A valid JWT at this time.
    pub fn jwt(&self, now: SystemTime) -> String {
        self.sign(&self.header(), &self.claims(seconds(now)))
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_as(&RSA_PSS_SHA256, &header.to_string(), &claims.to_string())
    }

    pub fn sign_ps512(&self, header: &Value, claims: &Value) -> String {
        self.sign_as(&RSA_PSS_SHA512, &header.to_string(), &claims.to_string())
    }

    pub fn sign_rs256(&self, header: &Value, claims: &Value) -> String {
        self.sign_as(&RSA_PKCS1_SHA256, &header.to_string(), &claims.to_string())
    }

    /// The public key as an entry of a JSON Web Key Set.
    pub fn jwks(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
        json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id, "n": n, "e": e }] })
    }

    pub fn sign_texts(&self, header: &str, claims: &str) -> String {
        self.sign_as(&RSA_PSS_SHA256, header, claims)
    }

    fn sign_as(&self, how: &'static dyn RsaEncoding, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(how, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The DER content of a PEM.
pub fn der(pem: &str) -> Vec<u8> {
    let (_, body) = pem.split_once("-----BEGIN ").unwrap();
    let (_, body) = body.split_once("-----\n").unwrap();
    let (body, _) = body.split_once("-----END ").unwrap();
    STANDARD.decode(body.replace('\n', "")).unwrap()
}
