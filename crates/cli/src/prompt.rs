//! Asks for a secret on the terminal of standard input, without echo.
//!
//! The terminal shows what is typed again before this process ends, whatever ends it: the answer, the time limit, Ctrl-C
//! and other signals that can be caught. Ctrl-Z shows the shell a usable terminal, and `fg` asks again.

use std::io::{self, IsTerminal, Write, stderr, stdin};
use std::mem;
use std::process::exit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use yandex_cloud_auth::sdk_internals::new_runtime;

use crate::signals::{CONTINUE, SUSPEND, Signals};

const QUESTION: &str = "Key or token (not shown): ";

/// A question on the terminal. The terminal echoes again once this is dropped.
pub(crate) struct Prompt {
    terminal: Terminal,
}

impl Prompt {
    /// Asks, if standard input is a terminal.
    ///
    /// # Errors
    /// If the terminal cannot be set, or no thread can be started.
    pub(crate) fn show() -> io::Result<Option<Self>> {
        if !stdin().is_terminal() {
            return Ok(None);
        }
        let terminal = Terminal::default();
        // First, so that no signal can leave the terminal without echo.
        listen(terminal.clone())?;
        let prompt = Self { terminal };
        prompt.terminal.hide()?;
        ask();
        Ok(Some(prompt))
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.terminal.restore();
        // The line break of the answer was not shown.
        print("\n");
    }
}

fn ask() {
    print(QUESTION);
}

/// Prints on the terminal. Not on standard output, which has the result only.
fn print(text: &str) {
    if stderr().is_terminal() {
        let _ = stderr().lock().write_all(text.as_bytes());
    } else {
        // Most terminals are open for writing too.
        let _ = rustix::io::write(stdin(), text.as_bytes());
    }
}

/// Restores the terminal when a signal ends or stops this process.
///
/// The thread runs to the end of the process, because a signal that was listened to once never ends a process by itself
/// again.
fn listen(terminal: Terminal) -> io::Result<()> {
    let runtime = new_runtime()?;
    let (listening, ready) = mpsc::channel();
    thread::Builder::new().name("yc-auth-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut signals = Signals::listen_at_terminal();
            let _ = listening.send(());
            let mut was_hidden = false;
            loop {
                match signals.next().await {
                    SUSPEND => {
                        was_hidden = terminal.restore();
                        let _ = kill_process(getpid(), Signal::STOP);
                        // This thread may run on for a moment, so only the next case turns the echo off again.
                    }
                    CONTINUE => {
                        if mem::take(&mut was_hidden) && terminal.hide().is_ok() {
                            ask();
                        }
                    }
                    number => {
                        if terminal.restore() {
                            print("\n");
                        }
                        exit(128 + number);
                    }
                }
            }
        });
    })?;
    ready.recv().map_err(io::Error::other)
}

/// The settings of the terminal before the question; `None` while the terminal echoes.
#[derive(Clone, Default)]
struct Terminal(Arc<Mutex<Option<Termios>>>);

impl Terminal {
    /// Turns the echo off.
    fn hide(&self) -> io::Result<()> {
        let mut before = self.lock();
        let settings = tcgetattr(stdin())?;
        let mut hidden = settings.clone();
        hidden
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHOE | LocalModes::ECHOK | LocalModes::ECHONL);
        // Keeps what was typed already.
        tcsetattr(stdin(), OptionalActions::Now, &hidden)?;
        *before = Some(settings);
        Ok(())
    }

    /// Turns the echo on, and says whether it was off. Drops what was typed and not read: the shell would run the rest
    /// of a secret as a command.
    fn restore(&self) -> bool {
        let mut before = self.lock();
        let Some(settings) = before.take() else { return false };
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &settings);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<Termios>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
