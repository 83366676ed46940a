//! The state that all ports share, and its options.

mod access;
pub(crate) mod machine;
mod operation;
mod stored_response;

use std::sync::Mutex;
use std::time::Duration;

use crate::clock::VirtualClock;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::federation::{Federation, Issuer};
use crate::identity::{self, Grant, Identity, Issued, KeyFile, Renewal, Subject, TokenCache, TokenCreators};
pub(crate) use access::authenticated;
pub use machine::MetadataOption;
use machine::{Machine, Settings};
pub(crate) use operation::{Operation, Outcome};
pub(crate) use stored_response::{ResponseRecord, StoredResponse};

use crate::bounded_store::BoundedStore;
use crate::job::JobTiming;
use crate::sync::lock;
use crate::wire::status::Status;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) folder_id: String,
    pub(crate) cloud_id: String,
    pub(crate) service_account_id: String,
    pub(crate) token_creators: TokenCreators,
    pub(crate) oidc_subject: String,
    pub(crate) attach_service_account: bool,
    pub(crate) token_lifetime: Duration,
    pub(crate) metadata_renewal: Renewal,
    pub(crate) exchange_renewal: Renewal,
    /// The timing of operations and of background responses.
    pub(crate) job_timing: JobTiming,
    /// Models beside those that the emulator has by itself, as name and version.
    pub(crate) text_models: Vec<String>,
    pub(crate) embedding_models: Vec<String>,
    /// The first settings of the virtual machine.
    pub(crate) machine: Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder_id: "b1gfake0emulator0fld".to_owned(),
            cloud_id: "b1gfake0emulator0cld".to_owned(),
            service_account_id: "ajefake0emulator0sa0".to_owned(),
            token_creators: TokenCreators {
                impersonated: "ajefake0emulator0sa1".to_owned(),
                nested: "ajefake0emulator0sa2".to_owned(),
                listed: None,
            },
            oidc_subject: "repo:fake-emulator/fake-emulator:ref:refs/heads/main".to_owned(),
            attach_service_account: true,
            token_lifetime: Duration::from_secs(12 * 3600),
            metadata_renewal: Renewal::BelowPercent(10),
            exchange_renewal: Renewal::Always,
            job_timing: JobTiming { delay: Duration::from_secs(2), polls: None },
            text_models: Vec::new(),
            embedding_models: Vec::new(),
            machine: Settings::default(),
        }
    }
}

/// The user of the OAuth tokens.
const USER_ID: &str = "ajefake0emulator0usr";

pub(crate) struct Cloud {
    pub(crate) options: Options,
    pub(crate) clock: VirtualClock,
    pub(crate) counters: Counters,
    pub(crate) faults: Faults,
    pub(crate) identity: Identity,
    pub(crate) issuer: Issuer,
    pub(crate) federation: Federation,
    pub(crate) github_request_token: String,
    pub(crate) machine: Machine,
    pub(crate) responses: BoundedStore<StoredResponse>,
    pub(crate) operations: BoundedStore<Operation>,
    exchanged: TokenCache,
    metadata: TokenCache,
    /// The first key of the service account, created on the first request for it.
    key_file: Mutex<Option<String>>,
}

impl Cloud {
    pub(crate) fn new(
        options: Options,
        clock: VirtualClock,
        issuer: Issuer,
        federation: Federation,
    ) -> Result<Self, Status> {
        Ok(Self {
            counters: Counters::default(),
            faults: Faults::default(),
            identity: Identity::new(clock.clone()),
            issuer,
            federation,
            github_request_token: identity::github_request_token()?,
            machine: Machine::new(options.machine.clone()),
            responses: BoundedStore::default(),
            operations: BoundedStore::default(),
            exchanged: TokenCache::new(options.exchange_renewal),
            metadata: TokenCache::new(options.metadata_renewal),
            key_file: Mutex::default(),
            clock,
            options,
        })
    }

    pub(crate) fn service_account(&self) -> Subject {
        Subject::ServiceAccount(self.options.service_account_id.as_str().into())
    }

    pub(crate) fn user(&self) -> Subject {
        Subject::User(USER_ID.into())
    }

    /// A new IAM token of the service account.
    pub(crate) fn issue(&self, grant: Grant, lifetime: Duration) -> Result<Issued, Status> {
        self.make(self.service_account(), grant, lifetime)
    }

    /// IAM's token for a valid credential.
    pub(crate) fn exchange(
        &self,
        subject: &Subject,
        grant: &Grant,
        same_old: bool,
    ) -> Result<Issued, Status> {
        self.cached(&self.exchanged, subject, grant, same_old)
    }

    /// The first key of the service account, as a file. The first call creates the key; concurrent calls wait, because
    /// the lock is held meanwhile.
    pub(crate) fn service_account_key(&self) -> Result<String, Status> {
        let mut file = lock(&self.key_file);
        if let Some(file) = &*file {
            return Ok(file.clone());
        }
        Ok(file.insert(self.create_service_account_key()?.to_json()?).clone())
    }

    /// A new key of the service account.
    pub(crate) fn create_service_account_key(&self) -> Result<KeyFile, Status> {
        self.identity.create_key(&self.options.service_account_id)
    }

    /// The token of the virtual machine's service account.
    pub(crate) fn metadata_token(&self, same_old: bool) -> Result<Issued, Status> {
        self.cached(&self.metadata, &self.service_account(), &Grant::Metadata, same_old)
    }

    /// Restores the initial state, with the same OAuth tokens, API keys and authorized keys.
    pub(crate) fn reset(&self) {
        self.faults.clear();
        self.counters.reset();
        self.clock.reset();
        self.exchanged.forget();
        self.metadata.forget();
        self.identity.reset();
        self.responses.clear();
        self.operations.clear();
        self.machine.reset();
    }

    fn cached(
        &self,
        tokens: &TokenCache,
        subject: &Subject,
        grant: &Grant,
        same_old: bool,
    ) -> Result<Issued, Status> {
        tokens.get(
            subject,
            grant,
            self.clock.now(),
            same_old,
            |token| self.identity.is_revoked(token),
            || self.make(subject.clone(), grant.clone(), self.options.token_lifetime),
        )
    }

    fn make(&self, subject: Subject, grant: Grant, lifetime: Duration) -> Result<Issued, Status> {
        let issued = self.identity.issue_iam(subject, grant, lifetime)?;
        self.counters.count_token();
        Ok(issued)
    }
}
