//! Programs: run to their end with bounded output, killed with their whole group when nobody waits any more.

mod child;
mod group;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::BoxFuture;

pub use self::child::SystemProcesses;

/// A program to run: by full path, with standard input closed and exactly this environment.
#[derive(Clone)]
#[non_exhaustive]
pub struct Command {
    /// The program's full path.
    pub program: PathBuf,
    /// Its arguments. Never a secret: they show in the process list.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// How many bytes of each output stream are kept; the rest is read and dropped.
    pub max_output: usize,
}

impl Command {
    /// A program with arguments, an empty environment and 64 KiB of output.
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

/// What a program left: its exit code and the beginning of its output. Wiped when dropped.
///
/// ```
/// use yandex_cloud_auth::system::CommandOutput;
/// let output = CommandOutput::new(Some(0), b"t1.fake.token\n".to_vec(), Vec::new());
/// assert_eq!((output.code(), output.stdout(), output.stderr()), (Some(0), &b"t1.fake.token\n"[..], &[][..]));
/// ```
pub struct CommandOutput {
    code: Option<i32>,
    stdout: Zeroizing<Vec<u8>>,
    stderr: Zeroizing<Vec<u8>>,
}

impl CommandOutput {
    /// An exit code, `None` where a signal ended the program, and the beginning of standard output and standard error.
    #[must_use]
    pub fn new(code: Option<i32>, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        Self { code, stdout: Zeroizing::new(stdout), stderr: Zeroizing::new(stderr) }
    }

    /// The exit code; `None` where a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.code
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
        formatter.debug_struct("CommandOutput").field("code", &self.code).finish_non_exhaustive()
    }
}

/// Runs programs.
///
/// Dropping the returned future kills the program and its process group: that is how the time is bounded.
pub trait Processes: Send + Sync + 'static {
    /// Runs a program to its end.
    ///
    /// # Errors
    /// What the system says where the program could not be started or waited for. A failing exit code is an output.
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

    /// What [`TestProcesses`] lets a program do.
    #[derive(Clone, Debug)]
    pub enum TestRun {
        /// Exit with a code, after writing to standard output and standard error.
        Exit(i32, String, String),
        /// Fail to start.
        Fail(io::ErrorKind),
        /// Never end.
        Hang,
    }

    impl TestRun {
        /// A run that prints `stdout` and succeeds.
        #[must_use]
        pub fn prints(stdout: impl Into<String>) -> Self {
            Self::Exit(0, stdout.into(), String::new())
        }
    }

    /// Programs that are a function of their command. Clones share it.
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
        /// Programs that behave by `rule`.
        #[must_use]
        pub fn new(rule: impl Fn(&Command) -> TestRun + Send + Sync + 'static) -> Self {
            Self { rule: Arc::new(rule), log: Arc::default() }
        }

        /// Every command so far.
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
