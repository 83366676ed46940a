//! A store with a limited number of items and bytes. When the store is full, it removes the oldest items.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::sync::lock;

const MAX_ITEMS: usize = 1024;
const MAX_BYTES: usize = 16 << 20;

pub(crate) struct BoundedStore<T> {
    items: Mutex<Items<T>>,
}

struct Items<T> {
    queue: VecDeque<Item<T>>,
    bytes: usize,
}

struct Item<T> {
    id: String,
    bytes: usize,
    value: T,
}

impl<T> Default for BoundedStore<T> {
    fn default() -> Self {
        Self { items: Mutex::new(Items { queue: VecDeque::new(), bytes: 0 }) }
    }
}

impl<T> BoundedStore<T> {
    /// Adds an item of about this many bytes, then removes the oldest items until the store is within its limits.
    pub(crate) fn put(&self, id: String, bytes: usize, value: T) {
        let mut items = lock(&self.items);
        items.bytes += bytes;
        items.queue.push_back(Item { id, bytes, value });
        while items.queue.len() > MAX_ITEMS || items.bytes > MAX_BYTES {
            let Some(oldest) = items.queue.pop_front() else { break };
            items.bytes -= oldest.bytes;
        }
    }

    /// Calls `act` with an item. `None` if the store does not contain the item.
    pub(crate) fn with<R>(&self, id: &str, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut items = lock(&self.items);
        items.queue.iter_mut().find(|item| item.id == id).map(|item| act(&mut item.value))
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.with(id, |_| ()).is_some()
    }

    /// Removes an item. False if the store does not contain the item.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut items = lock(&self.items);
        let Some(place) = items.queue.iter().position(|item| item.id == id) else { return false };
        let bytes = items.queue.remove(place).map_or(0, |item| item.bytes);
        items.bytes -= bytes;
        true
    }

    pub(crate) fn clear(&self) {
        let mut items = lock(&self.items);
        items.queue.clear();
        items.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_the_oldest_item_when_there_are_too_many() {
        let store = BoundedStore::default();
        for n in 0..=MAX_ITEMS {
            store.put(n.to_string(), 1, n);
        }
        assert!(!store.has("0"));
        assert!(store.has("1"));
        assert_eq!(store.with(&MAX_ITEMS.to_string(), |n| *n), Some(MAX_ITEMS));
    }

    #[test]
    fn removes_the_oldest_item_when_the_items_are_too_large() {
        let store = BoundedStore::default();
        store.put("first".to_owned(), MAX_BYTES, ());
        store.put("second".to_owned(), 1, ());
        assert!(!store.has("first"));
        assert!(store.remove("second"));
        assert!(!store.remove("second"));
        store.put("third".to_owned(), MAX_BYTES, ());
        assert!(store.has("third"));
    }
}
