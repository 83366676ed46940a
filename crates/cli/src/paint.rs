//! Colour, where a person looks at it: on a terminal, and not where `NO_COLOR` says otherwise.

use std::io::IsTerminal;

/// How text is made to stand out; plain text where colour is off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) colour: bool,
}

/// Whether standard output is a terminal that can take a line back.
pub(crate) fn is_live() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Paint {
    /// For standard output.
    pub(crate) fn for_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: is_live() && !unwanted }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap(text, "1")
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap(text, "2")
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.wrap(text, "32")
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap(text, "31")
    }

    fn wrap(self, text: &str, code: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A secret as its documented prefix and `***`.
pub(crate) fn masked(secret: &str) -> String {
    let prefix = ["t1.", "AQVN"].into_iter().find(|prefix| secret.starts_with(prefix));
    format!("{}***", prefix.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_prefix_and_nothing_else() {
        for (secret, shown) in [("t1.fake", "t1.***"), ("AQVNfake", "AQVN***"), ("fake", "***"), ("", "***")]
        {
            assert_eq!(masked(secret), shown);
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(Paint { colour: false }.bad("text"), "text");
        assert_eq!(Paint { colour: true }.bad("text"), "\u{1b}[31mtext\u{1b}[0m");
    }
}
