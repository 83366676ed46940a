//! A line on standard error that tells a person what the command waits for. Only on a terminal; gone afterwards.

use std::io::{Write, stderr};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::color::understands_escapes;

/// What takes less is not worth a line.
const DELAY: Duration = Duration::from_millis(300);

/// How often the line is written again.
const INTERVAL: Duration = Duration::from_millis(100);

/// Removes the line.
const CLEAR: &str = "\r\u{1b}[K";

/// Whether the line is on the terminal now.
static SHOWN: Mutex<bool> = Mutex::new(false);

/// Writes whole lines to standard error, above the status line.
pub(crate) fn write_above(lines: &str) {
    let mut shown = lock();
    let clear = if *shown { CLEAR } else { "" };
    *shown = false;
    let _ = stderr().lock().write_all([clear, lines].concat().as_bytes());
}

/// The line while something is waited for. Dropping this removes the line.
pub(crate) struct StatusLine {
    /// Dropped first, which ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StatusLine {
    /// Shows the step that `step` returns. Shows nothing where standard error is no terminal, or no thread can be
    /// started: the line is a help, and no part of the work.
    pub(crate) fn start(step: impl Fn() -> Option<String> + Send + 'static) -> Self {
        if !understands_escapes(&stderr()) {
            return Self { stop: None, thread: None };
        }
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || {
            let start = Instant::now();
            let mut wait = DELAY;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = INTERVAL;
                if let Some(step) = step() {
                    show(&step, start.elapsed());
                }
            }
            write_above("");
        });
        Self { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn show(step: &str, elapsed: Duration) {
    // The words of an error about time that ran out, as a step that is under way.
    let step = match step.strip_prefix("selection was at ") {
        Some(slot) => format!("selection is at {slot}"),
        None => step.to_owned(),
    };
    let line = shortened(&format!("{step} ({} s)", elapsed.as_secs()), width());
    let mut shown = lock();
    *shown = true;
    let _ = stderr().lock().write_all([CLEAR, &line].concat().as_bytes());
}

/// One line: a longer text would leave its first lines on the terminal.
fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width.saturating_sub(1)) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(2)).chain(['…']).collect(),
    }
}

/// The columns of the terminal.
fn width() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(stderr())
        && size.ws_col > 0
    {
        return usize::from(size.ws_col);
    }
    80
}

fn lock() -> MutexGuard<'static, bool> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_to_one_line() {
        for (text, width, line) in [
            ("waiting", 80, "waiting"),
            ("waiting", 8, "waiting"),
            ("waiting", 7, "waiti…"),
            ("ключ", 4, "кл…"),
            ("x", 0, "…"),
        ] {
            assert_eq!(shortened(text, width), line, "{text} {width}");
        }
    }
}
