//! What a user meets: an undo, another installation, credentials that do not suit the tool, and lines that say what to do.

use std::fs;

use yandex_cloud_emulator::Emulator;

use super::{FOLDER_ID, Home, KEY, is_missing};

const KZ: [&str; 2] = ["--endpoint", "api.yandexcloud.kz:443"];

#[test]
fn an_undo_finds_the_script_without_its_folder() {
    for (tool, script) in [("pip", "keyring"), ("uv", "keyring"), ("docker", "docker-credential-yc-auth")] {
        let home = Home::new();
        let before = home.snapshot();
        home.runs(&[tool, "--bin", "bin"], &["--write"]);
        let printed = home.bare(&[tool, "--undo"]).done().output().to_owned();
        assert!(printed.contains(&format!("bin/{script}")), "{printed}");
        assert_eq!(home.snapshot(), before, "{tool}");
        let again = home.bare(&[tool, "--undo"]).done().output().to_owned();
        assert!(
            again.contains(&format!("no script `{script}` of ours")) && again.contains("--bin"),
            "{again}"
        );
    }
    // A script of somebody else stays.
    let home = Home::new();
    home.file("bin/keyring", "#!/bin/sh\nexec python3 -m keyring \"$@\"\n", 0o755);
    home.bare(&["pip", "--undo"]).done().output();
    assert!(home.path("bin/keyring").exists());
}

#[test]
fn a_script_of_two_tools_is_told_when_it_changes_and_when_it_stays() {
    let home = Home::new();
    home.runs(&["uv", "--bin", "bin"], &["--write"]);
    let same = home.runs(&["pip", "--bin", "bin"], &["--write"]);
    assert!(!same.contains("uses the new ones too"), "{same}");
    let words = ["pip", "--bin", "bin", "--write", "--method", "metadata"];
    let changed = home.bare(&words).done().output().to_owned();
    assert!(changed.contains("uv uses the new ones too"), "{changed}");
    let undone = home.bare(&["pip", "--undo"]).done().output().to_owned();
    assert!(undone.contains("bin/keyring stays: uv uses it"), "{undone}");
    assert!(home.path("bin/keyring").exists());
    home.bare(&["uv", "--undo"]).done().output();
    assert!(!home.path("bin/keyring").exists());
}

/// The file that says that the other tool is set up too is where that tool has it.
#[test]
fn a_script_of_two_tools_stays_wherever_the_file_of_the_other_tool_is() {
    for (other, tool, variable, value) in [
        ("uv", "pip", "UV_CONFIG_FILE", "elsewhere/uv.toml"),
        ("uv", "pip", "UV_CONFIG_FILE", ""),
        ("uv", "pip", "XDG_CONFIG_HOME", "/elsewhere"),
        ("pip", "uv", "PIP_CONFIG_FILE", "elsewhere/pip.conf"),
        ("pip", "uv", "PIP_CONFIG_FILE", ""),
        ("pip", "uv", "XDG_CONFIG_HOME", "/elsewhere"),
    ] {
        let home = Home::new();
        let value = value.replace("/elsewhere", &home.path("elsewhere").display().to_string());
        let run = |words: &[&str]| home.bare(words).env(variable, &value).done().output().to_owned();
        run(&[other, "--bin", "bin", "--write", "--key-file", "my key.json"]);
        let written = run(&[tool, "--bin", "bin", "--write", "--method", "metadata"]);
        assert!(written.contains(&format!("{other} uses the new ones too")), "{variable}={value}: {written}");
        let undone = run(&[tool, "--undo"]);
        assert!(undone.contains(&format!("stays: {other} uses it")), "{variable}={value}: {undone}");
        assert!(home.path("bin/keyring").exists());
        run(&[other, "--undo"]);
        assert!(!home.path("bin/keyring").exists(), "{variable}={value}");
    }
}

#[test]
fn another_installation_has_its_own_addresses() {
    let home = Home::new();
    for tool in ["aws", "rclone"] {
        let printed = home.runs(&[tool], &KZ);
        assert!(
            printed.contains("https://storage.yandexcloud.kz") && printed.contains("region = kz1"),
            "{printed}"
        );
        assert!(
            !printed.contains("storage.yandexcloud.net") && !printed.contains("ru-central1"),
            "{printed}"
        );
        let own = home
            .runs(&[tool], &["--endpoint", "api.example:443", "--url", "https://storage.yandexcloud.net"]);
        assert!(own.contains("https://storage.yandexcloud.net"), "{own}");
        assert!(home.setup(&[tool], &["--endpoint", "api.example:443"]).fails(3).contains("--url"));
    }
    for tool in ["codex", "opencode"] {
        let outcome = home.setup(&[tool, "--folder-id", FOLDER_ID], &KZ);
        assert!(outcome.fails(3).contains("api.yandexcloud.kz:443") && outcome.stderr.contains("--url"));
        let run = home.bare(&[tool, "--folder-id", FOLDER_ID, "--key-file", "my key.json"]);
        run.env("YC_API_ENDPOINT", "api.yandexcloud.kz").done().fails(3);
        let url = ["--url", "https://ai.api.yandexcloud.kz/v1", "--host", "ai.api.yandexcloud.kz"];
        let printed = home.runs(&[tool, "--folder-id", FOLDER_ID], &[&KZ[..], &url].concat());
        assert!(printed.contains("https://ai.api.yandexcloud.kz/v1"), "{printed}");
    }
    // The endpoint of a profile counts as well.
    home.file(
        ".config/yandex-cloud/config.yaml",
        "current: kz\nprofiles:\n  kz:\n    token: y0_fake\n    endpoint: api.yandexcloud.kz:443\n",
        0o600,
    );
    for words in [&["aws", "--method", "profile"][..], &["aws", "--method", "profile", "--profile", "kz"]] {
        let printed = home.bare(words).done().output().to_owned();
        assert!(printed.contains("https://storage.yandexcloud.kz"), "{printed}");
    }
}

#[test]
fn a_file_that_does_not_suit_is_refused_before_anything_is_written() {
    let home = Home::new();
    home.file("api key", "AQVN-fake-key-of-a-test\n", 0o600);
    home.file("nonsense", "not a key\n", 0o600);
    let before = home.snapshot();
    for tool in ["aws", "kubectl", "terraform", "rclone", "psql"] {
        let outcome = home.bare(&[tool, "--write", "--auth", "@api key"]).done();
        assert!(outcome.fails(4).contains("needs an IAM token"), "{outcome:?}");
        let outcome =
            home.bare(&[tool, "--write", "--method", "api-key"]).env("YC_API_KEY_FILE", "api key").done();
        assert!(outcome.fails(4).contains("needs an IAM token"), "{outcome:?}");
    }
    for (file, expected) in [("api key", "--auth @FILE"), ("nonsense", "nonsense")] {
        let outcome = home
            .bare(&["docker", "--bin", "bin", "--write", "--key-file", file])
            .hides("AQVN-fake-key-of")
            .done();
        assert!(outcome.fails(4).contains(file) && outcome.stderr.contains(expected), "{outcome:?}");
    }
    for (path, expected) in [
        ("missing.json", "missing.json: there is no such file"),
        ("/dev/stdin", "/dev/stdin: a tool cannot read the input of this process"),
        ("/dev/fd/0", "/dev/fd/0: a tool cannot read"),
        ("/proc/self/fd/0", "/proc/self/fd/0: a tool cannot read"),
        ("$KEY", "a variable that was not replaced"),
        ("~/key.json", "begins with `~`"),
        ("<key>", "a placeholder"),
    ] {
        let mut run = home.bare(&["docker", "--bin", "bin", "--write", "--key-file", path]);
        run.command.stdin(fs::File::open(home.path("my key.json")).unwrap());
        let outcome = run.done();
        assert!(outcome.fails(4).contains(expected), "{path}: {outcome:?}");
    }
    assert_eq!(home.snapshot(), before);
}

#[test]
fn a_gateway_needs_no_further_flag() {
    let home = Home::new();
    home.runs(&["claude-code", "--gateway", "https://gw.example.com"], &["--write"]);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tools.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("`--gateway` names its host by itself"));
}

#[test]
fn the_next_line_of_opencode_has_the_model_that_is_written() {
    let home = Home::new();
    let words = ["opencode", "--folder-id", FOLDER_ID, "--model", "mine/rc"];
    let printed = home.runs(&words, &[]);
    assert!(
        printed.contains(&format!("next: opencode --model yandex-cloud/gpt://{FOLDER_ID}/mine/rc\n")),
        "{printed}"
    );
}

#[test]
fn an_undo_with_a_name_takes_out_this_entry_alone() {
    let codex = ["codex", "--folder-id", FOLDER_ID];
    let opencode = ["opencode", "--folder-id", FOLDER_ID];
    for (words, file) in [
        (&["aws"][..], ".aws/config"),
        (&codex, ".codex/config.toml"),
        (&opencode, ".config/opencode/opencode.json"),
        (&["rclone"], ".config/rclone/rclone.conf"),
    ] {
        let home = Home::new();
        for name in ["first", "second"] {
            home.runs(words, &["--name", name, "--write"]);
        }
        let nothing = home.bare(&[words[0], "--undo", "--name", "third"]).done().output().to_owned();
        assert!(nothing.contains("nothing of ours in "), "{nothing}");
        home.bare(&[words[0], "--undo", "--name", "first"]).done().output();
        let text = home.read(file);
        assert!(!text.contains("first") && text.contains("second"), "{words:?}: {text}");
        home.bare(&[words[0], "--undo"]).done().output();
        assert!(!home.path(file).exists(), "{words:?}");
        let nothing = home.bare(&[words[0], "--undo"]).done().output().to_owned();
        assert!(nothing.contains(&format!("nothing of ours in {}", home.path(file).display())), "{nothing}");
    }
    let home = Home::new();
    for host in ["a.example", "b.example"] {
        home.runs(&["git", "--host", host], &["--write"]);
    }
    home.bare(&["git", "--undo", "--host", "a.example"]).done().output();
    assert!(!home.read(".gitconfig").contains("a.example") && home.read(".gitconfig").contains("b.example"));
    home.bare(&["git", "--undo"]).done().output();
    assert!(!home.path(".gitconfig").exists());
    if !is_missing(&["kubectl"]) {
        for name in ["first", "second", "third"] {
            home.runs(&["kubectl", "--name", name], &["--write"]);
        }
        home.bare(&["kubectl", "--undo", "--name", "first"]).done().output();
        let text = home.read(".kube/config");
        assert!(!text.contains("first") && text.contains("second") && text.contains("third"), "{text}");
        home.bare(&["kubectl", "--undo"]).done().output();
        let text = fs::read_to_string(home.path(".kube/config")).unwrap_or_default();
        assert!(!text.contains("second") && !text.contains("third"), "{text}");
        let nothing = home.bare(&["kubectl", "--undo"]).done().output().to_owned();
        assert!(nothing.contains(" of ours"), "{nothing}");
    }
    home.runs(&["docker", "--bin", "bin", "--host", "r.example"], &["--write"]);
    home.bare(&["docker", "--undo", "--host", "r.example"]).done().output();
    let text = home.read(".docker/config.json");
    assert!(!text.contains("r.example") && text.contains("cr.yandex"), "{text}");
    assert!(home.path("bin/docker-credential-yc-auth").exists());
}

#[test]
fn an_undo_of_one_server_leaves_the_others_and_the_gateway() {
    let home = Home::new();
    let servers =
        ["one=https://toolkit.mcp.cloud.yandex.net/mcp", "two=https://search.mcp.cloud.yandex.net/mcp"];
    let words = ["claude-code", "--mcp", servers[0], "--mcp", servers[1], "--gateway", "https://gw.example"];
    home.runs(&words, &["--write"]);
    home.bare(&["claude-code", "--undo", "--mcp", servers[0]]).done().output();
    let text = home.read(".claude.json");
    assert!(!text.contains("\"one\"") && text.contains("\"two\""), "{text}");
    assert!(home.read(".claude/settings.json").contains("apiKeyHelper"));
    home.bare(&["claude-code", "--undo", "--gateway", "https://gw.example"]).done().output();
    assert!(!home.path(".claude/settings.json").exists());
    home.bare(&["claude-code", "--undo"]).done().output();
    assert!(!home.path(".claude.json").exists());
}

#[test]
fn a_path_that_a_file_cannot_hold_is_named_itself() {
    let home = Home::new();
    let key = home.file("a #b/k2.json", &KEY, 0o600);
    let outcome = home.bare(&["aws", "--write", "--key-file", "a #b/k2.json"]).done();
    let printed = outcome.fails(4);
    assert!(printed.contains(&key.display().to_string()) && !printed.contains(".aws/config"), "{printed}");
}

#[test]
fn the_help_names_what_suits_a_tool() {
    let home = Home::new();
    // A method of `YC_AUTH_METHOD` without its variable gives no credentials.
    let outcome = home.bare(&["aws"]).env("YC_AUTH_METHOD", "service-account-key").done();
    assert!(outcome.stderr.contains("`--key-file FILE`"), "{outcome:?}");
    assert!(outcome.stderr.contains("YC_SERVICE_ACCOUNT_KEY_FILE"), "{outcome:?}");
    let help = outcome.stderr.lines().find(|line| line.starts_with("help: ")).unwrap();
    assert!(!help.contains("YC_API_KEY"), "{help}");
    let nothing = Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    let outcome = home.bare(&["aws"]).env("YC_METADATA_ADDR", nothing.metadata_addr().to_string()).done();
    let help = outcome.fails(3).lines().find(|line| line.starts_with("help: ")).unwrap();
    assert!(help.contains("`--key-file FILE`") && !help.contains("YC_API_KEY"), "{help}");
    let outcome = home.bare(&["codex", "--method", "metadata"]).env("YC_FOLDER_ID", "<x>").done();
    assert!(
        outcome.fails(4).starts_with("error: YC_FOLDER_ID: ") && !outcome.stderr.contains("error: --folder")
    );
    let outcome = home.bare(&["codex", "--method", "metadata", "--folder-id", "<x>"]).done();
    assert!(outcome.fails(4).starts_with("error: --folder-id: "), "{outcome:?}");
    let outcome =
        home.bare(&["systemd", "--method", "metadata"]).env("YC_METADATA_ADDR", "127.0.0.1:1").done();
    assert!(outcome.output().contains("Environment=YC_METADATA_ADDR=127.0.0.1:1"), "{outcome:?}");
    assert!(!outcome.stdout.contains("has to run with"), "{outcome:?}");
}

#[test]
fn the_line_of_psql_says_what_to_replace() {
    let home = Home::new();
    let printed = home.runs(&["psql"], &[]);
    assert!(printed.contains("note: replace c-CLUSTER.rw.mdb.yandexcloud.net"), "{printed}");
    let run = home.bare(&["psql", "--key-file", "my key.json"]).env("PGHOST", "pg.example");
    let outcome = run.done();
    assert!(outcome.output().starts_with("PGHOST=pg.example ") && !outcome.stdout.contains("c-CLUSTER"));
    let outcome = home.setup(&["psql", "--host", "a.example", "--host", "b.example"], &[]);
    assert!(outcome.fails(2).contains("psql: name one host"), "{outcome:?}");
}
