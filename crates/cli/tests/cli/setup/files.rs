//! The user's files: comments and order stay, a copy is kept, links and modes stay, an undo takes out what was written.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::{FOLDER_ID, Home};

/// A tool, its file, and what a user has there.
const CODEX: &[&str] = &["codex", "--folder-id", FOLDER_ID];
const CLAUDE: &[&str] = &["claude-code", "--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"];
const GATEWAY: &[&str] = &["claude-code", "--gateway", "https://gateway.example"];
const OPENCODE: &[&str] = &["opencode", "--folder-id", FOLDER_ID];
const DOCKER: &[&str] = &["docker", "--bin", "bin"];
const GIT: &[&str] = &["git", "--host", "git.example"];
const PIP: &[&str] = &["pip", "--bin", "bin"];
const UV: &[&str] = &["uv", "--bin", "bin"];

const FILES: [(&[&str], &str, &str); 24] = [
    (
        CODEX,
        ".codex/config.toml",
        "# mine\nmodel = \"x\" # why\n\n[projects.\"/a b\"]\ntrust_level = \"trusted\"\n",
    ),
    (CODEX, ".codex/config.toml", "b = 1\na = 2"),
    (CODEX, ".codex/config.toml", "[model_providers.other]\r\nname = \"o\"\r\n\r\n# the end\r\n"),
    (
        CODEX,
        ".codex/config.toml",
        "[model_providers]\n# none yet\n\n[z]\ntext = \"\"\"\n[model_providers.yandex-cloud]\n\"\"\"\n",
    ),
    (CODEX, ".codex/config.toml", ""),
    (
        CLAUDE,
        ".claude.json",
        "{\n  \"numStartups\": 7,\n  \"mcpServers\": {},\n  \"z\": {\"b\": 1, \"a\": [1.50, 2]}\n}",
    ),
    (CLAUDE, ".claude.json", "{\"z\":1,\"mcpServers\":{\"o\":{\"type\":\"stdio\"}},\"a\":2}"),
    (
        GATEWAY,
        ".claude/settings.json",
        "{\n    \"env\": {\n        \"X\": \"1\"\n    },\n    \"hooks\": {}\n}\n",
    ),
    (
        OPENCODE,
        ".config/opencode/opencode.json",
        "{\n  // mine\n  \"theme\": \"x\", /* why */\n  \"provider\": {\n    \"o\": {}, // last\n  },\n}\n",
    ),
    (OPENCODE, ".config/opencode/opencode.jsonc", "// first\n{}\n// last\n"),
    (
        DOCKER,
        ".docker/config.json",
        "{\n\t\"auths\": {},\n\t\"credHelpers\": {\n\t\t\"gcr.io\": \"gcloud\"\n\t},\n\t\"credsStore\": \"x\"\n}\n",
    ),
    (DOCKER, ".docker/config.json", "{\"credsStore\":\"x\",\"auths\":{\"a\":{\"auth\":\"ZmFrZQ==\"}}}"),
    (DOCKER, ".docker/config.json", "{}"),
    (DOCKER, ".docker/config.json", "{\r\n  \"a\": 1\r\n}\r\n"),
    (
        &["aws"],
        ".aws/config",
        "# mine\n[default]\nregion = eu-west-1\ns3 =\n    max = 1\n\n[profile z]\nregion=x ; why\n",
    ),
    (&["aws"], ".aws/config", "[profile a]\nregion = x"),
    (
        PIP,
        ".config/pip/pip.conf",
        "; mine\n[install]\nuser = no\n\n[global]\ntimeout: 60\nextra-index-url =\n    https://a.example\n    https://b.example\n\n# last\n",
    ),
    (PIP, ".config/pip/pip.conf", "[install]\nuser = no\n"),
    (UV, ".config/uv/uv.toml", "# mine\n\n[[index]]\nurl = \"https://a.example\"\n"),
    (UV, ".config/uv/uv.toml", "offline = false # why\nno-binary = [\n  \"a\",\n]\n\n[pip]\n# x\n"),
    (
        GIT,
        ".gitconfig",
        "# mine\n[user]\n\tname = X ; why\n[alias]\n\ta = \"!f() { echo '#'; }; f\" \\\n\t  more\n[user]\n\temail = x@y\n[credential]\n\thelper = store\n",
    ),
    (&["rclone"], ".config/rclone/rclone.conf", "[z]\ntype = s3\n\n[a]\ntype = local\n"),
    (&["direnv"], ".envrc", "# mine\nexport A=1"),
    (&["direnv"], ".envrc", "use flake\n"),
];

/// Whether all lines of the first text are in the second one, in the same order; a line may have got a comma at its end.
fn is_kept(old: &str, new: &str) -> bool {
    if old.lines().count() == 1 {
        let mut new = new.chars();
        return old.chars().all(|character| new.any(|other| other == character));
    }
    let mut new = new.lines().map(str::trim_end);
    old.lines().map(str::trim_end).all(|line| {
        new.any(|other| other == line || other.strip_suffix(',') == Some(line) || is_opened(line, other))
    })
}

/// An object on one line, or without members, gets members.
fn is_opened(line: &str, other: &str) -> bool {
    let open = line.trim_end_matches([',', '}']);
    line.contains('{') && other.starts_with(open)
}

#[test]
fn comments_and_order_stay_and_an_undo_gives_the_bytes_back() {
    for (words, name, content) in FILES {
        let home = Home::new();
        home.file(name, content, 0o640);
        let before = home.snapshot();
        home.runs(words, &["--write"]);
        let new = home.read(name);
        assert!(is_kept(content, &new), "{words:?}: {content:?}\n{new}");
        assert_ne!(new, content, "{words:?}");
        assert!(new.contains("\r\n") == content.contains("\r\n"), "{words:?}: {new:?}");
        if content.contains("\r\n") {
            assert_eq!(new.matches('\n').count(), new.matches("\r\n").count(), "{words:?}: {new:?}");
        }
        let copy = format!("{name}.yc-auth-backup");
        assert_eq!(home.read(&copy), content, "{words:?}");
        for path in [name, &copy] {
            let mode = fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o640, "{words:?}: {path}");
        }
        let written = home.snapshot();
        home.runs(words, &["--write"]);
        assert_eq!(home.snapshot(), written, "{words:?}: the second run changes nothing");
        home.runs(words, &["--undo"]);
        assert_eq!(home.snapshot(), before, "{words:?}: {content:?}");
    }
}

/// A tool, its file and what is in it; then what the user adds after the set-up: before the first occurrence of a text, or
/// at the end.
type Added = (&'static [&'static str], &'static str, &'static str, Option<&'static str>, &'static str);

const ADDED: [Added; 9] = [
    (
        CODEX,
        ".codex/config.toml",
        "model = \"x\"\n",
        None,
        "\n[projects.\"/b\"]\ntrust_level = \"trusted\"\n",
    ),
    (CODEX, ".codex/config.toml", "model = \"x\"\n", Some("model ="), "approval = \"never\" # mine\n"),
    (
        DOCKER,
        ".docker/config.json",
        "{\n  \"a\": 1\n}\n",
        Some("    \"cr.yandex\""),
        "    \"mine.example\": \"pass\",\n",
    ),
    (&["aws"], ".aws/config", "[default]\nregion = x\n", None, "\n[profile mine]\nregion = y\n"),
    (&["aws"], ".aws/config", "[default]\nregion = x\n", Some("region = x"), "output = json\n"),
    (PIP, ".config/pip/pip.conf", "[install]\nuser = no\n", None, "timeout = 60\n"),
    (UV, ".config/uv/uv.toml", "[pip]\n", Some("[pip]"), "offline = true\n"),
    (GIT, ".gitconfig", "[user]\n\tname = X\n", None, "[alias]\n\ta = b\n"),
    (&["direnv"], ".envrc", "use flake\n", None, "export B=2\n"),
];

#[test]
fn an_undo_keeps_what_the_user_has_added_since() {
    for (words, name, content, place, added) in ADDED {
        let home = Home::new();
        home.file(name, content, 0o600);
        home.runs(words, &["--write"]);
        let written = home.read(name);
        let at = place.map_or(written.len(), |place| written.find(place).unwrap());
        home.file(name, &format!("{}{added}{}", &written[..at], &written[at..]), 0o600);
        home.runs(words, &["--undo"]);
        let left = home.read(name);
        assert!(!left.contains("yc-auth"), "{words:?}: {left}");
        for line in content.lines().chain(added.lines()) {
            assert!(left.contains(line.trim_end_matches(',')), "{words:?}: {line:?} is missing:\n{left}");
        }
        let extra: Vec<_> = left
            .lines()
            .filter(|line| !line.trim().is_empty())
            .filter(|line| !content.contains(line.trim_end_matches(',')) && !added.contains(line.trim()))
            .collect();
        // The section that the user's own line has moved into, or the object around it.
        let is_frame = |line: &&str| {
            line.contains("[global]")
                || line.trim().trim_end_matches(',') == "}"
                || line.contains("credHelpers")
        };
        assert!(extra.iter().all(is_frame), "{words:?}: {extra:?}");
    }
}

#[test]
fn what_the_user_adds_to_our_entry_stays() {
    // Codex does not start with a provider without a name: the rest becomes a comment.
    let home = Home::new();
    home.file(".codex/config.toml", "model = \"x\"\n", 0o600);
    home.runs(CODEX, &["--write"]);
    let written = home.read(".codex/config.toml");
    let with_more = written.replace("wire_api", "request_max_retries = 9\nwire_api")
        + "\n[model_providers.yandex-cloud.query_params]\nv = \"\"\"\na\n\"\"\"\n";
    home.file(".codex/config.toml", &with_more, 0o600);
    let printed = home.runs(CODEX, &["--undo"]);
    assert!(printed.contains("note: ") && printed.contains("request_max_retries"), "{printed}");
    let left = home.read(".codex/config.toml");
    for line in ["# [model_providers.yandex-cloud]", "# request_max_retries = 9", "# v = \"\"\"", "# a"] {
        assert!(left.lines().any(|other| other == line), "{line}: {left}");
    }
    assert!(left.parse::<toml_edit::DocumentMut>().unwrap().get("model_providers").is_none(), "{left}");

    // The AWS tools take a profile with any keys.
    home.runs(&["aws"], &["--write"]);
    let written = home.read(".aws/config");
    home.file(".aws/config", &written.replace("region", "output = json\nregion"), 0o600);
    let printed = home.runs(&["aws"], &["--undo"]);
    assert!(printed.contains("output"), "{printed}");
    assert_eq!(home.read(".aws/config").trim(), "[profile yandex-cloud]\noutput = json");
}

#[test]
fn an_entry_of_the_user_that_is_like_ours_survives_the_undo() {
    let home = Home::new();
    for (words, name, content) in [
        (PIP, ".config/pip/pip.conf", "[global]\nkeyring-provider = subprocess\n"),
        (UV, ".config/uv/uv.toml", "keyring-provider = \"subprocess\"\n"),
        (
            GATEWAY,
            ".claude/settings.json",
            "{\"env\": {\"ANTHROPIC_BASE_URL\": \"https://gateway.example\"}}",
        ),
    ] {
        home.file(name, content, 0o600);
        home.runs(words, &["--write"]);
        let printed = home.runs(words, &["--undo"]);
        assert!(words == GATEWAY || printed.contains("stays: it may be yours"), "{words:?}: {printed}");
        let left: String = home.read(name).split_whitespace().collect();
        assert!(left.contains(&content.split_whitespace().collect::<String>()), "{words:?}: {left}");
    }
}

#[test]
fn a_link_stays_a_link_and_its_file_is_written() {
    for (words, name, content) in FILES {
        let home = Home::new();
        let target = home.file("dotfiles/the file", content, 0o604);
        fs::create_dir_all(home.path(name).parent().unwrap()).unwrap();
        symlink(&target, home.path(name)).unwrap();
        let before = home.snapshot();
        home.runs(words, &["--write"]);
        assert!(home.path(name).is_symlink(), "{words:?}");
        assert_ne!(fs::read_to_string(&target).unwrap(), content, "{words:?}");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o604, "{words:?}");
        assert_eq!(home.read(&format!("{name}.yc-auth-backup")), content, "{words:?}");
        home.runs(words, &["--undo"]);
        assert_eq!(home.snapshot(), before, "{words:?}");
    }
}

#[test]
fn a_reader_of_the_old_file_keeps_the_old_content() {
    let home = Home::new();
    let path = home.file(".docker/config.json", "{\"a\":1}", 0o600);
    let mut old = fs::File::open(path).unwrap();
    home.runs(DOCKER, &["--write"]);
    let mut content = String::new();
    std::io::Read::read_to_string(&mut old, &mut content).unwrap();
    assert_eq!(content, "{\"a\":1}");
}

/// `pip config set` writes its file without comments.
#[test]
fn an_entry_without_its_comment_is_ours_if_the_copy_does_not_have_it() {
    for (content, is_removed) in [(None, false), (Some("[install]\nuser = no\n"), true)] {
        let home = Home::new();
        if let Some(content) = content {
            home.file(".config/pip/pip.conf", content, 0o600);
        }
        home.runs(PIP, &["--write"]);
        let written = home.read(".config/pip/pip.conf");
        let without: String = written.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect();
        home.file(".config/pip/pip.conf", &without, 0o600);
        let printed = home.runs(PIP, &["--undo"]);
        assert_eq!(printed.contains("`global.keyring-provider` stays"), !is_removed, "{printed}");
        let left = home.read(".config/pip/pip.conf");
        assert_eq!(left, content.unwrap_or(&without), "{printed}");
    }
}

#[test]
fn aws_and_rclone_each_undo_their_own_profile() {
    for (first, second) in [("aws", "rclone"), ("rclone", "aws")] {
        let home = Home::new();
        home.runs(&[first], &["--write"]);
        let alone = home.read(".aws/config");
        home.runs(&[second], &["--write"]);
        home.runs(&[second], &["--undo"]);
        assert_eq!(home.read(".aws/config"), alone, "{second}");
        home.runs(&[second], &["--write"]);
        home.runs(&[first], &["--undo"]);
        let left = home.read(".aws/config");
        assert_eq!(
            (left.matches("[profile").count(), left.contains("[profile rclone-")),
            (1, second == "rclone")
        );
    }
}

/// The copy of a file that `setup` has created has entries of `setup`: they were not there before.
#[test]
fn a_copy_with_our_entries_does_not_keep_them() {
    let home = Home::new();
    home.runs(DOCKER, &["--write"]);
    let written = home.read(".docker/config.json");
    home.file(".docker/config.json", &written.replacen('{', "{\n  \"auths\": {},", 1), 0o600);
    home.runs(DOCKER, &["--write", "--host", "registry.example"]);
    assert!(home.read(".docker/config.json.yc-auth-backup").contains("auths"));
    let printed = home.runs(DOCKER, &["--undo"]);
    assert!(printed.contains("other changes since"), "{printed}");
    let left: String = home.read(".docker/config.json").split_whitespace().collect();
    assert_eq!(left, "{\"auths\":{}}");
}

/// pip and uv run the same program.
#[test]
fn the_keyring_stays_while_the_other_tool_needs_it() {
    let home = Home::new();
    home.runs(PIP, &["--write"]);
    home.runs(UV, &["--write"]);
    home.runs(PIP, &["--undo"]);
    assert!(home.path("bin/keyring").exists());
    home.runs(UV, &["--undo"]);
    assert!(!home.path("bin/keyring").exists());
}

#[test]
fn a_byte_order_mark_stays() {
    let home = Home::new();
    home.file(".docker/config.json", "\u{feff}{\"a\":1}", 0o600);
    home.runs(DOCKER, &["--write"]);
    assert!(home.read(".docker/config.json").starts_with("\u{feff}{\"a\":1"));
    home.runs(DOCKER, &["--undo"]);
    assert_eq!(home.read(".docker/config.json"), "\u{feff}{\"a\":1}");
}
