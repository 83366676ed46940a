//! As many clients as the open requests need. A client has one connection of HTTP/2 to a service, and the service answers a
//! limited number of requests on one connection at a time: others would wait until a stream ends.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// How many requests a client has at a time. Services allow at least as many on one connection (RFC 9113 §6.5.2).
const REQUESTS: usize = 100;

/// Clients of one kind.
pub(super) struct Pool<C> {
    make: Box<dyn Fn() -> C + Send + Sync>,
    clients: Mutex<Vec<Arc<C>>>,
}

/// A client with one request more. The request counts as long as this value exists.
pub(super) struct Place<C>(Arc<C>);

impl<C> Pool<C> {
    pub(super) fn new(make: impl Fn() -> C + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), clients: Mutex::default() }
    }

    /// A client that has room for a request. The first clients are used the most, so that the last ones have none when
    /// there is less to do, and their connections close.
    pub(super) fn place(&self) -> Place<C> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // Each place has a copy beside that of the pool.
        let has_room = |client: &&Arc<C>| Arc::strong_count(client) <= REQUESTS;
        if let Some(client) = clients.iter().find(has_room) {
            return Place(Arc::clone(client));
        }
        let client = Arc::new((self.make)());
        clients.push(Arc::clone(&client));
        Place(client)
    }
}

impl<C> Place<C> {
    pub(super) fn client(&self) -> &C {
        &self.0
    }
}

impl<C: Send + Sync + 'static> Place<C> {
    /// The place, without the type of the client.
    pub(super) fn hold(self) -> Arc<dyn Any + Send + Sync> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_client_is_made_for_each_hundred_requests_at_a_time() {
        let made = AtomicUsize::new(0);
        let pool = Pool::new(move || made.fetch_add(1, Ordering::Relaxed));
        let mut places: Vec<_> = (0..250).map(|_| pool.place()).collect();
        let counts = [0, 1, 2].map(|client| places.iter().filter(|place| *place.client() == client).count());
        assert_eq!(counts, [100, 100, 50]);
        // The first client that has room again is the next one.
        places.remove(7);
        places.truncate(200);
        assert_eq!([pool.place(), pool.place()].map(|place| *place.client()), [0, 2]);
    }
}
