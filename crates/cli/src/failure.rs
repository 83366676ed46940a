//! Failures: the exit status that scripts go by, and what standard error says.
//!
//! Standard error has the error line, then what to do, then, where the selection failed, what was looked at.

use std::io::{self, Write};
use std::process::ExitCode;

use yandex_cloud_auth::{Error, ErrorKind};

/// Why there is no answer.
pub(crate) enum Failure {
    /// The library says so, or the command in its words.
    Auth(Error),
    /// The same, and standard output has told it already, to the same terminal.
    Told(Error),
    /// The answer could not be written.
    Output(io::Error),
    /// Anything else, in one line.
    Other(String),
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

impl Failure {
    /// The exit status: by the kind of the error, not by the method that had it.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Auth(error) | Self::Told(error) => match error.kind() {
                ErrorKind::NotConfigured => 3,
                ErrorKind::Invalid | ErrorKind::Blocked => 4,
                ErrorKind::Unavailable => 5,
                ErrorKind::Refused | ErrorKind::Expired => 6,
                _ => 1,
            },
            Self::Output(_) | Self::Other(_) => 1,
        }
    }

    /// Tells it. Where nobody listens, the exit status still does.
    pub(crate) fn tell(&self, to: &mut dyn Write) -> ExitCode {
        let _ = self.write(to);
        ExitCode::from(self.status())
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Auth(error) => {
                writeln!(to, "error: {error}")?;
                if let Some(help) = error.help() {
                    writeln!(to, "help: {help}")?;
                }
                if let Some(report) = error.report() {
                    writeln!(to, "\n{report}")?;
                }
                Ok(())
            }
            // Whoever closes our output wants no more of it, and no word about that.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Self::Output(error) => writeln!(to, "error: the answer could not be written: {error}"),
            Self::Other(line) => writeln!(to, "error: {line}"),
            Self::Told(_) => Ok(()),
        }
    }
}

/// Help, version, or what is wrong with the command line.
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
    fn says_the_error_then_the_help() {
        let mut said = Vec::new();
        let error = Error::new(ErrorKind::Invalid, "it is wrong").at("YC_X").with_help("mend it");
        Failure::from(error).tell(&mut said);
        assert_eq!(String::from_utf8(said).unwrap(), "error: YC_X: it is wrong\nhelp: mend it\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_told_nothing() {
        let mut said = Vec::new();
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        failure.tell(&mut said);
        assert_eq!((said.len(), failure.status()), (0, 1));
    }
}
