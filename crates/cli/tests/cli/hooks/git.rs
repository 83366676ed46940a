//! `credential git`.

use yandex_cloud_emulator::Emulator;

use super::{TOKEN, on_machine, with_token};
use crate::run::{Outcome, yc_auth};

const WORDS: [&str; 5] = ["credential", "git", "get", "--host", "git.example"];

fn get(question: &str) -> Outcome {
    with_token(&WORDS).stdin(question).done()
}

#[test]
fn an_added_host_gets_the_token_as_a_password() {
    let expected = format!("username=iam\npassword={TOKEN}\n");
    for question in [
        "protocol=https\nhost=git.example\n\n",
        "capability[]=authtype\nprotocol=https\nhost=git.example:443\npath=a/b.git\nwwwauth[]=Basic realm=\"x=y\"\n",
        "host=GIT.example.\nprotocol=https",
    ] {
        assert_eq!(get(question).output(), expected, "{question}");
    }
    let named = get("protocol=https\nhost=git.example\nusername=robot\n\n");
    assert_eq!(named.output(), format!("username=robot\npassword={TOKEN}\n"));
    let cloud = Emulator::start_in_thread().unwrap();
    let outcome = on_machine(&cloud, &WORDS).stdin("protocol=https\nhost=git.example\n\n").done();
    assert!(outcome.output().lines().nth(2).unwrap().starts_with("password_expiry_utc="), "{outcome:?}");
}

#[test]
fn another_host_gets_nothing() {
    for question in [
        "protocol=https\nhost=github.com\n\n",
        "protocol=http\nhost=git.example\n\n",
        "protocol=https\nhost=evilgit.example\n\n",
        "protocol=https\nhost=git.example@evil.example\n\n",
        "protocol=https\nhost=git.example\r\n\n",
        "protocol=https://git.example/\nhost=evil.example\n\n",
        "protocol=https\nhost=git.example/evil\\@\n\n",
        "protocol=https\n\nhost=git.example\n",
        "host=git.example\n\n",
        "\n",
        "",
    ] {
        assert_eq!(get(question).output(), "", "{question:?}");
    }
    // None by default.
    for host in ["registry.yandexcloud.net", "api.cloud.yandex.net", "git.example"] {
        let question = format!("protocol=https\nhost={host}\n\n");
        assert_eq!(with_token(&["credential", "git", "get"]).stdin(question).done().output(), "", "{host}");
    }
}

#[test]
fn other_operations_are_ignored() {
    for operation in ["store", "erase", "capability", "anything"] {
        let question = "protocol=https\nhost=git.example\nusername=iam\npassword=t1.FAKE-old.token\n\n";
        assert_eq!(
            yc_auth(["credential", "git", operation]).stdin(question).done().output(),
            "",
            "{operation}"
        );
    }
}
