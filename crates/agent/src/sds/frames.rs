//! The frames of gRPC: each has a message. Knows neither sockets nor clocks.

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use zeroize::Zeroizing;

use super::status::{Code, Status};

/// Before each message: the flag of compression, and the length in four bytes.
const PREFIX: usize = 5;

/// A message as it is sent. Its bytes are wiped when they have been sent.
pub(super) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = Zeroizing::new(Vec::with_capacity(PREFIX + length));
    frame.push(0);
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    // There is room for it.
    let _ = message.encode(&mut *frame);
    Bytes::from_owner(frame)
}

/// Takes messages out of the bytes of a client, however these are cut.
pub(super) struct Decoder {
    buffer: BytesMut,
    max_length: usize,
}

impl Decoder {
    /// `max_length`: that of a message in bytes.
    pub(super) fn new(max_length: usize) -> Self {
        Self { buffer: BytesMut::new(), max_length }
    }

    /// The next bytes of the client.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Whether all bytes belong to messages that were taken.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next message; `None` if it has not arrived as a whole.
    ///
    /// # Errors
    /// The status with which the call ends: the message is compressed, too long or malformed. Its length counts before it has arrived.
    pub(super) fn message<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        let Some(&[flag, a, b, c, d]) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        if flag != 0 {
            return Err(Status::new(Code::Unimplemented, "messages with compression are not read"));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.max_length {
            let reason = format!(
                "the message has {length} bytes, and at most {} are read (`message_bytes`)",
                self.max_length
            );
            return Err(Status::new(Code::ResourceExhausted, reason));
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        // The error of the library names fields of types, which mean nothing to a client.
        let message = M::decode(self.buffer.split_to(length));
        message.map(Some).map_err(|_| malformed("it is not protobuf of its type"))
    }

    /// The end of the client's bytes.
    ///
    /// # Errors
    /// The status with which the call ends: a message has not arrived as a whole.
    pub(super) fn end(&self) -> Result<(), Status> {
        if self.is_empty() { Ok(()) } else { Err(malformed("it has no end")) }
    }
}

fn malformed(reason: &str) -> Status {
    Status::new(Code::Internal, format!("the message is malformed: {reason}"))
}
