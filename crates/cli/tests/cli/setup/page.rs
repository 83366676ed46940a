//! `docs/tools.md`: each set-up line runs unchanged, and each tool has a section.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{FOLDER_ID, Home, is_missing};
use crate::run::yc_auth;

/// The set-up lines of the page.
fn lines() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tools.md");
    let page = fs::read_to_string(page).unwrap();
    page.lines().filter(|line| line.starts_with("yc-auth setup ")).map(str::to_owned).collect()
}

fn tool(line: &str) -> &str {
    line.split(' ').nth(2).unwrap()
}

#[test]
fn each_line_of_the_page_sets_a_tool_up_and_its_undo_takes_that_back() {
    for line in lines().iter().filter(|line| !is_missing(&[tool(line)])) {
        let home = Home::new();
        home.file("key.json", "fake", 0o600);
        fs::create_dir_all(home.path(".local/bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_yc-auth"), home.path("bin/yc-auth")).unwrap();
        let before = home.snapshot();
        let sh = |line: &str| {
            let path = ["bin", ".local/bin"].map(|name| home.path(name).display().to_string()).join(":");
            let output = Command::new("/bin/sh")
                .args(["-e", "-c", line])
                .current_dir(&home.folder.path)
                .env_clear()
                .env("HOME", &home.folder.path)
                .env("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin"))
                .env("FOLDER_ID", FOLDER_ID)
                .output()
                .unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        };
        sh(line);
        assert_eq!(home.snapshot() != before, line.contains("--write"), "{line}");
        sh(&line.replace("--write", "--undo"));
        assert_eq!(home.snapshot(), before, "{line}");
    }
}

#[test]
fn the_page_has_each_tool_of_the_help() {
    let help = yc_auth(["setup", "--help"]).done();
    let help = help
        .output()
        .split("<TOOL>")
        .nth(2)
        .unwrap_or_default()
        .split("\nOptions:")
        .next()
        .unwrap()
        .to_owned();
    let tools: Vec<_> =
        help.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split(':').next()).collect();
    let mut on_page: Vec<_> = lines().iter().map(|line| tool(line).to_owned()).collect();
    on_page.sort();
    assert_eq!(on_page, tools);
}
