//! Paths with blanks, quotes and other signs reach the command as they are, in each place where a command is written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{FOLDER_ID, Home, is_missing};

/// A folder and a file with every sign that some place gives a meaning.
const FOLDER: &str = "it's \"my\" $HOME, 50% `x` \\ ключ";
const KEY: &str = "key (1) & $(id) \\n ${x} %d.json";

/// A home whose program and key have difficult paths. The program prints its arguments, each in brackets.
fn difficult() -> (Home, String, String) {
    let home = Home::new();
    let key = home.file(&format!("{FOLDER}/{KEY}"), &super::KEY, 0o600);
    let program = home.path(&format!("{FOLDER}/yc-auth"));
    symlink(env!("CARGO_BIN_EXE_yc-auth"), &program).unwrap();
    (home, program.display().to_string(), key.display().to_string())
}

fn run(home: &Home, program: &str, key: &str, words: &[&str]) -> String {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", home.path("bin").display());
    let output = Command::new(program)
        .arg("setup")
        .args(words)
        .args(["--key-file", key])
        .current_dir(&home.folder.path)
        .env_clear()
        .env("HOME", &home.folder.path)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The words of a line, as `sh` reads them. `$(…)` in a word would be carried out here.
fn words_of(line: &str) -> Vec<String> {
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("for word in {line}; do printf '%s\\n' \"$word\"; done")])
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[track_caller]
fn check(words: &[String], program: &str, key: &str) {
    assert_eq!(words.first().map(String::as_str), Some(program), "{words:?}");
    assert!(words.iter().any(|word| word == key), "{words:?}");
}

#[test]
fn json_and_a_shell() {
    let (home, program, key) = difficult();
    let url = "https://toolkit.mcp.cloud.yandex.net/mcp";
    run(&home, &program, &key, &["claude-code", "--mcp", url, "--gateway", "https://g.example", "--write"]);
    let json = |name: &str| -> serde_json::Value { serde_json::from_str(&home.read(name)).unwrap() };
    let server = &json(".claude.json")["mcpServers"]["yandex-toolkit"];
    let helper = words_of(server["headersHelper"].as_str().unwrap());
    check(&helper, &program, &key);
    assert_eq!(helper[1..5], ["headers", "--mcp", "--url", url]);
    let helper = words_of(json(".claude/settings.json")["apiKeyHelper"].as_str().unwrap());
    check(&helper, &program, &key);
    assert_eq!(helper[1..4], ["token", "--timeout", "4"]);
}

#[test]
fn toml_and_a_shell() {
    let (home, program, key) = difficult();
    let url = "https://search.mcp.cloud.yandex.net/mcp";
    run(&home, &program, &key, &["codex", "--folder-id", FOLDER_ID, "--mcp", url, "--write"]);
    let toml: toml_edit::DocumentMut = home.read(".codex/config.toml").parse().unwrap();
    let provider = &toml["model_providers"]["yandex-cloud"];
    assert_eq!(provider["wire_api"].as_str(), Some("responses"));
    assert_eq!(provider["http_headers"]["OpenAI-Project"].as_str(), Some(FOLDER_ID));
    let auth = &provider["auth"];
    assert_eq!(auth["command"].as_str(), Some(&*program));
    assert_eq!(auth["refresh_interval_ms"].as_integer(), Some(0));
    let arguments: Vec<_> =
        auth["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(arguments[..6], ["token", "--on-repeat=renew", "--timeout", "4", "--key-file", &key]);
    assert_eq!(arguments[6], "--cache-dir");
    check(
        &words_of(toml["mcp_servers"]["yandex-search"]["http_headers_helper"].as_str().unwrap()),
        &program,
        &key,
    );
}

#[test]
fn an_ini_line_and_a_shell() {
    let (home, program, key) = difficult();
    run(&home, &program, &key, &["aws", "--write"]);
    let config = home.read(".aws/config");
    let line = config.lines().find_map(|line| line.strip_prefix("credential_process = ")).unwrap();
    check(&words_of(line), &program, &key);
    // Python's SDK splits the line without a shell.
    let python = "import shlex, sys; print('\\n'.join(shlex.split(sys.argv[1])))";
    if let Ok(output) = Command::new("python3").args(["-c", python, line]).output()
        && output.status.success()
    {
        let words = String::from_utf8(output.stdout).unwrap();
        check(&words.lines().map(str::to_owned).collect::<Vec<_>>(), &program, &key);
    }
    // Some SDKs take ` #` for a comment, whatever the quotes.
    let other = home.file("a #1/key.json", &super::KEY, 0o600).display().to_string();
    let outcome = home.bare(&["aws", "--write", "--key-file", &other]).done();
    assert!(outcome.fails(4).contains("`#`"), "{outcome:?}");
}

#[test]
fn scripts_and_shell_files() {
    let (home, program, key) = difficult();
    run(&home, &program, &key, &["docker", "--bin", "bin", "--write"]);
    let script = home.read("bin/docker-credential-yc-auth");
    let line = script.lines().last().unwrap().strip_prefix("exec ").unwrap().strip_suffix(" \"$@\"").unwrap();
    let words = words_of(line);
    check(&words, &program, &key);
    assert_eq!(words[1..3], ["credential", "docker"]);

    run(&home, &program, &key, &["pip", "--bin", "bin", "--write"]);
    let script = home.read("bin/keyring");
    assert!(script.ends_with(" -- \"$@\"\n"), "{script}");

    run(&home, &program, &key, &["direnv", "--write"]);
    let line = home.read(".envrc");
    let line = line.strip_prefix("eval \"$(").unwrap().split_once(")\" # yc-auth setup direnv").unwrap().0;
    let words = words_of(line);
    check(&words, &program, &key);
    assert_eq!(words[1..4], ["env", "--format", "sh"]);
}

#[test]
fn git_reads_its_file() {
    let (home, program, key) = difficult();
    run(&home, &program, &key, &["git", "--host", "git.example:8443", "--write"]);
    let git = Command::new("git")
        .args(["config", "--file", ".gitconfig", "--get-all", "credential.https://git.example:8443.helper"])
        .current_dir(&home.folder.path)
        .output();
    let Ok(output) = git else { return };
    let values = String::from_utf8(output.stdout).unwrap();
    let (reset, helper) = values.trim_end().split_once('\n').unwrap();
    assert_eq!(reset, "", "the helpers of the system do not store the token");
    let words = words_of(helper.strip_prefix('!').unwrap());
    check(&words, &program, &key);
    assert_eq!(words[1..5], ["credential", "git", "--host", "git.example:8443"]);
}

#[test]
fn kubectl_reads_its_file() {
    if is_missing(&["kubectl"]) {
        return;
    }
    let (home, program, key) = difficult();
    run(&home, &program, &key, &["kubectl", "--write"]);
    let output = Command::new("kubectl")
        .args(["config", "view", "--raw", "-o", "json"])
        .env("HOME", &home.folder.path)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let exec = &view["users"][0]["user"]["exec"];
    assert_eq!(exec["command"], program.as_str());
    assert_eq!(exec["args"], serde_json::json!(["credential", "kubernetes", "--key-file", key]));
    assert_eq!(exec["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(exec["interactiveMode"], "Never");
    assert!(run(&home, &program, &key, &["kubectl", "--write"]).contains("is set up already"));
}

#[test]
fn a_foreign_user_of_kubectl_stays() {
    if is_missing(&["kubectl"]) {
        return;
    }
    let home = Home::new();
    let config = "apiVersion: v1\nkind: Config\n# mine\nusers:\n- name: yandex-cloud\n  user:\n    token: fake-token\n";
    home.file(".kube/config", config, 0o600);
    let outcome = home.setup(&["kubectl"], &["--write"]);
    assert!(outcome.fails(4).contains("`yandex-cloud` already") && !outcome.stderr.contains("fake-token"));
    home.runs(&["kubectl"], &["--undo"]);
    assert_eq!(home.read(".kube/config"), config);
    // Under another name; kubectl itself drops the comment.
    let printed = home.runs(&["kubectl", "--name", "work"], &["--write"]);
    assert!(printed.contains("without comments"), "{printed}");
    assert_eq!(home.read(".kube/config.yc-auth-backup"), config);
    home.file(".kube/config", "users: [", 0o600);
    let outcome = home.setup(&["kubectl"], &["--write"]);
    assert!(outcome.fails(4).contains("kubectl"), "{outcome:?}");
}

#[test]
fn a_plugin_of_opencode() {
    let (home, program, key) = difficult();
    run(
        &home,
        &program,
        &key,
        &["opencode", "--folder-id", FOLDER_ID, "--model", "a/latest", "--model", "b", "--write"],
    );
    let plugin = home.path(".config/opencode/plugin/yc-auth.js");
    let text = fs::read_to_string(&plugin).unwrap();
    for (name, value) in
        [("command", program.clone().into()), ("options", serde_json::json!(["token", "--key-file", key]))]
    {
        assert!(text.contains(&format!("const {name} = {value}\n")), "{text}");
    }
    let config: serde_json::Value =
        serde_json::from_str(&home.read(".config/opencode/opencode.json")).unwrap();
    let models = config["provider"]["yandex-cloud"]["models"].as_object().unwrap();
    assert_eq!(
        models.keys().collect::<Vec<_>>(),
        [&format!("gpt://{FOLDER_ID}/a/latest"), &format!("gpt://{FOLDER_ID}/b")]
    );
    check_syntax(&plugin);
}

/// node, where there is one, reads the plugin and calls its hook: with a program that answers, and with one that fails.
fn check_syntax(plugin: &Path) {
    let copy = plugin.with_extension("mjs");
    let text = fs::read_to_string(plugin).unwrap();
    let lines = text.lines().map(|line| match line {
        line if line.starts_with("const command = ") => "const command = process.argv[2]".to_owned(),
        line if line.starts_with("const options = ") => "const options = [\"t1.fake\"]".to_owned(),
        line => line.to_owned(),
    });
    let rest = "
const hook = (await YcAuth())['chat.headers']
for (const providerID of ['yandex-cloud', 'other']) {
  const output = { headers: {} }
  await hook({ model: { providerID } }, output).catch(() => console.log('failed'))
  console.log(JSON.stringify(output.headers))
}
";
    fs::write(&copy, lines.collect::<Vec<_>>().join("\n") + rest).unwrap();
    for (program, expected) in
        [("/bin/echo", "{\"Authorization\":\"Bearer t1.fake\"}\n{}\n"), ("/bin/false", "failed\n{}\n{}\n")]
    {
        let Ok(output) = Command::new("node").arg(&copy).arg(program).output() else { return };
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            expected,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn a_unit_of_systemd() {
    let (home, program, key) = difficult();
    let unit = run(&home, &program, &key, &["systemd"]);
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    assert!(
        unit.contains(&format!("LoadCredential=\"yc-auth:{}\"\n", escaped(&key).replace('$', "$$"))),
        "{unit}"
    );
    let command = escaped(&program).replace('$', "$$");
    assert!(
        unit.contains(&format!("ExecStart=\"{command}\" exec --key-file %d/yc-auth -- /path/to/program\n")),
        "{unit}"
    );
}
