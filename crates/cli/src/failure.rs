//! Failures: the exit status for scripts, and the text on standard error.
//!
//! Standard error gets the error line, then the help, then, where the selection failed, its report.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use yandex_cloud_auth::{Error, ErrorKind};

/// Why the command fails.
pub(crate) enum Failure {
    /// An error of authentication, from the library or from this command.
    Auth(Error),
    /// The same, but standard output has shown the report already.
    WithoutReport(Error),
    /// The same, but standard output has shown all of it already.
    AlreadyShown(Error),
    /// The same, from a hook: one line, which the tool shows to its user.
    Hook(Error),
    /// The failure that the tool got a moment ago, with its text.
    Remembered { status: u8, text: String },
    /// A hook has no credentials for this host. Standard output has said so, if the protocol has words for it.
    NotFound,
    /// Neither a success nor an error of authentication, and standard output has shown why.
    Undecided,
    /// The output could not be written.
    Output(io::Error),
    /// A program that this command ran has failed, or could not run.
    Program {
        /// The exit status of the program, or the one that a shell gives in its place.
        status: u8,
        /// One line, unless the program itself has said it.
        reason: Option<String>,
    },
    /// Anything else, in one line.
    Other(String),
}

impl Failure {
    /// The exit status: it follows the kind of the error, not the method.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Auth(error)
            | Self::WithoutReport(error)
            | Self::AlreadyShown(error)
            | Self::Hook(error) => match error.kind() {
                ErrorKind::NotConfigured => 3,
                ErrorKind::Invalid | ErrorKind::Blocked => 4,
                ErrorKind::Unavailable => 5,
                ErrorKind::Refused | ErrorKind::Expired => 6,
                _ => 1,
            },
            Self::Program { status, .. } | Self::Remembered { status, .. } => *status,
            Self::Output(_) | Self::Other(_) | Self::Undecided | Self::NotFound => 1,
        }
    }

    /// Prints the failure and returns the exit status, which holds even where printing fails.
    pub(crate) fn print(&self, to: &mut dyn Write) -> ExitCode {
        let _ = self.write(to);
        ExitCode::from(self.status())
    }

    /// What [`print`](Self::print) prints.
    pub(crate) fn text(&self) -> String {
        let mut text = Vec::new();
        let _ = self.write(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Whether a tool that runs the command again at once would get the same failure. What a user mends may be mended by
    /// then.
    pub(crate) fn is_worth_remembering(&self) -> bool {
        match self {
            Self::Auth(error) | Self::WithoutReport(error) | Self::Hook(error) => {
                matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Refused | ErrorKind::Expired)
            }
            _ => false,
        }
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Auth(error) | Self::WithoutReport(error) => {
                writeln!(to, "error: {error}")?;
                if let Some(help) = error.help() {
                    writeln!(to, "help: {help}")?;
                }
                if let (Self::Auth(_), Some(report)) = (self, error.report()) {
                    writeln!(to, "\n{report}")?;
                }
                Ok(())
            }
            Self::Remembered { text, .. } => to.write_all(text.as_bytes()),
            Self::Hook(error) => {
                let help = error.help().map(|help| format!("; {help}")).unwrap_or_default();
                writeln!(to, "error: {}", format!("{error}{help}").replace(['\n', '\r'], " "))
            }
            // A reader that closes the pipe early, such as `head`, is no error for the user.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Self::Output(error) => writeln!(to, "error: the output could not be written: {error}"),
            Self::Other(line) | Self::Program { reason: Some(line), .. } => writeln!(to, "error: {line}"),
            Self::AlreadyShown(_) | Self::Undecided | Self::NotFound | Self::Program { reason: None, .. } => {
                Ok(())
            }
        }
    }
}

/// An error in JSON: `{"kind","message","help"}`.
#[derive(Serialize)]
pub(crate) struct ErrorOutput {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl ErrorOutput {
    pub(crate) fn of(error: &Error) -> Self {
        Self { kind: error.kind().name(), message: error.to_string(), help: error.help().map(str::to_owned) }
    }

    /// A failure that is no error of the library.
    pub(crate) fn other(message: &str) -> Self {
        Self { kind: "other", message: message.to_owned(), help: None }
    }
}

/// A failed result in JSON: `{"error":{…}}`.
#[derive(Serialize)]
pub(crate) struct FailureOutput {
    error: ErrorOutput,
}

impl FailureOutput {
    /// The failure, if it is an error of authentication that standard output does not have yet.
    pub(crate) fn of(failure: &Failure) -> Option<Self> {
        match failure {
            Failure::Auth(error) => Some(Self { error: ErrorOutput::of(error) }),
            _ => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Auth(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Prints help, version, or the error of the command line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::EXIT_STATUS;

    #[test]
    fn the_status_follows_the_kind() {
        let of = |kind| Failure::from(Error::new(kind, "reason")).status();
        assert_eq!(of(ErrorKind::NotConfigured), 3);
        assert_eq!((of(ErrorKind::Invalid), of(ErrorKind::Blocked)), (4, 4));
        assert_eq!(of(ErrorKind::Unavailable), 5);
        assert_eq!((of(ErrorKind::Refused), of(ErrorKind::Expired)), (6, 6));
        assert_eq!(Failure::Other(String::new()).status(), 1);
        assert!(EXIT_STATUS.iter().enumerate().all(|(at, (status, _))| at == usize::from(*status)));
    }

    #[test]
    fn prints_the_error_then_the_help() {
        let mut printed = Vec::new();
        let error = Error::new(ErrorKind::Invalid, "the value is wrong").at("YC_X").with_help("correct it");
        Failure::from(error).print(&mut printed);
        let expected = "error: YC_X: the value is wrong\nhelp: correct it\n";
        assert_eq!(String::from_utf8(printed).unwrap(), expected);
    }

    #[test]
    fn a_closed_pipe_prints_nothing() {
        let mut printed = Vec::new();
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        failure.print(&mut printed);
        assert_eq!((printed.len(), failure.status()), (0, 1));
    }
}
