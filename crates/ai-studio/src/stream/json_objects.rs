//! Splits a stream into JSON objects: the form of a gRPC stream over REST.
//!
//! The service usually sends one `{"result":{…}}` a line. Here an object ends where its last brace closes, so that line
//! breaks and packet boundaries do not matter. The decoder looks at each byte once, and holds the limits of
//! [`Buffer`].

use super::buffer::{Buffer, DecodeError};

/// The decoder.
#[derive(Debug, Default)]
pub(crate) struct JsonObjects {
    buffer: Buffer,
    /// The number of open braces and brackets.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
}

impl JsonObjects {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    /// The bytes of the next complete object.
    pub(crate) fn next(&mut self) -> Option<Result<&[u8], DecodeError>> {
        while let Some(&byte) = self.buffer.bytes.get(self.buffer.scanned) {
            self.buffer.scanned += 1;
            if self.in_string {
                match byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'{' | b'[' if self.depth > 0 || byte == b'{' => self.depth += 1,
                b'"' if self.depth > 0 => self.in_string = true,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        let object = &self.buffer.bytes[self.buffer.start..self.buffer.scanned];
                        self.buffer.start = self.buffer.scanned;
                        return Some(Ok(object));
                    }
                }
                _ if self.depth > 0 => {}
                _ if byte.is_ascii_whitespace() => self.buffer.start = self.buffer.scanned,
                _ => return Some(Err(DecodeError::NotObjects)),
            }
        }
        self.buffer.check_limits().err().map(Err)
    }

    /// Whether the bytes end inside an object.
    pub(crate) fn is_inside(&self) -> bool {
        self.depth > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::stream::buffer::{MAX_STREAM, pieces};

    /// Decodes bytes that arrive in pieces, cut at these positions.
    fn decode(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Value>, DecodeError> {
        let mut objects = JsonObjects::default();
        let mut list = Vec::new();
        for piece in pieces(bytes, cuts) {
            objects.push(piece);
            while let Some(object) = objects.next() {
                list.push(serde_json::from_slice(object?).unwrap());
            }
        }
        Ok(list)
    }

    #[test]
    fn splits_objects_with_any_separator() {
        let two = [json!({ "a": "}{\\\"" }), json!({ "b": [{}, "]"] })];
        let [first, second] = [two[0].to_string(), two[1].to_string()];
        for bytes in [
            format!("{first}\n{second}\n"),
            format!("{first}{second}"),
            format!("  \r\n{first}\r\n\r\n {second}"),
        ] {
            assert_eq!(decode(bytes.as_bytes(), &[]).unwrap(), two, "{bytes:?}");
            let every: Vec<usize> = (0..bytes.len()).collect();
            assert_eq!(decode(bytes.as_bytes(), &every).unwrap(), two, "{bytes:?}, byte by byte");
        }
    }

    #[test]
    fn rejects_other_json_and_text() {
        for bytes in ["<html>", "null", "\"a\"", "[{}]", "{} x", "}"] {
            assert_eq!(decode(bytes.as_bytes(), &[]), Err(DecodeError::NotObjects), "{bytes:?}");
        }
    }

    #[test]
    fn limits_the_size_of_an_object() {
        let endless = vec![b'a'; 1 << 20];
        let mut objects = JsonObjects::default();
        objects.push(b"{\"a\":\"");
        let error = (0..20).find_map(|_| {
            objects.push(&endless);
            objects.next().map(|object| object.map(<[u8]>::len))
        });
        assert_eq!(error, Some(Err(DecodeError::ItemTooLarge)));
    }

    #[test]
    fn limits_the_size_of_the_stream_after_the_last_whole_object() {
        let mut objects = JsonObjects::default();
        objects.buffer.total = MAX_STREAM - 2;
        objects.push(b"{}");
        assert_eq!(objects.next(), Some(Ok(b"{}".as_slice())));
        assert_eq!(objects.next(), None, "exactly the limit is allowed");
        objects.push(b"\n");
        assert_eq!(objects.next(), Some(Err(DecodeError::StreamTooLarge)));
    }

    #[test]
    fn detects_an_incomplete_object() {
        let mut objects = JsonObjects::default();
        objects.push(b"{\"a\":{}} {\"b\":");
        assert!(objects.next().is_some());
        assert!(objects.next().is_none());
        assert!(objects.is_inside());
    }

    proptest! {
        #[test]
        fn packet_boundaries_do_not_matter(
            texts in prop::collection::vec(".{0,20}", 0..8),
            between in prop::sample::select(vec!["", "\n", "\r\n", " "]),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let values: Vec<Value> = texts.iter().map(|text| json!({ "result": { text: [text, {}] } })).collect();
            let bytes: String = values.iter().map(|value| format!("{value}{between}")).collect();
            prop_assert_eq!(decode(bytes.as_bytes(), &cuts).unwrap(), values);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut objects = JsonObjects::default();
            let cut = cut.min(bytes.len());
            for part in [&bytes[..cut], &bytes[cut..]] {
                objects.push(part);
                while let Some(Ok(_)) = objects.next() {}
            }
        }
    }
}
