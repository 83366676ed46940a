//! A buffer for bytes from outside: bounded, wiped when dropped, and wiped when it grows.

use zeroize::Zeroizing;

/// A buffer that never grows past a limit.
pub(super) struct Bounded {
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
}

impl Bounded {
    /// An empty buffer that takes at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(limit.min(4 << 10))), limit }
    }

    /// Appends as much of `more` as fits. Returns whether all of it did.
    pub(super) fn push(&mut self, more: &[u8]) -> bool {
        let room = self.limit - self.bytes.len();
        let fitting = &more[..more.len().min(room)];
        let needed = self.bytes.len() + fitting.len();
        if needed > self.bytes.capacity() {
            // `Vec` would free its old block without wiping it.
            let capacity = needed.max(self.bytes.capacity().saturating_mul(2)).min(self.limit);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(fitting);
        fitting.len() == more.len()
    }

    /// The bytes.
    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_what_fits_and_reports_what_does_not() {
        let mut bounded = Bounded::new(5);
        assert!(bounded.push(b"abc"));
        assert!(bounded.push(b"de"));
        assert!(bounded.push(b""));
        assert!(!bounded.push(b"fg"));
        assert_eq!(*bounded.into_bytes(), b"abcde");
    }

    #[test]
    fn grows_by_doubling_up_to_the_limit() {
        let mut bounded = Bounded::new(100_000);
        let input: Vec<u8> = (0..250_u8).cycle().take(120_000).collect();
        let fitted = input.chunks(999).take_while(|chunk| bounded.push(chunk)).count();
        assert_eq!(fitted, 100);
        let bytes = bounded.into_bytes();
        assert_eq!(*bytes, input[..100_000]);
        assert!(bytes.capacity() <= 100_000);
    }

    #[test]
    fn a_huge_limit_costs_nothing_by_itself() {
        let mut bounded = Bounded::new(usize::MAX);
        assert!(bounded.push(b"x"));
        assert!(bounded.into_bytes().capacity() < 10_000);
    }
}
