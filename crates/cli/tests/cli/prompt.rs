//! `--auth -` on a terminal: asks, shows nothing of the answer, and leaves the terminal as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use crate::output::terminal;
use crate::run::yc_auth;

const QUESTION: &str = "Key or token (not shown): ";
const LONG: Duration = Duration::from_secs(30);

/// The binary on a terminal, with its result in a pipe.
struct AtTerminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// Kept open, so that the settings can be read after the end of the binary.
    terminal: File,
    seen: String,
}

impl AtTerminal {
    fn start(words: &[&str]) -> Self {
        let (test_end, program_end) = terminal();
        let mut run = yc_auth(words);
        run.command.stdin(Stdio::from(program_end.try_clone().unwrap()));
        run.command.stderr(Stdio::from(program_end.try_clone().unwrap()));
        let child = run.command.spawn().unwrap();
        let mut display = test_end.try_clone().unwrap();
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = display.read(&mut chunk) {
                let _ = sender.send(chunk[..length].to_vec());
            }
        });
        Self { child, keyboard: test_end, screen, terminal: program_end, seen: String::new() }
    }

    /// Waits until the screen has shown this text so many times.
    fn wait_for(&mut self, text: &str, times: usize) {
        while self.seen.matches(text).count() < times {
            let chunk = self.screen.recv_timeout(LONG).unwrap_or_else(|_| panic!("{text}: {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit status, the result, and all that the screen has shown.
    fn end(mut self) -> (i32, String, String) {
        let mut result = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut result).unwrap();
        let status = self.child.wait().unwrap().code().unwrap_or(-1);
        assert!(self.echoes(), "the terminal does not echo: {:?}", self.seen);
        drop(self.terminal);
        while let Ok(chunk) = self.screen.recv_timeout(LONG) {
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        (status, result, self.seen)
    }
}

#[test]
fn the_answer_is_one_line_that_the_terminal_does_not_show() {
    let mut run = AtTerminal::start(&["token", "--auth", "-"]);
    run.wait_for(QUESTION, 1);
    assert!(!run.echoes());
    run.type_in("t1.FAKE-typed.FAKE\n");
    let (status, result, screen) = run.end();
    assert_eq!((status, result.as_str()), (0, "t1.FAKE-typed.FAKE\n"));
    assert_eq!(screen, format!("{QUESTION}\r\n"));
}

#[test]
fn a_key_of_several_lines_can_be_pasted() {
    let mut run = AtTerminal::start(&["token", "--auth", "-"]);
    run.wait_for(QUESTION, 1);
    run.type_in("{\n  \"id\": \"ajefakefakefakefakef\",\n");
    run.type_in("  \"private_key\": \"FAKE\"\n}\n");
    let (status, _, screen) = run.end();
    assert_eq!(status, 4, "{screen}");
    assert!(screen.contains("standard input: the key has no `service_account_id`"), "{screen}");
    assert!(!screen.contains("FAKE"), "{screen}");
}

#[test]
fn an_empty_answer_and_the_end_of_the_input_are_errors() {
    for answer in ["\n", "\u{4}"] {
        let mut run = AtTerminal::start(&["token", "--auth", "-"]);
        run.wait_for(QUESTION, 1);
        run.type_in(answer);
        let (status, _, screen) = run.end();
        assert_eq!(status, 4, "{screen}");
        assert!(screen.contains("standard input: the value is empty"), "{screen}");
    }
}

#[test]
fn signals_and_the_time_limit_restore_the_terminal() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)]
    {
        let mut run = AtTerminal::start(&["token", "--auth", "-"]);
        run.wait_for(QUESTION, 1);
        assert!(!run.echoes());
        run.signal(signal);
        let (ended, result, _) = run.end();
        assert_eq!((ended, result.as_str()), (status, ""));
    }
    let mut run = AtTerminal::start(&["token", "--auth", "-", "--timeout", "0.5"]);
    run.wait_for(QUESTION, 1);
    let (status, _, screen) = run.end();
    assert_eq!(status, 5, "{screen}");
    assert!(screen.contains("the input did not end within 0.5 s (`--timeout`)"), "{screen}");
}

#[test]
fn ctrl_z_leaves_a_terminal_that_echoes_and_fg_asks_again() {
    let mut run = AtTerminal::start(&["token", "--auth", "-"]);
    run.wait_for(QUESTION, 1);
    run.signal(Signal::TSTP);
    let pid = Pid::from_child(&run.child);
    let stopped = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::UNTRACED).unwrap();
    assert!(stopped.is_some_and(|(_, status)| status.stopped()), "it was not stopped");
    assert!(run.echoes());
    run.signal(Signal::CONT);
    run.wait_for(QUESTION, 2);
    assert!(!run.echoes());
    run.type_in("t1.FAKE-typed.FAKE\n");
    let (status, result, _) = run.end();
    assert_eq!((status, result.as_str()), (0, "t1.FAKE-typed.FAKE\n"));
}
