//! The commands that `setup` writes give tokens: each one runs as its tool runs it, against the emulator.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use yandex_cloud_emulator::Emulator;

use super::{FOLDER_ID, Home, is_missing};

/// A home whose key is one of the emulator, in a file whose name needs quotes.
struct Machine {
    cloud: Emulator,
    home: Home,
}

impl Machine {
    fn new() -> Self {
        let cloud = Emulator::start_in_thread().unwrap();
        let home = Home::new();
        home.file("it's a key.json", &cloud.service_account_key().unwrap(), 0o600);
        Self { cloud, home }
    }

    /// Sets a tool up. The endpoint of the emulator is part of the choice.
    fn sets_up(&self, words: &[&str]) -> String {
        let url = self.cloud.api_url();
        let choice = ["--key-file", "it's a key.json", "--endpoint", &url, "--write"];
        self.home.bare(&[words, &choice].concat()).done().output().to_owned()
    }

    /// What a line of a shell prints, with nothing of the user's environment.
    #[track_caller]
    fn prints(&self, line: &str, input: &str) -> String {
        let output = self.sh(line, input);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && error.is_empty(), "{line}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn sh(&self, line: &str, input: &str) -> Output {
        let mut child = Command::new("/bin/sh")
            .args(["-c", line])
            .current_dir(&self.home.folder.path)
            .env_clear()
            .env("HOME", &self.home.folder.path)
            .env("PATH", format!("{}:/usr/bin:/bin", self.home.path("bin").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.home.read(name)).unwrap()
    }
}

#[track_caller]
fn is_token(text: &str) {
    assert!(text.starts_with("t1.") && text.trim_end().lines().count() == 1, "{text}");
}

#[test]
fn docker_gets_a_token_for_its_hosts_alone() {
    let machine = Machine::new();
    machine.sets_up(&["docker", "--bin", "bin"]);
    let hosts = machine.json(".docker/config.json")["credHelpers"].as_object().unwrap().clone();
    assert!(hosts.contains_key("cr.yandex") && hosts.contains_key("registry.yandexcloud.net"));
    for host in hosts.keys() {
        let login = machine.prints("docker-credential-yc-auth get", host);
        let login: serde_json::Value = serde_json::from_str(&login).unwrap();
        is_token(login["Secret"].as_str().unwrap());
    }
    let other = machine.sh("docker-credential-yc-auth get", "index.docker.io");
    assert_eq!(other.status.code(), Some(1), "{other:?}");
}

#[test]
fn pip_gets_a_token_from_the_script_with_the_name_of_keyring() {
    let machine = Machine::new();
    machine.sets_up(&["pip", "--bin", "bin"]);
    let url = "https://registry.yandexcloud.net/pypi/x/simple/";
    let old = machine.prints(&format!("keyring get {url} iam"), "");
    is_token(&old);
    let new = machine.prints(&format!("keyring --mode=creds --output=json get {url}"), "");
    let new: serde_json::Value = serde_json::from_str(&new).unwrap();
    is_token(new["password"].as_str().unwrap());
    assert!(!machine.sh("keyring get https://pypi.org/simple/ iam", "").status.success());
}

#[test]
fn mcp_clients_get_headers() {
    let machine = Machine::new();
    let url = "https://toolkit.mcp.cloud.yandex.net/mcp";
    machine.sets_up(&["claude-code", "--mcp", url, "--gateway", "https://gateway.example"]);
    machine.sets_up(&["codex", "--folder-id", FOLDER_ID, "--mcp", url]);
    let claude = machine.json(".claude.json")["mcpServers"]["yandex-toolkit"]["headersHelper"].clone();
    let codex: toml_edit::DocumentMut = machine.home.read(".codex/config.toml").parse().unwrap();
    let codex = codex["mcp_servers"]["yandex-toolkit"]["http_headers_helper"].as_str().unwrap();
    for helper in [claude.as_str().unwrap(), codex] {
        let headers: serde_json::Value = serde_json::from_str(&machine.prints(helper, "")).unwrap();
        is_token(headers["Authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap());
    }
    let key = machine.json(".claude/settings.json")["apiKeyHelper"].clone();
    is_token(&machine.prints(key.as_str().unwrap(), ""));
}

#[test]
fn the_aws_tools_get_keys() {
    let machine = Machine::new();
    machine.sets_up(&["rclone"]);
    let config = machine.home.read(".aws/config");
    let line = config.lines().find_map(|line| line.strip_prefix("credential_process = ")).unwrap();
    let keys: serde_json::Value = serde_json::from_str(&machine.prints(line, "")).unwrap();
    assert_eq!(keys["Version"], 1, "{keys}");
    assert!(keys["SessionToken"].is_string());
}

#[test]
fn git_gets_a_token_for_the_host() {
    let machine = Machine::new();
    machine.sets_up(&["git", "--host", "git.example"]);
    let fill = |host: &str| {
        machine.sh("GIT_TERMINAL_PROMPT=0 git credential fill", &format!("protocol=https\nhost={host}\n\n"))
    };
    let output = fill("git.example");
    // A machine without git.
    if output.status.code() == Some(127) {
        return;
    }
    let answer = String::from_utf8(output.stdout).unwrap();
    let password =
        answer.lines().find_map(|line| line.strip_prefix("password=")).unwrap_or_else(|| panic!("{answer}"));
    is_token(password);
    assert!(!fill("other.example").status.success());
}

#[test]
fn kubectl_gets_a_token() {
    if is_missing(&["kubectl"]) {
        return;
    }
    let machine = Machine::new();
    machine.sets_up(&["kubectl"]);
    let view = machine.prints("PATH=/usr/local/bin:$PATH kubectl config view --raw -o json", "");
    let view: serde_json::Value = serde_json::from_str(&view).unwrap();
    let exec = &view["users"][0]["user"]["exec"];
    let words = exec["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let output = Command::new(exec["command"].as_str().unwrap())
        .args(words)
        .env_clear()
        .env("HOME", &machine.home.folder.path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    is_token(answer["status"]["token"].as_str().unwrap());
}

#[test]
fn shells_and_commands_get_a_token() {
    let machine = Machine::new();
    machine.sets_up(&["direnv"]);
    is_token(&machine.prints(". ./.envrc; printenv YC_IAM_TOKEN", ""));
    let line = machine.sets_up(&["terraform"]).replace("terraform plan", "printenv YC_TOKEN");
    is_token(&machine.prints(&line, ""));
}

#[test]
fn opencode_and_codex_get_a_token() {
    let machine = Machine::new();
    machine.sets_up(&["opencode", "--folder-id", FOLDER_ID]);
    let plugin = machine.home.read(".config/opencode/plugin/yc-auth.js");
    let value = |name: &str| -> serde_json::Value {
        let line = plugin.lines().find_map(|line| line.strip_prefix(&format!("const {name} = "))).unwrap();
        serde_json::from_str(line).unwrap()
    };
    let mut commands = vec![words(value("command"), value("options"))];
    // A refused token is renewed by the next call, if it is a shared one.
    for (flags, is_shared) in [(&[][..], true), (&["--no-cache"], false)] {
        machine.sets_up(&[&["codex", "--folder-id", FOLDER_ID], flags].concat());
        let codex: toml_edit::DocumentMut = machine.home.read(".codex/config.toml").parse().unwrap();
        let auth = &codex["model_providers"]["yandex-cloud"]["auth"];
        let arguments = auth["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
        let program = auth["command"].as_str().unwrap().to_owned();
        let command: Vec<_> = std::iter::once(program).chain(arguments).collect();
        assert_eq!(command.contains(&"--on-repeat=renew".to_owned()), is_shared, "{command:?}");
        commands.push(command);
    }
    for command in commands {
        let output = Command::new(&command[0])
            .args(&command[1..])
            .env_clear()
            .env("HOME", &machine.home.folder.path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        is_token(&String::from_utf8(output.stdout).unwrap());
    }
}

/// A program and its arguments.
fn words(program: serde_json::Value, arguments: serde_json::Value) -> Vec<String> {
    let mut words: Vec<String> = serde_json::from_value(arguments).unwrap();
    words.insert(0, serde_json::from_value(program).unwrap());
    words
}
