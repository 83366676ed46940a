//! JSON objects that follow each other in a stream, taken apart as their bytes come.
//!
//! So a stream of gRPC comes over REST: `{"result":{…}}`, a line each as a rule. Here an object ends where its last
//! brace closes, so that neither lines nor cuts matter. Each byte is looked at once, no more than 16 MiB is held, and no
//! more than 256 MiB is taken in all.

use crate::window::Window;

/// Takes objects out of bytes.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    window: Window,
    /// How many braces and brackets are open.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
}

/// Why the bytes are no objects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    TooLarge,
    Endless,
    NotObjects,
}

impl Broken {
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge => "an object of the stream is larger than 16 MiB",
            Self::Endless => "the stream is larger than 256 MiB",
            Self::NotObjects => "the stream is not one of JSON objects",
        }
    }
}

impl Objects {
    /// More bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.window.push(bytes);
    }

    /// The bytes of the next object, as far as all of it has come.
    pub(crate) fn next(&mut self) -> Option<Result<&[u8], Broken>> {
        while let Some(&byte) = self.window.bytes.get(self.window.seen) {
            self.window.seen += 1;
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
                        let object = &self.window.bytes[self.window.start..self.window.seen];
                        self.window.start = self.window.seen;
                        return Some(Ok(object));
                    }
                }
                _ if self.depth > 0 => {}
                _ if byte.is_ascii_whitespace() => self.window.start = self.window.seen,
                _ => return Some(Err(Broken::NotObjects)),
            }
        }
        if self.window.is_endless() {
            return Some(Err(Broken::Endless));
        }
        self.window.is_too_large().then_some(Err(Broken::TooLarge))
    }

    /// Whether an object has begun and not ended.
    pub(crate) fn is_inside(&self) -> bool {
        self.depth > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::window::TOTAL;

    /// What comes of bytes that arrive in pieces cut at these places.
    fn decode(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Value>, Broken> {
        let mut objects = Objects::default();
        let mut list = Vec::new();
        let mut from = 0;
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        for to in cuts {
            objects.push(&bytes[from..to]);
            from = to;
            while let Some(object) = objects.next() {
                list.push(serde_json::from_slice(object?).unwrap());
            }
        }
        Ok(list)
    }

    #[test]
    fn takes_objects_apart_in_whatever_way_they_follow() {
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
    fn refuses_what_is_no_object() {
        for bytes in ["<html>", "null", "\"a\"", "[{}]", "{} x", "}"] {
            assert_eq!(decode(bytes.as_bytes(), &[]), Err(Broken::NotObjects), "{bytes:?}");
        }
    }

    #[test]
    fn holds_no_more_than_its_limit() {
        let endless = vec![b'a'; 1 << 20];
        let mut objects = Objects::default();
        objects.push(b"{\"a\":\"");
        let broken = (0..20).find_map(|_| {
            objects.push(&endless);
            objects.next().map(|object| object.map(<[u8]>::len))
        });
        assert_eq!(broken, Some(Err(Broken::TooLarge)));
    }

    #[test]
    fn takes_no_more_in_all_than_its_limit_and_gives_what_came_before() {
        let mut objects = Objects::default();
        objects.window.total = TOTAL - 2;
        objects.push(b"{}");
        assert_eq!(objects.next(), Some(Ok(b"{}".as_slice())));
        assert_eq!(objects.next(), None, "just as much as may come");
        objects.push(b"\n");
        assert_eq!(objects.next(), Some(Err(Broken::Endless)));
    }

    #[test]
    fn knows_that_an_object_was_cut() {
        let mut objects = Objects::default();
        objects.push(b"{\"a\":{}} {\"b\":");
        assert!(objects.next().is_some());
        assert!(objects.next().is_none());
        assert!(objects.is_inside());
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            texts in prop::collection::vec(".{0,20}", 0..8),
            between in prop::sample::select(vec!["", "\n", "\r\n", " "]),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let values: Vec<Value> = texts.iter().map(|text| json!({ "result": { text: [text, {}] } })).collect();
            let bytes: String = values.iter().map(|value| format!("{value}{between}")).collect();
            prop_assert_eq!(decode(bytes.as_bytes(), &cuts).unwrap(), values);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut objects = Objects::default();
            let cut = cut.min(bytes.len());
            for part in [&bytes[..cut], &bytes[cut..]] {
                objects.push(part);
                while let Some(Ok(_)) = objects.next() {}
            }
        }
    }
}
