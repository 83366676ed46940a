//! The protocol between processes: who reads, who fetches, and who waits.
//!
//! A process that needs a token looks at the entry first. If the entry does not do, the process takes the lock of the
//! entry, looks once more, fetches, and replaces the entry. The other processes look at the entry again and again until
//! it has what they need, or the record of a failure. Half of its time is the most that a process waits for another
//! one; then it fetches for itself.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::entry::{Entry, Moment, NewEntry, ReadSecret, is_newer, read_iam_token};
use super::failure::Failure;
use super::identity::CacheIdentity;
use super::listing::ENTRY;
use super::seal::Sealer;
use crate::Error;
use crate::log::log;
use crate::secret::Secret;
use crate::system::{CacheStore, HeldLock, Now, StoreWork, System};

/// The suffix of the record of a failure.
const FAILURE: &str = ".failure";

/// How long a process sleeps between two looks: at first, and at most.
const FIRST_SLEEP: Duration = Duration::from_millis(5);
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// What the caller needs.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// Any usable token. A stale one does.
    Usable,
    /// A fresh token, other than this one. Without one at hand, a stale token is the last resort.
    Fresh { other_than: Option<&'a Secret> },
    /// A usable token in the place of one that a server refused.
    Replacement { of: &'a Secret },
    /// A token whose fetch begins from now on.
    Renewed,
}

/// How long the call may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// The time that the callers have in all.
    pub(crate) callers: Duration,
    /// The time that one fetch may take.
    pub(crate) fetch: Duration,
}

/// Where the token came from.
pub(crate) enum Lookup<T> {
    /// From the entry. `age` counts from the begin of its fetch.
    Entry { token: NewEntry, age: Duration },
    /// From a fetch of this process, which began at the moment.
    Fetched(T, Now),
}

/// One call.
pub(crate) struct Call<'a> {
    work: &'a StoreWork,
    system: &'a System,
    identity: &'a CacheIdentity,
    wanted: Wanted<'a>,
    /// Whether this process has revoked a token.
    is_revoked: fn(&str) -> bool,
    read_secret: ReadSecret,
    sealer: Sealer,
    name: String,
    /// When the call began.
    began: Moment,
}

/// What the store has.
struct Found {
    entry: Option<Entry>,
    failure: Option<Failure>,
}

/// A process that may fetch, or the reason why not.
enum Turn {
    /// This process fetches, under the lock.
    Ours(HeldLock),
    /// The entry has what is wanted now, or the fetch of another process has failed.
    Ended(Box<Found>),
    /// The other process takes too long.
    WaitedEnough,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        work: &'a StoreWork,
        identity: &'a CacheIdentity,
        wanted: Wanted<'a>,
        is_revoked: fn(&str) -> bool,
        system: &'a System,
    ) -> Self {
        let sealer = Sealer::new(identity);
        let name = sealer.name(identity);
        let began = Moment::now(system.clock());
        Self { work, system, identity, wanted, is_revoked, read_secret: read_iam_token, sealer, name, began }
    }

    /// The same call, for entries with another secret than an IAM token.
    #[cfg(feature = "object-storage")]
    pub(crate) fn reading(self, read_secret: ReadSecret) -> Self {
        Self { read_secret, ..self }
    }

    /// A token of the cache, or what `fetch` returns. `fetch` gets the time that it has; `describe` says what is stored
    /// of its token, and whether anything is.
    pub(crate) async fn run<T>(
        &self,
        limits: Limits,
        fetch: impl AsyncFnOnce(Duration) -> Result<T, Error>,
        describe: impl Fn(&T, Now) -> Option<NewEntry>,
    ) -> Result<Lookup<T>, Error> {
        let clock = self.system.clock();
        let start = clock.now().monotonic;
        let turn = self.turn(limits, start).await;
        let lock = match turn {
            Ok(Turn::Ended(found)) => {
                return match self.end(*found) {
                    Err(error) => self.or_last_resort(error).await,
                    token => token,
                };
            }
            Ok(Turn::Ours(lock)) => Some(lock),
            Ok(Turn::WaitedEnough) => {
                log(|| {
                    tracing::debug!("another process takes long to fetch; this process fetches for itself");
                });
                None
            }
            Err(error) => {
                log(|| tracing::debug!(%error, "the shared cache cannot be used; the call does without"));
                let began = clock.now();
                let token = fetch(limits.fetch).await?;
                return Ok(Lookup::Fetched(token, began));
            }
        };
        let began = clock.now();
        let waited = began.monotonic.saturating_sub(start);
        let left = limits.callers.saturating_sub(waited);
        // The time that is left, where a wait has used some; the whole of it, where there was none.
        let limit =
            if waited.is_zero() { limits.fetch } else { limits.fetch.min(left.max(limits.callers / 2)) };
        let outcome = fetch(limit).await;
        match &outcome {
            Ok(token) => {
                if let Some(new) = describe(token, began) {
                    self.store(new, began).await;
                }
            }
            Err(error) => self.record(error).await,
        }
        // Not before the entry or the record is in place: the next process would fetch again.
        drop(lock);
        match outcome {
            Ok(token) => Ok(Lookup::Fetched(token, began)),
            Err(error) => self.or_last_resort(error).await,
        }
    }

    /// Looks at the entry, and waits for the lock or for the end of another process's fetch.
    async fn turn(&self, limits: Limits, start: Duration) -> io::Result<Turn> {
        let found = self.look().await?;
        if self.is_enough(&found, false) {
            return Ok(Turn::Ended(Box::new(found)));
        }
        let clock = self.system.clock();
        let patience = limits.callers / 2;
        let mut sleep = FIRST_SLEEP;
        let mut has_waited = false;
        loop {
            if let Some(lock) = self.try_lock(limits.fetch).await? {
                let found = self.look().await?;
                return Ok(if self.is_enough(&found, has_waited) {
                    Turn::Ended(Box::new(found))
                } else {
                    Turn::Ours(lock)
                });
            }
            has_waited = true;
            let waited = clock.now().monotonic.saturating_sub(start);
            let Some(left) = patience.checked_sub(waited).filter(|left| !left.is_zero()) else {
                return Ok(Turn::WaitedEnough);
            };
            clock.sleep(sleep.min(left)).await;
            sleep = (sleep * 2).min(LONGEST_SLEEP);
            let found = self.look().await?;
            if self.is_enough(&found, has_waited) {
                return Ok(Turn::Ended(Box::new(found)));
            }
        }
    }

    /// Whether the entry has what is wanted, or a fetch has failed that this call need not repeat. A process that
    /// `waited` shares the failure of the other one.
    fn is_enough(&self, found: &Found, waited: bool) -> bool {
        let now = Moment::now(self.system.clock());
        if found.entry.as_ref().is_some_and(|entry| self.does(entry, &now)) {
            return true;
        }
        found.failure.as_ref().is_some_and(|failure| self.counts(failure, waited, &now))
    }

    /// Whether a failure ends this call.
    fn counts(&self, failure: &Failure, waited: bool, now: &Moment) -> bool {
        let Some(age) = failure.age(now) else { return false };
        match self.wanted {
            // A stale token is at hand, so nobody is in a hurry.
            Wanted::Fresh { .. } => true,
            _ => waited && self.began.age(now).is_some_and(|since_began| age <= since_began),
        }
    }

    /// Whether the entry has what is wanted.
    fn does(&self, entry: &Entry, now: &Moment) -> bool {
        let Some(age) = entry.began.age(now).filter(|_| !(self.is_revoked)(entry.secret.expose())) else {
            return false;
        };
        let is_fresh = age < entry.fresh;
        match self.wanted {
            Wanted::Usable => age < entry.usable && !entry.refused,
            Wanted::Fresh { other_than } => is_fresh && !entry.refused && other_than != Some(&entry.secret),
            Wanted::Replacement { of } => age < entry.usable && *of != entry.secret && !entry.refused,
            Wanted::Renewed => self.began.age(now).is_some_and(|since_began| age < since_began),
        }
    }

    /// What this call ends with, without a fetch of its own.
    fn end<T>(&self, found: Found) -> Result<Lookup<T>, Error> {
        let now = Moment::now(self.system.clock());
        match (found.entry, found.failure) {
            (Some(entry), _) if self.does(&entry, &now) => Ok(lookup(entry, &now)),
            (_, Some(failure)) => Err(failure.error),
            // The token has ended since the look.
            (_, None) => {
                Err(Error::new(crate::ErrorKind::Unavailable, "the token of the shared cache has just ended"))
            }
        }
    }

    /// The error, or the last resort of a process without a token: one that a server refused, since another server may
    /// accept it, or a stale one that could not be renewed.
    async fn or_last_resort<T>(&self, error: Error) -> Result<Lookup<T>, Error> {
        if !matches!(self.wanted, Wanted::Usable | Wanted::Fresh { other_than: None }) {
            return Err(error);
        }
        let Ok(Found { entry: Some(entry), .. }) = self.look().await else { return Err(error) };
        let now = Moment::now(self.system.clock());
        let is_usable = entry.began.age(&now).is_some_and(|age| age < entry.usable);
        if is_usable && !(self.is_revoked)(entry.secret.expose()) {
            Ok(lookup(entry, &now))
        } else {
            Err(error)
        }
    }

    /// Whether the entry is stale, and nobody renews it: no process holds the lock, and no attempt has just failed.
    pub(crate) async fn is_renewal_due(&self) -> bool {
        let Ok(found) = self.look().await else { return false };
        if found.entry.is_none() || self.is_enough(&found, false) {
            return false;
        }
        matches!(self.try_lock(Duration::ZERO).await, Ok(Some(_)))
    }

    async fn look(&self) -> io::Result<Found> {
        let (of_entry, of_failure) = (self.file(ENTRY), self.file(FAILURE));
        let (entry, failure) = self
            .work
            .run(self.system, move |store| Ok((store.read(&of_entry)?, store.read(&of_failure)?)))
            .await?;
        if entry.as_ref().is_some_and(|text| is_newer(text)) {
            return Err(io::Error::other("a newer version of this library wrote the entry"));
        }
        Ok(Found {
            entry: entry.and_then(|text| Entry::read(&text, &self.name, &self.sealer, self.read_secret)),
            failure: failure.and_then(|text| Failure::read(&text, &self.name, &self.sealer)),
        })
    }

    /// Takes the lock, also that of a holder whose own deadline has passed.
    async fn try_lock(&self, limit: Duration) -> io::Result<Option<HeldLock>> {
        let now = Moment::now(self.system.clock());
        let note = json!({ "since": now.to_json(), "lasts_ms": super::entry::millis(limit) }).to_string();
        let is_over = move |note: &str| {
            let note: Option<Value> = serde_json::from_str(note).ok();
            note.as_ref().and_then(|note| is_over(note, &now)).unwrap_or(false)
        };
        let name = self.name.clone();
        self.work.run(self.system, move |store| store.try_lock(&name, &note, &is_over)).await
    }

    /// Replaces the entry, unless a younger one has come.
    async fn store(&self, new: NewEntry, began: Now) {
        let clock = self.system.clock();
        let found = self.look().await;
        let before = found.as_ref().ok().and_then(|found| found.entry.as_ref());
        let is_same = before.is_some_and(|before| before.secret == new.secret);
        let generation = before.map_or(1, |before| before.generation + u64::from(!is_same));
        let is_refused = match self.wanted {
            Wanted::Replacement { of } => *of == new.secret,
            _ => is_same && before.is_some_and(|before| before.refused),
        };
        let mut entry = Entry::new(new, began, clock, generation);
        entry.refused = is_refused;
        let now = Moment::now(clock);
        let is_younger = |before: &&Entry| {
            before.began.age(&now) < entry.began.age(&now) && self.does_not_end(before, &now)
        };
        if before.filter(is_younger).is_some() {
            return;
        }
        let text = entry.write(&self.name, self.identity, &self.sealer);
        let (of_entry, of_failure) = (self.file(ENTRY), self.file(FAILURE));
        let stored = async {
            let text = text.ok_or_else(|| io::Error::other("the entry could not be sealed"))?;
            self.work
                .run(self.system, move |store| {
                    store.write(&of_entry, &text)?;
                    store.remove(&of_failure)
                })
                .await
        };
        told(found.map(drop).and(stored.await));
    }

    /// Whether an entry is good for the processes that come next.
    fn does_not_end(&self, entry: &Entry, now: &Moment) -> bool {
        let is_unwanted = matches!(self.wanted, Wanted::Replacement { of } if *of == entry.secret);
        entry.began.age(now).is_some_and(|age| age < entry.usable) && !entry.refused && !is_unwanted
    }

    /// Tells the processes that wait that the fetch has failed.
    async fn record(&self, error: &Error) {
        let failure = Failure::new(error, Moment::now(self.system.clock()));
        let text = failure.write(&self.name, self.identity, &self.sealer);
        let of_failure = self.file(FAILURE);
        if let Some(text) = text {
            told(self.work.run(self.system, move |store| store.write(&of_failure, &text)).await);
        }
    }

    /// Marks the token of the entry as refused, if it is this one. No process takes it then, while it can get another.
    pub(crate) async fn refuse(&self, refused: &Secret) {
        let Ok(Found { entry: Some(mut entry), .. }) = self.look().await else { return };
        if entry.secret != *refused || entry.refused {
            return;
        }
        entry.refused = true;
        let of_entry = self.file(ENTRY);
        if let Some(text) = entry.write(&self.name, self.identity, &self.sealer) {
            // Where nothing can be written, as on a full disk, the token goes without its mark.
            let mark = move |store: &dyn CacheStore| {
                store.write(&of_entry, &text).or_else(|_| store.remove(&of_entry))
            };
            told(self.work.run(self.system, mark).await);
        }
    }

    fn file(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }
}

fn is_over(note: &Value, now: &Moment) -> Option<bool> {
    let since = Moment::from_json(&note["since"])?;
    let lasts = super::entry::duration(&note["lasts_ms"])?;
    // A holder whose lock is from another boot, or from the future, has a note that says nothing.
    Some(since.age(now)? > lasts)
}

fn lookup<T>(entry: Entry, now: &Moment) -> Lookup<T> {
    let age = entry.began.age(now).unwrap_or(entry.life);
    let Entry { secret, began, fresh, usable, life, expires_at, .. } = entry;
    Lookup::Entry { token: NewEntry { secret, began: began.wall, fresh, usable, life, expires_at }, age }
}

fn told(outcome: io::Result<()>) {
    if let Err(error) = outcome {
        log(|| tracing::debug!(%error, "the shared cache could not be written"));
    }
}

#[cfg(test)]
mod tests;
