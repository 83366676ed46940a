//! A bounded store of what a client may come back for. The oldest is forgotten first.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::sync::lock;

const MAX_ITEMS: usize = 1024;
const MAX_BYTES: usize = 16 << 20;

pub(crate) struct Shelf<T> {
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    items: VecDeque<Item<T>>,
    bytes: usize,
}

struct Item<T> {
    id: String,
    bytes: usize,
    what: T,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { kept: Mutex::new(Kept { items: VecDeque::new(), bytes: 0 }) }
    }
}

impl<T> Shelf<T> {
    /// Keeps a thing that takes about so many bytes, and forgets what there is then no room for.
    pub(crate) fn put(&self, id: String, bytes: usize, what: T) {
        let mut kept = lock(&self.kept);
        kept.bytes += bytes;
        kept.items.push_back(Item { id, bytes, what });
        while kept.items.len() > MAX_ITEMS || kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.items.pop_front() else { break };
            kept.bytes -= oldest.bytes;
        }
    }

    /// Does something with a thing; `None` when it is not kept (any more).
    pub(crate) fn with<R>(&self, id: &str, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut kept = lock(&self.kept);
        kept.items.iter_mut().find(|item| item.id == id).map(|item| act(&mut item.what))
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.with(id, |_| ()).is_some()
    }

    /// Forgets a thing; false when it was not kept.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut kept = lock(&self.kept);
        let Some(place) = kept.items.iter().position(|item| item.id == id) else { return false };
        let bytes = kept.items.remove(place).map_or(0, |item| item.bytes);
        kept.bytes -= bytes;
        true
    }

    pub(crate) fn clear(&self) {
        let mut kept = lock(&self.kept);
        kept.items.clear();
        kept.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_when_there_are_too_many() {
        let shelf = Shelf::default();
        for n in 0..=MAX_ITEMS {
            shelf.put(n.to_string(), 1, n);
        }
        assert!(!shelf.has("0"));
        assert!(shelf.has("1"));
        assert_eq!(shelf.with(&MAX_ITEMS.to_string(), |n| *n), Some(MAX_ITEMS));
    }

    #[test]
    fn forgets_the_oldest_when_they_are_too_large() {
        let shelf = Shelf::default();
        shelf.put("first".to_owned(), MAX_BYTES, ());
        shelf.put("second".to_owned(), 1, ());
        assert!(!shelf.has("first"));
        assert!(shelf.remove("second"));
        assert!(!shelf.remove("second"));
        shelf.put("third".to_owned(), MAX_BYTES, ());
        assert!(shelf.has("third"));
    }
}
