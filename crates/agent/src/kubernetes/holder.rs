//! The agent at work on one Secret: in each turn it takes or keeps the Lease, and as the holder compares the Secret with
//! the token.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::Value;
use tokio::sync::watch;
use yandex_cloud_auth::sdk_internals::parse_json;
use yandex_cloud_auth::system::{Clock, Now};
use yandex_cloud_auth::{Error, ErrorKind, Scheme, Snapshot, System};

use super::api::{ApiServer, Failure, lease_path, secret_path};
use super::lease::{Election, PAUSE, Step};
use super::secret::{Found, Held};
use crate::config::KubernetesSecretConfig;
use crate::duty::{Duty, Standing};
use crate::identity::Identity;

/// How often the holder looks whether the Secret still has the token that it wrote: somebody may have put it back.
const LOOK: Duration = Duration::from_secs(60);

/// A Lease has no token.
const NO_TOKEN: &str = "";

/// What works on one Secret.
pub(super) struct Holder {
    pub(super) config: KubernetesSecretConfig,
    pub(super) identity: Arc<Identity>,
    pub(super) duty: Arc<Duty>,
    pub(super) server: ApiServer,
    pub(super) election: Election,
    /// The number of the token that was compared with the Secret, and when.
    pub(super) compared: Option<(u64, Now)>,
    /// The number of the token that the Secret had last from this holder.
    pub(super) own: Option<u64>,
    /// How many claims of the Lease in a row met a conflict.
    pub(super) conflicts: u32,
    /// What has failed since the last success, so that the log has it once. The texts of a server can be new each time.
    pub(super) told: Vec<(&'static str, ErrorKind, Option<StatusCode>)>,
}

impl Holder {
    /// Works until `ended`, then gives the Lease back.
    pub(super) async fn run(mut self, mut ended: watch::Receiver<bool>) {
        // Whatever the work does when it is dropped, the Secret and the Lease have versions that guard them.
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => {}
            () = self.work() => {}
        }
        self.release().await;
    }

    async fn work(&mut self) {
        let identity = Arc::clone(&self.identity);
        let mut tokens = identity.credentials.subscribe();
        loop {
            self.turn().await;
            tokio::select! {
                Some(_) = tokens.changed(), if self.duty.leads() => {}
                () = identity.credentials.system().clock().sleep(PAUSE) => {}
            }
        }
    }

    async fn turn(&mut self) {
        let led = self.duty.leads();
        let renewed = self.renew().await;
        if let Err(failure) = &renewed {
            self.failed(failure, "cannot renew the Lease");
        }
        let now = self.clock().now();
        if !self.election.leads(now) {
            if led {
                self.tell("lost the Lease: another agent may write the Secret now");
            }
            let is_held = self.election.other_holds(now);
            if is_held && renewed.is_ok() {
                self.told.clear();
            }
            self.duty.set_standing(if is_held { Standing::Standby } else { Standing::NoLease });
            return;
        }
        if !led {
            self.tell("won the Lease: this agent writes the Secret");
            self.duty.set_standing(Standing::Leading);
        }
        match self.compare().await {
            Ok(()) => {
                self.duty.set_standing(Standing::Leading);
                if renewed.is_ok() {
                    self.told.clear();
                }
            }
            Err(failure) => {
                self.duty.set_standing(Standing::Failing);
                self.failed(&failure, "cannot write the Secret, which keeps the last token");
            }
        }
    }

    /// Takes the Lease if it is free, or keeps it. After a conflict it is another agent's, until the next turn tells.
    async fn renew(&mut self) -> Result<(), Failure> {
        let begun = self.clock().now();
        let path = lease_path(&self.config);
        let lease = self.lease(&path).await?;
        match self.election.step(&lease, self.clock().now()) {
            None => return Err(unreadable(&path)),
            Some(Step::Wait) => self.conflicts = 0,
            Some(Step::Claim(patch)) => {
                if self.server.patch(&path, &patch, NO_TOKEN, self.system()).await? {
                    self.election.claimed(begun);
                    self.conflicts = 0;
                } else {
                    self.election.lost();
                    self.conflicts = self.conflicts.saturating_add(1);
                    // One is usual: the other agent has the Lease now.
                    if self.conflicts > 1 {
                        return Err(conflict(&path));
                    }
                }
            }
        }
        Ok(())
    }

    /// Compares the Secret with the token of the identity, and writes the token if it ends later, or if somebody has changed what
    /// this holder has written.
    async fn compare(&mut self) -> Result<(), Failure> {
        // The identity tells the log why it has no token.
        let Some(token) = self.identity.credentials.snapshot() else { return Ok(()) };
        let is_known = self.compared.is_some_and(|(generation, at)| {
            generation == token.generation() && self.clock().now().is_before(&(at + LOOK))
        });
        if is_known {
            return Ok(());
        }
        let (value, end) = parts(&token)?;
        let path = secret_path(&self.config);
        let body = self.server.get(&path, value, self.system()).await?;
        let found = Found::parse(&body, &self.config.key, value).ok_or_else(|| unreadable(&path))?;
        let present = found.end().filter(|present| seconds(*present) >= seconds(end));
        let has_own_end = present.is_some_and(|present| seconds(present) == seconds(end));
        // The end is that of this holder's token, so the value is not of another agent, whose token would end later.
        let is_changed = has_own_end && self.own == Some(token.generation()) && found.value() == Held::Other;
        if let Some(present) = present.filter(|_| !is_changed) {
            let is_new = self.compared.is_none_or(|(generation, _)| generation != token.generation());
            if is_new && !has_own_end {
                self.tell("the Secret has a token that ends later, which stays");
            }
            if found.value() == Held::Same {
                self.own = Some(token.generation());
            }
            self.settled(&token, present);
            return Ok(());
        }
        if is_changed {
            self.tell("somebody has changed the token in the Secret: it is written again");
        }
        let now = self.clock().now();
        let life = end.duration_since(SystemTime::UNIX_EPOCH + now.wall).unwrap_or_default();
        let patch = found.patch(&self.config.key, value, end, life).ok_or_else(|| unreadable(&path))?;
        // Reading took its time.
        if !self.election.leads(now) {
            return Ok(());
        }
        if !self.server.patch(&path, &patch, value, self.system()).await? {
            let reason = "somebody else has changed the Secret; it is read again";
            return Err(Failure::new(StatusCode::CONFLICT, reason, &path));
        }
        self.tell("wrote the token");
        self.duty.count_write();
        self.own = Some(token.generation());
        self.settled(&token, end);
        Ok(())
    }

    fn settled(&mut self, token: &Snapshot, end: SystemTime) {
        self.compared = Some((token.generation(), self.clock().now()));
        self.duty.set_end(end);
    }

    /// Gives the Lease back, so that another agent need not wait for its end.
    async fn release(&mut self) {
        if !self.duty.leads() {
            return;
        }
        self.duty.set_standing(Standing::NoLease);
        let path = lease_path(&self.config);
        let released = async {
            let lease = self.lease(&path).await?;
            match self.election.release(&lease, self.clock().now()) {
                Some(patch) => self.server.patch(&path, &patch, NO_TOKEN, self.system()).await,
                None => Ok(false),
            }
        };
        match released.await {
            Ok(true) => self.tell("gave the Lease back"),
            Ok(false) => self.tell("another agent has the Lease already"),
            Err(failure) => self.failed(&failure, "cannot give the Lease back, which ends by itself"),
        }
    }

    async fn lease(&self, path: &str) -> Result<Value, Failure> {
        let body = self.server.get(path, NO_TOKEN, self.system()).await?;
        parse_json(&body).ok_or_else(|| unreadable(path))
    }

    fn tell(&self, what: &str) {
        let holder = self.election.me();
        tracing::info!(secret = self.duty.secret, lease = self.config.lease(), holder, "{what}");
    }

    fn failed(&mut self, failure: &Failure, what: &'static str) {
        self.duty.count_failure();
        let Failure { error, status } = failure;
        let (secret, help) = (&self.duty.secret, error.help().unwrap_or_default());
        let about = (what, error.kind(), *status);
        if self.told.contains(&about) {
            tracing::debug!(secret, %error, "{what}");
        } else {
            tracing::warn!(secret, %error, help, "{what}");
            self.told.push(about);
        }
    }

    fn system(&self) -> &System {
        self.identity.credentials.system()
    }

    fn clock(&self) -> &dyn Clock {
        self.system().clock()
    }
}

/// The token and its end, if it can be written.
fn parts(token: &Snapshot) -> Result<(&str, SystemTime), Error> {
    let refused =
        |reason: &str, help: &'static str| Err(Error::new(ErrorKind::Invalid, reason).with_help(help));
    let value = token.expose_secret().filter(|_| token.scheme() == Some(Scheme::Bearer));
    match (value, token.expires_at()) {
        (Some(value), Some(end)) => Ok((value, end)),
        (Some(_), None) => refused(
            "nobody knows when the token ends, so nobody can tell the newer one of two",
            "give a key of a service account, or another source that says when its tokens end",
        ),
        (None, _) => refused(
            "the identity has no IAM token: it has an API key, or nothing",
            "a key does not change: put it into a Secret by hand",
        ),
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn unreadable(path: &str) -> Failure {
    Failure::new(StatusCode::OK, "the response is no such object of Kubernetes", path)
}

fn conflict(path: &str) -> Failure {
    let reason = "HTTP 409: somebody else changes the Lease each time, and no agent takes it";
    let mut failure = Failure::new(StatusCode::CONFLICT, reason, path);
    failure.error = failure.error.with_help(
        "look at `managedFields` of the Lease for what else writes to it, and at the admission webhooks for Leases",
    );
    failure
}
