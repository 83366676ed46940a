//! The program `keyring`, as pip and uv run it.
//!
//! pip since 26.2: `keyring --mode=creds --output=json get URL [USER]`; before: `keyring get URL USER`. uv: the latter, or
//! `keyring get URL --mode creds`. Both then ask with the bare host, which gets no credentials: the scheme is not known, and
//! the index may be one without TLS. What is not for the hosts of this hook goes to the next `keyring` on PATH.

use std::ffi::OsString;
use std::io::Write;

use serde::Serialize;
use yandex_cloud_auth::{Error, ErrorKind};

use super::next_keyring;
use crate::arguments::KeyringOptions;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::hosts::{Hook, Hosts, Known};
use crate::{hook, input, output};

#[derive(Serialize)]
struct Login<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    password: &'a str,
}

pub(super) fn run(options: &KeyringOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let hosts = Hosts::of(Hook::Keyring, &options.hosts.hosts).map_err(Failure::Hook)?;
    let question = Question::parse(&options.words);
    let known = question.as_ref().and_then(|question| hosts.of_url(question.url));
    let (Some(question), Some(known)) = (question, known) else {
        let concerns_us = |word: &OsString| word.to_str().is_some_and(|word| hosts.of_url(word).is_some());
        let is_ours = options.words.iter().any(concerns_us);
        let reason = "the arguments are none of keyring: options of yc-auth stand before `get`";
        return next_keyring::run(&options.words)
            .map_err(|failure| if is_ours { told(failure, reason) } else { failure });
    };
    match question.operation {
        "get" => get(options, &question, known, deadline, out),
        // A login of somebody else is for another `keyring`.
        _ if known == Known::InTable && question.user.is_some_and(|user| !is_of_registry(user)) => {
            next_keyring::run(&options.words)
        }
        // There is nothing to store and nothing to delete. A failure would be shown by pip.
        _ => {
            input::drain(deadline);
            Ok(())
        }
    }
}

fn get(
    options: &KeyringOptions,
    question: &Question<'_>,
    known: Known,
    deadline: Deadline,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if known == Known::InTable && question.user.is_some_and(|user| !is_of_registry(user)) {
        // A login of somebody else.
        let reason = format!(
            "no password for this user: the registry wants `{}` or `{}`",
            hook::IAM_USER,
            hook::API_KEY_USER
        );
        return next_keyring::run(&options.words).map_err(|failure| told(failure, &reason));
    }
    let snapshot = hook::serve(&options.hook, deadline, hook::token)?;
    let Some((own, password)) = hook::login(&snapshot) else { return Err(Failure::NotFound) };
    let user = match question.user {
        Some(user) if known == Known::InTable && user != own => {
            let reason = format!(
                "the URL names the user `{user}`, and the registry wants `{own}` for these credentials"
            );
            return Err(Failure::Hook(
                Error::new(ErrorKind::Invalid, reason)
                    .at(snapshot.method().name())
                    .with_help(format!("write `{own}@` in the URL of the index, or name another `--method`")),
            ));
        }
        user => user.unwrap_or(own),
    };
    let username = question.with_user.then_some(user);
    match (question.json, username) {
        (true, username) => output::json(out, &Login { username, password })?,
        (false, Some(user)) => output::line(out, &[user, "\n", password])?,
        (false, None) => output::line(out, &[password])?,
    }
    Ok(())
}

/// Says why there is no answer for a host of this hook.
fn told(failure: Failure, reason: &str) -> Failure {
    match failure {
        Failure::NotFound => Failure::Other(format!("keyring: {reason}")),
        other => other,
    }
}

/// Whether the registry knows a user of this name.
fn is_of_registry(user: &str) -> bool {
    [hook::IAM_USER, hook::API_KEY_USER].contains(&user)
}

/// What pip or uv asks for.
#[derive(Debug, PartialEq, Eq)]
struct Question<'a> {
    operation: &'a str,
    url: &'a str,
    user: Option<&'a str>,
    /// The answer has the user too (`--mode creds`).
    with_user: bool,
    json: bool,
}

impl<'a> Question<'a> {
    /// `None` for what only another `keyring` can answer.
    fn parse(words: &'a [OsString]) -> Option<Self> {
        let (mut with_user, mut json) = (false, false);
        let mut positional = Vec::new();
        let mut words = words.iter().map(|word| word.to_str());
        while let Some(word) = words.next() {
            let word = word?;
            let Some(flag) = word.strip_prefix("--") else {
                if word.starts_with('-') {
                    return None;
                }
                positional.push(word);
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some(parts) => parts,
                None => (flag, words.next()??),
            };
            match (name, value) {
                ("mode" | "get-mode", "creds") => with_user = true,
                ("mode" | "get-mode", "password") => with_user = false,
                ("output", "json") => json = true,
                ("output", "plain") => json = false,
                _ => return None,
            }
        }
        let (operation, url, user) = match positional[..] {
            [operation @ ("get" | "set" | "del"), url] => (operation, url, None),
            [operation @ ("get" | "set" | "del"), url, user] => (operation, url, Some(user)),
            _ => return None,
        };
        Some(Self { operation, url, user: user.filter(|user| !user.is_empty()), with_user, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_pip_and_uv_is_understood() {
        let form = |text: &str| {
            let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
            Question::parse(&words).map(|found| {
                (
                    found.operation.to_owned(),
                    found.url.to_owned(),
                    found.user.map(str::to_owned),
                    found.with_user,
                    found.json,
                )
            })
        };
        let get = |user: Option<&str>, with_user, json| {
            Some(("get".to_owned(), "https://h/simple/".to_owned(), user.map(str::to_owned), with_user, json))
        };
        for (text, expected) in [
            ("--mode=creds --output=json get https://h/simple/", get(None, true, true)),
            ("--mode=creds --output=json get https://h/simple/ iam", get(Some("iam"), true, true)),
            ("--mode creds --output json get https://h/simple/", get(None, true, true)),
            ("get https://h/simple/ iam", get(Some("iam"), false, false)),
            ("get https://h/simple/ --mode creds", get(None, true, false)),
            ("get https://h/simple/ iam --get-mode password --output plain", get(Some("iam"), false, false)),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
        assert_eq!(form("set https://h/ iam").unwrap().0, "set");
        for other in [
            "",
            "get",
            "get a b c",
            "diagnose",
            "--list-backends",
            "--mode",
            "--mode other get u",
            "-b some.Backend get u user",
            "--keyring-backend some.Backend get u user",
        ] {
            assert_eq!(form(other), None, "{other}");
        }
    }
}
