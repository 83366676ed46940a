//! What the demo shows: lines that stay, and on a terminal one that tells what is going on.

use std::io::{self, Write};

use crate::paint::Paint;

/// Standard output, for a person or for a pipe.
pub(crate) struct Screen<'a> {
    out: &'a mut dyn Write,
    pub(crate) paint: Paint,
    live: bool,
}

impl<'a> Screen<'a> {
    /// With progress where `live`.
    pub(crate) fn new(out: &'a mut dyn Write, paint: Paint, live: bool) -> Self {
        Self { out, paint, live }
    }

    /// Tells what is going on, until the next line comes.
    pub(crate) fn progress(&mut self, what: &str) -> io::Result<()> {
        if self.live {
            write!(self.out, "\r\u{1b}[2K{}", self.paint.dim(&format!("  … {what}")))?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// A line that stays.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        if self.live {
            write!(self.out, "\r\u{1b}[2K")?;
        }
        writeln!(self.out, "{}", line.trim_end())?;
        self.out.flush()
    }

    /// The heading of a scene.
    pub(crate) fn heading(&mut self, heading: &str) -> io::Result<()> {
        let heading = self.paint.bold(heading);
        self.line("")?;
        self.line(&heading)
    }

    /// Something that did or did not happen.
    pub(crate) fn claim(&mut self, held: bool, text: &str) -> io::Result<()> {
        let line = match held {
            true => format!("  {} {text}", self.paint.good("✓")),
            false => format!("  {} {}", self.paint.bad("✗"), self.paint.bad(text)),
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
        let mut screen = Screen::new(&mut out, Paint { colour: false }, false);
        screen.progress("working").unwrap();
        screen.claim(true, "it held").unwrap();
        screen.claim(false, "it did not").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  ✓ it held\n  ✗ it did not\n");
    }
}
