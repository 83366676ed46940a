//! Leader election by a Lease: who may hold it, and until when. Pure: what the API server has and a reading of the clock in,
//! a patch out.
//!
//! The rules are those of client-go, so that tools for Kubernetes show the holder. An agent never compares its clock with
//! the times in the Lease, which are another agent's: it counts from the moment when it first saw a change.
//!
//! A Lease does not fence: an agent that was stopped for a while goes on with a write that it had begun. The Secret
//! guards itself (`secret.rs`).

use std::time::Duration;

use serde_json::Value;
use yandex_cloud_auth::system::Now;

use super::times::micro_time;
use super::{quoted, version};

/// How long a Lease is held without a renewal.
const DURATION: Duration = Duration::from_secs(30);

/// How often an agent looks at the Lease.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// What one agent knows about a Lease.
pub(super) struct Election {
    /// The name of this agent in the Lease.
    me: String,
    seen: Option<Seen>,
    /// Until when this agent acts as the holder.
    until: Option<Now>,
}

/// The content of a Lease as it was seen last.
struct Seen {
    content: String,
    /// When it was first seen.
    at: Now,
    /// How long from then on the Lease is another agent's.
    others: Duration,
}

/// What to do with a Lease.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Take it or keep it, with this patch.
    Claim(String),
    /// Another agent holds it.
    Wait,
}

impl Election {
    pub(super) fn new(me: String) -> Self {
        Self { me, seen: None, until: None }
    }

    pub(super) fn me(&self) -> &str {
        &self.me
    }

    /// What to do with the Lease that the API server has now. `None` if the object has no version: a patch without one
    /// would overwrite the claim of another agent.
    pub(super) fn step(&mut self, lease: &Value, now: Now) -> Option<Step> {
        let spec = &lease["spec"];
        let (content, is_mine) = (spec.to_string(), self.is_mine(lease));
        if self.seen.as_ref().is_none_or(|seen| seen.content != content) {
            let is_free = is_mine || spec["holderIdentity"].as_str().is_none_or(str::is_empty);
            let duration = spec["leaseDurationSeconds"].as_u64().map_or(DURATION, Duration::from_secs);
            self.seen =
                Some(Seen { content, at: now, others: if is_free { Duration::ZERO } else { duration } });
        }
        if self.other_holds(now) {
            self.until = None;
            return Some(Step::Wait);
        }
        let transitions = spec["leaseTransitions"].as_u64().unwrap_or(0);
        let (version, holder, time) = (version(lease)?, quoted(&self.me), micro_time(now.wall));
        let acquired = quoted(spec["acquireTime"].as_str().filter(|_| is_mine).unwrap_or(&time));
        let transitions = if is_mine { transitions } else { transitions.saturating_add(1) };
        let seconds = DURATION.as_secs();
        Some(Step::Claim(format!(
            r#"{{"metadata":{{"resourceVersion":{version}}},"spec":{{"holderIdentity":{holder},"leaseDurationSeconds":{seconds},"acquireTime":{acquired},"renewTime":"{time}","leaseTransitions":{transitions}}}}}"#
        )))
    }

    /// The API server has taken a claim that was begun at `begun`. The agent stops to act as the holder before others may
    /// take the Lease: they count from a later moment.
    pub(super) fn claimed(&mut self, begun: Now) {
        self.until = Some(begun + DURATION * 2 / 3);
    }

    /// Another agent has changed the Lease meanwhile.
    pub(super) fn lost(&mut self) {
        self.until = None;
    }

    /// Whether this agent acts as the holder.
    pub(super) fn leads(&self, now: Now) -> bool {
        self.until.is_some_and(|until| now.is_before(&until))
    }

    /// Whether another agent holds the Lease, as far as this one knows.
    pub(super) fn other_holds(&self, now: Now) -> bool {
        self.seen.as_ref().is_some_and(|seen| now.monotonic.saturating_sub(seen.at.monotonic) < seen.others)
    }

    /// The patch that gives the Lease back; `None` if this agent does not have it.
    pub(super) fn release(&self, lease: &Value, now: Now) -> Option<String> {
        let version = version(lease).filter(|_| self.is_mine(lease))?;
        let time = micro_time(now.wall);
        Some(format!(
            r#"{{"metadata":{{"resourceVersion":{version}}},"spec":{{"holderIdentity":"","leaseDurationSeconds":1,"acquireTime":"{time}","renewTime":"{time}"}}}}"#
        ))
    }

    fn is_mine(&self, lease: &Value) -> bool {
        lease["spec"]["holderIdentity"] == *self.me
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const START: Now = Now { wall: Duration::from_secs(1_795_478_400), monotonic: Duration::from_secs(3600) };

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn election() -> Election {
        Election::new("me".to_owned())
    }

    fn held(by: &str, renewed: &str) -> Value {
        let spec = json!({
            "holderIdentity": by, "leaseDurationSeconds": 60, "acquireTime": "then", "renewTime": renewed,
            "leaseTransitions": 7,
        });
        json!({ "metadata": { "resourceVersion": "5" }, "spec": spec })
    }

    fn claim(election: &mut Election, lease: &Value, now: Now) -> Value {
        match election.step(lease, now) {
            Some(Step::Claim(patch)) => serde_json::from_str(&patch).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_lease_is_taken_and_ones_own_is_kept() {
        let empty = json!({ "metadata": { "resourceVersion": "1" } });
        let expected = |version: &str, acquired: &str, transitions: u64| {
            json!({
                "metadata": { "resourceVersion": version },
                "spec": {
                    "holderIdentity": "me", "leaseDurationSeconds": 30, "acquireTime": acquired,
                    "renewTime": "2026-11-24T00:00:00.000000Z", "leaseTransitions": transitions,
                },
            })
        };
        let now = "2026-11-24T00:00:00.000000Z";
        assert_eq!(claim(&mut election(), &empty, START), expected("1", now, 1));
        assert_eq!(claim(&mut election(), &held("me", "x"), START), expected("5", "then", 7));
        assert_eq!(claim(&mut election(), &held("", "x"), START), expected("5", now, 8));
    }

    #[test]
    fn a_lease_without_a_version_is_not_touched() {
        assert_eq!(election().step(&json!({ "spec": {} }), START), None);
        assert_eq!(election().release(&json!({ "spec": { "holderIdentity": "me" } }), START), None);
    }

    /// The times in the Lease are of another clock: they count as marks only.
    #[test]
    fn another_holder_is_waited_for_as_long_as_its_lease_says_after_its_last_change() {
        let mut election = election();
        assert_eq!(election.step(&held("other", "a"), START), Some(Step::Wait));
        assert_eq!(election.step(&held("other", "a"), START + secs(59)), Some(Step::Wait));
        assert_eq!(election.step(&held("other", "b"), START + secs(59)), Some(Step::Wait), "it was renewed");
        assert_eq!(election.step(&held("other", "b"), START + secs(118)), Some(Step::Wait));
        assert!(election.other_holds(START + secs(118)) && !election.other_holds(START + secs(119)));
        let patch = claim(&mut election, &held("other", "b"), START + secs(119));
        assert_eq!(
            (&patch["spec"]["holderIdentity"], &patch["spec"]["leaseTransitions"]),
            (&json!("me"), &json!(8))
        );
    }

    #[test]
    fn a_wall_clock_that_jumps_does_not_take_the_lease_of_another() {
        let mut election = election();
        assert_eq!(election.step(&held("other", "a"), START), Some(Step::Wait));
        let jumped = Now { wall: START.wall + secs(86_400), monotonic: START.monotonic + secs(1) };
        assert_eq!(election.step(&held("other", "a"), jumped), Some(Step::Wait));
    }

    #[test]
    fn the_holder_stops_before_others_may_begin() {
        let mut election = election();
        assert!(!election.leads(START));
        election.claimed(START);
        assert!(election.leads(START + secs(19)) && !election.leads(START + secs(20)));
        // The machine was suspended: one clock is enough.
        let resumed = Now { wall: START.wall + secs(20), monotonic: START.monotonic };
        assert!(!election.leads(resumed));
        election.claimed(START);
        election.lost();
        assert!(!election.leads(START));
        election.claimed(START);
        assert_eq!(election.step(&held("other", "a"), START), Some(Step::Wait));
        assert!(!election.leads(START), "another agent has the Lease");
    }

    #[test]
    fn only_ones_own_lease_is_given_back() {
        let patch = election().release(&held("me", "x"), START).unwrap();
        let patch: Value = serde_json::from_str(&patch).unwrap();
        assert_eq!(patch["metadata"]["resourceVersion"], "5");
        assert_eq!(
            (&patch["spec"]["holderIdentity"], &patch["spec"]["leaseDurationSeconds"]),
            (&json!(""), &json!(1))
        );
        assert_eq!(election().release(&held("other", "x"), START), None);
    }
}
