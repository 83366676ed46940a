//! Color for standard output: on a terminal, unless `NO_COLOR` is set.

use std::io::{IsTerminal, stdout};

/// Highlights text; returns it unchanged where color is off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Color {
    pub(crate) enabled: bool,
}

impl Color {
    /// The color of standard output.
    pub(crate) fn for_stdout() -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { enabled: understands_escapes(&stdout()) && !is_unwanted }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap(text, "1")
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap(text, "2")
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrap(text, "32")
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap(text, "31")
    }

    fn wrap(self, text: &str, code: &str) -> String {
        if self.enabled { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Whether the stream is a terminal that understands escape sequences, such as clearing a line.
pub(crate) fn understands_escapes(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_unchanged_where_color_is_off() {
        assert_eq!(Color { enabled: false }.red("text"), "text");
        assert_eq!(Color { enabled: true }.red("text"), "\u{1b}[31mtext\u{1b}[0m");
    }
}
