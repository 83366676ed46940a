//! `serve --gateway`: the key of its clients, and AI Studio behind it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Run, yc_auth};
use crate::serve::Served;

fn gateway(emulator: &Emulator, folder: &Folder, options: &[&str]) -> Run {
    yc_auth([&["serve", "--gateway", "127.0.0.1:0", "--folder", emulator.folder_id()], options].concat())
        .env("YC_METADATA_ADDR", emulator.metadata_addr().to_string())
        .env("YC_API_ENDPOINT", emulator.api_url())
        .env("XDG_STATE_HOME", &folder.path)
        .env("YC_AUTH_CACHE", "off")
}

/// The answer to a chat request with this key.
fn chat(address: &str, key: &str) -> String {
    let body = r#"{"model":"yandexgpt","messages":[{"role":"user","content":"hello"}]}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_tool_with_a_static_key_talks_to_ai_studio() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let mut served = Served::start(gateway(&emulator, &folder, &[]));
    let address = served.addresses[0].clone();
    let file = folder.path.join("yc-auth/gateway.key");
    let key = fs::read_to_string(&file).unwrap();
    let answer = chat(&address, &key);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"choices\""), "{answer}");
    let wrong = chat(&address, "wrong");
    assert!(wrong.starts_with("HTTP/1.1 401 ") && wrong.contains("invalid_api_key"), "{wrong}");
    served.end();

    // The file of the option, and the same key for the next start.
    let option = format!("@{}", file.display());
    let mut served = Served::start(gateway(&emulator, &folder, &["--gateway-key", &option]));
    assert!(chat(&served.addresses[0], &key).starts_with("HTTP/1.1 200 "));
    served.end();

    let own = "fake-key-of-the-variable";
    let mut served = Served::start(gateway(&emulator, &folder, &[]).env("YC_AUTH_GATEWAY_KEY", own));
    assert!(chat(&served.addresses[0], own).starts_with("HTTP/1.1 200 "));
    assert!(chat(&served.addresses[0], &key).starts_with("HTTP/1.1 401 "));
    served.end();
}

#[test]
fn the_folder_of_the_variable_is_that_of_the_models() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let start = |variable: &str| {
        let run = yc_auth(["serve", "--auth", emulator.api_key(), "--gateway", "127.0.0.1:0"])
            .env("YC_API_ENDPOINT", emulator.api_url())
            .env("YC_FOLDER_ID", variable)
            .env("XDG_STATE_HOME", &folder.path);
        let mut served = Served::start(run);
        let key = fs::read_to_string(folder.path.join("yc-auth/gateway.key")).unwrap();
        let answer = chat(&served.addresses[0], &key);
        served.end();
        answer
    };
    let answer = start(emulator.folder_id());
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = start("");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("YC_FOLDER_ID"), "{answer}");
}

#[test]
fn a_start_says_which_file_has_the_key() {
    let (emulator, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let mut child = gateway(&emulator, &folder, &[]).command.spawn().unwrap();
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("the key of the gateway") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut log, &mut line).unwrap() > 0, "the log names no file");
    }
    assert!(line.contains("yc-auth/gateway.key"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!line.contains(&fs::read_to_string(folder.path.join("yc-auth/gateway.key")).unwrap()));

    // A relative path would not tell the readers of the log where the file is.
    let mut run = gateway(&emulator, &folder, &["--gateway-key", "@own.key"]).env("YC_AUTH_LOG", "debug");
    run.command.current_dir(&folder.path);
    let mut served = Served::unready(run);
    let line = served.next_line("the key of the gateway");
    let path = folder.path.join("own.key");
    assert!(line.ends_with(&format!("identity=default path={}", path.display())), "{line}");
    let line = served.next_line("serving");
    let address = line.split("listeners=").nth(1).unwrap();
    assert!(chat(address, &fs::read_to_string(&path).unwrap()).starts_with("HTTP/1.1 200 "));
    let line = served.next_line("answered");
    assert!(line.contains("listener=gateway") && !line.contains("peer"), "{line}");
    served.end();
}

#[test]
fn a_key_that_others_would_see_is_refused() {
    let folder = Folder::new();
    let start = |options: &[&str]| {
        let arguments = [&["serve", "--auth", "t1.fake.token", "--gateway", "127.0.0.1:0"], options].concat();
        yc_auth(arguments).env("XDG_STATE_HOME", &folder.path).env("YC_AUTH_LOG", "off")
    };
    let outcome =
        start(&["--gateway-key", "fake-key-in-the-arguments"]).hides("fake-key-in-the-arguments").done();
    assert!(outcome.fails(4).contains("visible in the list of processes"), "{outcome:?}");
    let short = folder.file("short.key", "short");
    fs::set_permissions(&short, fs::Permissions::from_mode(0o600)).unwrap();
    let option = format!("@{}", short.display());
    for check in [&[][..], &["--check"]] {
        let outcome = start(check).env("YC_AUTH_GATEWAY_KEY", "short").hides("short").done();
        assert!(outcome.fails(4).contains("YC_AUTH_GATEWAY_KEY: the value is no key"), "{outcome:?}");
        let outcome = start(&[&["--gateway-key", &option], check].concat()).done();
        assert!(outcome.fails(4).contains("holds no key: a key has at least 16 visible"), "{outcome:?}");
    }
}

#[test]
fn a_start_that_can_keep_no_file_says_what_to_give() {
    let folder = Folder::new();
    let no_folder = folder.file("home", "").display().to_string();
    for (listener, others) in [
        ("--gateway", ["--gateway-key @FILE", "YC_AUTH_GATEWAY_KEY"]),
        ("--oauth", ["--oauth-client FILE", "STATE_DIRECTORY"]),
    ] {
        let start = || yc_auth(["serve", "--auth", "t1.fake.token", listener, "127.0.0.1:0"]);
        let in_home = format!("{no_folder}/.local/state/yc-auth: cannot make the folder");
        for (run, reason) in [
            (start(), "none of STATE_DIRECTORY, XDG_STATE_HOME and HOME"),
            (start().env("HOME", &no_folder), in_home.as_str()),
        ] {
            let outcome = run.env("YC_AUTH_LOG", "off").done();
            let told = outcome.fails(4);
            assert!(told.contains(reason) && others.iter().all(|other| told.contains(other)), "{outcome:?}");
        }
    }
}
