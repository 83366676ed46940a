//! The socket of a listener: who may connect, what is in its place, and what is left of it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream as StdUnixStream};
use std::path::Path;

use hyper_util::rt::TokioIo;
use test_support::log::Log;
use test_support::users::{OTHER, can_become_others};
use test_support::wait::{on_runtime, soon};
use tokio::net::UnixStream;
use tonic::Code;
use tonic::transport::Endpoint;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Error, ErrorKind};
use yandex_cloud_auth_agent::{Address, Agent, Config, Sockets};

use crate::common::{Folder, ONE, of, tokens};
use crate::envoy::{Bench, Client, NAME, Stream, client, config, socket, wanted};

async fn try_start(folder: &Folder, more: &str) -> Result<Agent, Error> {
    let config = Config::parse(&config(folder, ONE, more)).unwrap();
    Agent::start(config, of(&tokens(), &TestClock::new())).await
}

/// The names in a folder.
fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn serves(socket: &Path) -> bool {
    let Ok(mut client) = client(socket).await else { return false };
    Stream::open(&mut client, &[NAME]).await.value().await == "Bearer t1.fake.0"
}

#[test]
fn the_socket_has_its_permissions_and_is_gone_with_the_listener() {
    on_runtime(async {
        for (more, mode) in [
            ("", 0o600),
            ("group = \"0\"", 0o660),
            ("allow_uids = [1]", 0o666),
            ("allow_uids = [1]\nmode = \"0600\"", 0o600),
            ("mode = \"0666\"", 0o666),
        ] {
            let folder = Folder::new();
            let agent = try_start(&folder, more).await.unwrap();
            let found = fs::symlink_metadata(socket(&folder)).unwrap();
            assert!(found.file_type().is_socket());
            assert_eq!(found.permissions().mode() & 0o7777, mode, "{more}");
            assert_eq!(agent.listeners(), [Address::Unix(socket(&folder))]);
            assert!(agent.addresses().is_empty());
            assert!(serves(&socket(&folder)).await);
            if mode == 0o600 {
                drop(agent);
            } else {
                agent.drain().await;
            }
            assert_eq!(names(&folder), [".sds.sock.lock"], "{more}");
        }
    });
}

/// Root alone gives a file to any group.
#[test]
fn the_socket_belongs_to_its_group() {
    if !can_become_others() {
        return;
    }
    on_runtime(async {
        let folder = Folder::new();
        let _agent = try_start(&folder, "group = \"54321\"").await.unwrap();
        let found = fs::symlink_metadata(socket(&folder)).unwrap();
        assert_eq!((found.gid(), found.permissions().mode() & 0o777), (54_321, 0o660));
    });
}

#[test]
fn a_socket_of_a_dead_agent_is_replaced() {
    on_runtime(async {
        let folder = Folder::new();
        let (old, temporary) = (socket(&folder), folder.join(".sds.sock.new"));
        // A socket that nobody has open stays in the file system.
        drop(UnixListener::bind(&old).unwrap());
        drop(UnixListener::bind(&temporary).unwrap());
        let _agent = try_start(&folder, "").await.unwrap();
        assert!(serves(&old).await);
        assert_eq!(names(&folder), [".sds.sock.lock", "sds.sock"]);
    });
}

#[test]
fn a_place_that_is_not_free_is_refused_and_stays_as_it_is() {
    on_runtime(async {
        let refused = async |folder: &Folder, reason: &str| {
            let error = try_start(folder, "").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert_eq!(error.location(), Some(socket(folder).to_str().unwrap()));
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.help().is_some());
        };
        let folder = Folder::new();
        fs::write(socket(&folder), "untouched").unwrap();
        refused(&folder, "not a socket").await;
        assert_eq!(fs::read_to_string(socket(&folder)).unwrap(), "untouched");

        // A link, also to a socket.
        let folder = Folder::new();
        let _other = UnixListener::bind(folder.join("other")).unwrap();
        symlink(folder.join("other"), socket(&folder)).unwrap();
        refused(&folder, "not a socket").await;

        // Another program, and another agent.
        let folder = Folder::new();
        let other = UnixListener::bind(socket(&folder)).unwrap();
        refused(&folder, "another process listens").await;
        StdUnixStream::connect(socket(&folder)).unwrap();
        drop(other);
        let folder = Folder::new();
        let _agent = try_start(&folder, "").await.unwrap();
        refused(&folder, "another process listens").await;
        // An agent whose socket was removed still has the path.
        fs::remove_file(socket(&folder)).unwrap();
        refused(&folder, "another process listens").await;
    });
}

#[test]
fn a_path_that_cannot_be_a_socket_is_refused() {
    on_runtime(async {
        let folder = Folder::new();
        let start = async |path: &str, more: &str| {
            let text = format!("{ONE}[[listen]]\nkind = \"sds\"\npath = \"{path}\"\n{more}\n");
            let started = Agent::start(Config::parse(&text).unwrap(), of(&tokens(), &TestClock::new())).await;
            let error = started.unwrap_err();
            (error.to_string(), error.help().unwrap_or_default().to_string())
        };
        let long = folder.join(&"x".repeat(120));
        let (reason, help) = start(long.to_str().unwrap(), "").await;
        assert!(reason.contains("cannot listen here") && help.contains("shorter path"), "{reason}: {help}");
        let (reason, help) = start(folder.join("no/such").to_str().unwrap(), "").await;
        assert!(reason.contains("the folder does not exist") && help.contains("make"), "{reason}: {help}");
        let (reason, help) = start(socket(&folder).to_str().unwrap(), "group = \"no-such-group\"").await;
        assert!(reason.contains("no group") && help.contains("group"), "{reason}: {help}");
        let left = names(&folder);
        assert!(left.iter().all(|name| name.ends_with(".lock")), "{left:?}");
    });
}

/// A link in the place of the temporary socket, or of the lock, leads nowhere.
#[test]
fn a_link_in_the_place_of_a_file_that_the_agent_makes_is_not_followed() {
    on_runtime(async {
        let folder = Folder::new();
        let victim = folder.join("victim");
        fs::write(&victim, "untouched").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&victim, folder.join(".sds.sock.new")).unwrap();
        let agent = try_start(&folder, "mode = \"0666\"").await.unwrap();
        assert!(serves(&socket(&folder)).await);
        assert_eq!(fs::metadata(&victim).unwrap().permissions().mode() & 0o777, 0o640);
        drop(agent);
        fs::remove_file(folder.join(".sds.sock.lock")).unwrap();
        symlink(folder.join("made"), folder.join(".sds.sock.lock")).unwrap();
        assert!(try_start(&folder, "").await.unwrap_err().to_string().contains("cannot listen here"));
        assert!(!folder.join("made").exists());
    });
}

#[test]
fn a_socket_that_another_process_has_put_in_the_place_stays() {
    on_runtime(async {
        let folder = Folder::new();
        let agent = try_start(&folder, "").await.unwrap();
        fs::remove_file(socket(&folder)).unwrap();
        let _other = UnixListener::bind(socket(&folder)).unwrap();
        drop(agent);
        assert!(StdUnixStream::connect(socket(&folder)).is_ok());
    });
}

#[test]
fn the_permissions_of_an_open_socket_do_not_change() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let mut bench = Bench::new("", &source, &clock).await;
        let other = Config::parse(&config(&bench.folder, ONE, "mode = \"0666\"")).unwrap();
        let error = bench.agent.reload(other, of(&source, &clock)).await.unwrap_err();
        assert!(error.to_string().contains("while it is open"), "{error}");
        assert!(serves(&bench.socket()).await);
        // Without the listener the path is free, and another one can have it.
        bench.agent.reload(Config::parse(ONE).unwrap(), of(&source, &clock)).await.unwrap();
        assert!(!bench.socket().exists());
        let other = Config::parse(&config(&bench.folder, ONE, "mode = \"0666\"")).unwrap();
        bench.agent.reload(other, of(&source, &clock)).await.unwrap();
        assert!(serves(&bench.socket()).await);
    });
}

/// Somebody has emptied the folder, with the lock or without it.
#[test]
fn a_reload_makes_a_socket_again_that_was_removed() {
    on_runtime(async {
        for removed in [&["sds.sock"][..], &["sds.sock", ".sds.sock.lock"]] {
            let (source, clock) = (tokens(), TestClock::new());
            let mut bench = Bench::new("", &source, &clock).await;
            let mut stream = bench.subscribe(&[NAME]).await;
            assert_eq!(stream.value().await, "Bearer t1.fake.0");
            for name in removed {
                fs::remove_file(bench.folder.join(name)).unwrap();
            }
            let same = Config::parse(&config(&bench.folder, ONE, "")).unwrap();
            bench.agent.reload(same.clone(), of(&source, &clock)).await.unwrap();
            assert!(serves(&bench.socket()).await);
            // The client of the old socket comes to the new one, and no other agent gets the path.
            assert_eq!(stream.end().await, Code::Unavailable);
            let error = try_start(&bench.folder, "").await.unwrap_err();
            assert!(error.to_string().contains("another process listens"), "{error}");
            // The socket is there, so it stays.
            let mut stream = bench.subscribe(&[NAME]).await;
            stream.value().await;
            bench.agent.reload(same, of(&source, &clock)).await.unwrap();
            assert!(stream.is_quiet().await);
            assert_eq!(names(&bench.folder), [".sds.sock.lock", "sds.sock"]);
            bench.agent.drain().await;
            assert_eq!(names(&bench.folder), [".sds.sock.lock"]);
        }
    });
}

#[test]
fn a_reload_takes_no_place_of_another_process() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let mut bench = Bench::new("", &source, &clock).await;
        fs::remove_file(bench.socket()).unwrap();
        let other = UnixListener::bind(bench.socket()).unwrap();
        let same = Config::parse(&config(&bench.folder, ONE, "")).unwrap();
        let error = bench.agent.reload(same.clone(), of(&source, &clock)).await.unwrap_err();
        assert!(error.to_string().contains("another process listens"), "{error}");
        drop(other);
        bench.agent.reload(same, of(&source, &clock)).await.unwrap();
        assert!(serves(&bench.socket()).await);
    });
}

#[test]
fn a_listener_takes_the_socket_of_the_service_manager() {
    on_runtime(async {
        let folder = Folder::new();
        let passed = UnixListener::bind(socket(&folder)).unwrap();
        let sockets = Sockets::default().with_unix([passed]).unwrap();
        assert_eq!(sockets.addresses(), [Address::Unix(socket(&folder))]);
        // The client is there before the agent.
        let early = UnixStream::connect(socket(&folder)).await.unwrap();
        let (source, clock) = (tokens(), TestClock::new());
        let with = Config::parse(&config(&folder, ONE, "")).unwrap();
        let mut agent = Agent::start_with(with.clone(), sockets, of(&source, &clock)).await.unwrap();
        let mut early = over(early).await;
        assert_eq!(Stream::open(&mut early, &[NAME]).await.value().await, "Bearer t1.fake.0");
        // Other permissions are those of the service manager.
        let other = Config::parse(&config(&folder, ONE, "allow_uids = [1]")).unwrap();
        agent.reload(other, of(&source, &clock)).await.unwrap();
        agent.drain().await;
        assert!(socket(&folder).exists() && names(&folder) == ["sds.sock"]);
    });
}

#[test]
fn a_unix_socket_that_no_listener_uses_is_an_error() {
    on_runtime(async {
        let folder = Folder::new();
        let passed = UnixListener::bind(folder.join("other.sock")).unwrap();
        let sockets = Sockets::default().with_unix([passed]).unwrap();
        let config = Config::parse(&config(&folder, ONE, "")).unwrap();
        let started = Agent::start_with(config, sockets, of(&tokens(), &TestClock::new())).await;
        let error = started.unwrap_err();
        let place = format!("unix:{}", folder.join("other.sock").display());
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(place.as_str())));
    });
}

/// A client on a connection that is there already.
async fn over(stream: UnixStream) -> Client {
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| std::future::ready(stream.take().ok_or(std::fmt::Error)));
    let endpoint = Endpoint::from_static("http://envoy");
    Client::new(soon(endpoint.connect_with_connector(connector)).await.unwrap())
}

/// What a process of the other user gets when it connects. It needs root, to become another user.
#[cfg(target_os = "linux")]
fn connect_as_other(path: std::path::PathBuf) -> std::io::Result<StdUnixStream> {
    // The user of a thread: the other threads stay what they are.
    let connected = std::thread::spawn(move || {
        let uid = rustix::process::Uid::from_raw(OTHER);
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        StdUnixStream::connect(path)
    });
    connected.join().unwrap()
}

#[cfg(target_os = "linux")]
async fn client_of_other(path: std::path::PathBuf) -> Client {
    let stream = connect_as_other(path).unwrap();
    stream.set_nonblocking(true).unwrap();
    over(UnixStream::from_std(stream).unwrap()).await
}

#[cfg(target_os = "linux")]
#[test]
fn the_log_names_the_user_who_is_refused_and_not_each_attempt() {
    if !can_become_others() {
        return;
    }
    let log = Log::of_target("yandex_cloud_auth_agent");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let bench = Bench::new("allow_uids = [1]", &tokens(), &TestClock::new()).await;
            for _ in 0..3 {
                let mut client = client_of_other(bench.socket()).await;
                for _ in 0..10 {
                    let refused = Stream::try_open(&mut client, wanted(&[NAME])).await.err().unwrap();
                    assert_eq!(refused.code(), Code::PermissionDenied);
                }
            }
            let warnings = log.warnings();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            let socket = bench.socket().display().to_string();
            for part in ["a client is refused", "the user 54321 may not ask", &socket] {
                assert!(warnings[0].contains(part), "{part}: {}", warnings[0]);
            }
        });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn another_user_is_refused_until_the_configuration_allows_the_user() {
    if !can_become_others() {
        return;
    }
    on_runtime(async {
        for (more, may) in
            [("mode = \"0666\"", false), ("allow_uids = [54321]", true), ("allow_uids = [1]", false)]
        {
            let bench = Bench::new(more, &tokens(), &TestClock::new()).await;
            let mut client = client_of_other(bench.socket()).await;
            let opened = Stream::try_open(&mut client, wanted(&[NAME])).await;
            match opened {
                Ok(mut stream) => assert!(may && stream.value().await == "Bearer t1.fake.0", "{more}"),
                Err(status) => {
                    assert!(!may && status.code() == Code::PermissionDenied, "{more}: {status:?}");
                    assert!(status.message().contains("54321"), "{status:?}");
                }
            }
        }
        // The socket of the default is closed to the user.
        let bench = Bench::new("", &tokens(), &TestClock::new()).await;
        let refused = connect_as_other(bench.socket()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    });
}

#[test]
fn the_configuration_of_a_socket_is_checked() {
    let start = |more: &str| {
        let folder = Folder::new();
        Config::parse(&config(&folder, ONE, more)).err().map(|error| error.to_string())
    };
    for (more, reason) in [
        ("mode = \"0777\"", "reads and writes"),
        ("mode = \"0620\"", "reads and writes"),
        ("mode = \"rw\"", "octal"),
        ("mode = \"0600\"\ngroup = \"0\"", "does not let the group"),
        ("secrets = []", "no secret"),
        ("secrets = [{ name = \"\" }]", "visible characters"),
        ("secrets = [{ name = \"a b\" }]", "visible characters"),
        ("secrets = [{ name = \"a\" }, { name = \"a\" }]", "twice"),
        ("secrets = [{ name = \"a\", identity = \"two\" }]", "no identity `two`"),
        ("secrets = [{ name = \"a\", form = \"bare\" }]", "unknown field `form`"),
        ("limits = { message_bytes = 1 }", "`message_bytes`"),
        ("address = \"127.0.0.1:1\"", "unknown field `address`"),
    ] {
        let error = start(more).unwrap_or_else(|| panic!("{more} is accepted"));
        assert!(error.contains(reason), "{more}: {error}");
    }
    assert_eq!(start("mode = \"660\"\ngroup = \"0\""), None);
    let two = format!("{ONE}[[identity]]\nname = \"two\"\n");
    let folder = Folder::new();
    assert!(
        Config::parse(&config(&folder, &two, "")).unwrap_err().to_string().contains("several identities")
    );
}
