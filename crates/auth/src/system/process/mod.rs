//! Child processes: run to completion with bounded output, killed with their process group when the caller stops
//! waiting.

mod child;
mod group;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::BoxFuture;

pub use self::child::SystemProcesses;

/// A program to run: by full path, with an empty standard input and exactly this environment.
#[derive(Clone)]
#[non_exhaustive]
pub struct Command {
    /// The program's full path.
    pub program: PathBuf,
    /// Its arguments. Never a secret: the process list shows them.
    pub arguments: Vec<OsString>,
    /// Its environment. Nothing else is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// The maximum number of bytes kept of each output stream. The rest is read and discarded.
    pub max_output: usize,
}

impl Command {
    /// A program with arguments, an empty environment and at most 64 KiB of each output.
    #[must_use]
    pub fn new<A: Into<OsString>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            max_output: 64 << 10,
        }
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Command")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .finish_non_exhaustive()
    }
}

/// The exit code of a program, and the beginning of its output. Wiped when dropped.
///
/// ```
/// use yandex_cloud_auth::system::CommandOutput;
/// let output = CommandOutput::new(Some(0), b"t1.fake.token\n".to_vec(), Vec::new());
/// assert_eq!((output.code(), output.stdout(), output.stderr()), (Some(0), &b"t1.fake.token\n"[..], &[][..]));
/// ```
pub struct CommandOutput {
    status: Status,
    stdout: Zeroizing<Vec<u8>>,
    stderr: Zeroizing<Vec<u8>>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Code(i32),
    Signal,
    /// The operating system did not keep the status: this process ignores SIGCHLD, or other code in it took the status.
    Unknown,
}

impl CommandOutput {
    /// The output of a program: its exit code (`None` where a signal ended the program), standard output, standard
    /// error.
    #[must_use]
    pub fn new(code: Option<i32>, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        let status = code.map_or(Status::Signal, Status::Code);
        Self { status, stdout: Zeroizing::new(stdout), stderr: Zeroizing::new(stderr) }
    }

    /// The output of a program whose status the operating system did not keep, because this process ignores SIGCHLD.
    #[must_use]
    pub fn of_unknown_status(stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        Self { status: Status::Unknown, ..Self::new(None, stdout, stderr) }
    }

    /// The exit code; `None` where a signal ended the program, or where the status is unknown.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self.status {
            Status::Code(code) => Some(code),
            Status::Signal | Status::Unknown => None,
        }
    }

    /// Whether the program succeeded. If its status is unknown, the output decides: a program that printed only to
    /// standard error has failed.
    ///
    /// ```
    /// use yandex_cloud_auth::system::CommandOutput;
    /// assert!(CommandOutput::of_unknown_status(b"t1.fake.token\n".to_vec(), b"a notice\n".to_vec()).is_success());
    /// assert!(!CommandOutput::of_unknown_status(Vec::new(), b"ERROR: no profile\n".to_vec()).is_success());
    /// assert!(!CommandOutput::new(Some(1), b"t1.fake.token\n".to_vec(), Vec::new()).is_success());
    /// ```
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self.status {
            Status::Code(code) => code == 0,
            Status::Signal => false,
            Status::Unknown => !self.stdout.trim_ascii().is_empty() || self.stderr.trim_ascii().is_empty(),
        }
    }

    /// How the program ended, in words.
    pub(crate) fn status(&self) -> String {
        match self.status {
            Status::Code(code) => format!("exit status {code}"),
            Status::Signal => "ended by a signal".to_owned(),
            Status::Unknown => "unknown exit status".to_owned(),
        }
    }

    /// The beginning of standard output.
    #[must_use]
    pub fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// The beginning of standard error.
    #[must_use]
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }
}

impl std::fmt::Debug for CommandOutput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CommandOutput").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Runs programs.
///
/// Dropping the returned future kills the program and its process group. Callers bound the time that way.
pub trait Processes: Send + Sync + 'static {
    /// Runs a program to completion.
    ///
    /// # Errors
    /// The operating system's error, where the program could not be started or waited for. A non-zero exit code is not
    /// an error here.
    fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>>;
}

#[cfg(any(test, feature = "testing"))]
pub use self::double::{TestProcesses, TestRun};

#[cfg(any(test, feature = "testing"))]
mod double {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::super::BoxFuture;
    use super::{Command, CommandOutput, Processes};

    /// What a program does in [`TestProcesses`].
    #[derive(Clone, Debug)]
    pub enum TestRun {
        /// Writes to standard output and standard error, then exits with a code.
        Exit(i32, String, String),
        /// Fails to start.
        Fail(io::ErrorKind),
        /// Never ends.
        Hang,
    }

    impl TestRun {
        /// Prints `stdout` and succeeds.
        #[must_use]
        pub fn prints(stdout: impl Into<String>) -> Self {
            Self::Exit(0, stdout.into(), String::new())
        }
    }

    /// Programs for tests: a function decides what each command does. Clones share the record of commands.
    ///
    /// ```
    /// use yandex_cloud_auth::testing::{TestProcesses, TestRun};
    /// let processes = TestProcesses::new(|_command| TestRun::prints("t1.fake.token\n"));
    /// assert!(processes.commands().is_empty());
    /// ```
    #[derive(Clone)]
    pub struct TestProcesses {
        rule: Arc<dyn Fn(&Command) -> TestRun + Send + Sync>,
        log: Arc<Mutex<Vec<Command>>>,
    }

    impl TestProcesses {
        /// Runs each command by `rule`.
        #[must_use]
        pub fn new(rule: impl Fn(&Command) -> TestRun + Send + Sync + 'static) -> Self {
            Self { rule: Arc::new(rule), log: Arc::default() }
        }

        /// All commands so far.
        #[must_use]
        pub fn commands(&self) -> Vec<Command> {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl Processes for TestProcesses {
        fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>> {
            let run = (self.rule)(&command);
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push(command);
            Box::pin(async move {
                match run {
                    TestRun::Exit(code, stdout, stderr) => {
                        Ok(CommandOutput::new(Some(code), stdout.into_bytes(), stderr.into_bytes()))
                    }
                    TestRun::Fail(kind) => Err(kind.into()),
                    TestRun::Hang => std::future::pending().await,
                }
            })
        }
    }
}
