//! `setup`: what it prints, writes and takes out, for each tool.
//!
//! Each test has a home of its own. A snapshot of it (each file with its content and mode, each link with its target) tells
//! whether anything was written.

mod choice;
mod end_to_end;
mod files;
mod formats;
mod page;
mod quotes;
mod refusals;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::run::{Folder, Outcome, Run, yc_auth};

/// A folder for Codex and opencode.
const FOLDER_ID: &str = "b1gfakefolder0000001";

/// Each tool that has files, with the options that it needs.
const TOOLS: [&[&str]; 12] = [
    &["aws"],
    &[
        "claude-code",
        "--mcp",
        "https://toolkit.mcp.cloud.yandex.net/mcp",
        "--gateway",
        "https://gateway.example",
    ],
    &["codex", "--folder-id", FOLDER_ID, "--mcp", "my=https://search.mcp.cloud.yandex.net/mcp"],
    &["direnv"],
    &["docker", "--bin", "bin"],
    &["git", "--host", "git.example"],
    &["kubectl"],
    &["opencode", "--folder-id", FOLDER_ID],
    &["pip", "--bin", "bin"],
    &["rclone"],
    &["uv", "--bin", "bin"],
    // With another name than the usual one.
    &["codex", "--folder-id", FOLDER_ID, "--name", "work"],
];

/// A home with a key, and a folder `bin` that comes first in PATH.
struct Home {
    folder: Folder,
}

impl Home {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path.join("bin")).unwrap();
        let home = Self { folder };
        home.file("my key.json", "{\"id\":\"ajefake\",\"private_key\":\"fake-secret\"}\n", 0o600);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path.join(name)
    }

    /// Writes a file, with the folders above it.
    fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `setup` without a choice of credentials.
    fn bare(&self, words: &[&str]) -> Run {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display());
        let mut run = yc_auth(["setup"].iter().chain(words)).env("HOME", &self.folder.path).env("PATH", path);
        run.command.current_dir(&self.folder.path);
        // A method that is named is not asked for a token, so there is no address to keep away from.
        if words.iter().any(|word| ["--method", "--key-file", "--undo"].contains(word)) {
            run.command.env_remove("YC_METADATA_ADDR");
        }
        run
    }

    /// `setup` with the key file.
    fn setup(&self, words: &[&str], flags: &[&str]) -> Outcome {
        let words: Vec<_> = words.iter().chain(flags).copied().chain(["--key-file", "my key.json"]).collect();
        self.bare(&words).hides("fake-secret").done()
    }

    /// `setup` that succeeds, with its output.
    #[track_caller]
    fn runs(&self, words: &[&str], flags: &[&str]) -> String {
        self.setup(words, flags).output().to_owned()
    }

    /// Everything in the home: the modes and contents of files, the targets of links.
    fn snapshot(&self) -> BTreeMap<String, (u32, String)> {
        let mut all = BTreeMap::new();
        visit(&self.folder.path, &mut all);
        all
    }
}

fn visit(folder: &Path, all: &mut BTreeMap<String, (u32, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let found = fs::symlink_metadata(&path).unwrap();
        if found.is_dir() {
            visit(&path, all);
            continue;
        }
        let content = if found.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else {
            fs::read_to_string(&path).unwrap()
        };
        all.insert(path.display().to_string(), (found.permissions().mode() & 0o7777, content));
    }
}

/// Whether the tool of these options needs a program that this machine does not have.
fn is_missing(words: &[&str]) -> bool {
    words[0] == "kubectl"
        && !["/usr/local/bin/kubectl", "/usr/bin/kubectl"].iter().any(|path| Path::new(path).exists())
}

#[test]
fn without_a_flag_it_prints_and_writes_nothing() {
    for words in TOOLS.iter().filter(|words| !is_missing(words)) {
        let home = Home::new();
        let before = home.snapshot();
        let printed = home.runs(words, &[]);
        assert_eq!(home.snapshot(), before, "{words:?}");
        assert!(printed.contains("Nothing is written yet: `--write` writes."), "{words:?}: {printed}");
        assert!(printed.contains("yc-auth ") || printed.contains("yc-auth\""), "{words:?}: {printed}");
        assert!(printed.contains("my key.json"), "{words:?}: {printed}");
    }
}

#[test]
fn an_undo_leaves_nothing_of_an_empty_home() {
    for words in TOOLS.iter().filter(|words| !is_missing(words)) {
        let home = Home::new();
        let before = home.snapshot();
        home.runs(words, &["--write"]);
        let written = home.snapshot();
        assert!(written.len() > before.len(), "{words:?}");
        let again = home.runs(words, &["--write"]);
        assert_eq!(home.snapshot(), written, "{words:?}: the second run changes nothing");
        assert!(again.contains("is set up already") && !again.contains("wrote"), "{words:?}: {again}");
        assert!(home.runs(words, &[]).contains("is set up already"), "{words:?}");
        home.runs(words, &["--undo"]);
        assert_eq!(home.snapshot(), before, "{words:?}");
        assert_eq!(home.runs(words, &["--undo"]), "", "{words:?}: there is nothing left");
    }
}

#[test]
fn the_printing_tools_write_nothing() {
    let home = Home::new();
    let before = home.snapshot();
    for (tool, expected) in [
        ("psql", "PGHOST=c-CLUSTER.rw.mdb.yandexcloud.net PGPORT=6432 "),
        ("terraform", " -- terraform plan\n"),
        ("systemd", "\nExecStart="),
    ] {
        for flags in [&[][..], &["--write"]] {
            let printed = home.runs(&[tool], flags);
            assert!(printed.contains(expected), "{printed}");
        }
        assert!(home.runs(&[tool], &["--undo"]).contains("nothing to undo"));
    }
    assert!(home.runs(&["psql", "--host", "pg.example"], &[]).starts_with("PGHOST=pg.example "));
    assert_eq!(home.snapshot(), before);
}

#[test]
fn new_files_are_the_owners_alone_and_programs_run() {
    let home = Home::new();
    home.runs(&["docker", "--bin", "bin"], &["--write"]);
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".docker/config.json"), 0o600);
    assert_eq!(mode(".docker"), 0o700);
    assert_eq!(mode("bin/docker-credential-yc-auth") & 0o700, 0o700);
}

#[test]
fn a_changed_choice_replaces_what_was_written() {
    for words in TOOLS.iter().filter(|words| !is_missing(words)) {
        let home = Home::new();
        let before = home.snapshot();
        home.runs(words, &["--write"]);
        let written = home.snapshot();
        let other: Vec<_> = words.iter().copied().chain(["--write", "--method", "metadata"]).collect();
        home.bare(&other).done().output();
        let changed = home.snapshot();
        let count = |all: &BTreeMap<String, (u32, String)>, word: &str| {
            let files = all.iter().filter(|(path, _)| !path.ends_with(".yc-auth-backup"));
            files.map(|(_, (_, text))| text.matches(word).count()).sum::<usize>()
        };
        assert_eq!(count(&changed, "my key.json"), 0, "{words:?}: {changed:?}");
        assert_eq!(count(&changed, "metadata"), count(&written, "my key.json"), "{words:?}: {changed:?}");
        home.runs(words, &["--undo"]);
        let mut after = home.snapshot();
        after.retain(|path, _| !path.contains(".kube/") && !path.ends_with(".yc-auth-backup"));
        assert_eq!(after, before, "{words:?}");
    }
}

#[test]
fn each_path_variable_of_a_tool_moves_its_file() {
    for (words, variable, value, file) in [
        (&["codex", "--folder-id", FOLDER_ID][..], "CODEX_HOME", "elsewhere", "elsewhere/config.toml"),
        (&["docker", "--bin", "bin"], "DOCKER_CONFIG", "elsewhere", "elsewhere/config.json"),
        (&["aws"], "AWS_CONFIG_FILE", "elsewhere/aws", "elsewhere/aws"),
        (&["rclone"], "RCLONE_CONFIG", "elsewhere/rclone", "elsewhere/rclone"),
        (&["pip", "--bin", "bin"], "PIP_CONFIG_FILE", "elsewhere/pip", "elsewhere/pip"),
        (&["pip", "--bin", "bin"], "XDG_CONFIG_HOME", "/elsewhere", "elsewhere/pip/pip.conf"),
        (&["uv", "--bin", "bin"], "UV_CONFIG_FILE", "elsewhere/uv", "elsewhere/uv"),
        (&["git", "--host", "git.example"], "GIT_CONFIG_GLOBAL", "elsewhere/git", "elsewhere/git"),
        (&["opencode", "--folder-id", FOLDER_ID], "OPENCODE_CONFIG", "elsewhere/o.json", "elsewhere/o.json"),
        (
            &["claude-code", "--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"],
            "CLAUDE_CONFIG_DIR",
            "elsewhere",
            "elsewhere/.claude.json",
        ),
    ] {
        let home = Home::new();
        let value = value.replace("/elsewhere", &home.path("elsewhere").display().to_string());
        let words: Vec<_> = words.iter().copied().chain(["--write", "--method", "metadata"]).collect();
        home.bare(&words).env(variable, &value).done().output();
        assert!(home.read(file).contains("yc-auth"), "{words:?}");
    }
}

/// The user names a link; the program behind it moves with the next update.
#[test]
fn the_command_is_the_path_that_the_user_called() {
    let home = Home::new();
    let link = home.path("bin/yc-auth");
    symlink(env!("CARGO_BIN_EXE_yc-auth"), &link).unwrap();
    for program in ["bin/yc-auth", "yc-auth"] {
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("exec {program} setup terraform --method metadata")])
            .current_dir(&home.folder.path)
            .env_clear()
            .env("HOME", &home.folder.path)
            .env("PATH", home.path("bin"))
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.starts_with(&format!("{} exec", link.display())), "{program}: {printed}");
    }
}
