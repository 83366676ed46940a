//! The virtual machine of the metadata service: its attributes and options, and what never changes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::sync::lock;
use crate::wire::status::Status;

pub(crate) const ID: &str = "fhmfake0emulator0vm0";
pub(crate) const NAME: &str = "fake-emulator";
pub(crate) const DESCRIPTION: &str = "a virtual machine of the emulator";
pub(crate) const DISK: &str = "fhmfake0emulator0dsk";
pub(crate) const NETWORK: &str = "e9bfake0emulator0net";
pub(crate) const REGION: &str = "ru-central1";
pub(crate) const ZONE: &str = "ru-central1-a";
pub(crate) const MAC: &str = "d0:0d:00:00:00:01";
pub(crate) const IP: &str = "10.128.0.10";
/// An address of documentation (RFC 5737).
pub(crate) const PUBLIC_IP: &str = "203.0.113.10";
/// The keys of the identity of a machine.
pub(crate) const IDENTITY: [&str; 4] = ["base64", "document", "dsa", "rsa"];

/// The limit of all names and values of attributes, in bytes (`compute/v1/instance_service.proto`).
const MAX_ATTRIBUTES: usize = 512 << 10;
const MAX_NAME: usize = 64;

/// A switch of the metadata service of a virtual machine (`yc compute instance update --metadata-options`). A request
/// to what an option that is off serves is a 400.
///
/// ```
/// use yandex_cloud_emulator::{Emulator, MetadataOption};
///
/// let _ = Emulator::builder().metadata_option(MetadataOption::GceHttpToken, false);
/// assert_eq!(MetadataOption::GceHttpToken.name(), "gce-http-token");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MetadataOption {
    /// The tree `/computeMetadata/`. On by default.
    GceHttpEndpoint,
    /// The tokens in `/computeMetadata/`. On by default.
    GceHttpToken,
    /// The tree `/latest/`. On by default.
    AwsV1HttpEndpoint,
    /// The tokens in `/latest/`. Off by default.
    AwsV1HttpToken,
}

impl MetadataOption {
    pub(crate) const ALL: [Self; 4] =
        [Self::GceHttpEndpoint, Self::GceHttpToken, Self::AwsV1HttpEndpoint, Self::AwsV1HttpToken];

    /// The name in the command line of `yc`, and in the control API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GceHttpEndpoint => "gce-http-endpoint",
            Self::GceHttpToken => "gce-http-token",
            Self::AwsV1HttpEndpoint => "aws-v1-http-endpoint",
            Self::AwsV1HttpToken => "aws-v1-http-token",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.name() == name)
    }
}

/// What can change while the machine runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) options: BTreeMap<MetadataOption, bool>,
}

impl Default for Settings {
    fn default() -> Self {
        let attributes = [
            ("enable-oslogin", "false"),
            ("serial-port-enable", "0"),
            ("user-data", "#cloud-config\nhostname: fake-emulator\n"),
        ];
        let options = MetadataOption::ALL.map(|option| (option, option != MetadataOption::AwsV1HttpToken));
        Self {
            attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            options: options.into(),
        }
    }
}

pub(crate) struct Machine {
    initial: Settings,
    settings: Mutex<Settings>,
}

impl Machine {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { initial: settings.clone(), settings: Mutex::new(settings) }
    }

    pub(crate) fn is_on(&self, option: MetadataOption) -> bool {
        lock(&self.settings).options.get(&option).copied().unwrap_or_default()
    }

    pub(crate) fn switch(&self, option: MetadataOption, on: bool) {
        lock(&self.settings).options.insert(option, on);
    }

    pub(crate) fn attributes(&self) -> BTreeMap<String, String> {
        lock(&self.settings).attributes.clone()
    }

    /// Sets attributes, and removes those without a value. All or none of the changes are made.
    pub(crate) fn change(&self, changes: BTreeMap<String, Option<String>>) -> Result<(), Status> {
        let mut settings = lock(&self.settings);
        let mut attributes = settings.attributes.clone();
        for (name, value) in changes {
            if name.is_empty() || name.len() > MAX_NAME || name.contains('/') {
                let problem = format!("the name of an attribute has 1 to {MAX_NAME} bytes and no slash");
                return Err(Status::invalid(problem));
            }
            match value {
                Some(value) => attributes.insert(name, value),
                None => attributes.remove(&name),
            };
        }
        let bytes: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_ATTRIBUTES {
            return Err(Status::invalid(format!("the attributes have more than {MAX_ATTRIBUTES} bytes")));
        }
        settings.attributes = attributes;
        Ok(())
    }

    pub(crate) fn reset(&self) {
        *lock(&self.settings) = self.initial.clone();
    }
}

/// `<id>.auto.internal`, the name of a machine that was created without one.
pub(crate) fn hostname() -> String {
    format!("{ID}.auto.internal")
}

/// A part of the identity of the machine. The fields of the document are documented; its signatures are fake.
pub(crate) fn identity(part: &str) -> String {
    let document = || {
        json!({
            "instanceId": ID,
            "productCodes": null,
            "imageId": "fd8fake0emulator0img",
            "productIds": ["f2efake0emulator0prd"],
            "createdAt": "2026-01-01T00:00:00Z",
            "version": "2017-09-30",
        })
        .to_string()
    };
    match part {
        "document" => document(),
        "base64" => STANDARD.encode(document()),
        other => STANDARD.encode(format!("FAKE-EMULATOR {other} signature")),
    }
}
