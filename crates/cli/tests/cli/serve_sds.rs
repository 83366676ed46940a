//! `serve --sds`: Envoy's Secret Discovery Service at a Unix socket.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::process::Signal;
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, yc_auth};
use crate::serve::{Served, activated, get, serve};

/// What the service says to a client that speaks no gRPC.
fn said_to_a_browser(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn the_socket_is_there_until_a_signal_ends_the_agent() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let socket = folder.path.join("sds.sock");
    for (form, options, mode) in [("unix:", vec![], 0o600), ("unix://", vec!["--allow-uid", "54321"], 0o666)]
    {
        let place = format!("{form}{}", socket.display());
        let mut served =
            Served::start(serve(&emulator, &folder, &[&["--sds", &place], &options[..]].concat()));
        assert_eq!(served.addresses, [format!("unix:{}", socket.display())]);
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, mode);
        let response = said_to_a_browser(&socket);
        assert!(response.starts_with("HTTP/1.1 415 ") && response.contains("gRPC"), "{response}");
        // The address is taken.
        let second = serve(&emulator, &folder, &["--sds", &place]).done();
        assert!(second.fails(4).contains("another process listens here"), "{second:?}");
        served.signal(Signal::HUP);
        served.next_line("read the configuration again");
        assert!(said_to_a_browser(&socket).starts_with("HTTP/1.1 415 "));
        served.end();
        assert!(!socket.exists());
    }
}

#[test]
fn a_socket_that_is_removed_is_told_and_a_signal_makes_it_again() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let socket = folder.path.join("sds.sock");
    let place = format!("unix:{}", socket.display());
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut served = Served::start(serve(&emulator, &folder, &["--sds", &place, "--admin", &admin]));
    while !get(&admin, "/readyz").starts_with("HTTP/1.1 200 ") {}
    fs::remove_file(&socket).unwrap();
    for _ in 0..2 {
        let told = get(&admin, "/readyz");
        assert!(told.starts_with("HTTP/1.1 503 ") && told.contains(&place), "{told}");
    }
    let line = served.next_line("clients do not find it");
    assert!(line.contains("somebody has removed or replaced the socket"), "{line}");
    served.signal(Signal::HUP);
    // The next line about the socket is not the same warning once more.
    let line = served.next_line("the socket");
    assert!(line.contains("it is made again"), "{line}");
    served.next_line("read the configuration again");
    assert!(get(&admin, "/readyz").starts_with("HTTP/1.1 200 "));
    assert!(said_to_a_browser(&socket).starts_with("HTTP/1.1 415 "));
    served.end();
}

#[test]
fn the_socket_of_systemd_is_taken_and_stays() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let path = folder.path.join("sds.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let options = format!("--sds unix:{}", path.display());
    let mut served = Served::start(activated(serve(&emulator, &folder, &[]), socket, &options));
    assert!(said_to_a_browser(&path).starts_with("HTTP/1.1 415 "));
    served.end();
    assert!(path.exists());
}

#[test]
fn what_is_no_socket_is_refused() {
    let folder = Folder::new();
    let file = folder.file("a-file", "untouched");
    let refused = |options: &[&str], status: i32, reason: &str| {
        let run =
            yc_auth([&["serve", "--auth", "t1.fake.token"], options].concat()).env("YC_AUTH_LOG", "off");
        let outcome = run.done();
        assert!(outcome.fails(status).contains(reason), "{options:?}: {outcome:?}");
    };
    refused(&["--sds", "/run/yc-auth/sds.sock"], 2, "give unix:PATH");
    refused(&["--sds", "unix:"], 2, "give unix:PATH");
    refused(&["--admin", "127.0.0.1:0", "--allow-uid", "1"], 2, "for `--metadata` and `--sds`");
    refused(&["--sds", "unix:a", "--config", "b"], 2, "--config");
    refused(&["--sds", &format!("unix:{}", file.display())], 4, "not a socket");
    let long = folder.path.join("x".repeat(120));
    refused(&["--sds", &format!("unix:{}", long.display())], 4, "shorter path");
    for check in [&[][..], &["--check"]] {
        let options = [&["--sds", "unix:/no/such/folder/sds.sock"], check].concat();
        refused(&options, 4, "sds.sock: the folder does not exist");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "untouched");
}
