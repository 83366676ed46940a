//! Splits a stream into server-sent events.
//!
//! The rules are those of the HTML standard (section 9.2.6): lines end in LF, CR or CRLF, a blank line ends an event,
//! several `data` lines form one text, and comments and unknown fields are ignored. A packet may end anywhere, also
//! inside a character or between CR and LF. The decoder looks at each byte once, and holds the limits of [`Buffer`].

use super::buffer::{Buffer, DecodeError, MAX_ITEM};

/// The decoder.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Scanned for the end of a line.
    buffer: Buffer,
    /// Whether the last line ended in CR, so that a following LF belongs to that line.
    after_cr: bool,
    /// Whether the decoder is past a byte order mark.
    begun: bool,
    /// The data of the current event; `None` before its first `data` line.
    data: Option<Vec<u8>>,
    /// The beginning of the first line that is not a field, for the error where the body has no events.
    stray: Vec<u8>,
}

/// The kept length of a line that is not a field.
const MAX_STRAY: usize = 4096;

impl Events {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    /// The data of the next complete event.
    pub(crate) fn next(&mut self) -> Option<Result<String, DecodeError>> {
        while let Some((from, to)) = self.line() {
            if from == to {
                if let Some(data) = self.data.take() {
                    return Some(String::from_utf8(data).map_err(|_| DecodeError::NotUtf8));
                }
            } else if let Err(error) = self.field(from, to) {
                return Some(Err(error));
            }
        }
        self.buffer.check_limits().err().map(Err)
    }

    /// The last event, after the end of the bytes. The standard discards an event without its blank line; this decoder
    /// returns it, because some servers omit that line, and the caller can tell whether the data is complete.
    pub(crate) fn end(&mut self) -> Option<Result<String, DecodeError>> {
        self.push(b"\n\n");
        self.next()
    }

    /// The beginning of the first line that is not a field; empty where every line is a field.
    pub(crate) fn stray(&self) -> &[u8] {
        &self.stray
    }

    /// Consumes the next line, and returns its range in the buffer.
    fn line(&mut self) -> Option<(usize, usize)> {
        if self.after_cr && self.buffer.start < self.buffer.bytes.len() {
            self.after_cr = false;
            if self.buffer.bytes[self.buffer.start] == b'\n' {
                self.buffer.start += 1;
                self.buffer.scanned = self.buffer.start;
            }
        }
        if !self.begun {
            const MARK: &[u8] = b"\xEF\xBB\xBF";
            let unread = &self.buffer.bytes[self.buffer.start..];
            if unread.len() < MARK.len() && MARK.starts_with(unread) {
                return None;
            }
            self.begun = true;
            if unread.starts_with(MARK) {
                self.buffer.start += MARK.len();
                self.buffer.scanned = self.buffer.start;
            }
        }
        let rest = &self.buffer.bytes[self.buffer.scanned..];
        let Some(length) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.buffer.scanned = self.buffer.bytes.len();
            return None;
        };
        let (from, to) = (self.buffer.start, self.buffer.scanned + length);
        self.after_cr = self.buffer.bytes[to] == b'\r';
        self.buffer.start = to + 1;
        self.buffer.scanned = self.buffer.start;
        Some((from, to))
    }

    /// Handles one line that is not blank.
    fn field(&mut self, from: usize, to: usize) -> Result<(), DecodeError> {
        let line = &self.buffer.bytes[from..to];
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        match &line[..colon] {
            b"data" => {}
            b"" | b"event" | b"id" | b"retry" => return Ok(()),
            _ => {
                if self.stray.is_empty() {
                    self.stray = line[..line.len().min(MAX_STRAY)].to_vec();
                }
                return Ok(());
            }
        }
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let held = self.data.as_ref().map_or(0, Vec::len);
        if held + value.len() > MAX_ITEM {
            return Err(DecodeError::ItemTooLarge);
        }
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::buffer::{MAX_STREAM, pieces};

    /// Decodes bytes that arrive in pieces, cut at these positions.
    fn decode(bytes: &[u8], cuts: &[usize]) -> Vec<String> {
        let mut events = Events::default();
        let mut list = Vec::new();
        for piece in pieces(bytes, cuts) {
            events.push(piece);
            while let Some(event) = events.next() {
                list.push(event.unwrap());
            }
        }
        list.extend(events.end().map(Result::unwrap));
        list
    }

    #[test]
    fn follows_the_standard() {
        for (bytes, events) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data:a\r\n\r\ndata: b\r\r", vec!["a", "b"]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            ("data:  two spaces\n\n", vec![" two spaces"]),
            (": a comment\n\nevent: message\nid: 1\nretry: 5\ndata: a\n\n", vec!["a"]),
            ("data\n\n", vec![""]),
            ("data:\n\n", vec![""]),
            ("dat: a\ndatas: b\n\n", vec![]),
            ("\n\n\n", vec![]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("data: привет 😊\n\n", vec!["привет 😊"]),
            ("data: missing end", vec!["missing end"]),
            ("data: a:b\n\n", vec!["a:b"]),
        ] {
            assert_eq!(decode(bytes.as_bytes(), &[]), events, "{bytes:?}");
            let every: Vec<usize> = (0..bytes.len()).collect();
            assert_eq!(decode(bytes.as_bytes(), &every), events, "{bytes:?}, byte by byte");
        }
    }

    #[test]
    fn limits_the_size_of_an_event() {
        let endless = vec![b'a'; 1 << 20];
        let mut events = Events::default();
        events.push(b"data: ");
        let error = (0..20).find_map(|_| {
            events.push(&endless);
            events.next()
        });
        assert_eq!(error, Some(Err(DecodeError::ItemTooLarge)));

        let mut line = b"data: ".to_vec();
        line.extend_from_slice(&endless);
        line.push(b'\n');
        let mut events = Events::default();
        let error = (0..20).find_map(|_| {
            events.push(&line);
            events.next()
        });
        assert_eq!(error, Some(Err(DecodeError::ItemTooLarge)), "in many lines");
    }

    #[test]
    fn limits_the_size_of_the_stream_after_the_last_whole_event() {
        let mut events = Events::default();
        events.buffer.total = MAX_STREAM - 9;
        events.push(b"data: a\n\n");
        assert_eq!(events.next(), Some(Ok("a".to_owned())));
        assert_eq!(events.next(), None, "exactly the limit is allowed");
        events.push(b":");
        assert_eq!(events.next(), Some(Err(DecodeError::StreamTooLarge)));
    }

    #[test]
    fn rejects_data_that_is_not_utf8() {
        let mut events = Events::default();
        events.push(b"data: \xff\n\n");
        assert_eq!(events.next(), Some(Err(DecodeError::NotUtf8)));
    }

    #[test]
    fn scans_each_byte_once() {
        let line = format!("data: {}\n\n", "a".repeat(1 << 20));
        let mut events = Events::default();
        for byte in line.as_bytes() {
            events.push(std::slice::from_ref(byte));
            match events.next() {
                Some(event) => assert_eq!(event.unwrap().len(), 1 << 20),
                None => assert_eq!(
                    events.buffer.scanned,
                    events.buffer.bytes.len(),
                    "scanned bytes are not scanned again"
                ),
            }
        }
    }

    #[test]
    fn keeps_the_first_line_that_is_not_a_field() {
        let mut events = Events::default();
        events.push(b": comment\nevent: a\n<html>\n<body>\ndata: a\n\n");
        assert_eq!(events.next(), Some(Ok("a".to_owned())));
        assert_eq!(events.stray(), b"<html>");
        let mut events = Events::default();
        events.push(&[b'x'; 10_000]);
        assert_eq!(events.end(), None);
        assert_eq!(events.stray().len(), MAX_STRAY);
    }

    proptest! {
        #[test]
        fn packet_boundaries_do_not_matter(
            texts in prop::collection::vec("[^\r\n\u{0}]{0,20}", 0..8),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let bytes: String = texts.iter().map(|text| format!("data: {text}{end}{end}")).collect();
            prop_assert_eq!(decode(bytes.as_bytes(), &cuts), texts);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut events = Events::default();
            let cut = cut.min(bytes.len());
            for part in [&bytes[..cut], &bytes[cut..]] {
                events.push(part);
                while events.next().is_some() {}
            }
            let _ = events.end();
        }
    }
}
