//! The pages of the hooks: the hosts in `docs/command.md`, and the script for Bazel in `docs/tools.md`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{TOKEN, with_token};
use crate::run::{Folder, yc_auth};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// The hosts in the row of a command.
fn hosts(command: &str) -> Vec<String> {
    let page = page("command.md");
    let start = format!("| `{command}` | ");
    let row = page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{command}"));
    let cell = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_has_the_hosts_of_each_hook() {
    let list = yc_auth(["credential", "docker", "list"]).done().json();
    let list: BTreeSet<_> = list.as_object().unwrap().keys().cloned().collect();
    assert_eq!(list, hosts("credential docker get").into_iter().collect());
    let keyring = hosts("credential keyring");
    assert_eq!(keyring, ["registry.yandexcloud.net"]);
    for host in hosts("credential http get") {
        let question = json!({ "uri": format!("https://{}/", host.replace('*', "any")) }).to_string();
        let answer = with_token(&["credential", "http", "get"]).stdin(question).done().json();
        assert_eq!(answer["headers"]["Authorization"][0], format!("Bearer {TOKEN}"), "{host}");
    }
}

#[test]
fn the_script_for_bazel_answers() {
    let page = page("tools.md");
    let block = page.split("## Bazel").nth(1).unwrap().split("```sh\n").nth(1).unwrap();
    let line = block.split("```").next().unwrap();
    let folder = Folder::new();
    symlink(env!("CARGO_BIN_EXE_yc-auth"), folder.path.join("yc-auth")).unwrap();
    folder.file("key.json", TOKEN);
    // The page has the file of a key. This one has a token, so that no cloud is needed.
    let line = line.replace("--key-file ", "--auth @");
    let asks = r#"echo '{"uri":"https://storage.yandexcloud.net/"}' | ./yc-credentials get"#;
    let output = Command::new("/bin/sh")
        .args(["-e", "-c", &format!("{line}{asks}")])
        .current_dir(&folder.path)
        .env_clear()
        .env("HOME", &folder.path)
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path.display()))
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["headers"]["Authorization"][0], format!("Bearer {TOKEN}"));
}
