//! The pages are true: the README's and the manual's shell lines run unchanged, and their pictures show what the
//! command prints.
//!
//! A block belongs to no fixed page: the tests search the README and `docs/` for the block with a given content.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, yc_auth};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every page, with its path: the README first, then `docs/`, by name.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> =
        fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths.insert(0, root().join("README.md"));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The code blocks of one language, over all pages.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks_of = |(_, page): (PathBuf, String)| {
        let blocks = page.split(&fence[..]).skip(1).filter_map(|rest| rest.split("```").next());
        blocks.map(str::to_owned).collect::<Vec<_>>()
    };
    pages().into_iter().flat_map(blocks_of).collect()
}

/// The first code block of this language that contains all of these.
#[track_caller]
fn block(language: &str, contents: &[&str]) -> String {
    let found = blocks(language).into_iter().find(|block| contents.iter().all(|text| block.contains(text)));
    found.unwrap_or_else(|| panic!("no page has a block of {language} with {contents:?}"))
}

fn write_script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs shell lines in a folder that has `yc-auth`, and nothing of the user's environment.
fn sh(folder: &Folder, lines: &str, variables: &[(&str, &str)]) -> Output {
    Command::new("/bin/sh")
        .args(["-e", "-c", lines])
        .current_dir(&folder.path)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path.display()))
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn folder_with_yc_auth() -> Folder {
    let folder = Folder::new();
    symlink(env!("CARGO_BIN_EXE_yc-auth"), folder.path.join("yc-auth")).unwrap();
    folder
}

#[test]
fn the_shell_lines_run_unchanged() {
    let folder = folder_with_yc_auth();
    // The other programs that the lines use: a client that prints its arguments and its input, and a password store.
    write_script(&folder.path.join("curl"), "#!/bin/sh\necho \"curl $* < $(cat)\"\n");
    write_script(&folder.path.join("pass"), "#!/bin/sh\necho AQVN-from-the-store\n");
    let lines = block("sh", &["yc-auth header", "yc-auth token --format json", "yc-auth header --auth -"]);
    let output = sh(&folder, &lines, &[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "curl -H @- https://ai.api.cloud.yandex.net/v1/models < Authorization: Api-Key AQVN-fake-key",
        "{\"method\":\"api-key\",\"scheme\":\"Api-Key\",\"token\":\"AQVN-fake-key\",\"expires_at\":null}",
        "Authorization: Api-Key AQVN-from-the-store",
        "Selection",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
}

#[test]
fn the_shell_lines_with_a_key_run_against_the_emulator() {
    let cloud = Emulator::start_in_thread().unwrap();
    let folder = folder_with_yc_auth();
    fs::write(folder.path.join("key.json"), cloud.service_account_key().unwrap()).unwrap();
    let leaked = cloud.iam_token().unwrap();
    write_script(&folder.path.join("pass"), &format!("#!/bin/sh\necho {leaked}\n"));
    let lines = block("sh", &["--key-file", "--impersonate", "yc-auth revoke"]);
    let url = cloud.api_url();
    let variables = [("YC_API_ENDPOINT", url.as_str()), ("ACCOUNT_ID", cloud.impersonated_account_id())];
    let output = sh(&folder, &lines, &variables);
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
    let revoke = lines.lines().find(|line| line.contains("yc-auth revoke")).unwrap();
    let again = sh(&folder, revoke, &variables);
    assert_eq!(again.status.code(), Some(6), "the first run revoked the token");
}

/// The programs of the lines print the variables that they have got.
#[test]
fn the_lines_of_exec_and_env_run_against_the_emulator() {
    let cloud = Emulator::start_in_thread().unwrap();
    let folder = folder_with_yc_auth();
    fs::write(folder.path.join("key.json"), cloud.service_account_key().unwrap()).unwrap();
    for program in ["python3", "terraform", "psql"] {
        let script = "#!/bin/sh\necho \"$0 $1 $YC_IAM_TOKEN $YC_TOKEN $OPENAI_BASE_URL\"\n[ -z \"$PGPASSFILE\" ] || cat \"$PGPASSFILE\"\n";
        write_script(&folder.path.join(program), script);
    }
    let lines = block("sh", &["yc-auth exec", "yc-auth env"]) + "echo \"shell $YC_IAM_TOKEN\"\n";
    let url = cloud.api_url();
    let variables = [
        ("YC_API_ENDPOINT", url.as_str()),
        ("DB_HOST", "db.example"),
        ("DB", "db"),
        ("PGSSLROOTCERT", "/etc/fake-ca.pem"),
    ];
    let output = sh(&folder, &lines, &variables);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Vec<_>> = printed.lines().map(|line| line.split(' ').collect()).collect();
    let is_token = |word: &str| word.starts_with("t1.");
    assert_eq!(lines.len(), 6, "{printed}");
    assert!(
        lines[0][0].ends_with("/python3") && is_token(lines[0][2]) && lines[0][3].is_empty(),
        "{printed}"
    );
    assert!(
        lines[1][0].ends_with("/terraform") && lines[1][2] == lines[1][3] && is_token(lines[1][3]),
        "{printed}"
    );
    assert_eq!(lines[2][4], format!("{url}/v1"));
    assert!(lines[3][0].ends_with("/psql"), "{printed}");
    let beginning = format!("db.example:*:*:{}:t1.", cloud.service_account_id());
    assert!(lines[4][0].starts_with(&beginning), "{printed}");
    assert!(lines[5][0] == "shell" && is_token(lines[5][1]), "{printed}");
}

/// `tests/examples.rs` of each crate runs all examples.
#[test]
fn every_example_that_a_page_names_exists() {
    let lines: Vec<_> =
        blocks("sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let examples: Vec<_> = lines.iter().filter(|line| line.contains(" --example ")).collect();
    assert!(!examples.is_empty());
    for line in examples {
        let word_after = |flag| line.split(' ').skip_while(|word| *word != flag).nth(1);
        let (Some(package), Some(name)) = (word_after("-p"), word_after("--example")) else {
            panic!("{line}")
        };
        let folder = match package {
            "yandex-ai-studio-sdk" => "ai-studio",
            package => package.trim_start_matches("yandex-cloud-"),
        };
        let manifest = root().join("crates").join(folder).join("Cargo.toml");
        assert!(fs::read_to_string(&manifest).unwrap().contains(&format!("name = \"{package}\"")), "{line}");
        assert!(manifest.with_file_name("examples").join(format!("{name}.rs")).exists(), "{line}");
    }
}

#[test]
fn every_relative_link_leads_to_a_file() {
    for (path, page) in pages() {
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let exists = file.is_empty() || path.with_file_name(file).exists();
            assert!(link.starts_with("https://") || exists, "{}: {link}", path.display());
        }
    }
}

/// A text in which all numbers, and the padding after them, are equal.
fn shape(text: &str) -> Vec<String> {
    let without_digits =
        |word: &str| word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    let without_numbers = |line: &str| {
        let words = line.split_whitespace().map(|word| {
            let mut word = without_digits(word);
            while word.contains("00") {
                word = word.replace("00", "0");
            }
            word
        });
        let line = words.collect::<Vec<_>>().join(" ").replace("µs", "ms").replace("in 0 s.", "in 0 ms.");
        // The report shows how long an attempt took only where it took a millisecond or more.
        line.replace(" (0 ms)", "")
    };
    text.trim_end().lines().map(without_numbers).collect()
}

#[test]
fn the_picture_of_doctor_is_what_doctor_prints() {
    let cloud = Emulator::start_in_thread().unwrap();
    let outcome = yc_auth(["doctor"])
        .env("YC_METADATA_ADDR", cloud.metadata_addr().to_string())
        .env("PATH", "/usr/bin:/bin")
        .done();
    let picture = block("text", &["Selection\n", "✓ metadata", "Header\n"]);
    assert_eq!(shape(outcome.output()), shape(&picture));
}

#[test]
fn the_picture_of_the_demo_is_what_the_demo_prints() {
    let outcome = yc_auth(["demo"]).done();
    let picture = block("text", &["Automatic selection", "checks passed"]);
    assert_eq!(shape(outcome.output()), shape(&picture));
}

#[test]
fn the_table_of_exit_statuses_is_that_of_the_help() {
    let help = yc_auth(["--help"]).done();
    let help = help.output().split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<_> = pages()
        .into_iter()
        .flat_map(|(_, page)| page.lines().map(str::to_owned).collect::<Vec<_>>())
        .skip_while(|line| line != "| status | meaning |")
        .skip(2)
        .take_while(|line| line.starts_with("| "))
        .collect();
    assert_eq!(rows.len(), 7, "{rows:?}");
    for row in rows {
        let row = row.trim_matches(['|', ' ']).replace(" | ", " ");
        assert!(help.contains(&row), "{row}");
    }
}
