//! `env`: the variables for a shell or a file, with the right quotes, and without a leak into the log of a job.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::json;
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Run, yc_auth};

fn env(words: &[&str]) -> Run {
    yc_auth([&["env", "--auth", "t1.fake.token"], words].concat()).env("YC_FOLDER_ID", "b1gfake")
}

#[test]
fn every_format_has_the_variables() {
    for (format, expected) in [
        (
            "sh",
            "export YC_IAM_TOKEN=t1.fake.token\nexport YC_FOLDER_ID=b1gfake\nexport H='Bearer t1.fake.token'\n",
        ),
        (
            "fish",
            "set -gx YC_IAM_TOKEN 't1.fake.token'\nset -gx YC_FOLDER_ID 'b1gfake'\nset -gx H 'Bearer t1.fake.token'\n",
        ),
        (
            "powershell",
            "$env:YC_IAM_TOKEN = 't1.fake.token'\n$env:YC_FOLDER_ID = 'b1gfake'\n$env:H = 'Bearer t1.fake.token'\n",
        ),
        ("dotenv", "YC_IAM_TOKEN=t1.fake.token\nYC_FOLDER_ID=b1gfake\nH='Bearer t1.fake.token'\n"),
    ] {
        assert_eq!(env(&["--format", format, "--var", "H=header"]).done().output(), expected);
    }
    assert_eq!(env(&[]).done().output(), env(&["--format", "sh"]).done().output());
    let outcome = env(&["--format", "json", "--var", "H=header"]).done();
    let expected =
        json!({"YC_IAM_TOKEN": "t1.fake.token", "YC_FOLDER_ID": "b1gfake", "H": "Bearer t1.fake.token"});
    assert_eq!(outcome.json(), expected);
    outcome.output();
    // A failure prints no JSON: the reader would take it for variables.
    yc_auth(["env", "--format", "json", "--method", "api-key"]).done().fails(3);
}

/// The shells that are here read back what the output says.
#[test]
fn a_shell_has_the_variables_afterwards() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_yc-auth"), folder.path.join("yc-auth")).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path.display());
    let print = "printf '%s\\n' \"$YC_IAM_TOKEN\" \"$H\" \"${YC_API_KEY-unset}\"";
    let of_sh = format!("eval \"$(yc-auth env --auth t1.fake.token --var H=header)\"; {print}");
    let of_fish = "yc-auth env --auth t1.fake.token --var H=header --format fish | source
        set -q YC_API_KEY; and echo set; echo $YC_IAM_TOKEN; echo $H; echo unset";
    for (shell, script) in
        [("sh", of_sh.as_str()), ("bash", &of_sh), ("dash", &of_sh), ("zsh", &of_sh), ("fish", of_fish)]
    {
        let mut run = Command::new(shell);
        run.args(["-c", script])
            .env_clear()
            .env("PATH", &path)
            .env("YC_API_KEY", "AQVN-fake")
            .env("HOME", &folder.path);
        let Ok(output) = run.output() else { continue };
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, "t1.fake.token\nBearer t1.fake.token\nunset\n", "{shell}");
    }
}

/// In a shell the variables that win are removed; a file cannot remove any, so they are told.
#[test]
fn variables_that_would_win_are_removed_or_told() {
    let with_key =
        |words: &[&str]| env(words).secret("YC_API_KEY", "AQVN-fake-key").env("YC_AUTH_METHOD", "api-key");
    let unset = "unset YC_AUTH_METHOD\nunset YC_API_KEY\nexport YC_IAM_TOKEN=t1.fake.token\n";
    let outcome = with_key(&[]).done();
    assert!(outcome.output().starts_with(unset), "{outcome:?}");
    assert!(
        with_key(&["--format", "fish"])
            .done()
            .output()
            .starts_with("set -e YC_AUTH_METHOD\nset -e YC_API_KEY\n")
    );
    let outcome = with_key(&["--format", "powershell"]).done();
    assert!(outcome.output().starts_with("$env:YC_AUTH_METHOD = $null\n$env:YC_API_KEY = $null\n"));
    assert!(with_key(&["--keep"]).done().output().starts_with("export YC_IAM_TOKEN="));
    let outcome = with_key(&["--format", "dotenv"]).done();
    assert_eq!((outcome.status, outcome.stdout.lines().count()), (0, 2));
    for name in ["YC_AUTH_METHOD", "YC_API_KEY"] {
        assert!(
            outcome.stderr.contains(&format!("warning: {name} is set, and programs take it first")),
            "{outcome:?}"
        );
    }
    // A key of its own is no rival.
    let outcome = yc_auth(["env"]).env("YC_API_KEY", "AQVN-fake-key").done();
    assert_eq!(outcome.output(), "export YC_API_KEY=AQVN-fake-key\n");
}

#[test]
fn the_masks_of_github_are_on_standard_error_and_never_in_the_file() {
    let folder = Folder::new();
    let file = folder.path.join("github_env");
    let mut run = env(&["--format", "github", "--openai", "--terraform", "--var", "H=header"]);
    run.command.stdout(Stdio::from(File::create(&file).unwrap()));
    let outcome = run.done();
    assert_eq!(
        (outcome.status, outcome.stderr.as_str()),
        (0, "::add-mask::t1.fake.token\n::add-mask::Bearer t1.fake.token\n")
    );
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(!written.contains("::"), "{written}");
    assert!(
        written.lines().all(|line| line.split_once('=').is_some_and(|(name, _)| !name.contains(' '))),
        "{written}"
    );
    assert!(
        written.starts_with("YC_IAM_TOKEN=t1.fake.token\nYC_FOLDER_ID=b1gfake\nYC_TOKEN=t1.fake.token\n"),
        "{written}"
    );

    // `>> "$GITHUB_ENV" 2>&1` would put the masks into the file.
    let both = File::create(&file).unwrap();
    let mut run = env(&["--format", "github"]);
    run.command.stdout(both.try_clone().unwrap()).stderr(both);
    assert_eq!(run.done().status, 4);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("t1.fake.token"));
}

#[test]
fn a_token_that_ends_soon_is_told() {
    let life = std::time::Duration::from_secs(3590);
    let emulator = Emulator::builder().token_lifetime(life).start_in_thread().unwrap();
    let run = yc_auth(["env"]).secret("YC_OAUTH_TOKEN", emulator.oauth_token());
    let outcome = run.env("YC_API_ENDPOINT", emulator.api_url()).done();
    assert!(outcome.stderr.starts_with("warning: the IAM token expires in 59 min "), "{outcome:?}");
    assert!(outcome.stdout.starts_with("export YC_IAM_TOKEN=t1."), "{outcome:?}");
}
