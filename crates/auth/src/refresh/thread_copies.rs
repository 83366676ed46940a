//! The headers that a thread keeps for itself, so that a call writes no memory that other threads use.
//!
//! A copy is made by the second call of a thread for the same credentials. The copy counts until the next *change* in the
//! process: a token that is replaced or invalidated, a revocation, the end of credentials that were copied. All changes
//! share one number. A thread that finds another number drops all of its copies, of whichever credentials, so a
//! replaced token is gone with the next call of the thread, or with its end.
//!
//! Copies are secrets, so they are few: [`PER_THREAD`] in a thread and [`PER_PROCESS`] in all. A call without a copy
//! takes the shared header.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::HeaderValue;

use super::cached_header::CachedHeader;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::system::Now;

/// More copies in one thread would be for programs with many credentials, which are rarely hot at once.
pub(super) const PER_THREAD: usize = 4;

/// After a fork the child inherits the number of copies, also of threads that it does not have.
const PER_PROCESS: usize = 256;

/// How many changes there were. Read by every call, and written by changes alone.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// How many copies the process has.
static COPIES: AtomicUsize = AtomicUsize::new(0);

/// The last number that was given to credentials.
static LAST_ID: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static MINE: RefCell<ThreadCopies> = const { RefCell::new(ThreadCopies::NONE) };
}

/// Makes all copies of the process obsolete. Called after the change, so that a thread that sees the new number sees the
/// change.
pub(crate) fn record_change() {
    CHANGES.fetch_add(1, Ordering::Release);
}

/// What tells the copies of one set of credentials from those of others.
#[derive(Default)]
pub(super) struct CopyKey {
    /// Zero until the first call.
    id: AtomicU64,
    /// Whether a thread has made a copy. Credentials without one cost other threads nothing when they end.
    was_copied: AtomicBool,
}

impl CopyKey {
    /// The copy of this thread, if there is one and both clocks say that its token is fresh.
    #[inline]
    pub(super) fn get(&self, now: &Now) -> Option<Rc<ThreadCopy>> {
        let id = self.id.load(Ordering::Relaxed);
        // A thread that is being torn down has no copies any more.
        MINE.try_with(|mine| {
            // Never waits: only the clock and the allocator of the program could lead back here.
            let mine = mine.try_borrow().ok()?;
            let slot = &mine.slots[slot_of(id)];
            let is_current = mine.changes == CHANGES.load(Ordering::Acquire);
            let is_ready = (slot.id == id) & is_current & slot.fresh_until.is_after(now);
            if is_ready { slot.copy.clone() } else { None }
        })
        .ok()
        .flatten()
    }

    /// Gives this thread a copy of `header`, if it is fresh and there is a place; drops the copy of a token that is no
    /// longer fresh. `changes` is the number from before the caller loaded the header: if the header was replaced in
    /// between, the copy is never read.
    pub(super) fn update(&self, header: Option<&CachedHeader>, now: &Now, changes: u64) {
        let id = self.id();
        let _ = MINE.try_with(|mine| {
            let Ok(mut mine) = mine.try_borrow_mut() else { return };
            if mine.changes != changes {
                return;
            }
            let slot = &mut mine.slots[slot_of(id)];
            // The copy of other credentials stays until the next change: two that take turns would copy for every call.
            if slot.id != NO_ID && slot.id != id {
                return;
            }
            slot.empty();
            let fresh_until = header.map_or(Seconds::ZERO, |header| Seconds::of(&header.fresh_until()));
            let Some(header) = header.filter(|_| fresh_until.is_after(now)) else { return };
            if slot.candidate != id {
                slot.candidate = id;
                return;
            }
            let Some(place) = Place::take() else { return };
            self.was_copied.store(true, Ordering::Relaxed);
            let copy = Some(Rc::new(ThreadCopy::new(header, place)));
            *slot = Slot { id, candidate: id, fresh_until, copy };
        });
    }

    /// The number of these credentials.
    fn id(&self) -> u64 {
        let id = self.id.load(Ordering::Relaxed);
        if id != 0 {
            return id;
        }
        let new = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
        // Another thread may have been faster. Its number counts.
        match self.id.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new,
            Err(id) => id,
        }
    }
}

impl Drop for CopyKey {
    fn drop(&mut self) {
        if self.was_copied.load(Ordering::Relaxed) {
            record_change();
        }
    }
}

/// Drops the copies of this thread if there was a change, and returns the number of changes.
pub(super) fn drop_obsolete() -> u64 {
    let changes = CHANGES.load(Ordering::Acquire);
    let _ = MINE.try_with(|mine| {
        if let Ok(mut mine) = mine.try_borrow_mut()
            && mine.changes != changes
        {
            mine.slots.iter_mut().for_each(Slot::empty);
            mine.changes = changes;
        }
    });
    changes
}

/// What one thread keeps.
struct ThreadCopies {
    /// The number of changes at which the copies were made.
    changes: u64,
    slots: [Slot; PER_THREAD],
}

struct Slot {
    /// The credentials of the copy.
    id: u64,
    /// The credentials that the thread used last without a copy.
    candidate: u64,
    fresh_until: Seconds,
    copy: Option<Rc<ThreadCopy>>,
}

/// A header for one thread. A call shares it for a moment, by a reference count that needs no atomic operation.
pub(crate) struct ThreadCopy {
    header: Option<HeaderValue>,
    /// A clone for the next call.
    next: Cell<Option<HeaderValue>>,
    /// The number of the token.
    pub(crate) generation: u64,
    _place: Place,
}

impl ThreadCopy {
    fn new(header: &CachedHeader, place: Place) -> Self {
        let own = header.own_copy();
        let next = Cell::new(own.clone());
        Self { header: own, next, generation: header.generation, _place: place }
    }

    /// The header, for one request; `None` for requests that carry no header.
    ///
    /// Each call gets the clone that the call before made. The processor is slow to read a value that it has just
    /// written piece by piece, and a header is moved at once.
    #[inline]
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.next.replace(self.header.clone())
    }

    /// Whether requests carry a header.
    #[cfg(feature = "tower")]
    #[inline]
    pub(crate) fn has_header(&self) -> bool {
        self.header.is_some()
    }
}

/// A moment on both clocks in whole seconds, rounded down: the quickest one to compare with.
#[derive(Clone, Copy)]
struct Seconds {
    wall: u64,
    monotonic: u64,
}

impl Seconds {
    const ZERO: Self = Self { wall: 0, monotonic: 0 };

    fn of(moment: &Now) -> Self {
        Self { wall: moment.wall.as_secs(), monotonic: moment.monotonic.as_secs() }
    }

    /// Whether both clocks are before this moment.
    #[inline]
    fn is_after(&self, now: &Now) -> bool {
        (now.wall.as_secs() < self.wall) & (now.monotonic.as_secs() < self.monotonic)
    }
}

/// No credentials have this number.
const NO_ID: u64 = u64::MAX;

impl ThreadCopies {
    const NONE: Self = Self { changes: 0, slots: [const { Slot::EMPTY }; PER_THREAD] };
}

impl Slot {
    const EMPTY: Self = Self { id: NO_ID, candidate: NO_ID, fresh_until: Seconds::ZERO, copy: None };

    /// Drops the copy. The candidate stays: a thread that made a copy makes the next one with its next call.
    fn empty(&mut self) {
        self.id = NO_ID;
        self.copy = None;
    }
}

#[inline]
fn slot_of(id: u64) -> usize {
    usize::try_from(id % PER_THREAD as u64).unwrap_or(0)
}

/// The right to one copy.
struct Place;

impl Place {
    /// `None` if the process has as many copies as it may have.
    fn take() -> Option<Self> {
        // The load keeps the calls of a process that has all of its copies free of a write that threads share.
        if COPIES.load(Ordering::Relaxed) >= PER_PROCESS {
            return None;
        }
        let taken = Self;
        (COPIES.fetch_add(1, Ordering::Relaxed) < PER_PROCESS).then_some(taken)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        COPIES.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Method;
    use crate::refresh::cached_header::Scheme;
    use crate::refresh::schedule::Schedule;
    use crate::secret::Secret;

    const NOW: Now = Now { wall: Duration::ZERO, monotonic: Duration::ZERO };

    /// What this thread has after a call.
    fn call(key: &CopyKey) -> Option<Rc<ThreadCopy>> {
        let secret = Secret::parse("AQVN-fake-thread-copy").unwrap();
        let value = Some((Scheme::ApiKey, &secret));
        let header = CachedHeader::new(Method::ApiKey, value, 1, Schedule::FOREVER, NOW);
        let changes = drop_obsolete();
        key.update(Some(&header), &NOW, changes);
        key.get(&NOW)
    }

    /// The copy of a thread that calls again. Changes by other tests, on other threads, end copies, so the thread has
    /// more than two calls.
    fn copy(key: &CopyKey) -> Rc<ThreadCopy> {
        (0..1000).find_map(|_| call(key)).expect("a copy")
    }

    #[test]
    fn a_thread_that_calls_again_has_a_copy() {
        let key = CopyKey::default();
        assert!(call(&key).is_none(), "the first call leaves a copy");
        assert_eq!(copy(&key).header().unwrap(), "Api-Key AQVN-fake-thread-copy");
    }

    #[test]
    fn the_end_of_credentials_ends_the_copies_of_their_header() {
        let key = CopyKey::default();
        let copy = Rc::downgrade(&copy(&key));
        drop(key);
        drop_obsolete();
        assert!(copy.upgrade().is_none(), "the thread keeps the secret of credentials that are gone");
    }
}
