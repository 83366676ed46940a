//! What `setup` refuses, by name, and with nothing written: entries of others, broken and read-only files, secrets.

use std::fs;
use std::os::unix::fs::symlink;

use super::{FOLDER_ID, Home, TOOLS, is_missing};

#[test]
fn a_foreign_entry_of_the_same_name_stays() {
    for (words, name, content) in [
        (
            &["codex", "--folder-id", FOLDER_ID][..],
            ".codex/config.toml",
            "[model_providers.yandex-cloud]\nname = \"mine\"\n",
        ),
        (
            &["codex", "--folder-id", FOLDER_ID, "--mcp", "m=https://toolkit.mcp.cloud.yandex.net/mcp"],
            ".codex/config.toml",
            "[mcp_servers]\nm = { url = \"https://mine.example\" }\n",
        ),
        (
            &["claude-code", "--mcp", "m=https://toolkit.mcp.cloud.yandex.net/mcp"],
            ".claude.json",
            "{\"mcpServers\":{\"m\":{\"type\":\"stdio\"}}}",
        ),
        (
            &["claude-code", "--gateway", "https://g.example"],
            ".claude/settings.json",
            "{\"apiKeyHelper\":\"mine\"}",
        ),
        (
            &["claude-code", "--gateway", "https://g.example"],
            ".claude/settings.json",
            "{\"env\":{\"ANTHROPIC_BASE_URL\":\"https://mine.example\"}}",
        ),
        (
            &["opencode", "--folder-id", FOLDER_ID],
            ".config/opencode/opencode.json",
            "{\"provider\":{\"yandex-cloud\":{\"npm\":\"x\"}}}",
        ),
        (&["docker", "--bin", "bin"], ".docker/config.json", "{\"credHelpers\":{\"cr.yandex\":\"yc\"}}"),
        (&["aws"], ".aws/config", "[profile yandex-cloud]\nregion = x\n"),
        // No entry of theirs is ours, but the table is.
        (
            &["codex", "--folder-id", FOLDER_ID],
            ".codex/config.toml",
            "[model_providers.yandex-cloud]\nenv_key = \"MINE\"\n",
        ),
        (&["aws"], ".aws/config", "[profile yandex-cloud]\noutput = json\n"),
        (&["aws", "--name", "default"], ".aws/config", "[default]\nregion = x\n"),
        (&["rclone"], ".config/rclone/rclone.conf", "[yandex-cloud]\ntype = local\n"),
        (&["pip", "--bin", "bin"], ".config/pip/pip.conf", "[global]\nkeyring-provider = import\n"),
        (&["uv", "--bin", "bin"], ".config/uv/uv.toml", "keyring-provider = \"disabled\"\n"),
        (
            &["git", "--host", "git.example"],
            ".gitconfig",
            "[credential \"https://git.example\"]\n\thelper = store\n",
        ),
        (&["docker", "--bin", "bin"], "bin/docker-credential-yc-auth", "#!/bin/sh\necho mine\n"),
        (&["pip", "--bin", "bin"], "bin/keyring", "#!/usr/bin/python3\n"),
        (&["opencode", "--folder-id", FOLDER_ID], ".config/opencode/plugin/yc-auth.js", "// mine\n"),
    ] {
        let home = Home::new();
        home.file(name, content, 0o600);
        let before = home.snapshot();
        for flags in [&[][..], &["--write"]] {
            let outcome = home.setup(words, flags);
            let printed = outcome.fails(4);
            assert!(printed.contains(name) && printed.contains("did not write"), "{words:?}: {printed}");
            assert_eq!(home.snapshot(), before, "{words:?}");
        }
        home.setup(words, &["--undo"]);
        assert_eq!(home.snapshot(), before, "{words:?}: an undo keeps it too");
    }
}

#[test]
fn a_broken_file_is_named_and_kept() {
    for (words, name, content) in [
        (&["codex", "--folder-id", FOLDER_ID][..], ".codex/config.toml", "key = \"fake-leak\nx = 1\n"),
        (&["codex", "--folder-id", FOLDER_ID], ".codex/config.toml", "a = 1\na = 2 # fake-leak\n"),
        (&["docker", "--bin", "bin"], ".docker/config.json", "{\"auth\": \"fake-leak\""),
        (&["docker", "--bin", "bin"], ".docker/config.json", "[\"fake-leak\"]"),
        (&["docker", "--bin", "bin"], ".docker/config.json", "{} {}"),
        (&["docker", "--bin", "bin"], ".docker/config.json", "{\"a\": 1,}"),
        (&["docker", "--bin", "bin"], ".docker/config.json", "{\"a\": 1} // fake-leak"),
        (&["docker", "--bin", "bin"], ".docker/config.json", "{\"credHelpers\":{},\"credHelpers\":{}}"),
        (&["docker", "--bin", "bin"], ".docker/config.json", "{\"credHelpers\":[]}"),
        (&["claude-code", "--gateway", "https://g.example"], ".claude/settings.json", "{\"env\": fake-leak}"),
        (&["opencode", "--folder-id", FOLDER_ID], ".config/opencode/opencode.json", "{/* fake-leak "),
        (&["aws"], ".aws/config", "[default\nkey = fake-leak\n"),
        (&["aws"], ".aws/config", "[a]\nfake-leak\n"),
        (&["aws"], ".aws/config", "[a]\nx = fake-leak\n[a]\n"),
        (
            &["rclone"],
            ".config/rclone/rclone.conf",
            "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nfake-leak=\n",
        ),
        (&["pip", "--bin", "bin"], ".config/pip/pip.conf", "timeout = fake-leak\n"),
        (&["git", "--host", "git.example"], ".gitconfig", "[user\n\tname = fake-leak\n"),
        (&["uv", "--bin", "bin"], ".config/uv/uv.toml", "[pip\n"),
    ] {
        let home = Home::new();
        home.file(name, content, 0o600);
        let before = home.snapshot();
        for flags in [&[][..], &["--write"], &["--undo"]] {
            let words: Vec<_> = words.iter().chain(flags).copied().chain(["--method", "metadata"]).collect();
            let outcome = home.bare(&words).hides("fake-leak").done();
            // An undo needs no place for its entries.
            if flags == ["--undo"] && content.contains(":[]") {
                continue;
            }
            let printed = outcome.fails(4);
            assert!(printed.contains(name), "{words:?}: {printed}");
            assert_eq!(home.snapshot(), before, "{words:?}");
        }
    }
    let home = Home::new();
    fs::create_dir_all(home.path(".docker")).unwrap();
    fs::write(home.path(".docker/config.json"), b"{\"a\": \"\xff\"}").unwrap();
    assert!(home.setup(&["docker", "--bin", "bin"], &["--write"]).fails(4).contains("UTF-8"));
}

/// All files are checked before the first one is written.
#[test]
fn a_broken_second_file_leaves_the_first_one_alone() {
    let home = Home::new();
    home.file(".config/rclone/rclone.conf", "broken\n", 0o600);
    let before = home.snapshot();
    assert!(home.setup(&["rclone"], &["--write"]).fails(4).contains("rclone.conf"));
    assert_eq!(home.snapshot(), before);
}

#[test]
fn a_read_only_file_and_a_link_to_nothing_are_named() {
    let home = Home::new();
    home.file(".docker/config.json", "{}", 0o444);
    let before = home.snapshot();
    let outcome = home.setup(&["docker", "--bin", "bin"], &["--write"]);
    let printed = outcome.fails(4);
    assert!(printed.contains(".docker/config.json: the file is read-only"), "{printed}");
    assert_eq!(home.snapshot(), before);
    // Printing is what the user needs then.
    assert!(home.runs(&["docker", "--bin", "bin"], &[]).contains("\"cr.yandex\": \"yc-auth\""));

    symlink(home.path("nowhere"), home.path(".gitconfig")).unwrap();
    let outcome = home.setup(&["git", "--host", "git.example"], &["--write"]);
    assert!(outcome.fails(4).contains(".gitconfig: the link leads nowhere"), "{outcome:?}");

    fs::create_dir_all(home.path(".aws/config")).unwrap();
    assert!(home.setup(&["aws"], &["--write"]).fails(4).contains("not a regular file"));
}

#[test]
fn a_program_that_the_tool_would_not_find_is_refused() {
    let home = Home::new();
    for words in [&["docker", "--bin", "elsewhere"][..], &["docker"], &["pip"]] {
        let outcome = home.setup(words, &["--write"]);
        let printed = outcome.fails(4);
        assert!(printed.contains("is not in PATH") && printed.contains("--bin FOLDER"), "{printed}");
    }
    home.file("other/keyring", "#!/bin/sh\n", 0o755);
    let path = format!("{}:{}", home.path("other").display(), home.path("bin").display());
    let run = home.bare(&["uv", "--bin", "bin", "--write", "--method", "metadata"]).env("PATH", path);
    assert!(run.done().fails(4).contains("other/keyring comes first in PATH"));
}

#[test]
fn options_without_a_meaning_for_the_tool_are_rejected() {
    let home = Home::new();
    for (words, reason) in [
        (
            &["docker", "--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"][..],
            "--mcp has no meaning for docker",
        ),
        (&["psql", "--name", "x"], "--name has no meaning for psql"),
        (&["git"], "name the host"),
        (&["claude-code"], "name an MCP server"),
        (&["aws", "--write", "--undo"], "cannot be used with"),
        (&["emacs"], "invalid value"),
    ] {
        let outcome = home.bare(words).done();
        assert_eq!(outcome.status, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
    }
    for (words, location) in [
        (&["codex", "--folder-id", "b1g/../x"][..], "--folder-id"),
        (&["codex", "--folder-id", FOLDER_ID, "--name", "a b"], "--name"),
        (&["codex", "--folder-id", FOLDER_ID, "--mcp", "http://toolkit.mcp.cloud.yandex.net"], "--mcp"),
        (&["codex", "--folder-id", FOLDER_ID, "--mcp", "https://user@toolkit.mcp.cloud.yandex.net"], "--mcp"),
        (&["codex", "--folder-id", FOLDER_ID, "--mcp", "a b=https://toolkit.mcp.cloud.yandex.net"], "--mcp"),
        (
            &["codex", "--folder-id", FOLDER_ID, "--mcp", "https://toolkit.mcp.evil.example"],
            "--mcp: https://toolkit.mcp.evil.example gets no token",
        ),
        (
            &["codex", "--folder-id", FOLDER_ID, "--url", "https://ai.evil.example/v1"],
            "--url: https://ai.evil.example gets no token",
        ),
        (&["codex", "--folder-id", FOLDER_ID, "--url", "http://ai.api.cloud.yandex.net/v1"], "--url"),
        (&["opencode", "--folder-id", FOLDER_ID, "--url", "http://127.0.0.1:1@evil.example/v1"], "--url"),
        (&["claude-code", "--gateway", "http://gateway.example"], "--gateway"),
        (&["git", "--host", "git.example/path"], "--host"),
    ] {
        assert!(home.setup(words, &[]).fails(4).contains(location), "{words:?}");
    }
    let outcome = home.setup(&["codex"], &[]);
    assert!(outcome.fails(3).contains("--folder-id ID"), "{outcome:?}");
}

/// The key is for a gateway over TLS, or on this machine. Where a host is, its whole name says, and not the beginning.
#[test]
fn a_gateway_elsewhere_gets_no_key_in_plain_text() {
    let home = Home::new();
    let before = home.snapshot();
    for url in [
        "http://localhost.example:8080",
        "http://localhosts:8080",
        "http://proxy.localhost:8080",
        "http://127.0.0.1.example",
        "http://127.0.0.1.example:8080/anthropic",
        "http://127.0.0.12.example",
        "http://user@localhost:8080",
        "https://",
        "gateway.example",
    ] {
        let outcome = home.setup(&["claude-code", "--gateway", url], &["--write"]);
        assert!(outcome.fails(4).contains("--gateway: not an address over TLS"), "{url}: {outcome:?}");
        let words = ["codex", "--folder-id", FOLDER_ID, "--url", url];
        assert!(home.setup(&words, &["--write"]).fails(4).contains("--url"), "{url}");
    }
    assert_eq!(home.snapshot(), before);
    for url in [
        "http://localhost",
        "http://LOCALHOST:8080/anthropic",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://gateway.example/anthropic",
    ] {
        let printed = home.runs(&["claude-code", "--gateway", url], &[]);
        assert!(printed.contains(&format!("\"{url}\"")), "{printed}");
    }
}

#[test]
fn an_api_key_is_refused_where_only_a_token_works() {
    let home = Home::new();
    home.file("key", "AQVN-fake-key\n", 0o600);
    for tool in ["aws", "rclone", "kubectl", "psql", "terraform"] {
        let outcome = home.bare(&[tool, "--method", "api-key", "--auth", "@key"]).done();
        assert!(outcome.fails(4).contains("needs an IAM token"), "{outcome:?}");
    }
}

#[test]
fn a_secret_is_never_written_and_never_shown() {
    let (key, token) = ("AQVN-fake-key-of-a-test", "t1.fake-token.of-a-test");
    let json = r#"{"id":"ajefake","service_account_id":"ajefake","private_key":"fake-private"}"#;
    for words in TOOLS.iter().filter(|words| !is_missing(words)) {
        for (variable, value, method) in [
            ("YC_API_KEY", key, "api-key"),
            ("YC_IAM_TOKEN", token, "iam-token"),
            ("YC_TOKEN", token, "env-iam-token"),
            ("YC_OIDC_TOKEN", "eyJ.fake.jwt-of-a-test", "workload-identity"),
            ("YC_SERVICE_ACCOUNT_KEY_FILE", json, "service-account-key"),
        ] {
            let home = Home::new();
            let before = home.snapshot();
            let run =
                home.bare(&[words, &["--write", "--method", method][..]].concat()).secret(variable, value);
            let outcome = run.done();
            let printed = outcome.fails(4);
            assert!(printed.contains(variable), "{words:?}: {printed}");
            assert!(printed.contains("0600"), "{words:?}: {printed}");
            assert_eq!(home.snapshot(), before, "{words:?}");
        }
    }
    let home = Home::new();
    for auth in [key, token, "-"] {
        let outcome =
            home.bare(&["docker", "--bin", "bin", "--write", "--auth", auth]).hides(auth).stdin(key).done();
        assert!(outcome.fails(4).contains("--auth @FILE"), "{outcome:?}");
    }
    let outcome =
        home.bare(&["docker", "--bin", "bin", "--write", "--key-file", json]).hides("fake-private").done();
    assert!(outcome.fails(4).contains("--key-file FILE"), "{outcome:?}");
    // What automatic selection finds is refused alike.
    let outcome = home.bare(&["docker", "--bin", "bin", "--write"]).secret("YC_API_KEY", key).done();
    assert!(outcome.fails(4).contains("printenv YC_API_KEY"), "{outcome:?}");
    let outcome = home.bare(&["docker", "--bin", "bin", "--write", "--method", "none"]).done();
    assert!(outcome.fails(4).contains("no token"), "{outcome:?}");
}

/// The files of the user can hold secrets of their own.
#[test]
fn the_users_own_lines_are_not_printed() {
    let home = Home::new();
    home.file(".docker/config.json", "{\"auths\":{\"a\":{\"auth\":\"ZmFrZS1zZWNyZXQ=\"}}}", 0o600);
    home.file(".aws/config", "[default]\naws_secret_access_key = ZmFrZS1zZWNyZXQ=\n", 0o600);
    for words in [&["docker", "--bin", "bin"][..], &["aws"]] {
        for flags in [&[][..], &["--write"], &["--write"], &["--undo"]] {
            assert!(!home.runs(words, flags).contains("ZmFr"), "{words:?} {flags:?}");
        }
    }
}

#[test]
fn an_address_with_a_password_is_neither_written_nor_printed() {
    let secret = "https://user:t1.fake-secret.fake@127.0.0.1:1";
    for words in [
        &["git", "--key-file", "my key.json", "--host", "git.example.com", "--write"][..],
        &["docker", "--key-file", "my key.json", "--bin", "bin", "--write"],
        &["psql", "--key-file", "my key.json", "--host", "db.example"],
        &["systemd", "--key-file", "my key.json"],
        &["direnv", "--key-file", "my key.json", "--write"],
    ] {
        let home = Home::new();
        let before = home.snapshot();
        for run in [
            home.bare(&[words, &["--endpoint", secret][..]].concat()),
            home.bare(words).env("YC_API_ENDPOINT", secret),
        ] {
            let outcome = run.hides("fake-secret").done();
            assert!(outcome.status == 4 && !outcome.stdout.contains("fake-secret"), "{words:?}: {outcome:?}");
        }
        assert_eq!(home.snapshot(), before, "{words:?}");
    }
}

#[test]
fn a_path_with_a_line_break_is_written_nowhere() {
    for words in [
        &["direnv", "--write"][..],
        &["aws", "--write"],
        &["git", "--write", "--host", "git.example.com"],
        &["claude-code", "--write", "--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"],
        &["kubectl", "--write"],
    ] {
        let home = Home::new();
        let key = fs::read_to_string(home.path("my key.json")).unwrap();
        let path = home.file("a\nb.json", &key, 0o600);
        let before = home.snapshot();
        let outcome = home.bare(&[words, &["--key-file", path.to_str().unwrap()]].concat()).done();
        assert!(outcome.fails(4).contains("control character"), "{words:?}: {outcome:?}");
        assert_eq!(home.snapshot(), before, "{words:?}");
    }
}
