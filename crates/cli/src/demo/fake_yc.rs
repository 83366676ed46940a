//! This binary under the name `yc`: in the demo, a yc CLI that is logged in to the emulator.
//!
//! It acts as yc only where the demo sets a variable, which only the demo's own child processes get.

use std::io::{self, Read, Write, stderr, stdout};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;
use zeroize::Zeroizing;

use super::client;

/// The variable with the emulator's address.
pub(crate) const VARIABLE: &str = "YC_AUTH_DEMO_EMULATOR";

/// Acts as yc where the demo called this binary by that name.
pub(crate) fn run_if_called_as_yc() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if Path::new(&name).file_stem()? != "yc" {
        return None;
    }
    let emulator: SocketAddr = std::env::var(VARIABLE).ok()?.parse().ok()?;
    if !emulator.ip().is_loopback() {
        return None;
    }
    let words: Vec<_> = arguments.filter_map(|word| word.into_string().ok()).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match output(&words, emulator) {
        Ok(line) => {
            let written = stdout().write_all(line.as_bytes());
            Some(written.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
        }
        Err(error) => {
            let _ = writeln!(stderr(), "ERROR: {error}");
            Some(ExitCode::FAILURE)
        }
    }
}

fn output(words: &[&str], emulator: SocketAddr) -> io::Result<Zeroizing<String>> {
    match words {
        ["config", "get", "endpoint", ..] => Ok(Zeroizing::new(format!("{emulator}\n"))),
        ["iam", "create-token", ..] => {
            let (status, mut body) = client::post(emulator, "/_emulator/tokens/issue", None, "{}")?;
            let mut text = Zeroizing::new(String::new());
            body.read_to_string(&mut text)?;
            let response: Value = serde_json::from_str(&text)?;
            match response.get("iamToken").and_then(Value::as_str) {
                Some(token) if status == 200 => {
                    Ok(match words.windows(2).any(|pair| pair == ["--format", "json"]) {
                        true => {
                            let expiry =
                                response.get("expiresAt").and_then(Value::as_str).unwrap_or_default();
                            Zeroizing::new(format!(
                                "{{\"iam_token\":\"{token}\",\"expires_at\":\"{expiry}\"}}\n"
                            ))
                        }
                        false => Zeroizing::new(format!("{token}\n")),
                    })
                }
                _ => Err(io::Error::other(format!("the emulator answered {status}"))),
            }
        }
        _ => {
            Err(io::Error::other("the demo's yc supports only `config get endpoint` and `iam create-token`"))
        }
    }
}
