//! The README is true: its shell lines run as they stand, and its pictures are what the command prints.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, yc_auth};

const README: &str = include_str!("../../../../README.md");

/// The text of the code blocks of one language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README.split(&fence[..]).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn its_shell_lines_run_as_they_stand() {
    let folder = Folder::new();
    symlink(env!("CARGO_BIN_EXE_yc-auth"), folder.path.join("yc-auth")).unwrap();
    // What the lines name besides: a client that shows what it would send, and a password store.
    script(&folder.path.join("curl"), "#!/bin/sh\necho \"curl $*\"\n");
    script(&folder.path.join("pass"), "#!/bin/sh\necho AQVN-from-the-store\n");
    let lines = blocks("sh").into_iter().find(|lines| lines.contains("yc-auth header")).unwrap();
    assert_eq!(lines.lines().count(), 5);
    let output = Command::new("/bin/sh")
        .args(["-e", "-c", lines])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path.display()))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "curl -H Authorization: Api-Key AQVN-your-key https://llm.api.cloud.yandex.net/v1/models",
        "{\"method\":\"api-key\",\"scheme\":\"Api-Key\",\"token\":\"AQVN-your-key\",\"expires_at\":null}",
        "Authorization: Api-Key AQVN-from-the-store",
        "Selection",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
}

#[test]
fn its_lines_with_a_key_run_where_there_is_one() {
    let cloud = Emulator::start_in_thread().unwrap();
    let folder = Folder::new();
    symlink(env!("CARGO_BIN_EXE_yc-auth"), folder.path.join("yc-auth")).unwrap();
    fs::write(folder.path.join("key.json"), cloud.service_account_key().unwrap()).unwrap();
    let leaked = cloud.iam_token().unwrap();
    script(&folder.path.join("pass"), &format!("#!/bin/sh\necho {leaked}\n"));
    let lines = blocks("sh").into_iter().find(|lines| lines.contains("--key-file")).unwrap();
    let run = |lines: &str| {
        Command::new("/bin/sh")
            .args(["-e", "-c", lines])
            .current_dir(&folder.path)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path.display()))
            .env("YC_API_ENDPOINT", cloud.api_url())
            .env("ACCOUNT_ID", cloud.impersonated_account_id())
            .output()
            .unwrap()
    };
    let output = run(lines);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for beginning in [
        "t1.",
        "Authorization: Bearer t1.",
        &format!("subject  {}", cloud.impersonated_account_id()),
        &format!("  subject  {}", cloud.service_account_id()),
        &format!("revoked: an IAM token of {}", cloud.service_account_id()),
    ] {
        assert!(printed.lines().any(|printed| printed.starts_with(beginning)), "{beginning}");
    }
    let again = run(lines.lines().last().unwrap());
    assert_eq!(again.status.code(), Some(6), "it was revoked");
}

/// `tests/examples.rs` of each crate runs all that are there.
#[test]
fn its_examples_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let lines = blocks("sh").into_iter().flat_map(str::lines);
    let examples: Vec<_> = lines.filter(|line| line.contains(" --example ")).collect();
    assert!(!examples.is_empty());
    for line in examples {
        let words: Vec<_> = line.split(' ').collect();
        let ["cargo", "run", "-p", package, "--example", name] = words[..] else { panic!("{line}") };
        let folder = match package {
            "yandex-ai-studio-sdk" => "ai-studio",
            package => package.trim_start_matches("yandex-cloud-"),
        };
        let manifest = root.join("crates").join(folder).join("Cargo.toml");
        assert!(fs::read_to_string(&manifest).unwrap().contains(&format!("name = \"{package}\"")), "{line}");
        assert!(manifest.with_file_name("examples").join(format!("{name}.rs")).exists(), "{line}");
    }
    for link in README.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(link.starts_with("https://") || root.join(link).exists(), "{link}");
    }
}

/// A text with its numbers, and the padding behind them, made equal.
fn shape(text: &str) -> Vec<String> {
    let digits =
        |word: &str| word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    let numberless = |line: &str| {
        let words = line.split_whitespace().map(|word| {
            let word = digits(word);
            while_replaced(&word, "00", "0")
        });
        let line = words.collect::<Vec<_>>().join(" ").replace("µs", "ms").replace("in 0 s.", "in 0 ms.");
        // How long a look took is told only where it took long.
        line.replace(" (0 ms)", "")
    };
    text.trim_end().lines().map(numberless).collect()
}

fn while_replaced(text: &str, from: &str, to: &str) -> String {
    let mut text = text.to_owned();
    while text.contains(from) {
        text = text.replace(from, to);
    }
    text
}

#[test]
fn its_picture_of_doctor_is_what_doctor_prints() {
    let cloud = Emulator::start_in_thread().unwrap();
    let outcome = yc_auth(["doctor"])
        .env("YC_METADATA_ADDR", cloud.metadata_addr().to_string())
        .env("PATH", "/usr/bin:/bin")
        .done();
    assert_eq!(shape(outcome.answer()), shape(blocks("text")[0]));
}

#[test]
fn its_picture_of_the_demo_is_what_the_demo_prints() {
    let outcome = yc_auth(["demo"]).done();
    assert_eq!(shape(outcome.answer()), shape(blocks("text")[1]));
}
