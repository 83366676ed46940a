//! `serve`: the agent as a process, its signals and its exit statuses; and `exec --metadata`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Run, missing, yc_auth};

const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// An agent that serves. Ended if the test fails.
pub(crate) struct Served {
    child: Child,
    log: BufReader<ChildStderr>,
    /// The addresses of the listeners.
    pub(crate) addresses: Vec<String>,
}

impl Served {
    pub(crate) fn start(run: Run) -> Self {
        let mut served = Self::unready(run);
        let line = served.next_line("serving");
        let listeners = line.split("listeners=").nth(1).unwrap();
        served.addresses = listeners.split_whitespace().map(str::to_owned).collect();
        served
    }

    /// An agent that may not serve yet. Its addresses are not known.
    pub(crate) fn unready(mut run: Run) -> Self {
        let mut child = run.command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, addresses: Vec::new() }
    }

    /// The next line of the log with this text.
    pub(crate) fn next_line(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before `{text}`");
            assert!(!line.contains("t1."), "{line}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Ends the agent by a signal, and expects its good end.
    pub(crate) fn end(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The response to a request with the header of the metadata service.
pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// `serve` with the metadata service of an emulator as its source.
pub(crate) fn serve(emulator: &Emulator, folder: &Folder, options: &[&str]) -> Run {
    let run = yc_auth([&["serve"], options].concat());
    let run = run.env("YC_METADATA_ADDR", emulator.metadata_addr().to_string());
    run.env("YC_API_ENDPOINT", emulator.api_url())
        .env("XDG_STATE_HOME", &folder.path)
        .env("YC_AUTH_CACHE", "off")
}

#[test]
fn the_flags_serve_one_identity_until_a_signal_ends_it() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let file = folder.path.join("token");
    let options = [
        "--metadata",
        "127.0.0.1:0",
        "--oauth",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--folder",
        "b1gfake",
    ];
    let files = ["--token-file", file.to_str().unwrap(), "--format", "dotenv"];
    for signal in [Signal::TERM, Signal::INT] {
        let mut served = Served::start(serve(&emulator, &folder, &[&options[..], &files[..]].concat()));
        let [metadata, oauth, admin] = &served.addresses[..] else { panic!("{:?}", served.addresses) };
        assert!(get(metadata, TOKEN).contains("\"access_token\":\"t1."));
        assert!(get(metadata, "/computeMetadata/v1/project/project-id").ends_with("b1gfake"));
        assert!(get(oauth, "/oauth2/token").starts_with("HTTP/1.1 405"));
        assert!(get(admin, "/readyz").ends_with("default: ready\n"));
        let client = fs::read_to_string(folder.path.join("yc-auth/oauth-client.json")).unwrap();
        assert!(client.contains("client_secret"), "{client}");
        served.next_line("wrote the token");
        assert!(fs::read_to_string(&file).unwrap().starts_with("YC_IAM_TOKEN=t1."));
        served.signal(signal);
        served.next_line("ending");
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_file_has_several_identities_and_a_signal_reads_it_again() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    folder.file("key.json", emulator.service_account_key().unwrap());
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (first, second) = (free().to_string(), free().to_string());
    let identities = "[[identity]]\nname = \"machine\"\nmethod = \"metadata\"\n\n[[identity]]\nname = \"key\"\nkey_file = \"key.json\"\n";
    let listen = |name: &str, address: &str| {
        format!("\n[[listen]]\nkind = \"metadata\"\naddress = \"{address}\"\nidentity = \"{name}\"\n")
    };
    let config = folder.file("agent.toml", identities.to_owned() + &listen("machine", &first));
    let mut served = Served::start(serve(&emulator, &folder, &["--config", config.to_str().unwrap()]));
    assert_eq!(served.addresses, [first.as_str()]);
    assert!(get(&first, TOKEN).contains("t1."));

    fs::write(&config, "nonsense = 1\n").unwrap();
    served.signal(Signal::HUP);
    let line = served.next_line("the new configuration is refused");
    assert!(line.contains("unknown field `nonsense`"), "{line}");
    assert!(get(&first, TOKEN).contains("t1."));

    fs::write(&config, identities.to_owned() + &listen("key", &second)).unwrap();
    served.signal(Signal::HUP);
    served.next_line("read the configuration again");
    assert!(get(&second, TOKEN).contains("t1."));
    assert!(
        get(&second, "/computeMetadata/v1/instance/service-accounts/")
            .contains(emulator.service_account_id())
    );
    assert!(TcpStream::connect(&first).is_err());
    served.signal(Signal::TERM);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_log_has_dates_and_at_debug_each_request() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let run = serve(&emulator, &folder, &["--metadata", "127.0.0.1:0"]).env("YC_AUTH_LOG", "debug");
    let mut served = Served::start(run);
    get(&served.addresses[0], TOKEN);
    let line = served.next_line("answered");
    let year = line.split('-').next().unwrap();
    assert!(year.len() == 4 && year.parse::<u32>().is_ok_and(|year| year >= 2026), "{line}");
    for part in ["listener=metadata", "status=200", "peer=User(", "service-accounts/default/token"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // An unknown level is told, and leaves the usual log on.
    let run = serve(&emulator, &folder, &["--metadata", "127.0.0.1:0"]).env("YC_AUTH_LOG", "loud");
    let mut served = Served::start(run);
    served.signal(Signal::TERM);
    served.next_line("ending");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_finds_a_key_that_is_gone_and_works_without_a_file_too() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let key = folder.file("key.json", emulator.service_account_key().unwrap());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let options = ["--key-file", key.to_str().unwrap(), "--metadata", &free];
    let mut served = Served::start(serve(&emulator, &folder, &options));
    served.signal(Signal::HUP);
    served.next_line("read the configuration again");
    assert!(get(&free, TOKEN).contains("t1."));
    fs::remove_file(&key).unwrap();
    served.signal(Signal::HUP);
    let line = served.next_line("the new configuration is refused");
    assert!(line.contains("key.json"), "{line}");
    assert!(get(&served.addresses[0], TOKEN).contains("t1."), "the token is still good");
}

#[test]
fn what_cannot_be_served_is_refused_at_the_start() {
    let folder = Folder::new();
    // A listener that is there keeps the address.
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = holder.local_addr().unwrap().to_string();
    let config = |text: &str| folder.file("agent.toml", text).display().to_string();
    let link = folder.path.join("link");
    std::os::unix::fs::symlink(Path::new("/dev/null"), &link).unwrap();
    let one = "[[identity]]\nname = \"a\"\n";
    let refused = |options: &[&str], reason: &str| {
        let run = yc_auth([&["serve", "--auth", "t1.fake.token"], options].concat())
            .env("XDG_STATE_HOME", &folder.path)
            .env("YC_AUTH_LOG", "off");
        let outcome = run.done();
        assert!(outcome.fails(4).contains(reason), "{outcome:?}");
    };
    refused(&["--metadata", "0.0.0.0:8081"], "must be on loopback");
    refused(&["--oauth", "10.0.0.1:8081"], "this machine alone");
    for option in ["`--allow-remote`", "`--tls-certificate`", "`allow_remote`"] {
        refused(&["--gateway", "0.0.0.0:8080", "--gateway-key", "@gateway.key"], option);
    }
    refused(&["--metadata", "0.0.0.0:8081"], "`--pod-network`");
    refused(&["--oauth", "10.0.0.1:8081", "--allow-remote"], "no TLS");
    let empty = folder.file("empty.pem", "").display().to_string();
    let certificate = ["--tls-certificate", &empty, "--tls-key", &empty];
    refused(&[&["--admin", "10.0.0.1:8081", "--allow-remote"], &certificate[..]].concat(), "--admin-key");
    refused(&[&["--admin", "127.0.0.1:0", "--check"], &certificate[..]].concat(), "empty.pem: there is no");
    refused(&["--metadata", &busy], "cannot listen");
    refused(&["--token-file", link.to_str().unwrap()], "not a regular file");
    refused(&["--token-file", &missing("folder/token")], "the folder does not exist");
    refused(&["--token-file", "t", "--mode", "0644"], "every user of the machine");
    refused(&["--token-file", "t", "--format", "pgpass"], "needs `host` and `user`");
    refused(&["--kubernetes-secret", "Apps/yc-token"], "no name of Kubernetes");
    refused(&["--kubernetes-secret", "apps/yc-token"], "apps/yc-token: KUBERNETES_SERVICE_HOST");
    let file = "[[listen]]\nkind = \"token-file\"\n";
    for (text, reason) in [
        (format!("{one}auth = \"AQVN-fake-secret\"\n"), "line 3: unknown field `auth`"),
        (format!("{one}method = \"metadat\"\n"), "identity `a`: method: there is no such method"),
        (
            format!("{one}method = \"metadata\"\nkey_file = \"k\"\n"),
            "identity `a`: the method metadata takes no",
        ),
        (format!("{one}auth_file = \"missing\"\n"), "identity `a`"),
        (format!("{one}key_file = \"missing.json\"\n"), "identity `a`: --key-file: cannot read"),
        ("[[listen]]\nkind = \"admin\"\n".to_owned(), "missing field `address`"),
        (one.to_owned(), "nothing is served"),
        (format!("{one}key_file = \"agent.toml\"\n{file}path = \"t\"\n"), "identity `a`: "),
        (format!("{one}{file}path = \"missing/token\"\n"), "the folder does not exist"),
        (format!("{one}{file}path = \"token\"\ngroup = \"no-such-group\"\n"), "there is no group"),
    ] {
        let is_served = text.contains("[[listen]]") || reason == "nothing is served";
        let listen = if is_served { "" } else { "[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:0\"\n" };
        let file = config(&(text.clone() + listen));
        for more in [&["--check"][..], &[]] {
            let outcome =
                yc_auth([&["serve", "--config", &file], more].concat()).hides("AQVN-fake-secret").done();
            assert!(outcome.fails(4).contains(reason), "{text}: {outcome:?}");
        }
    }
    let outcome = yc_auth(["serve", "--config", &missing("agent.toml")]).done();
    assert!(outcome.fails(4).contains("cannot read the configuration"), "{outcome:?}");
}

/// `serve` with a socket as systemd passes it on: as descriptor 3, with the number of the process.
pub(crate) fn activated(mut run: Run, socket: impl Into<OwnedFd>, options: &str) -> Run {
    let script = format!(
        "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec {} serve {options}",
        env!("CARGO_BIN_EXE_yc-auth")
    );
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", &script]).envs(run.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(socket.into()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run.command = shell;
    run
}

#[test]
fn a_listener_takes_the_socket_that_systemd_has_opened() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let activated = |options: &str| {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let options = options.replace("ADDRESS", &address);
        (activated(serve(&emulator, &folder, &[]), socket, &options), address)
    };
    let (run, address) = activated("--metadata ADDRESS");
    let mut early = TcpStream::connect(&address).unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    early.write_all(head.as_bytes()).unwrap();
    let mut served = Served::start(run);
    assert_eq!(served.addresses, [address.as_str()]);
    let mut response = String::new();
    early.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(get(&address, TOKEN).contains("t1."));
    served.signal(Signal::TERM);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));

    let (mut run, _) = activated("--metadata 127.0.0.1:0");
    let outcome = run.command.output().unwrap();
    let told = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(4), "{told}");
    assert!(told.contains("no listener has the address of this socket"), "{told}");
}

#[test]
fn a_check_serves_nothing_and_asks_nobody() {
    let folder = Folder::new();
    let text = "[[identity]]\nname = \"a\"\nmethod = \"metadata\"\n[[listen]]\nkind = \"token-file\"\npath = \"token\"\n";
    let file = folder.file("agent.toml", text);
    let outcome = yc_auth(["serve", "--config", file.to_str().unwrap(), "--check"]).done();
    assert_eq!(outcome.output(), "the configuration is good: 1 identity, 1 listener\n");
    let names: Vec<_> = fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["agent.toml"]);
}

#[test]
fn options_that_contradict_each_other_are_refused_by_the_parser() {
    for options in [
        &["serve"][..],
        &["serve", "--config", "a", "--metadata", "127.0.0.1:1"],
        &["serve", "--config", "a", "--method", "metadata"],
        &["serve", "--config", "a", "--kubernetes-secret", "a/b"],
        &["serve", "--kubernetes-secret", "yc-token"],
        &["serve", "--metadata", "localhost"],
        &["serve", "--admin", "127.0.0.1:1", "--format", "header"],
        &["serve", "--admin", "127.0.0.1:1", "--mode", "0600"],
        &["serve", "--admin", "127.0.0.1:1", "--tls-key", "k"],
        &["serve", "--probes", "127.0.0.1:1", "--tls-certificate", "c", "--tls-key", "k"],
        &["serve", "--metadata", "127.0.0.1:1", "--allow-remote"],
        &["serve", "--metadata", "127.0.0.1:1", "--admin-key", "k"],
        &["exec", "--metadata", "--openai", "--", "true"],
    ] {
        let outcome = yc_auth(options).done();
        assert_eq!(outcome.status, 2, "{options:?}: {outcome:?}");
    }
}

#[test]
fn a_command_has_a_metadata_service_of_its_own() {
    let program = env!("CARGO_BIN_EXE_yc-auth");
    let script = format!("{program} token --method metadata; env; exit 7");
    let run =
        yc_auth(["exec", "--metadata", "--auth", "-", "--", "/bin/sh", "-c", &script]).stdin("t1.fake.token");
    let outcome = run
        .env("YC_FOLDER_ID", "b1gfakefakefakefake1")
        .env("YC_API_KEY", "AQVN-fake")
        .env("NO_PROXY", "corp.example")
        .done();
    assert_eq!(outcome.status, 7, "{outcome:?}");
    let (token, variables) = outcome.stdout.split_once('\n').unwrap();
    assert_eq!(token, "t1.fake.token");
    let value = |name: &str| {
        let line = variables.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name}: {variables}"))
    };
    let address = value("YC_METADATA_ADDR");
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    for name in ["GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"] {
        assert_eq!(value(name), address, "{name}");
    }
    assert_eq!(
        (value("METADATA_SERVER_DETECTION"), value("NO_PROXY")),
        ("assume-present", "corp.example,127.0.0.1")
    );
    assert!(!variables.contains("t1.") && !variables.contains("AQVN"), "{variables}");
    assert!(TcpStream::connect(address).is_err(), "the service is gone with the command");

    let outcome = yc_auth(["exec", "--metadata", "--auth", "AQVN-fake-key", "--", "true"]).done();
    assert!(outcome.fails(4).contains("--metadata needs an IAM token"), "{outcome:?}");
}
