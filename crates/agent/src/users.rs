//! The users of this machine who may ask a listener for a token.

use crate::config::Address;
use crate::log_limit::LogLimit;
use crate::service::Peer;

/// Users by their numbers: root, the agent's own, and those of the configuration.
pub(crate) struct Users {
    /// The listener, for the log.
    listener: Address,
    allowed: Vec<u32>,
    own: Option<u32>,
    log_limit: LogLimit,
}

impl Users {
    pub(crate) fn new(listener: Address, allowed: &[u32]) -> Self {
        #[cfg(unix)]
        let own = Some(rustix::process::getuid().as_raw());
        #[cfg(not(unix))]
        let own = None;
        Self { listener, allowed: allowed.to_vec(), own, log_limit: LogLimit::default() }
    }

    /// Why this peer may not ask; `None` if it may. A refusal is in the log.
    pub(crate) fn refusal(&self, peer: Peer) -> Option<String> {
        let reason = match peer {
            Peer::User(uid) if !self.allows(uid) => {
                format!("the user {uid} may not ask: allow it with `allow_uids` or `--allow-uid {uid}`")
            }
            Peer::Unknown => {
                "the system does not tell whose process asks: the agent has to be able to read `/proc/net/tcp`"
                    .to_owned()
            }
            Peer::User(_) | Peer::Elsewhere => return None,
        };
        if self.log_limit.allows(&reason) {
            tracing::warn!(listener = %self.listener, reason, "a client is refused");
        }
        Some(reason)
    }

    fn allows(&self, uid: u32) -> bool {
        uid == 0 || Some(uid) == self.own || self.allowed.contains(&uid)
    }
}

#[cfg(test)]
mod tests {
    use test_support::log::Log;

    use super::*;

    fn users() -> Users {
        Users::new(Address::Unix("/run/yc-auth/sds.sock".into()), &[4711])
    }

    #[test]
    fn a_process_of_nobody_knows_whom_is_refused() {
        let users = users();
        let refused = |peer| users.refusal(peer).is_some();
        assert!(refused(Peer::Unknown) && refused(Peer::User(4712)));
        assert!(!refused(Peer::User(4711)) && !refused(Peer::User(0)) && !refused(Peer::Elsewhere));
    }

    #[test]
    fn the_log_names_each_user_who_is_refused_once() {
        let (users, log) = (users(), Log::of_target("yandex_cloud_auth_agent"));
        log.of(|| {
            for _ in 0..1000 {
                for peer in [Peer::User(4712), Peer::User(4713), Peer::User(4711), Peer::User(0)] {
                    users.refusal(peer);
                }
            }
        });
        let lines = log.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for (line, uid) in lines.iter().zip(["4712", "4713"]) {
            let user = format!("the user {uid} may not ask");
            for part in ["WARN", "a client is refused", "unix:/run/yc-auth/sds.sock", &user] {
                assert!(line.contains(part), "{part}: {line}");
            }
        }
    }
}
