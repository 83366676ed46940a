//! A Secret of Kubernetes that holds the token. Of all agents with the same Lease one, the holder, writes it.
//!
//! Where a program outgrows a machine, Kubernetes carries the token: the kubelet of each node brings the Secret to its
//! pods. The number of nodes changes nothing for IAM, which the holder alone asks.

mod api;
mod holder;
mod lease;
mod message;
mod secret;
mod times;

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use yandex_cloud_auth::Error;

use self::api::ApiServer;
use self::holder::Holder;
use self::lease::Election;
use crate::config::KubernetesSecretConfig;
use crate::duty::Duty;
use crate::identity::Identity;

/// For the fuzz targets: the patch for the Lease of another agent or of `me`, and the patch for a Secret.
pub(crate) mod parsers {
    use std::time::{Duration, SystemTime};

    use serde_json::Value;
    use yandex_cloud_auth::system::Now;

    use super::lease::{Election, Step};
    use super::secret::Found;

    pub(crate) fn lease_patch(lease: &Value, me: &str, now: Now) -> Option<String> {
        match Election::new(me.to_owned()).step(lease, now)? {
            Step::Claim(patch) => Some(patch),
            Step::Wait => None,
        }
    }

    pub(crate) fn secret_patch(
        body: &[u8],
        key: &str,
        token: &str,
        end: SystemTime,
    ) -> Option<(Option<SystemTime>, String)> {
        let found = Found::parse(body, key, token)?;
        let patch = found.patch(key, token, end, Duration::from_secs(60))?;
        Some((found.end(), patch.to_string()))
    }
}

/// A Secret that is kept fresh. Dropping it ends the work at once, and the Lease ends by itself.
pub(crate) struct KubernetesSecret {
    pub(crate) config: KubernetesSecretConfig,
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// A Secret that nobody works on yet.
pub(crate) struct PreparedSecret(Holder);

impl PreparedSecret {
    /// Finds the API server and the token for it.
    ///
    /// # Errors
    /// `Invalid` if there is no API server, or no token for it.
    pub(crate) fn new(config: &KubernetesSecretConfig, identity: Arc<Identity>) -> Result<Self, Error> {
        let system = identity.credentials.system();
        let pod = system.environment().variable("HOSTNAME").and_then(|name| name.into_string().ok());
        // A pod that starts again is another holder: nobody knows what the last one has left behind.
        let me = format!("{}_{:016x}", pod.as_deref().unwrap_or("agent"), fastrand::u64(..));
        let at = |error: Error| match error.location().map(|at| format!("{}: {at}", config.place())) {
            Some(place) => error.at(place),
            None => error.at(config.place()),
        };
        Ok(Self(Holder {
            server: ApiServer::new(config, system).map_err(at)?,
            election: Election::new(me),
            duty: Duty::new(config.place()),
            config: config.clone(),
            compared: None,
            own: None,
            conflicts: 0,
            told: Vec::new(),
            identity,
        }))
    }

    /// From now on the identity is renewed only if this agent is the holder, or if something else needs it.
    pub(crate) fn assign(&self) {
        self.0.identity.duties.add(&self.0.duty);
    }

    /// Works on the Secret from now on.
    pub(crate) fn start(self) -> KubernetesSecret {
        let (end, ended) = watch::channel(false);
        let config = self.0.config.clone();
        KubernetesSecret { config, end, task: tokio::spawn(self.0.run(ended)) }
    }
}

impl KubernetesSecret {
    /// Ends the work, and gives the Lease back.
    pub(crate) async fn end(mut self) {
        self.end.send_replace(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for KubernetesSecret {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The version of an object, as JSON.
fn version(object: &Value) -> Option<String> {
    object["metadata"]["resourceVersion"].as_str().map(quoted)
}
