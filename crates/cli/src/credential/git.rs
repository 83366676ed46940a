//! A credential helper of git (`man gitcredentials`): lines of `key=value`, to an empty line or to the end.
//!
//! Git tries its helpers one after another. A helper that has nothing prints nothing, and succeeds. Git says which password
//! a server has refused (`erase`): the shared cache then gets another token.

use std::io::Write;
use std::time::SystemTime;

use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

use crate::arguments::GitOptions;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::hosts::{Hook, Hosts};
use crate::{hook, input, output};

pub(super) fn run(options: &GitOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let hosts = Hosts::of(Hook::Git, &options.hosts.hosts).map_err(Failure::Hook)?;
    if !matches!(&*options.operation, "get" | "erase") {
        // Git expects that a helper ignores what it does not know.
        input::drain(deadline);
        return Ok(());
    }
    let question = input::read_question(deadline, is_whole).map_err(Failure::Hook)?;
    let question = Question::parse(&question).map_err(Failure::Hook)?;
    if question.url().is_none_or(|url| hosts.of_url(&url).is_none()) {
        return Ok(());
    }
    if options.operation == "erase" {
        let Some(refused) = question.password else { return Ok(()) };
        return hook::serve(&options.hook, deadline, |session| session.refuse(refused));
    }
    let snapshot = hook::serve(&options.hook, deadline, hook::token)?;
    let Some((user, secret)) = hook::login(&snapshot) else { return Ok(()) };
    let user = question.username.unwrap_or(user);
    let end = snapshot.expires_at().and_then(|end| end.duration_since(SystemTime::UNIX_EPOCH).ok());
    let end = end.map(|end| format!("\npassword_expiry_utc={}", end.as_secs())).unwrap_or_default();
    Ok(output::line(out, &["username=", user, "\npassword=", secret, &end])?)
}

/// Whether the question has ended.
fn is_whole(content: &[u8]) -> bool {
    content == b"\n" || content.ends_with(b"\n\n")
}

/// What git asks for. Without a protocol or a host, nothing matches.
#[derive(Default)]
struct Question<'a> {
    protocol: &'a str,
    host: &'a str,
    username: Option<&'a str>,
    password: Option<&'a str>,
}

impl<'a> Question<'a> {
    /// The URL without a path. `None` where protocol or host holds more than its name says.
    fn url(&self) -> Option<String> {
        let is_known = matches!(self.protocol, "https" | "http");
        let is_host = !self.host.is_empty() && !self.host.contains(['/', '?', '#']);
        (is_known && is_host).then(|| format!("{}://{}", self.protocol, self.host))
    }

    fn parse(text: &'a Zeroizing<String>) -> Result<Self, Error> {
        let mut question = Self::default();
        for line in text.split('\n').take_while(|line| !line.is_empty()) {
            let Some((key, value)) = line.split_once('=') else {
                return Err(Error::new(ErrorKind::Invalid, "a line is not `key=value`")
                    .at("standard input")
                    .with_help("git writes `protocol=https` and `host=…` there"));
            };
            match key {
                "protocol" => question.protocol = value,
                "host" => question.host = value,
                "password" => question.password = Some(value),
                "username" if !value.is_empty() => question.username = Some(value),
                _ => {}
            }
        }
        Ok(question)
    }
}
