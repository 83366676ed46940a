//! `serve --check`: it refuses what a start refuses, and nothing of it stays.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::process::Signal;
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Outcome, yc_auth};
use crate::serve::{Served, serve};

/// The paths below a folder.
fn all_paths(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.display().to_string());
        if path.is_dir() {
            found.extend(all_paths(&path));
        }
    }
    found.sort();
    found
}

/// `serve` with these options, and the folder of the state.
fn outcome(options: &[&str], state: &str) -> Outcome {
    let run = yc_auth([&["serve", "--auth", "t1.fake.token"], options].concat());
    run.env("STATE_DIRECTORY", state).env("YC_AUTH_LOG", "off").env("YC_AUTH_CACHE", "off").done()
}

/// Nobody makes a file in `/proc`, not even root.
#[cfg(target_os = "linux")]
#[test]
fn a_check_refuses_what_a_start_refuses_in_the_same_words() {
    let folder = Folder::new();
    let state = folder.path.join("state").display().to_string();
    let file = folder.file("file", "untouched").display().to_string();
    let below_file = format!("{file}/state");
    let link = folder.path.join("link").display().to_string();
    symlink("/dev/null", &link).unwrap();
    let [of_link, of_file] = [&link, &file].map(|path| format!("unix:{path}"));
    let long = format!("unix:{}", folder.path.join("x".repeat(120)).display());
    let [gateway, oauth, admin] = ["--gateway", "--oauth", "--admin"].map(|option| [option, "127.0.0.1:0"]);
    let cases: [(&[&str], &str, &str); 14] = [
        (&gateway, "/proc/state", "cannot make the folder for gateway.key"),
        (&oauth, "/proc/state/below", "cannot make the folder for oauth-client.json"),
        (&gateway, &below_file, "cannot make the folder for gateway.key"),
        // The folder is there.
        (&gateway, "/proc", "/proc/gateway.key: "),
        (&oauth, "/proc", "/proc/oauth-client.json: "),
        (&[&gateway[..], &["--gateway-key", "@/proc/key"]].concat(), &state, "/proc/key: "),
        (&[&oauth[..], &["--oauth-client", "/proc/client"]].concat(), &state, "/proc/client: "),
        (&[&admin[..], &["--admin-key", "/proc/key"]].concat(), &state, "/proc/key: "),
        (&["--token-file", "/proc/token"], &state, "/proc/token: cannot write here"),
        (&["--token-file", &link], &state, "not a regular file"),
        (&["--sds", "unix:/proc/sds.sock"], &state, "/proc/sds.sock: cannot listen here"),
        (&["--sds", &of_link], &state, "not a socket"),
        (&["--sds", &of_file], &state, "not a socket"),
        (&["--sds", &long], &state, "shorter path"),
    ];
    let before = all_paths(&folder.path);
    for (options, state, reason) in cases {
        let started = outcome(options, state);
        assert!(started.fails(4).contains(reason), "{options:?}: {started:?}");
        let checked = outcome(&[options, &["--check"]].concat(), state);
        assert_eq!(checked.fails(4), started.stderr, "{options:?}");
    }
    // A start that fails may leave the lock of a place that it has taken.
    let after: Vec<_> = all_paths(&folder.path).into_iter().filter(|path| !path.ends_with(".lock")).collect();
    assert_eq!(after, before);
}

#[test]
fn nothing_of_a_good_check_stays() {
    let folder = Folder::new();
    let state = folder.path.join("a/b");
    let (token, socket) = (folder.path.join("token"), folder.path.join("sds.sock"));
    let sds = format!("unix:{}", socket.display());
    let options = [
        "--gateway",
        "127.0.0.1:0",
        "--oauth",
        "127.0.0.1:0",
        "--token-file",
        token.to_str().unwrap(),
        "--sds",
        &sds,
        "--check",
    ];
    let good = "the configuration is good: 1 identity, 4 listeners\n";
    assert_eq!(outcome(&options, state.to_str().unwrap()).output(), good);
    assert_eq!(all_paths(&folder.path), [""; 0]);
    // A folder that was there stays.
    fs::create_dir(folder.path.join("a")).unwrap();
    assert_eq!(outcome(&options, state.to_str().unwrap()).output(), good);
    assert_eq!(all_paths(&folder.path), [folder.path.join("a").display().to_string()]);
}

/// A configuration is checked before the agent reads it again.
#[test]
fn a_check_beside_the_agent_that_runs_changes_nothing() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let (token, socket) = (folder.path.join("token"), folder.path.join("sds.sock"));
    let sds = format!("unix:{}", socket.display());
    let options = ["--gateway", "127.0.0.1:0", "--token-file", token.to_str().unwrap(), "--sds", &sds];
    let mut served = Served::start(serve(&emulator, &folder, &options));
    served.next_line("wrote the token");
    let before = all_paths(&folder.path);
    let checked = serve(&emulator, &folder, &[&options[..], &["--check"]].concat()).done();
    assert_eq!(checked.output(), "the configuration is good: 1 identity, 3 listeners\n");
    assert_eq!(all_paths(&folder.path), before);
    served.signal(Signal::HUP);
    served.next_line("read the configuration again");
    served.end();
}
