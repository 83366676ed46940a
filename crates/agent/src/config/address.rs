//! Where a listener is.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The place of a listener: an address with a port, or the path of a Unix socket.
///
/// ```
/// use yandex_cloud_auth_agent::Address;
///
/// assert_eq!(Address::Unix("/run/yc-auth/sds.sock".into()).to_string(), "unix:/run/yc-auth/sds.sock");
/// assert_eq!(Address::Tcp(([127, 0, 0, 1], 8081).into()).to_string(), "127.0.0.1:8081");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address with a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// The address with a port, of one that has it.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}
