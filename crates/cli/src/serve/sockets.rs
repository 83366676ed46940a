//! The sockets that systemd has opened for the agent (socket activation): `LISTEN_FDS` and `LISTEN_PID`.

use yandex_cloud_auth::Error;
use yandex_cloud_auth_agent::Sockets;

/// The sockets of the service manager; none if it has opened none.
///
/// # Errors
/// `Invalid` if one is no socket that accepts connections.
#[cfg(unix)]
pub(super) fn inherited() -> Result<Sockets, Error> {
    let mut passed = listenfd::ListenFd::from_env();
    let (mut with_address, mut with_path) = (Vec::new(), Vec::new());
    for place in 0..passed.len() {
        // A socket of the other kind stays where it is.
        if let Ok(socket) = passed.take_tcp_listener(place) {
            with_address.extend(socket);
            continue;
        }
        with_path.extend(passed.take_unix_listener(place).map_err(|error| {
            Error::new(
                yandex_cloud_auth::ErrorKind::Invalid,
                format!("a socket of systemd cannot be used: {error}"),
            )
            .at("LISTEN_FDS")
            .with_help(
                "give the unit of the socket `ListenStream=` with an address and a port, or with a path",
            )
        })?);
    }
    Sockets::new(with_address)?.with_unix(with_path)
}

#[cfg(not(unix))]
pub(super) fn inherited() -> Result<Sockets, Error> {
    Ok(Sockets::default())
}
