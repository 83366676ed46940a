//! The undecoded bytes of a stream, for decoders that look at each byte once.

use crate::error::{Error, ErrorKind};

/// The maximum size of one event or object. A larger one is not a response of the service.
pub(super) const MAX_ITEM: usize = 16 << 20;

/// The maximum size of a whole stream: hundreds of times the longest response.
pub(super) const MAX_STREAM: u64 = 256 << 20;

/// Received bytes: decoded ones first, then scanned ones, then new ones.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
    /// Where the undecoded bytes begin.
    pub(super) start: usize,
    /// Where the unscanned bytes begin.
    pub(super) scanned: usize,
    /// The number of bytes received in all.
    pub(super) total: u64,
}

impl Buffer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Decoded bytes are dropped only when they outnumber the rest, so that each byte moves once on average.
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
        self.total = self.total.saturating_add(bytes.len() as u64);
    }

    /// Whether a limit is exceeded. Decoders ask after they have decoded all received bytes, so that no item is lost.
    pub(super) fn check_limits(&self) -> Result<(), DecodeError> {
        if self.total > MAX_STREAM {
            return Err(DecodeError::StreamTooLarge);
        }
        if self.bytes.len() - self.start > MAX_ITEM {
            return Err(DecodeError::ItemTooLarge);
        }
        Ok(())
    }
}

/// Why the bytes cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    ItemTooLarge,
    StreamTooLarge,
    NotUtf8,
    NotObjects,
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        let reason = match error {
            DecodeError::ItemTooLarge => "an event of the stream is larger than 16 MiB",
            DecodeError::StreamTooLarge => "the stream is larger than 256 MiB",
            DecodeError::NotUtf8 => "an event of the stream is not UTF-8",
            DecodeError::NotObjects => "the stream does not consist of JSON objects",
        };
        Self::new(ErrorKind::Unreadable, reason)
            .with_help("the service has changed, or another server responds: check the endpoint")
    }
}

/// The bytes in pieces, cut at these positions, as a body may deliver them. A position beyond the end wraps around.
#[cfg(test)]
pub(super) fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut from = 0;
    ends.into_iter().map(|to| &bytes[std::mem::replace(&mut from, to)..to]).collect()
}
