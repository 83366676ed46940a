//! The faults, and what each is to the emulator, to a file, and to yc.

use std::io;
use std::time::Duration;

use yandex_cloud_auth::system::CommandOutput;
use yandex_cloud_emulator::Fault as Injected;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Slow,
    Hang,
    Drip,
    Reset,
    Garbage,
    HugeBody,
    TruncatedBody,
    SameOldToken,
    Redirect,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    RequestTimeout,
    TooManyRequests,
    InternalError,
    BadGateway,
    Unavailable,
}

/// What a file has instead of its token.
pub(super) enum FileState {
    Content(Vec<u8>),
    Error(io::ErrorKind),
    Hangs,
}

impl Fault {
    pub(super) const ALL: [Self; 18] = [
        Self::Slow,
        Self::Hang,
        Self::Drip,
        Self::Reset,
        Self::Garbage,
        Self::HugeBody,
        Self::TruncatedBody,
        Self::SameOldToken,
        Self::Redirect,
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::RequestTimeout,
        Self::TooManyRequests,
        Self::InternalError,
        Self::BadGateway,
        Self::Unavailable,
    ];

    /// Whether a fetch under this fault brings no token.
    pub(super) fn fails(self) -> bool {
        !matches!(self, Self::Slow | Self::SameOldToken)
    }

    /// Whether a fetch under this fault ends by its time limit only.
    pub(super) fn ends_by_time(self) -> bool {
        matches!(self, Self::Hang | Self::Drip)
    }

    pub(super) fn injected(self) -> Injected {
        let status = Injected::status;
        match self {
            Self::Slow => Injected::latency(Duration::from_millis(20)),
            Self::Hang => Injected::hang(),
            Self::Drip => Injected::drip(Duration::from_millis(200)),
            Self::Reset => Injected::reset(),
            Self::Garbage => Injected::garbage(),
            Self::HugeBody => Injected::huge_body(2 << 20),
            Self::TruncatedBody => Injected::truncated_body(),
            Self::SameOldToken => Injected::same_old_token(),
            Self::Redirect => status(302),
            Self::BadRequest => status(400),
            Self::Unauthorized => status(401),
            Self::Forbidden => status(403),
            Self::NotFound => Injected::not_found(),
            Self::RequestTimeout => status(408),
            Self::TooManyRequests => status(429).retry_after(Duration::from_secs(60)),
            Self::InternalError => status(500),
            Self::BadGateway => status(502).body("<html>502 Bad Gateway</html>"),
            Self::Unavailable => status(503).retry_after(Duration::from_secs(3600)),
        }
    }

    /// What becomes of the file of a token; `None` where the file has nothing like it.
    pub(super) fn of_file(self, token: &str) -> Option<FileState> {
        let content = |content: &[u8]| Some(FileState::Content(content.to_vec()));
        match self {
            Self::Hang => Some(FileState::Hangs),
            Self::Reset => Some(FileState::Error(io::ErrorKind::TimedOut)),
            Self::Garbage => content(b"\xff\xfe<html>"),
            Self::HugeBody => content(&vec![b'x'; 1 << 20]),
            Self::TruncatedBody => content(&token.as_bytes()[..token.len() / 2]),
            Self::SameOldToken => content(token.as_bytes()),
            Self::Forbidden => Some(FileState::Error(io::ErrorKind::PermissionDenied)),
            Self::NotFound => Some(FileState::Error(io::ErrorKind::NotFound)),
            _ => None,
        }
    }

    /// How yc ends; `None` where it never ends. `output` is what it prints without a fault.
    pub(super) fn of_yc(self, output: &str) -> Option<CommandOutput> {
        let prints = |text: &str| Some(CommandOutput::new(Some(0), text.as_bytes().to_vec(), Vec::new()));
        let fails = |reason: &str| {
            let reason = format!("ERROR: rpc error: code = {reason} desc = a fault of the test\n");
            Some(CommandOutput::new(Some(1), Vec::new(), reason.into_bytes()))
        };
        match self {
            Self::Hang | Self::Drip => None,
            Self::Slow | Self::SameOldToken => prints(output),
            Self::Reset => Some(CommandOutput::new(None, Vec::new(), Vec::new())),
            Self::Garbage => prints("\u{1}\u{2}<html>"),
            Self::HugeBody => prints(&"x".repeat(64 << 10)),
            Self::TruncatedBody => prints(&output[..output.len() / 2]),
            Self::Redirect | Self::BadRequest => fails("InvalidArgument"),
            Self::Unauthorized => fails("Unauthenticated"),
            Self::Forbidden => fails("PermissionDenied"),
            Self::NotFound => fails("NotFound"),
            Self::RequestTimeout => fails("DeadlineExceeded"),
            Self::TooManyRequests => fails("ResourceExhausted"),
            Self::InternalError => fails("Internal"),
            Self::BadGateway | Self::Unavailable => fails("Unavailable"),
        }
    }
}
