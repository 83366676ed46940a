//! What an agent has to do for an identity whose token it writes to Secrets: of several agents one renews the token.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

/// Where an agent stands with one Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does not hold the Lease, and knows of no agent that does.
    NoLease,
    /// Another agent holds the Lease.
    Standby,
    /// It holds the Lease, and cannot read or write the Secret.
    Failing,
    /// It holds the Lease, and the Secret is as it should be.
    Leading,
}

const STANDINGS: [Standing; 4] = [Standing::NoLease, Standing::Standby, Standing::Failing, Standing::Leading];

/// One Secret: where the agent stands with it, and what it has done. The writer changes it, others read.
#[derive(Default)]
pub(crate) struct Duty {
    /// The Secret, as `NAMESPACE/NAME`.
    pub(crate) secret: String,
    standing: AtomicU8,
    writes: AtomicU64,
    failures: AtomicU64,
    /// When the token in the Secret ends, in seconds since the Unix epoch; 0 if that is not known.
    end: AtomicU64,
}

impl Duty {
    pub(crate) fn new(secret: String) -> Arc<Self> {
        Arc::new(Self { secret, ..Self::default() })
    }

    pub(crate) fn standing(&self) -> Standing {
        STANDINGS[usize::from(self.standing.load(Ordering::Relaxed))]
    }

    pub(crate) fn set_standing(&self, standing: Standing) {
        self.standing.store(standing as u8, Ordering::Relaxed);
    }

    /// Whether this agent holds the Lease.
    pub(crate) fn leads(&self) -> bool {
        matches!(self.standing(), Standing::Leading | Standing::Failing)
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    pub(crate) fn count_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// When the token in the Secret ends, as far as this agent knows.
    pub(crate) fn end(&self) -> Option<SystemTime> {
        let seconds = self.end.load(Ordering::Relaxed);
        (seconds > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    pub(crate) fn set_end(&self, end: SystemTime) {
        let since = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.end.store(since.as_secs(), Ordering::Relaxed);
    }
}

/// The duties of one identity. Without any the identity is always renewed.
#[derive(Default)]
pub(crate) struct Duties {
    secrets: Mutex<Vec<Weak<Duty>>>,
    /// Whether other listeners serve the identity, so that it is renewed in any case.
    is_shared: AtomicBool,
}

impl Duties {
    /// Adds a Secret. It is gone when its last owner drops it.
    pub(crate) fn add(&self, duty: &Arc<Duty>) {
        let mut secrets = self.lock();
        secrets.retain(|secret| secret.strong_count() > 0);
        secrets.push(Arc::downgrade(duty));
    }

    pub(crate) fn set_shared(&self, is_shared: bool) {
        self.is_shared.store(is_shared, Ordering::Relaxed);
    }

    pub(crate) fn all(&self) -> Vec<Arc<Duty>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether this agent has to renew the token.
    pub(crate) fn renews(&self) -> bool {
        let all = self.all();
        self.is_shared.load(Ordering::Relaxed) || all.is_empty() || all.iter().any(|duty| duty.leads())
    }

    /// In a word or two, whether the agent does what it has to. `has_token`: whether there is a usable token.
    pub(crate) fn state(&self, has_token: bool) -> State {
        let all = self.all();
        let stands = |standing| all.iter().any(|duty| duty.standing() == standing);
        if stands(Standing::NoLease) {
            State::NoLease
        } else if stands(Standing::Failing) {
            State::NotWritten
        } else if self.renews() {
            if has_token { State::Ready } else { State::NoToken }
        } else {
            State::Standby
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Duty>>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of an identity, for probes and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Standby,
    NoToken,
    NoLease,
    NotWritten,
}

impl State {
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Ready | Self::Standby)
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Standby => "standby",
            Self::NoToken => "no token",
            Self::NoLease => "no lease",
            Self::NotWritten => "the Secret is not written",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_renewed_by_the_agent_that_leads_and_ready_if_each_secret_is_cared_for() {
        use Standing::{Failing, Leading, NoLease, Standby};
        for (standings, is_shared, renews, with_token, without) in [
            (&[][..], false, true, State::Ready, State::NoToken),
            (&[NoLease], false, false, State::NoLease, State::NoLease),
            (&[NoLease], true, true, State::NoLease, State::NoLease),
            (&[Standby], false, false, State::Standby, State::Standby),
            (&[Standby], true, true, State::Ready, State::NoToken),
            (&[Leading], false, true, State::Ready, State::NoToken),
            (&[Failing], false, true, State::NotWritten, State::NotWritten),
            (&[Standby, Leading], false, true, State::Ready, State::NoToken),
            (&[Standby, NoLease], false, false, State::NoLease, State::NoLease),
        ] {
            let duties = Duties::default();
            duties.set_shared(is_shared);
            let made: Vec<_> = standings
                .iter()
                .map(|standing| {
                    let duty = Duty::new("apps/token".to_owned());
                    duty.set_standing(*standing);
                    duties.add(&duty);
                    duty
                })
                .collect();
            let found = (duties.renews(), duties.state(true), duties.state(false));
            assert_eq!(found, (renews, with_token, without), "{standings:?}, shared: {is_shared}");
            drop(made);
            assert!(duties.renews() && duties.state(true) == State::Ready, "the duties are gone");
        }
    }
}
