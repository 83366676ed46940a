//! The bytes of a stream that are not used up yet, for decoders that look at each byte once.

/// How much is held at most: an event or object of this size is not one that was meant.
pub(crate) const LIMIT: usize = 16 << 20;

/// How much a stream may be in all: hundreds of times the longest answer.
pub(crate) const TOTAL: u64 = 256 << 20;

/// Bytes as they come, with what was used in front and what was looked at behind it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    pub(crate) bytes: Vec<u8>,
    /// Where what is not used yet begins.
    pub(crate) start: usize,
    /// Up to where it was looked at.
    pub(crate) seen: usize,
    /// How many bytes have come in all.
    pub(crate) total: u64,
}

impl Window {
    /// More bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // What is used is dropped once it is more than what is left, so that each byte moves once on average.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.seen -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
        self.total = self.total.saturating_add(bytes.len() as u64);
    }

    /// Whether more is held than may be.
    pub(crate) fn is_too_large(&self) -> bool {
        self.bytes.len() - self.start > LIMIT
    }

    /// Whether more has come than a stream may be. Asked once all that came is used, so that nothing of it is lost.
    pub(crate) fn is_endless(&self) -> bool {
        self.total > TOTAL
    }
}
