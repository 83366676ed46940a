//! What the demo prints: lines that stay, and on a terminal one line of progress.

use std::io::{self, Write};

use super::checks::Check;
use crate::color::Color;

/// Standard output, as a terminal or as a pipe.
pub(crate) struct Printer<'a> {
    out: &'a mut dyn Write,
    pub(crate) color: Color,
    shows_progress: bool,
}

impl<'a> Printer<'a> {
    /// Prints to `out`, with progress where the terminal can erase it again.
    pub(crate) fn new(out: &'a mut dyn Write, color: Color, shows_progress: bool) -> Self {
        Self { out, color, shows_progress }
    }

    /// Shows what the demo is doing, until the next line.
    pub(crate) fn progress(&mut self, what: &str) -> io::Result<()> {
        if self.shows_progress {
            write!(self.out, "\r\u{1b}[2K{}", self.color.dim(&format!("  … {what}")))?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Prints a line that stays.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        if self.shows_progress {
            write!(self.out, "\r\u{1b}[2K")?;
        }
        writeln!(self.out, "{}", line.trim_end())?;
        self.out.flush()
    }

    /// Prints an empty line and a heading.
    pub(crate) fn heading(&mut self, heading: &str) -> io::Result<()> {
        let heading = self.color.bold(heading);
        self.line("")?;
        self.line(&heading)
    }

    /// Prints a check with its mark.
    pub(crate) fn check(&mut self, Check { passed, text }: &Check) -> io::Result<()> {
        let line = match passed {
            true => format!("  {} {text}", self.color.green("✓")),
            false => format!("  {} {}", self.color.red("✗"), self.color.red(text)),
        };
        self.line(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gets_plain_lines_and_no_progress() {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, Color { enabled: false }, false);
        printer.progress("working").unwrap();
        printer.check(&Check { passed: true, text: "it works".to_owned() }).unwrap();
        printer.check(&Check { passed: false, text: "it fails".to_owned() }).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  ✓ it works\n  ✗ it fails\n");
    }
}
