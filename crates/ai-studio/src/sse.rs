//! Server-sent events, taken apart as their bytes come.
//!
//! By the rules of the HTML standard (section 9.2.6): lines end in LF, CR or CRLF, a blank line ends an event, several
//! `data` lines make one text, comments and unknown fields are passed over. Bytes may be cut anywhere, inside a
//! character or between CR and LF too. Each byte is looked at once, no more than [`LIMIT`] is held,
//! and no more than [`TOTAL`](crate::window::TOTAL) is taken in all.

use std::str;

use crate::window::{LIMIT, Window};

/// Takes events out of bytes.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Looked at, for the end of a line.
    window: Window,
    /// Whether the last line ended in CR, so that an LF belongs to it.
    after_cr: bool,
    /// Whether a byte order mark may still come.
    begun: bool,
    /// The data of the event under way; `None` while it has none.
    data: Option<Vec<u8>>,
    /// The beginning of the first line that is no field: what is told where there are no events at all.
    stray: Vec<u8>,
}

/// How much of a line that is no field is kept.
const STRAY: usize = 4096;

/// Why the bytes are no events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    TooLarge,
    Endless,
    NotText,
}

impl Broken {
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge => "an event of the stream is larger than 16 MiB",
            Self::Endless => "the stream is larger than 256 MiB",
            Self::NotText => "an event of the stream is not UTF-8",
        }
    }
}

impl Events {
    /// More bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.window.push(bytes);
    }

    /// The data of the next event, as far as all of it has come.
    pub(crate) fn next(&mut self) -> Option<Result<String, Broken>> {
        while let Some((from, to)) = self.line() {
            if from == to {
                if let Some(data) = self.data.take() {
                    return Some(String::from_utf8(data).map_err(|_| Broken::NotText));
                }
            } else if let Err(broken) = self.field(from, to) {
                return Some(Err(broken));
            }
        }
        if self.window.is_endless() {
            return Some(Err(Broken::Endless));
        }
        self.window.is_too_large().then_some(Err(Broken::TooLarge))
    }

    /// The end of the bytes: the event that was under way, which the standard would discard. A server that forgets the
    /// last blank line is forgiven; who uses the data sees whether it is whole.
    pub(crate) fn end(&mut self) -> Option<Result<String, Broken>> {
        self.push(b"\n\n");
        self.next()
    }

    /// The beginning of the first line that is no field; empty where all are.
    pub(crate) fn stray(&self) -> &[u8] {
        &self.stray
    }

    /// The next line, as a range of the buffer, taken as used.
    fn line(&mut self) -> Option<(usize, usize)> {
        if self.after_cr && self.window.start < self.window.bytes.len() {
            self.after_cr = false;
            if self.window.bytes[self.window.start] == b'\n' {
                self.window.start += 1;
                self.window.seen = self.window.start;
            }
        }
        if !self.begun {
            const MARK: &[u8] = b"\xEF\xBB\xBF";
            let came = &self.window.bytes[self.window.start..];
            if came.len() < MARK.len() && MARK.starts_with(came) {
                return None;
            }
            self.begun = true;
            if came.starts_with(MARK) {
                self.window.start += MARK.len();
                self.window.seen = self.window.start;
            }
        }
        let rest = &self.window.bytes[self.window.seen..];
        let Some(length) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.window.seen = self.window.bytes.len();
            return None;
        };
        let (from, to) = (self.window.start, self.window.seen + length);
        self.after_cr = self.window.bytes[to] == b'\r';
        self.window.start = to + 1;
        self.window.seen = self.window.start;
        Some((from, to))
    }

    /// One line that is not blank.
    fn field(&mut self, from: usize, to: usize) -> Result<(), Broken> {
        let line = &self.window.bytes[from..to];
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        match &line[..colon] {
            b"data" => {}
            b"" | b"event" | b"id" | b"retry" => return Ok(()),
            _ => {
                if self.stray.is_empty() {
                    self.stray = line[..line.len().min(STRAY)].to_vec();
                }
                return Ok(());
            }
        }
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let held = self.data.as_ref().map_or(0, Vec::len);
        if held + value.len() > LIMIT {
            return Err(Broken::TooLarge);
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
    use crate::window::TOTAL;

    /// What comes of bytes that arrive in pieces cut at these places.
    fn decode(bytes: &[u8], cuts: &[usize]) -> Vec<String> {
        let mut events = Events::default();
        let mut list = Vec::new();
        let mut from = 0;
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        for to in cuts {
            events.push(&bytes[from..to]);
            from = to;
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
            ("data: forgotten line", vec!["forgotten line"]),
            ("data: a:b\n\n", vec!["a:b"]),
        ] {
            assert_eq!(decode(bytes.as_bytes(), &[]), events, "{bytes:?}");
            let every: Vec<usize> = (0..bytes.len()).collect();
            assert_eq!(decode(bytes.as_bytes(), &every), events, "{bytes:?}, byte by byte");
        }
    }

    #[test]
    fn holds_no_more_than_its_limit() {
        let endless = vec![b'a'; 1 << 20];
        let mut events = Events::default();
        events.push(b"data: ");
        let broken = (0..20).find_map(|_| {
            events.push(&endless);
            events.next()
        });
        assert_eq!(broken, Some(Err(Broken::TooLarge)));

        let mut line = b"data: ".to_vec();
        line.extend_from_slice(&endless);
        line.push(b'\n');
        let mut events = Events::default();
        let broken = (0..20).find_map(|_| {
            events.push(&line);
            events.next()
        });
        assert_eq!(broken, Some(Err(Broken::TooLarge)), "in many lines");
    }

    #[test]
    fn takes_no_more_in_all_than_its_limit_and_gives_what_came_before() {
        let mut events = Events::default();
        events.window.total = TOTAL - 9;
        events.push(b"data: a\n\n");
        assert_eq!(events.next(), Some(Ok("a".to_owned())));
        assert_eq!(events.next(), None, "just as much as may come");
        events.push(b":");
        assert_eq!(events.next(), Some(Err(Broken::Endless)));
    }

    #[test]
    fn tells_bytes_that_are_no_text() {
        let mut events = Events::default();
        events.push(b"data: \xff\n\n");
        assert_eq!(events.next(), Some(Err(Broken::NotText)));
    }

    #[test]
    fn looks_at_each_byte_once() {
        let line = format!("data: {}\n\n", "a".repeat(1 << 20));
        let mut events = Events::default();
        for byte in line.as_bytes() {
            events.push(std::slice::from_ref(byte));
            match events.next() {
                Some(event) => assert_eq!(event.unwrap().len(), 1 << 20),
                None => assert_eq!(
                    events.window.seen,
                    events.window.bytes.len(),
                    "what was searched is not again"
                ),
            }
        }
    }

    #[test]
    fn keeps_what_is_no_field_for_an_error() {
        let mut events = Events::default();
        events.push(b": comment\nevent: a\n<html>\n<body>\ndata: a\n\n");
        assert_eq!(events.next(), Some(Ok("a".to_owned())));
        assert_eq!(events.stray(), b"<html>");
        let mut events = Events::default();
        events.push(&[b'x'; 10_000]);
        assert_eq!(events.end(), None);
        assert_eq!(events.stray().len(), STRAY);
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            texts in prop::collection::vec("[^\r\n\u{0}]{0,20}", 0..8),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let bytes: String = texts.iter().map(|text| format!("data: {text}{end}{end}")).collect();
            prop_assert_eq!(decode(bytes.as_bytes(), &cuts), texts);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
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
