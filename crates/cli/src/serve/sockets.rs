//! The sockets that systemd has opened for the agent (socket activation): `LISTEN_FDS` and `LISTEN_PID`.

use yandex_cloud_auth::Error;
use yandex_cloud_auth_agent::Sockets;

/// The sockets of the service manager; none if it has opened none.
///
/// # Errors
/// `Invalid` if one is no socket that accepts connections by TCP.
#[cfg(unix)]
pub(super) fn inherited() -> Result<Sockets, Error> {
    let mut passed = listenfd::ListenFd::from_env();
    let sockets = (0..passed.len()).filter_map(|place| passed.take_tcp_listener(place).transpose());
    let sockets = sockets.collect::<std::io::Result<Vec<_>>>().map_err(|error| {
        Error::new(
            yandex_cloud_auth::ErrorKind::Invalid,
            format!("a socket of systemd cannot be used: {error}"),
        )
        .at("LISTEN_FDS")
        .with_help("give the unit of the socket `ListenStream=` with an address and a port")
    })?;
    Sockets::new(sockets)
}

#[cfg(not(unix))]
pub(super) fn inherited() -> Result<Sockets, Error> {
    Ok(Sockets::default())
}
