//! An `ExecCredential` for kubectl and the client libraries of Kubernetes (Kubernetes docs, "client-go credential
//! plugins").

use std::ffi::OsString;
use std::io::Write;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use yandex_cloud_auth::{Error, ErrorKind};

use crate::arguments::HookOptions;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::{hook, output};

/// The variable with what the client expects.
const VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// The versions of the answer. A version unlike that of the kubeconfig is an error of the client.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecInfo {
    api_version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    api_version: &'static str,
    kind: &'static str,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    token: &'a str,
    /// A string: clients refuse a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_timestamp: Option<String>,
}

pub(super) fn run(options: &HookOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    let api_version = version(std::env::var_os(VARIABLE)).map_err(Failure::Hook)?;
    let snapshot = hook::serve(options, deadline, |session| hook::iam_token(session, "Kubernetes"))?;
    let token = snapshot.expose_secret().unwrap_or_default();
    // With an end in the past, by this machine's clock, the client would run the hook for each request. Without an end
    // it runs the hook after a 401.
    let end = snapshot.expires_at().filter(|end| *end > SystemTime::now());
    let status = Status { token, expiration_timestamp: end.and_then(output::rfc3339) };
    Ok(output::json(out, &ExecCredential { api_version, kind: "ExecCredential", status })?)
}

/// The version that the client names; v1 where it names none.
fn version(info: Option<OsString>) -> Result<&'static str, Error> {
    let Some(info) = info.filter(|info| !info.is_empty()) else { return Ok(VERSIONS[0]) };
    let invalid = |reason: &str, help: &str| {
        Err(Error::new(ErrorKind::Invalid, reason).at(VARIABLE).with_help(help.to_owned()))
    };
    let parsed = info.to_str().and_then(|text| serde_json::from_str::<ExecInfo>(text).ok());
    let Some(parsed) = parsed else {
        return invalid(
            "the value is not an object with `apiVersion`",
            "kubectl sets this variable: unset it",
        );
    };
    match VERSIONS.iter().find(|version| **version == parsed.api_version) {
        Some(version) => Ok(version),
        None => invalid(
            "the version of the answer is neither v1 nor v1beta1",
            "set `apiVersion: client.authentication.k8s.io/v1` in the `exec` of the kubeconfig",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_of_the_client() {
        let of = |text: &str| version(Some(text.into()));
        assert_eq!(version(None).unwrap(), VERSIONS[0]);
        assert_eq!(of("").unwrap(), VERSIONS[0]);
        for version in VERSIONS {
            let info = format!(
                r#"{{"kind":"ExecCredential","apiVersion":"{version}","spec":{{"interactive":false}}}}"#
            );
            assert_eq!(of(&info).unwrap(), version);
        }
        for bad in [
            "{",
            "null",
            "{}",
            "[]",
            r#"{"apiVersion":1}"#,
            r#"{"apiVersion":"v1"}"#,
            r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#,
        ] {
            let error = of(bad).unwrap_err();
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(VARIABLE)), "{bad}");
        }
    }
}
