//! The users of this machine who may ask a listener for a token.

use crate::service::Peer;

/// Users by their numbers: root, the agent's own, and those of the configuration.
pub(crate) struct Users {
    allowed: Vec<u32>,
    own: Option<u32>,
}

impl Users {
    pub(crate) fn new(allowed: &[u32]) -> Self {
        #[cfg(unix)]
        let own = Some(rustix::process::getuid().as_raw());
        #[cfg(not(unix))]
        let own = None;
        Self { allowed: allowed.to_vec(), own }
    }

    /// Why this peer may not ask; `None` if it may.
    pub(crate) fn refusal(&self, peer: Peer) -> Option<String> {
        match peer {
            Peer::User(uid) if !self.allows(uid) => Some(format!(
                "the user {uid} may not ask: allow it with `allow_uids` or `--allow-uid {uid}`"
            )),
            Peer::Unknown => Some(
                "the system does not tell whose process asks: the agent has to be able to read `/proc/net/tcp`"
                    .to_owned(),
            ),
            Peer::User(_) | Peer::Elsewhere => None,
        }
    }

    fn allows(&self, uid: u32) -> bool {
        uid == 0 || Some(uid) == self.own || self.allowed.contains(&uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_nobody_knows_whom_is_refused() {
        let users = Users::new(&[4711]);
        let refused = |peer| users.refusal(peer).is_some();
        assert!(refused(Peer::Unknown) && refused(Peer::User(4712)));
        assert!(!refused(Peer::User(4711)) && !refused(Peer::User(0)) && !refused(Peer::Elsewhere));
    }
}
